using OrleansGeo.Primitives;
using OrleansGeo.Storage;
using OrleansGeo.Transactions;

namespace OrleansGeo.Engine;

/// <summary>
/// Snapshots that this node is sending. Each holds a view of storage from when it began, so its parts fit together whatever is written
/// meanwhile. One that nobody reads any more is given up, and so is the oldest when there are too many.
/// </summary>
internal sealed class SnapshotSource(Node node)
{
    private const int OpenMax = 8;
    private const long KeepMicros = 20_000_000;
    private readonly SortedDictionary<long, Open> _open = [];
    private long _last;

    public void Answer(NodeId to, SnapshotFetch fetch)
    {
        GiveUpIdle();
        if (fetch.Snapshot == 0)
        {
            if (Begin(fetch) is { } begun)
            {
                node.SendBulk(to, Part(begun, fetch));
            }
        }
        else if (_open.TryGetValue(fetch.Snapshot, out var open) && open.Range == fetch.Range)
        {
            node.SendBulk(to, Part(open, fetch));
        }
        else
        {
            node.SendBulk(to, new SnapshotPart { Range = fetch.Range, Snapshot = fetch.Snapshot, Gone = true });
        }
    }

    public void Dispose()
    {
        foreach (var open in _open.Values)
        {
            open.View.Dispose();
        }

        _open.Clear();
    }

    private Open? Begin(SnapshotFetch fetch)
    {
        if (!node.Replicas.TryGetValue(fetch.Range, out var replica) || replica.Descriptor is not { } descriptor
            || replica.Stopped || replica.Applied < fetch.AtLeast)
        {
            return null;
        }

        if (_open.Count >= OpenMax)
        {
            Close(_open.MinBy(pair => pair.Value.UsedAt).Key);
        }

        // Whoever answers messages stands between turns: storage shows exactly what is applied.
        var term = replica.Core.TermAt(replica.Applied);
        var open = new Open(++_last, fetch.Range, descriptor, replica.Applied, term, node.Storage.OpenSnapshot());
        _open.Add(open.Id, open);
        return open;
    }

    private SnapshotPart Part(Open open, SnapshotFetch fetch)
    {
        open.UsedAt = node.Clock.Mono();
        var pairs = new List<(byte[] Key, byte[] Value)>();
        var budget = (long)node.Options.SnapshotChunkBytes;
        var records = RequestRecordKey.SpanBounds(open.Descriptor.Span);
        var versions = MvccKey.SpanBounds(open.Descriptor.Span);
        var isLast = Read(open.View, records, fetch.After, pairs, ref budget) && Read(open.View, versions, fetch.After, pairs, ref budget);
        (byte[], byte[])[] read = [.. pairs];
        return new()
        {
            Range = open.Range,
            Snapshot = open.Id,
            Index = open.Index,
            Term = open.Term,
            Descriptor = open.Descriptor,
            After = fetch.After,
            Pairs = read,
            IsLast = isLast,
            Checksum = SnapshotPart.ChecksumOf(read),
        };
    }

    // True when everything behind the given key was read.
    private static bool Read(
        IOrderedReader view, StorageBounds bounds, ReadOnlySpan<byte> after, List<(byte[] Key, byte[] Value)> pairs, ref long budget)
    {
        using var cursor = view.OpenCursor(bounds.Start, bounds.End);
        cursor.SeekAtOrAfter(after);
        if (cursor.IsValid && cursor.Key.SequenceEqual(after))
        {
            cursor.MoveNext();
        }

        for (; cursor.IsValid; cursor.MoveNext())
        {
            if (budget <= 0)
            {
                return false;
            }

            budget -= cursor.Key.Length + cursor.Value.Length;
            pairs.Add((cursor.Key.ToArray(), cursor.Value.ToArray()));
        }

        return true;
    }

    private void GiveUpIdle()
    {
        var now = node.Clock.Mono();
        foreach (var id in _open.Where(pair => now.MicrosSince(pair.Value.UsedAt) > KeepMicros).Select(pair => pair.Key).ToArray())
        {
            Close(id);
        }
    }

    private void Close(long id)
    {
        if (_open.Remove(id, out var open))
        {
            open.View.Dispose();
        }
    }

    private sealed class Open(long id, RangeId range, RangeDescriptor descriptor, LogIndex index, Term term, IStorageSnapshot view)
    {
        public long Id => id;

        public RangeId Range => range;

        public RangeDescriptor Descriptor => descriptor;

        public LogIndex Index => index;

        public Term Term => term;

        public IStorageSnapshot View => view;

        public MonoTime UsedAt { get; set; }
    }
}
