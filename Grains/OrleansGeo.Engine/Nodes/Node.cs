using OrleansGeo.Consensus;
using OrleansGeo.Primitives;
using OrleansGeo.Storage;
using OrleansGeo.Transactions;

namespace OrleansGeo.Engine;

/// <summary>
/// One node: it hosts replicas of ranges on one storage engine, exchanges heartbeats with every other node, and answers requests.
/// Everything it does runs on the one scheduler it was given, in turns: inputs (messages, timers, calls) go to the cores; at the end of a
/// turn all their effects are performed together, one write and one sync for all ranges. Time and chance are given in as well, so the same
/// code runs under the simulator.
/// <para>
/// A failed write or sync stops the node for good. A broken invariant stops the replica it is found in.
/// </para>
/// </summary>
public sealed partial class Node : IEnvelopeReceiver, IDisposable
{
    // A turn in which replicas keep making each other work would never end.
    private const int RoundsMax = 1_000;

    private readonly SortedDictionary<RangeId, RangeReplica> _replicas = [];
    private readonly Dictionary<RangeId, HardState> _removed = [];
    private readonly List<RangeReplica> _removals = [];
    private readonly NodeScheduler _scheduler;
    private readonly NodeTurn _turn;
    private List<RangeReplica> _dirty = [];
    private List<RangeReplica> _draining = [];
    private SyncWork _spareSync = new();
    private HlcTimestamp _storedLimit;
    private MonoTime _lastSync;
    private NodeFigures? _figures;
    private NodeSurvey? _survey;
    private MonoTime _surveyAt;
    private bool _turnScheduled;
    private bool _syncing;
    private bool _stopped;

    private Node(NodeOptions options, NodeIdentity identity, Incarnation incarnation, HlcTimestamp limit, NodeParts parts)
    {
        Options = options;
        Identity = identity;
        Incarnation = incarnation;
        Storage = parts.Storage;
        _scheduler = parts.Scheduler;
        Prng = new(parts.Seed);
        Clock = new(parts.Time, limit);
        Outbox = new(identity.Node, incarnation, parts.Transport);
        Timers = new(Clock, parts.Scheduler);
        _timeouts = new(Clock, Timers, _calls.ContainsKey, GiveUp);
        Closed = new(this);
        Snapshots = new(this);
        Recovery = new(new(this));
        Sweeper = new(this);
        _turn = new(this);
        _lastCall = incarnation.Value << 40;
        _storedLimit = limit;
        _lastSync = Clock.Mono();
        Events = parts.Events;
        Metrics = parts.Metrics;
        var settings = new LivenessSettings
        {
            SupportMicros = options.SupportMicros,
            HeartbeatMicros = options.HeartbeatMicros,
            DriftPpm = options.DriftPpm,
        };
        Liveness = new(identity.Node, incarnation, settings, NodeStore.ReadSupport(Storage), limit, Clock.Mono());
    }

    /// <summary>What the node was told at its start.</summary>
    public NodeOptions Options { get; }

    /// <summary>Who it is.</summary>
    public NodeIdentity Identity { get; }

    /// <summary>Its id.</summary>
    public NodeId Id => Identity.Node;

    /// <summary>This start of it.</summary>
    public Incarnation Incarnation { get; }

    /// <summary>True once it stopped, by request or by a failure.</summary>
    public bool IsStopped => _stopped;

    internal IStorageEngine Storage { get; }

    internal StoreLiveness Liveness { get; }

    internal NodeClock Clock { get; }

    internal NodeTimers Timers { get; }

    internal Outbox Outbox { get; }

    internal ClosedTimestamps Closed { get; }

    internal SnapshotSource Snapshots { get; }

    internal TransactionRecovery Recovery { get; }

    internal GarbageSweeper Sweeper { get; }

    internal Prng Prng { get; }

    internal INodeEvents Events { get; }

    internal NodeCounters Counters { get; } = new();

    /// <summary>What was found when the node last went over all it has; null before the first time, and where nobody watches.</summary>
    internal NodeFigures? Figures => Volatile.Read(ref _figures);

    internal MvccReader Mvcc { get; } = new();

    internal CodecWriter Scratch { get; } = new(1024);

    /// <summary>For what is about to be proposed: whoever fills it proposes it before anything else is evaluated.</summary>
    internal TransactCommand ScratchCommand { get; } = new();

    internal IReadOnlyList<NodeId> Peers { get; private set; } = [];

