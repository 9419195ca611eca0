using System.Collections.Immutable;
using OrleansGeo.Primitives;
using OrleansGeo.Storage;
using OrleansGeo.Storage.RocksDb;

namespace OrleansGeo.Engine;

/// <summary>
/// Goes over all a node holds and knows, and sums it up for whoever watches the node. On the node's scheduler and between turns; it costs
/// time for each range of the cluster, so it is done only while somebody watches.
/// </summary>
internal sealed class NodeSurvey(Node node)
{
    private static readonly ImmutableArray<Lane> s_lanes = [Lane.Liveness, Lane.Normal, Lane.Bulk];

    private readonly DirectorySurvey _directory = new(node, new(node));
    private readonly Dictionary<NodeId, (long Appends, long Behind)> _progress = [];

    public NodeFigures Take()
    {
        _progress.Clear();
        var lags = new SortedDictionary<string, double>(StringComparer.Ordinal);
        var (leads, serves) = (0, 0);
        var (dataBytes, uncommitted) = (0L, 0L);
        var now = node.Clock.Peek().WallMillis;
        foreach (var replica in node.Replicas.Values)
        {
            if (replica.Stopped)
            {
                continue;
            }

            dataBytes += replica.SizeBytes;
            if (replica.Leads)
            {
                leads++;
                serves += replica.MayServe() ? 1 : 0;
                uncommitted += replica.Core.UncommittedBytes;
                AddProgress(replica);
            }

            AddLag(lags, replica, now);
        }

        return new(
            node.Replicas.Count, leads, serves, dataBytes, uncommitted, Peers(), [.. lags], _directory.Take(), LogOf(node.Storage));
    }

    private void AddProgress(RangeReplica replica)
    {
        var last = replica.Core.LastIndex.Value;
        var peers = replica.Core.Peers;
        for (var i = 0; i < peers.Count; i++)
        {
            var peer = peers[i];
            var (appends, behind) = _progress.GetValueOrDefault(peer.Peer);
            _progress[peer.Peer] = (appends + peer.Inflight, Math.Max(behind, last - peer.Match.Value));
        }
    }

    // What was never closed here is not known to lag; it is on its way, or the replica is.
    private void AddLag(SortedDictionary<string, double> lags, RangeReplica replica, long now)
    {
        if (replica.Resolved().Resolved is var resolved && resolved != HlcTimestamp.Zero && HomeOf(replica) is { } home)
        {
            lags[home] = Math.Max(lags.GetValueOrDefault(home), (now - resolved.WallMillis) / 1000.0);
        }
    }

    private string? HomeOf(RangeReplica replica) =>
        replica.Descriptor is { LeasePreferences: [var home, ..] } ? home
        : node.System.Nodes.TryGetValue(replica.Core.Leader, out var leader) ? leader.Region
        : null;

    private ImmutableArray<PeerFigures> Peers()
    {
        var peers = ImmutableArray.CreateBuilder<PeerFigures>();
        foreach (var (id, record) in node.System.Nodes)
        {
            if (id != node.Id)
            {
                var (appends, behind) = _progress.GetValueOrDefault(id);
                var bytes = ImmutableArray.CreateBuilder<KeyValuePair<Lane, long>>();
                foreach (var lane in s_lanes)
                {
                    if (node.Outbox.BytesInFlight(id, lane) is { } inFlight)
                    {
                        bytes.Add(new(lane, inFlight));
                    }
                }

                peers.Add(new(record, node.IsLive(id), node.RttMicros(id), appends, behind, bytes.ToImmutable()));
            }
        }

        return peers.ToImmutable();
    }

    private static LogFigures? LogOf(IStorageEngine storage) =>
        storage is RocksDbEngine engine ? new(engine.LogSegments, engine.LogBytes) : null;
}
