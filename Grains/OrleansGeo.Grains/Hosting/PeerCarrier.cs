using System.Diagnostics.CodeAnalysis;
using Orleans.Concurrency;
using Orleans.Runtime;
using OrleansGeo.Engine;
using OrleansGeo.GrainInterfaces;
using OrleansGeo.Primitives;

namespace OrleansGeo.Grains;

/// <summary>
/// Carries the engine's bytes over Orleans: envelopes to the peer service of the silo that has the node's name, requests to its range
/// grain. Called on the node's scheduler only.
/// </summary>
public sealed class PeerCarrier(IGrainFactory grains, NodeBook book, PeerServiceClient peers, BulkPeerServiceClient bulk) : IPeerCarrier
{
    private readonly Dictionary<string, Peer> _peers = new(StringComparer.Ordinal);
    private readonly Dictionary<(RangeId Range, string Node), IRangeGrain> _ranges = [];

    /// <inheritdoc />
    public bool TryCarry(NodeRecord to, Lane lane, byte[] envelope, [NotNullWhen(true)] out Task? carried)
    {
        if (Find(to.Name) is not { } peer)
        {
            carried = null;
            return false;
        }

        var bytes = new Immutable<byte[]>(envelope);
        carried = lane switch
        {
            Lane.Liveness => peer.Service.HeartbeatAsync(bytes, CancellationToken.None),
            Lane.Bulk => peer.Bulk.ChunkAsync(bytes, CancellationToken.None),
            _ => peer.Service.MessageAsync(bytes, CancellationToken.None),
        };
        return true;
    }

    /// <inheritdoc />
    public bool TryAsk(
        NodeRecord to, RangeId range, byte[] request, CancellationToken cancellation, [NotNullWhen(true)] out Task<byte[]>? answer)
    {
        if (book.Find(to.Name) is null)
        {
            answer = null;
            return false;
        }

        if (!_ranges.TryGetValue((range, to.Name), out var grain))
        {
            _ranges.Add((range, to.Name), grain = grains.GetGrain<IRangeGrain>(RangeGrainKey.Of(range, to.Name)));
        }

        answer = Unwrap(grain.AskAsync(new(request), cancellation));
        return true;
    }

    // Nothing of the node runs here, so its scheduler is not asked for it.
    private static Task<byte[]> Unwrap(Task<Immutable<byte[]>> answer) => answer.ContinueWith(
        static over => over.GetAwaiter().GetResult().Value,
        CancellationToken.None,
        TaskContinuationOptions.ExecuteSynchronously,
        TaskScheduler.Default);

    private Peer? Find(string node)
    {
        if (book.Find(node) is not { } silo)
        {
            return null;
        }

        // A node that started again has another address.
        if (!_peers.TryGetValue(node, out var peer) || !peer.Silo.Equals(silo))
        {
            _peers[node] = peer = new(silo, peers.At(silo), bulk.At(silo));
        }

        return peer;
    }

    private sealed record Peer(SiloAddress Silo, IPeerService Service, IBulkPeerService Bulk);
}
