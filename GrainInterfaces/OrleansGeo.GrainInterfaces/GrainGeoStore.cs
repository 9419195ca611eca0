using OrleansGeo.Wire;

namespace OrleansGeo.GrainInterfaces;

/// <summary>
/// The store for callers that have a grain factory: a client's, or a silo's own. Requests go to the node that the caller is connected to.
/// </summary>
public sealed class GrainGeoStore(IGrainFactory grains) : RemoteGeoStore
{
    /// <inheritdoc />
    protected override async Task<byte[]> SendAsync(StoreArea area, string subject, byte[] request, CancellationToken cancellation)
    {
        var bytes = new Orleans.Concurrency.Immutable<byte[]>(request);
        var answer = area switch
        {
            StoreArea.Read => grains.GetGrain<ILocalityGrain>(subject).ReadAsync(bytes, cancellation),
            StoreArea.Write => grains.GetGrain<ILocalityGrain>(subject).WriteAsync(bytes, cancellation),

            // A grain has no empty key; what is about no database in particular is about all.
            StoreArea.Catalog => grains.GetGrain<ILocalityGrain>(subject.Length > 0 ? subject : "*").CatalogAsync(bytes, cancellation),
            _ => grains.GetGrain<IClusterGrain>("*").AskAsync(bytes, cancellation),
        };
        return (await answer).Value;
    }
}
