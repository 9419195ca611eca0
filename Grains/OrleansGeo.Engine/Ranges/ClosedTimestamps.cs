using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>A range in a <see cref="ClosedUpdate"/>.</summary>
/// <param name="Range">The range.</param>
/// <param name="Index">A replica that has applied this index holds every write at or below the closed time.</param>
/// <param name="Closed">A time of its own while writes are in flight; null when the update's time holds, now and until the range is named
/// again.</param>
internal readonly record struct ClosedEntry(RangeId Range, LogIndex Index, HlcTimestamp? Closed);

/// <summary>
/// What a leader node has closed, for all ranges it leads at once. A range that was named without a time of its own stays under the
/// update's time silently, so ten thousand idle ranges cost one number.
/// </summary>
internal sealed class ClosedUpdate : NodeMessage
{
    public required Incarnation Incarnation { get; init; }

    /// <summary>One more than the update before; a gap makes the receiver ask for a full one.</summary>
    public required long Sequence { get; init; }

    /// <summary>True when <see cref="Entries"/> names every range.</summary>
    public required bool Full { get; init; }

    public required HlcTimestamp Closed { get; init; }

    public required ClosedEntry[] Entries { get; init; }

    public required RangeId[] Dropped { get; init; }

    public static void Write(CodecWriter writer, ClosedUpdate update)
    {
        writer.WriteInt64(update.Incarnation.Value);
        writer.WriteInt64(update.Sequence);
        writer.WriteBool(update.Full);
        writer.WriteTimestamp(update.Closed);
        writer.WriteUInt64((ulong)update.Entries.Length);
        foreach (var entry in update.Entries)
        {
            writer.WriteInt64(entry.Range.Value);
            writer.WriteInt64(entry.Index.Value);
            writer.WriteBool(entry.Closed is not null);
            if (entry.Closed is { } closed)
            {
                writer.WriteTimestamp(closed);
            }
        }

        writer.WriteUInt64((ulong)update.Dropped.Length);
        foreach (var range in update.Dropped)
        {
            writer.WriteInt64(range.Value);
        }
    }

    public static ClosedUpdate Read(ref CodecReader reader)
    {
        var incarnation = new Incarnation(reader.ReadInt64());
        var sequence = reader.ReadInt64();
        var full = reader.ReadBool();
        var closed = reader.ReadTimestamp();
        var entries = new ClosedEntry[reader.ReadCount()];
        for (var i = 0; i < entries.Length; i++)
        {
            entries[i] = new(new(reader.ReadInt64()), new(reader.ReadInt64()), reader.ReadBool() ? reader.ReadTimestamp() : null);
        }

        var dropped = new RangeId[reader.ReadCount()];
        for (var i = 0; i < dropped.Length; i++)
        {
            dropped[i] = new(reader.ReadInt64());
        }

        return new() { Incarnation = incarnation, Sequence = sequence, Full = full, Closed = closed, Entries = entries, Dropped = dropped };
    }
}

/// <summary>Asks a node for a full <see cref="ClosedUpdate"/>.</summary>
internal sealed class ClosedResync : NodeMessage;

/// <summary>
/// Closed timestamps of this node, as publisher and as receiver.
/// <para>
/// The promise: once (range, index, time) is published, no write at or below the time is ever proposed behind the index. It holds because
/// the leader gives later writes timestamps above <see cref="Floor"/>, because a range with writes in flight is published with a time below
/// the earliest of them, and because the time never passes the bound that a quorum has reserved for this leader: a successor writes above
/// that bound. So it holds across terms, and whoever has applied the index may serve the time, whoever leads by then.
/// </para>
/// </summary>
internal sealed class ClosedTimestamps(Node node)
{
    private readonly SortedDictionary<RangeId, RangeReplica> _touched = [];
    private readonly SortedDictionary<RangeId, ClosedEntry> _led = [];
    private readonly SortedDictionary<RangeId, bool> _changed = [];
    private readonly SortedDictionary<NodeId, bool> _resync = [];
    private readonly Dictionary<NodeId, Received> _received = [];
    private long _sequence;

    /// <summary>The highest time published; every later write of this node is above it.</summary>
    public HlcTimestamp Floor { get; private set; }

    /// <summary>Something about the range changed that the next update must look at.</summary>
    public void Touch(RangeReplica replica) => _touched[replica.Id] = replica;

    public void Forget(RangeReplica replica) => _touched[replica.Id] = replica;

