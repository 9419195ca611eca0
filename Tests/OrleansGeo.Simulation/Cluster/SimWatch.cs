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
    private readonly Dictionary<(RangeId Range, LogIndex Index), (Term Term, byte[]? Payload)> _writes = [];

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
        var versions = new SortedDictionary<HlcTimestamp, KeyVersion>();
        foreach (var v in MvccVersions.List(reader, KeySpan.Of(row), HlcTimestamp.Zero, HlcTimestamp.Max, int.MaxValue, null).Versions)
        {
            versions.Add(v.Timestamp, VersionOf(v.Timestamp, v.IsTombstone ? null : v.Bytes));
        }

        AddCollected(row, versions);
        return [.. versions.Values];
    }

    // What was collected is known from the logs. Where there were entries of several terms at one index, the last one is the one that was
    // committed: a later leader has what is.
    private void AddCollected(Key row, SortedDictionary<HlcTimestamp, KeyVersion> versions)
    {
        var applied = new Dictionary<RangeId, LogIndex>();
        foreach (var node in _cluster.Cluster.Nodes.Values)
        {
            foreach (var range in node.Node?.ReplicasHere() ?? [])
            {
                var index = node.Node!.LocalReplica(range)?.Applied ?? default;
                applied[range] = LogIndex.Max(index, applied.GetValueOrDefault(range));
            }
        }

        foreach (var ((range, index), (_, payload)) in _writes)
        {
            if (payload is null || index > applied.GetValueOrDefault(range))
            {
                continue;
            }

            var write = RangeCommand.ReadWrite(payload);
            foreach (var (_, value) in write.Operations.Where(operation => operation.Key == row))
            {
                versions.TryAdd(write.Timestamp, VersionOf(write.Timestamp, value));
            }
        }
    }

    private static KeyVersion VersionOf(HlcTimestamp at, byte[]? value) =>
        new(at, value is null ? null : RowCodec.Decode(value)[0].Value.AsString());

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

    // Replicas collect old versions each at its own pace: what nobody can read is not compared.
    private ulong DigestOf(NodeId node, KeySpan span)
    {
        var reader = _cluster.Cluster.Nodes[node].Storage!;
        var digest = 14695981039346656037UL;
        var garbage = MvccGarbage.List(reader, span, VersionThreshold.Load(reader, span), int.MaxValue).StorageKeys
            .Select(key => new Key(key)).ToHashSet();
        foreach (var bounds in ReplicatedSpaces.Of(span))
        {
            using var cursor = reader.OpenCursor(bounds.Start, bounds.End);
            for (cursor.SeekAtOrAfter(bounds.Start); cursor.IsValid; cursor.MoveNext())
            {
                if (garbage.Count == 0 || !garbage.Contains(new(cursor.Key.ToArray())))
                {
                    digest = Mix(Mix(digest, cursor.Key), cursor.Value);
                }
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
                Remember(message.Range, entry);
            }
        }
    }

    private void Remember(RangeId range, LogEntry entry)
    {
        var isWrite = entry.Kind == EntryKind.Command && RangeCommand.KindOf(entry.Payload.Span) == CommandKind.Write;
        if (!_writes.TryGetValue((range, entry.Index), out var known) || known.Term < entry.Term)
        {
            _writes[(range, entry.Index)] = (entry.Term, isWrite ? entry.Payload.ToArray() : null);
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
