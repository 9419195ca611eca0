using OrleansGeo.Primitives;

namespace OrleansGeo.Consensus;

/// <summary>
/// Store liveness: who this node supports, who supports it, and how far ahead its leaders may serve. One per node, for all its ranges.
/// <para>
/// Giving. Support for a peer's incarnation is given at an epoch, and its record is durable before the first grant leaves; a renewal costs
/// no
/// write. It lasts D from the receipt of the heartbeat. When it lapses the epoch is raised durably; until that is done
/// <see cref="Given"/> still names the old epoch, so that no vote can rely on a withdrawal that a crash could undo. After a restart every
/// recorded support is presumed live for D, because a renewal may have left right before the crash. A higher incarnation of the peer is
/// refused until the older one's support ran out: nothing here proves that the older process is gone.
/// </para>
/// <para>
/// Receiving. A grant counts until this node's own send time of the heartbeat + D(1-ρ). The supporter received it no earlier than it was
/// sent, and its clock runs at most 1/(1-ρ) times as fast, so its D ends no earlier in true time. No two nodes' clocks are compared.
/// </para>
/// <para>
/// Bounds. A heartbeat asks for the bound W + D, where W is the latest wall time known here: this node's own, or one that heartbeats told
/// of, because clocks that others drag along move with the foremost wall clock. Or for a little above the clock where that is ahead of all:
/// then a bound pushed it there, and it stands still until wall time meets it. (The clock + D would carry clocks off: a new leader starts
/// above its predecessor's bound, asks for D more, and its successor starts above that.) It is acknowledged once this node's HLC limit at
/// or above it is durable. A limit is raised a little further than asked, so that one write serves all peers of one heartbeat interval; not
/// further ahead of wall time than such an interval takes, because a next leader starts above it.
/// </para>
/// </summary>
public sealed partial class StoreLiveness : ISupportView
{
    private const long DefaultRttMicros = 1_000;
    private const long RetryMicros = 10_000;
    private const long BoundSlackMillis = 20;
    private readonly NodeId _self;
    private readonly Incarnation _incarnation;
    private readonly LivenessSettings _settings;
    private readonly SortedDictionary<NodeId, Supported> _given = [];
    private readonly SortedDictionary<NodeId, Supporter> _received = [];
    private readonly Queue<(long Token, HlcTimestamp Limit)> _limitsUnderWay = new();
    private HlcTimestamp _issuedLimit;
    private HlcTimestamp _askedBound;
    private long _latestWallMillis;
    private HlcTimestamp _limitCap = HlcTimestamp.Max;
    private MonoTime _nextBeat = MonoTime.Never;
    private MonoTime _retryBeat = MonoTime.Forever;
    private long _lastToken;
    private long _durableToken;

    /// <summary>Starts a node's liveness from what was durable.</summary>
    public StoreLiveness(
        NodeId self,
        Incarnation incarnation,
        LivenessSettings settings,
        IEnumerable<SupportRecord> restored,
        HlcTimestamp durableLimit,
        MonoTime now)
    {
        _self = self;
        _incarnation = incarnation;
        _settings = settings;
        DurableLimit = _issuedLimit = durableLimit;
        foreach (var record in restored)
        {
            var forgets = PlantedBug.Is("liveness.forget-support-on-restart");
            _given.Add(record.To, new(record)
            {
                State = forgets ? SupportState.None : SupportState.Active,
                ExpiresAt = now.AddMicros(settings.SupportMicros),
            });
        }
    }

    /// <summary>What the last inputs ask for. The engine performs it and clears it.</summary>
    public LivenessEffects Effects { get; } = new();

    /// <summary>When <see cref="Tick"/> has something to do next.</summary>
    public MonoTime NextWake
    {
        get
        {
            var wake = MonoTime.Min(_nextBeat, _retryBeat);
            foreach (var (_, supported) in _given)
            {
                wake = supported.State == SupportState.Active ? MonoTime.Min(wake, supported.ExpiresAt) : wake;
            }

            foreach (var (_, supporter) in _received)
            {
                wake = MonoTime.Min(wake, supporter.LapseAt);
            }

            return wake;
        }
    }

    /// <inheritdoc />
    public HlcTimestamp DurableLimit { get; private set; }

    /// <summary>True once <see cref="Drain"/> was called: its heartbeats say that this node leaves.</summary>
    public bool IsDraining { get; private set; }

    /// <summary>Tells every peer, from the next heartbeat on, which is now. For good: a node that comes back is a new start of
    /// it.</summary>
    public void Drain(MonoTime now)
    {
        IsDraining = true;
        _nextBeat = MonoTime.Min(_nextBeat, now);
    }

    /// <summary>True when the peer said last that it leaves.</summary>
    public bool Drains(NodeId peer) => peer == _self ? IsDraining : _received.TryGetValue(peer, out var known) && known.IsDraining;

    /// <summary>Names the nodes to exchange heartbeats with; this node itself is left out. A new one is asked at the next tick.</summary>
    public void SetPeers(IReadOnlyCollection<NodeId> peers)
    {
        foreach (var gone in _received.Keys.Where(p => !peers.Contains(p)).ToList())
        {
            _received.Remove(gone);
            NoteChanged(gone);
        }

        foreach (var peer in peers)
        {
            if (peer != _self && _received.TryAdd(peer, new()))
            {
                _nextBeat = MonoTime.Never;
            }
        }
    }

