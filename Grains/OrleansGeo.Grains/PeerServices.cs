using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using Orleans.Runtime;
using Orleans.Runtime.Services;
using OrleansGeo.Engine;
using OrleansGeo.GrainInterfaces;

namespace OrleansGeo.Grains;

/// <summary>Takes what other nodes say without being asked. The bytes are decoded off the scheduler of Orleans, by the node's
/// host.</summary>
public sealed class PeerService(GrainId id, Orleans.Runtime.Silo silo, ILoggerFactory loggers, LocalNode node)
    : GrainService(id, silo, loggers), IPeerService
{
    /// <inheritdoc />
    public Task HeartbeatAsync(Immutable<byte[]> envelope, CancellationToken cancellation) =>
        node.Host.TakeAsync(Lane.Liveness, envelope.Value);

    /// <inheritdoc />
    public Task MessageAsync(Immutable<byte[]> envelope, CancellationToken cancellation) =>
        node.Host.TakeAsync(Lane.Normal, envelope.Value);

    /// <inheritdoc />
    public async Task<Immutable<byte[]>> JoinAsync(Immutable<byte[]> request, CancellationToken cancellation) =>
        new(await node.Host.AnswerJoinAsync(request.Value, cancellation));
}

/// <summary>Takes snapshots from other nodes, chunk by chunk.</summary>
public sealed class BulkPeerService(GrainId id, Orleans.Runtime.Silo silo, ILoggerFactory loggers, LocalNode node)
    : GrainService(id, silo, loggers), IBulkPeerService
{
    /// <inheritdoc />
    public Task ChunkAsync(Immutable<byte[]> envelope, CancellationToken cancellation) => node.Host.TakeAsync(Lane.Bulk, envelope.Value);
}

/// <summary>Finds the peer service of a silo.</summary>
public sealed class PeerServiceClient(IServiceProvider services) : GrainServiceClient<IPeerService>(services)
{
    /// <summary>The service there.</summary>
    public IPeerService At(SiloAddress silo) => GetGrainService(silo);
}

/// <summary>Finds the bulk service of a silo.</summary>
public sealed class BulkPeerServiceClient(IServiceProvider services) : GrainServiceClient<IBulkPeerService>(services)
{
    /// <summary>The service there.</summary>
    public IBulkPeerService At(SiloAddress silo) => GetGrainService(silo);
}