    internal IReadOnlyDictionary<RangeId, RangeReplica> Replicas => _replicas;

    /// <summary>
    /// Opens a node on storage that <see cref="NodeStore.InitialiseAsync"/> prepared, and starts it. Called on the node's scheduler.
    /// Its new incarnation is durable before it sends anything.
    /// </summary>
    public static async Task<Node> StartAsync(NodeOptions options, NodeParts parts)
    {
        var identity = NodeStore.ReadIdentity(parts.Storage, options.Name);
        var incarnation = await NodeStore.RaiseIncarnationAsync(parts.Storage);
        var node = new Node(options, identity, incarnation, NodeStore.ReadLimit(parts.Storage), parts);
        node.Load();
        node.ScheduleLiveness();
        node.Timers.At(node.Clock.Mono().AddMicros(options.ClosedPublishMicros), node.PublishClosed);
        node.Timers.At(node.Clock.Mono().AddMicros(options.HousekeepingMicros), node.KeepHouse);
        node.ScheduleTurn();
        node.Metrics?.Show(node);
        return node;
    }

    /// <summary>Takes an envelope that arrived.</summary>
    public void Receive(Envelope envelope)
    {
        if (_stopped)
        {
            return;
        }

        Invariant.Holds(envelope.To == Id);
        foreach (var message in envelope.Liveness)
        {
            ObserveClockOf(message.From, message.Clock);
            Outbox.NoteIncarnation(message.From, message.Incarnation);
            Liveness.Receive(message, Clock.Mono(), Clock.Peek());
        }

        foreach (var message in envelope.Consensus)
        {
            ReplicaFor(message)?.Receive(message);
        }

        var isFirstCopy = envelope.Messages.Count > 0 && IsFirstCopy(envelope);
        foreach (var message in envelope.Messages)
        {
            if (isFirstCopy || message is not RangeRequest)
            {
                Receive(envelope.From, message);
            }
        }

        if (envelope.Liveness.Count > 0)
        {
            BoundsMayHaveMoved();
        }

        if (!Liveness.Effects.IsEmpty)
        {
            ScheduleTurn();
        }
    }

    /// <summary>Stops at once: nothing more is sent, written or answered, as if the process had died.</summary>
    public void Dispose()
    {
        if (_stopped)
        {
            return;
        }

        _stopped = true;
        Metrics?.Hide(this);
        Timers.Dispose();
        Snapshots.Dispose();
        FailCalls();
    }

    /// <summary>Closes storage; after <see cref="Dispose"/>, when the process lives on.</summary>
    internal void Close() => Storage.Dispose();

    internal void MarkDirty(RangeReplica replica)
    {
        if (!replica.IsDirty)
        {
            replica.IsDirty = true;
            _dirty.Add(replica);
            ScheduleTurn();
        }
    }

    internal void ScheduleTurn()
    {
        if (!_turnScheduled && !_stopped)
        {
            _turnScheduled = true;
            _scheduler.Post(static node => ((Node)node!).RunTurn(), this);
        }
    }

    internal void Send(NodeId to, NodeMessage message)
    {
        Outbox.Add(to, message);
        ScheduleTurn();
    }

    /// <summary>Sends a consensus message; a replica's message to itself comes back in the next turn.</summary>
    internal void Post(Message message)
    {
        if (message.To != Id)
        {
            Outbox.Add(message);
        }
        else if (_replicas.TryGetValue(message.Range, out var replica))
        {
            replica.Receive(message);
        }
    }

    internal void SendBulk(NodeId to, NodeMessage message)
    {
        Outbox.AddBulk(to, message);
        ScheduleTurn();
    }

    /// <summary>Stops the node because its storage or its own state can no longer be trusted.</summary>
    internal void Fail(Exception reason)
    {
        if (!_stopped)
        {
            Events.NodeFailed(this, reason);
            Dispose();
        }
    }

    private void RunTurn()
    {
        _turnScheduled = false;
        if (_stopped)
        {
            return;
        }

        try
        {
            DrainLiveness();
            for (var round = 0; _dirty.Count > 0 || _removals.Count > 0; round++)
            {
                Invariant.Holds(round < RoundsMax);
                (_dirty, _draining) = (_draining, _dirty);
                foreach (var replica in _draining)
                {
                    DrainReplica(replica);
                }

                _draining.Clear();
                RemoveReplicas();
            }

            _turn.Complete();
            Outbox.Flush();
            if (_turn.Sync.IsNeeded && !_syncing)
            {
                _ = SyncAsync(_turn.TakeSync(_spareSync));
            }
        }
        catch (Exception failure) when (
            failure is StorageFailedException or StorageCorruptException or CodecException or InvariantViolationException)
        {
            Fail(failure);
        }
    }

