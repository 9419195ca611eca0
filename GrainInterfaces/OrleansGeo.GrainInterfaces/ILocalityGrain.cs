using Orleans.Concurrency;

namespace OrleansGeo.GrainInterfaces;

/// <summary>
/// A way in for callers outside a silo: rows, transactions, scans and the catalog of <see cref="IGeoStore"/>, carried out by the node that
/// was called. The key is the table as <c>database/table</c>, the database, or <c>*</c> for all. Both ways the bytes are those of
/// <see cref="OrleansGeo.Wire.StoreWire"/>, which carry their version. A call that fails leaves open whether it was carried out.
/// </summary>
[Alias("geo.ILocalityGrain")]
public interface ILocalityGrain : IGrainWithStringKey
{
    /// <summary>Reads rows.</summary>
    [Alias("Read")]
    [ResponseTimeout("00:01:10")]
    Task<Immutable<byte[]>> ReadAsync(Immutable<byte[]> request, CancellationToken cancellation);

    /// <summary>Writes rows.</summary>
    [Alias("Write")]
    [ResponseTimeout("00:01:10")]
    Task<Immutable<byte[]>> WriteAsync(Immutable<byte[]> request, CancellationToken cancellation);

    /// <summary>Reads and changes databases and tables.</summary>
    [Alias("Catalog")]
    [ResponseTimeout("00:01:10")]
    Task<Immutable<byte[]>> CatalogAsync(Immutable<byte[]> request, CancellationToken cancellation);
}

/// <summary>
/// The cluster as the called node sees it: nodes, ranges, round trips, readiness. The key is <c>*</c>. The bytes are as for
/// <see cref="ILocalityGrain"/>.
/// </summary>
[Alias("geo.IClusterGrain")]
public interface IClusterGrain : IGrainWithStringKey
{
    /// <summary>Asks about the cluster, or for a change of its ranges.</summary>
    [Alias("Ask")]
    [ResponseTimeout("00:01:10")]
    Task<Immutable<byte[]>> AskAsync(Immutable<byte[]> request, CancellationToken cancellation);
}