    /// <summary>
    /// Lets time pass. Heartbeats leave only while storage is healthy (a sync completed within D/2): a stalled disk is a dead node.
    /// </summary>
    public void Tick(MonoTime now, HlcTimestamp clock, bool storageHealthy, long? physicalMillis = null)
    {
        foreach (var (node, supported) in _given)
        {
            if (supported.State == SupportState.Active && now >= supported.ExpiresAt)
            {
                Withdraw(node, supported, supported.Record.Incarnation);
            }
        }

        foreach (var (node, supporter) in _received)
        {
            if (now >= supporter.LapseAt)
            {
                supporter.LapseAt = supporter.LapseAt < supporter.HeardUntil ? supporter.HeardUntil : MonoTime.Forever;
                NoteChanged(node);
            }
        }

        if (now >= _nextBeat || now >= _retryBeat)
        {
            Beat(now, clock, storageHealthy, physicalMillis ?? clock.WallMillis);
        }
    }

    /// <summary>
    /// A leader waits for a bound: brings the next heartbeat forward unless one that asks for as much is on its way. So a clock that jumped
    /// costs its ranges one round, and not the rest of a heartbeat's interval besides.
    /// </summary>
    public void HurryBound(HlcTimestamp bound, MonoTime now)
    {
        if (bound > _askedBound)
        {
            _nextBeat = MonoTime.Min(_nextBeat, now);
        }
    }

    /// <summary>
    /// Takes a heartbeat or an answer. A wall time or bound too far ahead of the clock given is not believed.
    /// </summary>
    public void Receive(LivenessMessage message, MonoTime now, HlcTimestamp clock)
    {
        Invariant.Holds(message.To == _self);
        if (message.LatestWallMillis <= clock.WallMillis + _settings.MaxBoundAheadMillis)
        {
            _latestWallMillis = Math.Max(_latestWallMillis, message.LatestWallMillis);
        }

        if (message.IsReply)
        {
            OnAnswer(message, now);
        }
        else
        {
            if (_received.TryGetValue(message.From, out var sender))
            {
                sender.IsDraining = message.IsDraining;
            }

            OnHeartbeat(message, now, clock);
        }
    }

    /// <summary>The batch named by the token, and all before it, are durable.</summary>
    public void Persisted(long token, MonoTime now)
    {
        _durableToken = Math.Max(_durableToken, token);
        while (_limitsUnderWay.TryPeek(out var limit) && limit.Token <= token)
        {
            DurableLimit = _limitsUnderWay.Dequeue().Limit;
        }

        foreach (var (node, supported) in _given)
        {
            if (supported.Token <= token && supported.State == SupportState.Withdrawing)
            {
                supported.State = SupportState.None;
                NoteChanged(node);
            }
        }
    }

    private void Beat(MonoTime now, HlcTimestamp clock, bool storageHealthy, long physicalMillis)
    {
        var regular = now >= _nextBeat;
        _nextBeat = regular ? now.AddMicros(_settings.HeartbeatMicros) : _nextBeat;
        _latestWallMillis = Math.Max(_latestWallMillis, physicalMillis);
        var reachMillis = (_settings.SupportMicros + (2 * _settings.HeartbeatMicros)) / 1000;
        _limitCap = HlcTimestamp.FromMillis(_latestWallMillis).AddMillis(reachMillis);
        _retryBeat = MonoTime.Forever;
        var wanted = HlcTimestamp.Later(
            HlcTimestamp.FromMillis(_latestWallMillis).AddMillis(_settings.SupportMicros / 1000), clock.AddMillis(BoundSlackMillis));
        if (!storageHealthy)
        {
            return;
        }

        _askedBound = regular ? HlcTimestamp.Later(_askedBound, wanted) : _askedBound;

        // The node's own limit counts like a peer's acknowledgement for the ranges it leads.
        ReserveLimit(wanted);
        foreach (var (node, supporter) in _received)
        {
            if (!regular && now < supporter.AskAt)
            {
                _retryBeat = MonoTime.Min(_retryBeat, supporter.AskAt);
                continue;
            }

            supporter.AskAt = MonoTime.Forever;
            Effects.SendNow.Add(new()
            {
                From = _self,
                To = node,
                Incarnation = _incarnation,
                IsReply = false,
                SentAt = now,
                Epoch = supporter.Epoch,
                Bound = wanted,
                Clock = clock,
                LatestWallMillis = _latestWallMillis,
                IsDraining = IsDraining,
            });
        }
    }

    private long OpenToken()
    {
        if (Effects.Token == 0)
        {
            Effects.Token = ++_lastToken;
        }

        return Effects.Token;
    }

    private void NoteChanged(NodeId node)
    {
        if (!Effects.Changed.Contains(node))
        {
            Effects.Changed.Add(node);
        }
    }

    private enum SupportState
    {
        None,
        Active,
        Withdrawing,
    }

    private sealed class Supported(SupportRecord record)
    {
        public SupportRecord Record { get; set; } = record;

        public SupportState State { get; set; }

        public SupportEpoch GivenEpoch { get; set; } = record.Epoch;

        public MonoTime ExpiresAt { get; set; }

        public MonoTime LastSentAt { get; set; } = MonoTime.Never;

        public long Token { get; set; }
    }

    private sealed class Supporter
    {
        public SupportEpoch Epoch { get; set; }

        public MonoTime Until { get; set; } = MonoTime.Never;

        public MonoTime HeardUntil { get; set; } = MonoTime.Never;

        public MonoTime LapseAt { get; set; } = MonoTime.Forever;

        public MonoTime AskAt { get; set; } = MonoTime.Forever;

        public HlcTimestamp Bound { get; set; }

        public long RttMicros { get; set; } = DefaultRttMicros;

        public bool IsMeasured { get; set; }

        public bool IsDraining { get; set; }
    }
}