    private void DrainReplica(RangeReplica replica)
    {
        var mark = _turn.Batch.Mark;
        try
        {
            replica.Drain(_turn);
        }
        catch (Exception failure) when (failure is InvariantViolationException or CodecException)
        {
            _turn.Batch.RollBack(mark);
            Events.ReplicaStopped(this, replica.Id, failure);
            replica.Stop();
        }
    }

    /// <summary>Lets a replica do a piece of its collecting, into the next turn's batch. True when there is more.</summary>
    internal bool Sweep(RangeReplica replica, CodecWriter buffer)
    {
        var mark = _turn.Batch.Mark;
        try
        {
            var more = replica.Sweep(_turn.Batch, buffer);
            ScheduleTurn();
            return more;
        }
        catch (Exception failure) when (failure is InvariantViolationException or CodecException)
        {
            _turn.Batch.RollBack(mark);
            Events.ReplicaStopped(this, replica.Id, failure);
            replica.Stop();
        }
        catch (Exception failure) when (failure is StorageFailedException or StorageCorruptException)
        {
            Fail(failure);
        }

        return false;
    }

    // One sync at a time; what comes while it runs shares the next. Work is taken only at the end of a turn, when all of it is written.
    private async Task SyncAsync(SyncWork work)
    {
        _syncing = true;
        var began = Clock.Mono();
        try
        {
            await Storage.SyncAsync();
        }
        catch (StorageFailedException failure)
        {
            Fail(failure);
        }

        _syncing = false;
        if (!_stopped)
        {
            _lastSync = Clock.Mono();
            Metrics?.Synced(_lastSync.MicrosSince(began));
            Perform(work);
            work.Clear();
            _spareSync = work;
        }
    }

    private void Perform(SyncWork work)
    {
        foreach (var message in work.Messages)
        {
            Post(message);
        }

        foreach (var (replica, term, index) in work.Persisted)
        {
            replica.Persisted(term, index);
        }

        foreach (var (replica, servedBelow) in work.Births)
        {
            replica.Inherit(servedBelow);
        }

        foreach (var token in work.LivenessTokens)
        {
            Liveness.Persisted(token, Clock.Mono());
        }

        foreach (var message in work.Liveness)
        {
            Outbox.SendNow(message);
        }

        if (work.LivenessTokens.Count > 0)
        {
            BoundsMayHaveMoved();
        }

        ScheduleTurn();
    }

    private void RemoveReplicas()
    {
        foreach (var replica in _removals)
        {
            if (_replicas.TryGetValue(replica.Id, out var current) && current == replica)
            {
                replica.Remove(_turn);
                _removed[replica.Id] = replica.Core.HardState;
                _replicas.Remove(replica.Id);
                _turn.NeedsSync();
            }
        }

        _removals.Clear();
    }
}

/// <summary>What a node is made of, given in by whoever hosts it.</summary>
/// <param name="Storage">Its storage engine, prepared and open.</param>
/// <param name="Transport">Its way to other nodes.</param>
/// <param name="Scheduler">The one scheduler it runs on.</param>
/// <param name="Time">Its clocks and timers.</param>
/// <param name="Seed">Where its chance comes from.</param>
/// <param name="Events">Who hears of its failures.</param>
/// <param name="Metrics">What shows it to whoever watches; null to show nothing.</param>
public sealed record NodeParts(
    IStorageEngine Storage, ITransport Transport, NodeScheduler Scheduler, TimeProvider Time, ulong Seed, INodeEvents Events,
    NodeMetrics? Metrics = null);

/// <summary>Hears of what an operator must know.</summary>
public interface INodeEvents
{
    /// <summary>The node stopped itself.</summary>
    void NodeFailed(Node node, Exception reason);

    /// <summary>A replica stopped itself; the node and the range's other replicas go on.</summary>
    void ReplicaStopped(Node node, RangeId range, Exception reason);

    /// <summary>
    /// What a peer sends is stamped too far ahead of this node's clock to be believed: one of the two clocks is wrong. Said once a minute
    /// for each peer.
    /// </summary>
    void ClockRefused(Node node, NodeId peer, TimeSpan ahead);
}
