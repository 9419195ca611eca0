using OrleansGeo.Consensus;
using OrleansGeo.Primitives;
using OrleansGeo.Storage;
using OrleansGeo.Transactions;

namespace OrleansGeo.Engine;

/// <summary>
/// Snapshots that this node is sending. Each holds a view of storage from when it began, so its parts fit together whatever is written
/// meanwhile. Which are kept, and who gets which, is decided by <see cref="SnapshotSender"/>.
/// </summary>
internal sealed class SnapshotSource(Node node)
{
    // A node makes fewer snapshots in a life than this leaves room for.
    private readonly SnapshotSender _sender = new((node.Incarnation.Value << 32) + 1);
    private readonly SortedDictionary<long, View> _views = [];
    private MonoTime _wakeAt = MonoTime.Forever;

    /// <summary>The first log index that a receiver of a range's snapshot will need; null when none is under way.</summary>
    public LogIndex? NeededFrom(RangeId range) => _sender.NeededFrom(range);

    public void Answer(NodeId from, SnapshotFetch fetch)
    {
        Perform(_sender.Asked(from, fetch.Range, fetch.Snapshot, fetch.AtLeast, fetch.After, node.Clock.Mono()));
        ArmWake();
    }

    public void Dispose()
    {
        foreach (var view in _views.Values)
        {
            view.Storage.Dispose();
        }

        _views.Clear();
    }

    private void Perform(IReadOnlyList<SnapshotSenderEffect> effects)
    {
        foreach (var effect in effects)
        {
            switch (effect)
            {
                case SnapshotSenderEffect.Open open:
                    Open(open);
                    break;
                case SnapshotSenderEffect.SendPart send:
                    var part = Part(_views[send.Snapshot], send.Position);
                    node.SendBulk(send.To, part);
                    if (part.IsLast)
                    {
                        _sender.LastSent(send.Snapshot);
                        node.Counters.SnapshotsSent++;
                    }

                    break;
                case SnapshotSenderEffect.SendGone gone:
                    node.SendBulk(gone.To, new SnapshotPart { Range = gone.Range, Snapshot = gone.Snapshot, Gone = true });
                    break;
                case SnapshotSenderEffect.Close close:
                    _views.Remove(close.Snapshot, out var closed);
                    closed!.Storage.Dispose();
                    break;
                default:
                    Invariant.Fail($"an effect of type {effect.GetType().Name}");
                    break;
            }
        }
    }

    private void Open(SnapshotSenderEffect.Open asked)
    {
        if (!node.Replicas.TryGetValue(asked.Range, out var replica) || replica.Descriptor is not { } descriptor
            || replica.Stopped || replica.Applied < asked.AtLeast)
        {
            return;
        }

        // Whoever answers messages stands between turns: storage shows exactly what is applied.
        var term = replica.Core.TermAt(replica.Applied);
        var stretches = ReplicatedSpaces.Of(descriptor.Span);
        var storage = node.Storage.OpenSnapshot(stretches[0].Start, stretches[^1].End);
        _views.Add(asked.Snapshot, new(asked.Snapshot, asked.Range, descriptor, replica.Applied, term, storage));
        Perform(_sender.Opened(asked, replica.Applied, node.Clock.Mono()));
    }

    // What nobody asks for any more is closed by itself: an open view keeps storage from letting go of what was replaced.
    private void ArmWake()
    {
        if (_sender.NextWake >= _wakeAt)
        {
            return;
        }

        _wakeAt = _sender.NextWake;
        node.Timers.At(_wakeAt, () =>
        {
            _wakeAt = MonoTime.Forever;
            Perform(_sender.Wake(node.Clock.Mono()));
            ArmWake();
        });
    }

    private SnapshotPart Part(View view, ReadOnlyMemory<byte> position)
    {
        var after = position.ToArray();
        var pairs = new List<(byte[] Key, byte[] Value)>();
        var budget = (long)node.Options.SnapshotChunkBytes;
        var isLast = true;
        foreach (var stretch in ReplicatedSpaces.Of(view.Descriptor.Span))
        {
            isLast = isLast && Read(view.Storage, stretch, after, pairs, ref budget);
        }

        (byte[], byte[])[] read = [.. pairs];
        return new()
        {
            Range = view.Range,
            Snapshot = view.Id,
            Index = view.Index,
            Term = view.Term,
            Descriptor = view.Descriptor,
            After = after,
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

    private sealed record View(long Id, RangeId Range, RangeDescriptor Descriptor, LogIndex Index, Term Term, IStorageSnapshot Storage);
}
