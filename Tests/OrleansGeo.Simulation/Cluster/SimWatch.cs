using OrleansGeo.Consensus;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Checkers;
using OrleansGeo.Transactions;

namespace OrleansGeo.Simulation;

/// <summary>
/// Sees what no client sees: every consensus message on the network, and every disk at the end. One leader a term; one entry for an index
/// and term; and replicas of a range that have applied the same index hold the same data.
/// </summary>
public sealed class SimWatch
{
    private readonly SimCluster _cluster;
    private readonly Dictionary<(RangeId Range, Term Term), NodeId> _leaders = [];
    private readonly Dictionary<(RangeId Range, LogIndex Index, Term Term), ulong> _entries = [];

    /// <summary>Begins to watch a cluster's network.</summary>
    public SimWatch(SimCluster cluster)
    {
        _cluster = cluster;
        cluster.Net.Observer = Observe;
    }

    /// <summary>All versions of a row, from a voter of its range that has applied most.</summary>
    public IReadOnlyList<KeyVersion> VersionsOf(TableRef table, string key)
    {
        var node = _cluster.Cluster.Nodes.Values.First(n => n.Node is not null).Node!;
        var info = node.System.Tables[(table.Database, table.Table)].Info;
        var row = TableKeys.Row(info.Id, TableKeys.PrimaryIndex, Datum.FromString(key));
        var best = Replicas(row).OrderByDescending(replica => replica.Status.Applied).First();
        var reader = _cluster.Cluster.Nodes[best.Node].Storage!;
        var page = MvccVersions.List(reader, KeySpan.Of(row), HlcTimestamp.Zero, HlcTimestamp.Max, int.MaxValue, null);
        return [.. page.Versions.Select(
            v => new KeyVersion(v.Timestamp, v.IsTombstone ? null : RowCodec.Decode(v.Bytes)[0].Value.AsString()))];
    }

    /// <summary>Null when all replicas agree; else what differs.</summary>
    public string? CompareReplicas()
    {
        var views = _cluster.Cluster.Nodes.Values.First(n => n.Node is not null).Node!.System.RangesByStart.Values;
        foreach (var range in views)
        {
            var digests = new SortedDictionary<(LogIndex Applied, long Generation), (NodeId Node, ulong Digest)>();
            foreach (var (id, status) in Replicas(range.Span.Start))
            {
                var digest = DigestOf(id, status.Descriptor.Span);
                var at = (status.Applied, status.Descriptor.Generation);
                if (digests.TryGetValue(at, out var other) && other.Digest != digest)
                {
                    return $"{status.Descriptor.Id} at {status.Applied} holds other data on {id} than on {other.Node}";
                }

                digests[at] = (id, digest);
            }
        }

        return null;
    }

    private IEnumerable<(NodeId Node, LocalReplicaStatus Status)> Replicas(Key key)
    {
        foreach (var node in _cluster.Cluster.Nodes.Values)
        {
            foreach (var range in node.Node?.ReplicasHere() ?? [])
            {
                if (node.Node!.LocalReplica(range) is { } status && status.Descriptor.Span.Contains(key))
                {
                    yield return (node.Record.Id, status);
                }
            }
        }
    }

    private ulong DigestOf(NodeId node, KeySpan span)
    {
        var reader = _cluster.Cluster.Nodes[node].Storage!;
        var digest = 14695981039346656037UL;
        foreach (var bounds in ReplicatedSpaces.Of(span))
        {
            using var cursor = reader.OpenCursor(bounds.Start, bounds.End);
            for (cursor.SeekAtOrAfter(bounds.Start); cursor.IsValid; cursor.MoveNext())
            {
                digest = Mix(Mix(digest, cursor.Key), cursor.Value);
            }
        }

        return digest;
    }

    private void Observe(Envelope envelope)
    {
        foreach (var message in envelope.Consensus)
        {
            if (message.Kind != MessageKind.Append)
            {
                continue;
            }

            if (_leaders.TryGetValue((message.Range, message.Term), out var leader) && leader != message.From)
            {
                _cluster.World.Fail($"{message.Range} has two leaders in {message.Term}: {leader} and {message.From}");
            }

            _leaders[(message.Range, message.Term)] = message.From;
            foreach (var entry in message.Entries)
            {
                var digest = Mix((ulong)entry.Kind, entry.Payload.Span);
                if (_entries.TryGetValue((message.Range, entry.Index, entry.Term), out var known) && known != digest)
                {
                    _cluster.World.Fail($"{message.Range} has two entries at {entry.Index} in {entry.Term}");
                }

                _entries[(message.Range, entry.Index, entry.Term)] = digest;
            }
        }
    }

    private static ulong Mix(ulong digest, ReadOnlySpan<byte> bytes)
    {
        foreach (var b in bytes)
        {
            digest = (digest ^ b) * 1099511628211UL;
        }

        return (digest ^ (ulong)bytes.Length) * 1099511628211UL;
    }
}
