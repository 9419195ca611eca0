using OrleansGeo.Primitives;

namespace OrleansGeo.Consensus;

/// <summary>What a <see cref="SnapshotSender"/> wants done, one at a time and in order.</summary>
public abstract record SnapshotSenderEffect
{
    private SnapshotSenderEffect()
    {
    }

    /// <summary>Take a snapshot of the applied state, then call <see cref="SnapshotSender.Opened"/>.</summary>
    public sealed record Open(NodeId For) : SnapshotSenderEffect;

    /// <summary>Read the chunk behind a position, then call <see cref="SnapshotSender.ChunkOf"/> and send it.</summary>
    public sealed record ReadChunk(long Snapshot, NodeId For, ReadOnlyMemory<byte> Position) : SnapshotSenderEffect;

    /// <summary>Send a message.</summary>
    public sealed record Send(SnapshotMessage Message) : SnapshotSenderEffect;

    /// <summary>Release the snapshot; the transfer ended, as far as this side can tell: report it to the replica.</summary>
    public sealed record Close(long Snapshot, NodeId For, bool IsDone) : SnapshotSenderEffect;
}

/// <summary>
/// The sending side of a range's snapshots. It keeps one open snapshot per receiver and knows no position: the receiver asks for what it
/// wants, as often as it wants. A snapshot nobody asked about for a while is closed; so is one whose last chunk was read, after that while,
/// because the last chunk may be lost. Whether the receiver installed it shows in its append replies.
/// </summary>
public sealed class SnapshotSender(RangeId range, NodeId self, long firstId, long idleMicros = 30_000_000)
{
    private readonly List<OpenSnapshot> _open = [];
    private readonly List<NodeId> _opening = [];
    private long _nextId = Math.Max(1, firstId);

    private sealed record OpenSnapshot(long Id, NodeId For, SnapshotPoint Point, MonoTime UsedAt, bool IsDone);

    /// <summary>When <see cref="Wake"/> has something to do.</summary>
    public MonoTime NextWake => _open.Count == 0 ? MonoTime.Forever : _open.Min(s => s.UsedAt).AddMicros(idleMicros);

    /// <summary>Takes a fetch.</summary>
    public IReadOnlyList<SnapshotSenderEffect> Receive(SnapshotMessage fetch, MonoTime now)
    {
        Invariant.Holds(fetch.Kind == SnapshotMessageKind.Fetch && fetch.To == self && fetch.Range == range);
        if (fetch.Snapshot == 0)
        {
            // A repeated request for a new snapshot means the first answer was lost: the one that is open serves.
            if (_open.Find(s => s.For == fetch.From && !s.IsDone) is { } already)
            {
                return Read(already, default, now);
            }

            if (_opening.Contains(fetch.From))
            {
                return [];
            }

            _opening.Add(fetch.From);
            return [new SnapshotSenderEffect.Open(fetch.From)];
        }

        return _open.Find(s => s.Id == fetch.Snapshot && s.For == fetch.From) is { } open
            ? Read(open, fetch.Position, now)
            : [new SnapshotSenderEffect.Send(new()
            {
                Kind = SnapshotMessageKind.Gone,
                Range = range,
                From = self,
                To = fetch.From,
                Snapshot = fetch.Snapshot,
                Position = fetch.Position,
            })];
    }

    /// <summary>The engine opened a snapshot at a point.</summary>
    public IReadOnlyList<SnapshotSenderEffect> Opened(NodeId to, SnapshotPoint point, MonoTime now)
    {
        _opening.Remove(to);
        List<SnapshotSenderEffect> effects = [];
        foreach (var older in _open.FindAll(s => s.For == to))
        {
            effects.Add(new SnapshotSenderEffect.Close(older.Id, to, older.IsDone));
            _open.Remove(older);
        }

        var open = new OpenSnapshot(_nextId++, to, point, now, false);
        _open.Add(open);
        effects.AddRange(Read(open, default, now));
        return effects;
    }

    /// <summary>The engine could open none; the receiver asks again by itself.</summary>
    public void OpenFailed(NodeId to) => _opening.Remove(to);

    /// <summary>The message for a chunk the engine read; null when the snapshot was closed meanwhile.</summary>
    public SnapshotMessage? ChunkOf(
        long snapshot, ReadOnlyMemory<byte> position, ReadOnlyMemory<byte> next, ReadOnlyMemory<byte> data, bool isLast, MonoTime now)
    {
        Invariant.Holds(isLast || !next.Span.SequenceEqual(position.Span));
        var at = _open.FindIndex(s => s.Id == snapshot);
        if (at < 0)
        {
            return null;
        }

        _open[at] = _open[at] with { UsedAt = now, IsDone = _open[at].IsDone || isLast };
        return new()
        {
            Kind = SnapshotMessageKind.Chunk,
            Range = range,
            From = self,
            To = _open[at].For,
            Snapshot = snapshot,
            Position = position,
            Next = next,
            Data = data,
            IsLast = isLast,
            Point = _open[at].Point,
            Checksum = SnapshotMessage.ChecksumOf(data.Span),
        };
    }

    /// <summary>Closes what nobody asked about for a while.</summary>
    public IReadOnlyList<SnapshotSenderEffect> Wake(MonoTime now)
    {
        List<SnapshotSenderEffect> effects = [];
        foreach (var idle in _open.FindAll(s => now >= s.UsedAt.AddMicros(idleMicros)))
        {
            effects.Add(new SnapshotSenderEffect.Close(idle.Id, idle.For, idle.IsDone));
            _open.Remove(idle);
        }

        return effects;
    }

