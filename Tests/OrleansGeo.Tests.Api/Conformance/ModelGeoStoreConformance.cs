using OrleansGeo.Tests.Api.Model;

namespace OrleansGeo.Tests.Api.Conformance;

/// <summary>The model that the REST tests stand on means what the port says.</summary>
public sealed class ModelGeoStoreConformance : GeoStoreConformance
{
    private readonly ModelGeoStore _model = new();

    protected override Task<IGeoStore> CreateAsync() => Task.FromResult<IGeoStore>(_model);

    protected override Task AdvanceAsync(TimeSpan by)
    {
        _model.Advance(by);
        return Task.CompletedTask;
    }
}
