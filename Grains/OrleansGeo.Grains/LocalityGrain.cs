using Orleans.Concurrency;
using OrleansGeo.GrainInterfaces;
using OrleansGeo.Wire;

namespace OrleansGeo.Grains;

/// <summary>The way in at the silo that was called, for one table or database. It holds nothing.</summary>
[StatelessWorker]
[Reentrant]
public sealed class LocalityGrain(LocalNode node) : Grain, ILocalityGrain
{
    /// <inheritdoc />
    public Task<Immutable<byte[]>> ReadAsync(Immutable<byte[]> request, CancellationToken cancellation) =>
        node.AnswerAsync(StoreArea.Read, request, cancellation);

    /// <inheritdoc />
    public Task<Immutable<byte[]>> WriteAsync(Immutable<byte[]> request, CancellationToken cancellation) =>
        node.AnswerAsync(StoreArea.Write, request, cancellation);

    /// <inheritdoc />
    public Task<Immutable<byte[]>> CatalogAsync(Immutable<byte[]> request, CancellationToken cancellation) =>
        node.AnswerAsync(StoreArea.Catalog, request, cancellation);
}

/// <summary>The cluster as the silo that was called sees it. It holds nothing.</summary>
[StatelessWorker]
[Reentrant]
public sealed class ClusterGrain(LocalNode node) : Grain, IClusterGrain
{
    /// <inheritdoc />
    public Task<Immutable<byte[]>> AskAsync(Immutable<byte[]> request, CancellationToken cancellation) =>
        node.AnswerAsync(StoreArea.Cluster, request, cancellation);
}
