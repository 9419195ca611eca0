using Orleans.Concurrency;
using Orleans.Services;

namespace OrleansGeo.GrainInterfaces;

/// <summary>
/// What nodes say to each other without being asked: heartbeats, consensus, notices. One on every silo. The bytes are an envelope in the
/// engine's own encoding, which carries its version. A call is answered when the node took the envelope, so that the sender knows how
/// much is on its way; nothing waits for the answer, and one that does not come means nothing.
/// </summary>
[Alias("geo.IPeerService")]
public interface IPeerService : IGrainService
{
    /// <summary>Heartbeats and their answers.</summary>
    [Alias("Heartbeat")]
    [ResponseTimeout("00:00:05")]
    Task HeartbeatAsync(Immutable<byte[]> envelope, CancellationToken cancellation);

    /// <summary>Consensus messages and notices.</summary>
    [Alias("Message")]
    [ResponseTimeout("00:00:05")]
    Task MessageAsync(Immutable<byte[]> envelope, CancellationToken cancellation);

    /// <summary>
    /// Takes a node into the cluster. Both ways the bytes are in the engine's own encoding, which carries its version; who asks again with
    /// the same bytes gets the same answer.
    /// </summary>
    [Alias("Join")]
    [ResponseTimeout("00:00:10")]
    Task<Immutable<byte[]>> JoinAsync(Immutable<byte[]> request, CancellationToken cancellation);
}

/// <summary>Snapshots from node to node, in small chunks that the receiver asks for. One on every silo, apart from heartbeats.</summary>
[Alias("geo.IBulkPeerService")]
public interface IBulkPeerService : IGrainService
{
    /// <summary>A chunk, or what asks for one.</summary>
    [Alias("Chunk")]
    [ResponseTimeout("00:00:30")]
    Task ChunkAsync(Immutable<byte[]> envelope, CancellationToken cancellation);
}
