using OrleansGeo.Primitives;

namespace OrleansGeo.Consensus;

/// <summary>A part of a snapshot as its receiver judges it; the content stays with the engine.</summary>
/// <param name="Snapshot">The snapshot, as its sender named it.</param>
/// <param name="Point">The point in the log that the whole snapshot replaces.</param>
/// <param name="Position">The position asked for, behind which the part lies.</param>
/// <param name="Next">The position behind the part.</param>
/// <param name="IsLast">There is nothing behind it.</param>
/// <param name="IsIntact">Its checksum is right.</param>
public sealed record SnapshotPartInfo(
    long Snapshot, SnapshotPoint Point, ReadOnlyMemory<byte> Position, ReadOnlyMemory<byte> Next, bool IsLast, bool IsIntact);

/// <summary>What a <see cref="SnapshotReceiver"/> wants done, in order.</summary>
public abstract record SnapshotReceiverEffect
{
    private SnapshotReceiverEffect()
    {
    }

    /// <summary>Ask the source for the part behind a position, of a snapshot or, with id 0, of a new one that reaches an index.</summary>
    public sealed record Ask(NodeId Source, long Snapshot, LogIndex AtLeast, ReadOnlyMemory<byte> Position) : SnapshotReceiverEffect;

    /// <summary>Throw away what was staged: another snapshot begins.</summary>
    public sealed record Discard : SnapshotReceiverEffect;

    /// <summary>Stage the part that was given. Nothing of it is visible before <see cref="Install"/>.</summary>
    public sealed record Stage : SnapshotReceiverEffect;

    /// <summary>Everything is staged: install it if the replica says it can.</summary>
    public sealed record Install(SnapshotPoint Point) : SnapshotReceiverEffect;

    /// <summary>No answer for too long: the leader offers again while it counts this replica in.</summary>
    public sealed record GiveUp : SnapshotReceiverEffect;
}

/// <summary>
/// The receiving side of a range's snapshots: one question at a time, repeated until it is answered; after a cut it goes on from the last
/// position. Pulling makes the receiver the one that is never overrun. A part counts only for the snapshot and the position asked for, so
/// what is duplicated, late or of another snapshot changes nothing.
/// </summary>
/// <remarks>
/// A leader under load truncates its log all the time and offers ever newer snapshots. One that is under way is not given up for a newer
/// one of the same source: whatever takes longer than the time between two offers would never arrive. It is given up for another source,
/// since a new leader offers when the old one is gone.
/// </remarks>
public sealed class SnapshotReceiver
{
    private const int AttemptsMax = 12;
    private const long WaitMicros = 500_000;
    private const int BackoffMax = 4;
    private NodeId _source;
    private LogIndex _atLeast;
    private long _snapshot;
    private SnapshotPoint? _point;
    private ReadOnlyMemory<byte> _position;
    private int _attempts;

    /// <summary>When <see cref="Wake"/> has something to do; Forever while nothing is received.</summary>
    public MonoTime NextWake { get; private set; } = MonoTime.Forever;

    /// <summary>True from an offer until the snapshot is complete or given up.</summary>
    public bool IsReceiving { get; private set; }

    /// <summary>Takes an offer: of a snapshot that reaches at least an index, from a source that is a round trip away.</summary>
    public IReadOnlyList<SnapshotReceiverEffect> Offered(NodeId source, LogIndex atLeast, MonoTime now, long rttMicros)
    {
        if (!IsReceiving || source != _source)
        {
            _source = source;
            _atLeast = atLeast;
            IsReceiving = true;
            return Begin(now, rttMicros);
        }

        _atLeast = LogIndex.Max(_atLeast, atLeast);
        if (_attempts == 0)
        {
            return [];
        }

        // The source is there after all: what went unanswered is asked now, not when the wait of a long silence ends.
        _attempts = 0;
        return [Ask(now, rttMicros)];
    }

    /// <summary>Takes a part.</summary>
    public IReadOnlyList<SnapshotReceiverEffect> Received(NodeId from, SnapshotPartInfo part, MonoTime now, long rttMicros)
    {
        if (!IsReceiving || from != _source || !part.IsIntact || !part.Position.Span.SequenceEqual(_position.Span)
            || (_snapshot != 0 && (part.Snapshot != _snapshot || part.Point != _point))
            || (!part.IsLast && part.Next.Span.SequenceEqual(part.Position.Span)))
        {
            return [];
        }

        _snapshot = part.Snapshot;
        _point = part.Point;
        _position = part.Next;
        _attempts = 0;
        var stage = new SnapshotReceiverEffect.Stage();
        if (!part.IsLast)
        {
            return [stage, Ask(now, rttMicros)];
        }

        End();
        return [stage, new SnapshotReceiverEffect.Install(part.Point)];
    }

    /// <summary>Takes the word that a snapshot is no more.</summary>
    public IReadOnlyList<SnapshotReceiverEffect> Gone(NodeId from, long snapshot, MonoTime now, long rttMicros) =>
        IsReceiving && from == _source && snapshot == _snapshot && snapshot != 0 ? Begin(now, rttMicros) : [];

    /// <summary>Asks again, or gives up.</summary>
    public IReadOnlyList<SnapshotReceiverEffect> Wake(MonoTime now, long rttMicros)
    {
        if (now < NextWake)
        {
            return [];
        }

        if (++_attempts > AttemptsMax)
        {
            End();
            return [new SnapshotReceiverEffect.Discard(), new SnapshotReceiverEffect.GiveUp()];
        }

        return [Ask(now, rttMicros)];
    }

    private IReadOnlyList<SnapshotReceiverEffect> Begin(MonoTime now, long rttMicros)
    {
        _snapshot = 0;
        _point = null;
        _position = default;
        _attempts = 0;
        return [new SnapshotReceiverEffect.Discard(), Ask(now, rttMicros)];
    }

    private SnapshotReceiverEffect.Ask Ask(MonoTime now, long rttMicros)
    {
        NextWake = now.AddMicros(((2 * rttMicros) + WaitMicros) << Math.Min(_attempts, BackoffMax));
        return new(_source, _snapshot, _atLeast, _position);
    }

    private void End()
    {
        IsReceiving = false;
        NextWake = MonoTime.Forever;
    }
}