    /// <summary>Publishes to all peers. Called right after store liveness has looked at the clock, so lapsed support is known.</summary>
    public void Publish()
    {
        var target = HlcTimestamp.Earlier(node.Clock.Peek().AddMillis(-node.Options.ClosedTargetMs), SafeBound());
        var closed = HlcTimestamp.Later(Floor, target);
        foreach (var (id, replica) in _touched.ToArray())
        {
            // Leaves in the same envelope as the times, ahead of them: a follower can apply what it is told it must have applied.
            replica.TellCommit();
            Review(id, replica, closed);
        }

        Floor = closed;
        _sequence++;
        foreach (var peer in node.Peers)
        {
            var full = _resync.Remove(peer) || _sequence == 1;
            ClosedEntry[] entries = full ? [.. _led.Values] : [.. _changed.Keys.Where(_led.ContainsKey).Select(id => _led[id])];
            RangeId[] dropped = full ? [] : [.. _changed.Keys.Where(id => !_led.ContainsKey(id))];
            node.Send(peer, new ClosedUpdate
            {
                Incarnation = node.Incarnation,
                Sequence = _sequence,
                Full = full,
                Closed = closed,
                Entries = entries,
                Dropped = dropped,
            });
        }

        _changed.Clear();
    }

    public void Receive(NodeId from, ClosedUpdate update)
    {
        if (!_received.TryGetValue(from, out var state))
        {
            _received[from] = state = new();
        }

        if (!update.Full && (state.Incarnation != update.Incarnation || update.Sequence != state.Sequence + 1))
        {
            if (update.Sequence > state.Sequence || state.Incarnation != update.Incarnation)
            {
                node.Send(from, new ClosedResync());
            }

            return;
        }

        // What was told before stays true, also where this tells of log entries that do not come any more.
        foreach (var entry in update.Entries)
        {
            if (node.Replicas.TryGetValue(entry.Range, out var replica))
            {
                replica.Resolved();
            }
        }

        if (update.Full)
        {
            if (state.Incarnation == update.Incarnation && update.Sequence <= state.Sequence)
            {
                return;
            }

            state.Entries.Clear();
        }

        state.Incarnation = update.Incarnation;
        state.Sequence = update.Sequence;
        state.Closed = update.Closed;
        state.At = node.Clock.Mono();
        foreach (var entry in update.Entries)
        {
            state.Entries[entry.Range] = entry;
        }

        foreach (var range in update.Dropped)
        {
            state.Entries.Remove(range);
        }
    }

    public void Resync(NodeId from) => _resync[from] = true;

    /// <summary>The closed time that a replica may serve when it has applied an index, and how long ago the leader spoke.</summary>
    public (HlcTimestamp Closed, long AgeMicros) Lookup(NodeId leader, RangeId range, LogIndex applied, MonoTime now)
    {
        if (!_received.TryGetValue(leader, out var state)
            || !state.Entries.TryGetValue(range, out var entry)
            || (entry.Index > applied && !PlantedBug.Is("engine.closed-ignores-index")))
        {
            return (HlcTimestamp.Zero, 0);
        }

        return (entry.Closed ?? state.Closed, now.MicrosSince(state.At));
    }

    // Every range in its lease has a quorum of supporters, and each supporter has reserved at least this much for this node.
    private HlcTimestamp SafeBound()
    {
        var bound = node.Liveness.DurableLimit;
        var now = node.Clock.Mono();
        foreach (var peer in node.Peers)
        {
            if (node.Liveness.Received(peer).Until > now)
            {
                bound = HlcTimestamp.Earlier(bound, node.Liveness.AcknowledgedBound(peer));
            }
        }

        return bound;
    }

    private void Review(RangeId id, RangeReplica replica, HlcTimestamp closed)
    {
        if (replica.Stopped || replica.Descriptor is null || !replica.MayServe() || replica.Core.Bound < closed)
        {
            if (_led.Remove(id))
            {
                _changed[id] = true;
            }

            // A leader that cannot serve now may again without anything else happening to it.
            if (replica.Stopped || !replica.Leads)
            {
                _touched.Remove(id);
            }

            return;
        }

        var below = replica.ClosedLimit();
        HlcTimestamp? own = below < closed ? below : null;
        var entry = new ClosedEntry(id, replica.Core.LastIndex, own);
        if (!_led.TryGetValue(id, out var known) || known != entry)
        {
            _led[id] = entry;
            _changed[id] = true;
        }

        if (own is null && !replica.HasInFlight)
        {
            _touched.Remove(id);
        }
    }

    private sealed class Received
    {
        public Incarnation Incarnation { get; set; }

        public long Sequence { get; set; }

        public HlcTimestamp Closed { get; set; }

        public MonoTime At { get; set; }

        public Dictionary<RangeId, ClosedEntry> Entries { get; } = [];
    }
}
