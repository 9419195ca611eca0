using OrleansGeo.Primitives;
using OrleansGeo.Tests.Api.Conformance;

namespace OrleansGeo.Tests.Orleans;

/// <summary>The store means the same on Orleans: three silos, asked by a client that is none of them.</summary>
public sealed class OrleansStoreConformance : GeoStoreConformance
{
    private GeoTestCluster _cluster = null!;

    protected override async Task<IGeoStore> CreateAsync()
    {
        _cluster = await GeoTestCluster.StartEmptyAsync();
        while ((await _cluster.Client.GetReadinessAsync(Options, Cancellation)).Value?.Ready != true)
        {
            Cancellation.ThrowIfCancellationRequested();
        }

        return _cluster.Client;
    }

    // Time is real here, and the leaders close it a moment later.
    protected override async Task AdvanceAsync(TimeSpan by)
    {
        await Task.Delay(by, Cancellation);
        while (await IsBehindAsync())
        {
            Cancellation.ThrowIfCancellationRequested();
        }
    }

    protected override ValueTask CloseAsync() => _cluster.DisposeAsync();

    private async Task<bool> IsBehindAsync()
    {
        var ranges = await Store.ListRangesAsync(null, Options, Cancellation);
        return ranges.Value?.Items.Any(range => range.ClosedLagMs is not < 1_000) != false;
    }
}
