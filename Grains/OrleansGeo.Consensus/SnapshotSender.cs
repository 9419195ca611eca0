using OrleansGeo.Primitives;

namespace OrleansGeo.Consensus;

/// <summary>What a <see cref="SnapshotSender"/> wants done, in order.</summary>
public abstract record SnapshotSenderEffect
{
    private SnapshotSenderEffect()
    {
    }

    /// <summary>
    /// Take a snapshot of a range that has applied at least an index, then call <see cref="SnapshotSender.Opened"/>; nothing where there
    /// is no such range, for the receiver asks again.
    /// </summary>
    public sealed record Open(long Snapshot, RangeId Range, LogIndex AtLeast, NodeId For) : SnapshotSenderEffect;

    /// <summary>Send the part behind a position, and call <see cref="SnapshotSender.LastSent"/> when it is the last.</summary>
    public sealed record SendPart(long Snapshot, NodeId To, ReadOnlyMemory<byte> Position) : SnapshotSenderEffect;

    /// <summary>Tell the receiver that the snapshot is no more.</summary>
    public sealed record SendGone(long Snapshot, RangeId Range, NodeId To) : SnapshotSenderEffect;

    /// <summary>Release a snapshot.</summary>
    public sealed record Close(long Snapshot) : SnapshotSenderEffect;
}

/// <summary>
/// The sending side of all snapshots of a node. It knows no position: a receiver asks for what it wants, as often as it wants. A snapshot
/// nobody asked about for a while is closed, also one whose last part was sent: that part may be lost. So is the one that was idle for
/// longest when there are too many. Whether a receiver installed it shows in its append replies.
/// </summary>
/// <param name="firstId">Above every id that this node gave in earlier lives: an id must never come to name another snapshot, or a
/// receiver that was in the middle of the first would put parts of both together.</param>
/// <param name="idleMicros">How long a snapshot is kept for a receiver that is silent.</param>
public sealed class SnapshotSender(long firstId, long idleMicros = SnapshotSender.DefaultIdleMicros)
{
    /// <summary>Snapshots kept open at once.</summary>
    public const int OpenMax = 8;

    /// <summary>Longer than a receiver waits before it asks again.</summary>
    public const long DefaultIdleMicros = 30_000_000;

    // In the order in which they were opened.
    private readonly List<OpenSnapshot> _open = [];
    private long _nextId = firstId;

    private sealed record OpenSnapshot(long Id, RangeId Range, NodeId For, LogIndex Index)
    {
        public MonoTime UsedAt { get; set; }

        public bool LastSent { get; set; }
    }

    /// <summary>When <see cref="Wake"/> has something to do.</summary>
    public MonoTime NextWake
    {
        get
        {
            var next = MonoTime.Forever;
            foreach (var open in _open)
            {
                next = MonoTime.Min(next, open.UsedAt.AddMicros(idleMicros));
            }

            return next;
        }
    }

    /// <summary>The first index that a receiver of a range's snapshot will need from the log; null when there is none.</summary>
    public LogIndex? NeededFrom(RangeId range)
    {
        LogIndex? needed = null;
        foreach (var open in _open)
        {
            if (open.Range == range)
            {
                needed = LogIndex.Min(needed ?? open.Index.Next, open.Index.Next);
            }
        }

        return needed;
    }

    /// <summary>A receiver asks for the part of a snapshot behind a position; 0 begins one that reaches at least an index.</summary>
    public IReadOnlyList<SnapshotSenderEffect> Asked(
        NodeId by, RangeId range, long snapshot, LogIndex atLeast, ReadOnlyMemory<byte> position, MonoTime now)
    {
        if (snapshot == 0)
        {
            // Asked again, its first answer was lost: the one that is open serves.
            return _open.Find(open => open.For == by && open.Range == range && !open.LastSent && open.Index >= atLeast) is { } already
                ? [Send(already, default, now)]
                : [new SnapshotSenderEffect.Open(_nextId++, range, atLeast, by)];
        }

        return _open.Find(open => open.Id == snapshot && open.For == by && open.Range == range) is { } found
            ? [Send(found, position, now)]
            : [new SnapshotSenderEffect.SendGone(snapshot, range, by)];
    }

    /// <summary>The snapshot that was to be opened is open, at an index.</summary>
    public IReadOnlyList<SnapshotSenderEffect> Opened(SnapshotSenderEffect.Open asked, LogIndex index, MonoTime now)
    {
        Invariant.Holds(index >= asked.AtLeast);
        List<SnapshotSenderEffect> effects = [];

        // A receiver takes one snapshot of a range at a time.
        foreach (var older in _open.FindAll(open => open.For == asked.For && open.Range == asked.Range))
        {
            effects.Add(Close(older));
        }

        if (_open.Count == OpenMax)
        {
            effects.Add(Close(_open.MinBy(open => (open.UsedAt, open.Id))!));
        }

        var opened = new OpenSnapshot(asked.Snapshot, asked.Range, asked.For, index);
        _open.Add(opened);
        effects.Add(Send(opened, default, now));
        return effects;
    }

    /// <summary>The last part of a snapshot left.</summary>
    public void LastSent(long snapshot)
    {
        if (_open.Find(open => open.Id == snapshot) is { } sent)
        {
            sent.LastSent = true;
        }
    }

    /// <summary>Closes what nobody asked about for a while.</summary>
    public IReadOnlyList<SnapshotSenderEffect> Wake(MonoTime now) =>
        [.. _open.FindAll(open => now >= open.UsedAt.AddMicros(idleMicros)).Select(Close)];

    private SnapshotSenderEffect.Close Close(OpenSnapshot open)
    {
        _open.Remove(open);
        return new(open.Id);
    }

    private static SnapshotSenderEffect.SendPart Send(OpenSnapshot open, ReadOnlyMemory<byte> position, MonoTime now)
    {
        open.UsedAt = now;
        return new(open.Id, open.For, position);
    }
}