    private IReadOnlyList<SnapshotSenderEffect> Read(OpenSnapshot open, ReadOnlyMemory<byte> position, MonoTime now)
    {
        _open[_open.IndexOf(open)] = open with { UsedAt = now };
        return [new SnapshotSenderEffect.ReadChunk(open.Id, open.For, position)];
    }
}

/// <summary>What a <see cref="SnapshotReceiver"/> wants done, in order.</summary>
public abstract record SnapshotReceiverEffect
{
    private SnapshotReceiverEffect()
    {
    }

    /// <summary>Send a message.</summary>
    public sealed record Send(SnapshotMessage Message) : SnapshotReceiverEffect;

    /// <summary>Throw away what was staged: another snapshot begins.</summary>
    public sealed record Discard : SnapshotReceiverEffect;

    /// <summary>Stage a chunk's content. Nothing is visible before <see cref="Install"/>.</summary>
    public sealed record Stage(ReadOnlyMemory<byte> Data) : SnapshotReceiverEffect;

    /// <summary>Everything is staged: install it when the replica says it can, then tell the replica.</summary>
    public sealed record Install(SnapshotPoint Point) : SnapshotReceiverEffect;

    /// <summary>No progress for too long: give up; the leader offers again.</summary>
    public sealed record GiveUp : SnapshotReceiverEffect;
}

/// <summary>
/// The receiving side of one snapshot: one fetch outstanding, repeated until it is answered; after a cut it goes on from the last position.
/// Pulling makes the receiver the one that is never overrun. A chunk counts only for the snapshot and the position asked for, so what is
/// duplicated, late or of another snapshot changes nothing.
/// </summary>
public sealed class SnapshotReceiver(RangeId range, NodeId self, NodeId source)
{
    private const int AttemptsMax = 12;
    private const long WaitMicros = 250_000;
    private const int BackoffMax = 5;
    private long _snapshot;
    private ReadOnlyMemory<byte> _position;
    private int _attempts;
    private bool _isOver;

    /// <summary>When <see cref="Wake"/> has something to do; Forever when over.</summary>
    public MonoTime NextWake { get; private set; } = MonoTime.Forever;

    /// <summary>Bytes staged so far, for progress reports.</summary>
    public long Bytes { get; private set; }

    /// <summary>True when installed or given up.</summary>
    public bool IsOver => _isOver;

    /// <summary>Begins.</summary>
    public IReadOnlyList<SnapshotReceiverEffect> Start(MonoTime now, long rttMicros) => [Fetch(now, rttMicros)];

    /// <summary>Takes a chunk, or the word that the snapshot is gone.</summary>
    public IReadOnlyList<SnapshotReceiverEffect> Receive(SnapshotMessage message, MonoTime now, long rttMicros)
    {
        Invariant.Holds(message.To == self && message.Range == range);
        if (_isOver || message.From != source)
        {
            return [];
        }

        return message.Kind switch
        {
            SnapshotMessageKind.Gone when message.Snapshot == _snapshot && _snapshot != 0 => Restart(now, rttMicros),
            SnapshotMessageKind.Chunk => OnChunk(message, now, rttMicros),
            _ => [],
        };
    }

    /// <summary>Asks again, or gives up.</summary>
    public IReadOnlyList<SnapshotReceiverEffect> Wake(MonoTime now, long rttMicros)
    {
        if (_isOver || now < NextWake)
        {
            return [];
        }

        if (++_attempts > AttemptsMax)
        {
            End();
            return [new SnapshotReceiverEffect.Discard(), new SnapshotReceiverEffect.GiveUp()];
        }

        return [Fetch(now, rttMicros)];
    }

    private IReadOnlyList<SnapshotReceiverEffect> OnChunk(SnapshotMessage chunk, MonoTime now, long rttMicros)
    {
        if ((_snapshot != 0 && chunk.Snapshot != _snapshot) || !chunk.Position.Span.SequenceEqual(_position.Span)
            || SnapshotMessage.ChecksumOf(chunk.Data.Span) != chunk.Checksum)
        {
            return [];
        }

        _snapshot = chunk.Snapshot;
        _position = chunk.Next;
        _attempts = 0;
        Bytes += chunk.Data.Length;
        var stage = new SnapshotReceiverEffect.Stage(chunk.Data);
        if (chunk.IsLast)
        {
            End();
            return [stage, new SnapshotReceiverEffect.Install(chunk.Point!)];
        }

        return [stage, Fetch(now, rttMicros)];
    }

    private IReadOnlyList<SnapshotReceiverEffect> Restart(MonoTime now, long rttMicros)
    {
        _snapshot = 0;
        _position = default;
        Bytes = 0;
        return [new SnapshotReceiverEffect.Discard(), Fetch(now, rttMicros)];
    }

    private SnapshotReceiverEffect.Send Fetch(MonoTime now, long rttMicros)
    {
        NextWake = now.AddMicros(((2 * rttMicros) + WaitMicros) << Math.Min(_attempts, BackoffMax));
        return new(new()
        {
            Kind = SnapshotMessageKind.Fetch,
            Range = range,
            From = self,
            To = source,
            Snapshot = _snapshot,
            Position = _position,
        });
    }

    private void End()
    {
        _isOver = true;
        NextWake = MonoTime.Forever;
    }
}
