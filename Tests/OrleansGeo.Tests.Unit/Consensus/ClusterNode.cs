using OrleansGeo.Consensus;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tests.Unit.Consensus;

/// <summary>One node of a <see cref="ReplicaCluster"/>: what the engine does, in small. Disk fields are what survives a crash.</summary>
public sealed class ClusterNode(ReplicaCluster cluster, NodeId id, Prng prng)
{
    private const long WallOrigin = 1_700_000_000_000;
    private readonly SortedDictionary<int, SupportRecord> _diskSupport = [];
    private readonly List<LogEntry> _diskLog = [];
    private readonly Queue<(Action ToDisk, Action Durable)> _writes = new();
    private readonly LivenessSettings _liveness = new();
    private HardState _diskHard = HardState.Initial;
    private SnapshotPoint? _diskBase = new(default, default, cluster.Initial);
    private HlcTimestamp _diskLimit;
    private long _diskApplied;
    private long _diskBusyUntil;
    private long _monoOffset;
    private double _rate = 1;
    private long _skewMillis;
    private HlcTimestamp _clockFloor;
    private Term _raisedFor;
    private bool _inTurn;
    private string _status = "";

    public NodeId Id { get; } = id;

    public int Life { get; private set; }

    public Replica? Replica { get; private set; }

    public StoreLiveness? Liveness { get; private set; }

    public bool IsUp => Replica is not null;

    public long PausedUntil { get; private set; }

    public long CampaignDelayMicros { get; set; }

    /// <summary>Told of every change of role or of the ability to serve, for transcripts.</summary>
    public Action<string>? OnStatus { get; set; }

    public bool StorageHealthy { get; set; } = true;

    /// <summary>Lets the disk finish nothing while it is set: what is written waits, or is lost with a crash.</summary>
    public bool DiskStalled { get; set; }

    public MonoTime Mono => new(_monoOffset + (long)(cluster.Now * _rate));

    public HlcTimestamp Clock =>
        HlcTimestamp.Later(HlcTimestamp.FromMillis(WallOrigin + (cluster.Now / 1000) + _skewMillis), _clockFloor);

    public bool MayServe => IsUp && PausedUntil <= cluster.Now && Replica!.MayServe(Mono);

    public long NextWake
    {
        get
        {
            if (!IsUp)
            {
                return long.MaxValue;
            }

            var wake = MonoTime.Min(Replica!.NextWake, Liveness!.NextWake);
            if (wake == MonoTime.Forever)
            {
                return long.MaxValue;
            }

            var at = Math.Max(0, (long)Math.Ceiling((wake.Micros - _monoOffset) / _rate) + 1);
            return Math.Max(at, PausedUntil);
        }
    }

    public void Start()
    {
        Life++;
        _monoOffset = prng.Below(1_000_000_000_000L);
        _rate = 1 + (prng.Between(-cluster.Faults.DriftPpm / 2, cluster.Faults.DriftPpm / 2) * 0.98 / 1e6);
        _skewMillis = prng.Between(-cluster.Faults.SkewMillis, cluster.Faults.SkewMillis);
        _clockFloor = _diskLimit;
        _raisedFor = default;
        PausedUntil = 0;
        _diskBusyUntil = cluster.Now;
        _writes.Clear();
        Liveness = new(Id, new(Life), _liveness, _diskSupport.Values, _diskLimit, Mono);
        Liveness.SetPeers([.. cluster.Nodes.Select(n => n.Id)]);
        var truncated = _diskBase?.Index ?? default;
        Replica = new(
            new(ReplicaCluster.Range, Id),
            new(_diskHard, truncated, _diskBase?.Term ?? default, _diskBase?.Configuration, [.. _diskLog], new(_diskApplied)),
            Liveness,
            prng.Fork((ulong)Life),
            Mono)
        {
            CampaignDelayMicros = CampaignDelayMicros,
        };
        cluster.Checks.Started(this, _diskApplied);
    }

    public void SetPeers() => Liveness?.SetPeers([.. cluster.Nodes.Select(n => n.Id)]);

    public void Forget() => _diskBase = null;

    public void Crash()
    {
        Replica = null;
        Liveness = null;
        DiskStalled = false;
        Life++;
    }

    /// <summary>Stops the process for a while; its inputs wait. A pause is never cut short, so that its inputs keep their order.</summary>
    public void Pause(long micros) => PausedUntil = Math.Max(PausedUntil, cluster.Now + micros);

    public void Wake() => Turn(() =>
    {
        Liveness!.Tick(Mono, Clock, StorageHealthy);
        Replica!.Wake(Mono);
    });

    /// <summary>One turn of the engine: an input, then effects until there are none.</summary>
    public void Turn(Action input)
    {
        if (_inTurn)
        {
            throw new InvalidOperationException("a turn within a turn");
        }

        _inTurn = true;
        try
        {
            input();
            do
            {
                DrainLiveness();
                Replica!.Flush(Mono);
                DrainReplica();
            }
            while (!Liveness!.Effects.IsEmpty || !Replica.Effects.IsEmpty);
        }
        finally
        {
            _inTurn = false;
        }

        RaiseClock();
        var status = $"{Id} {Replica!.Role} {Replica.Term}{(MayServe ? " serves" : "")}";
        if (status != _status)
        {
            _status = status;
            OnStatus?.Invoke(status);
        }
    }

    public ProposeOutcome Propose(string text)
    {
        var outcome = ProposeOutcome.NotLeader;
        Turn(() => outcome = Replica!.Propose(System.Text.Encoding.UTF8.GetBytes(text), Mono, out _));
        return outcome;
    }

    public ProposeOutcome Reconfigure(Configuration target)
    {
        var outcome = ProposeOutcome.NotLeader;
        Turn(() => outcome = Replica!.ProposeConfiguration(target, Mono));
        return outcome;
    }

    public ProposeOutcome Transfer(int to)
    {
        var outcome = ProposeOutcome.NotLeader;
        Turn(() => outcome = Replica!.TransferLeadership(new(to), Mono));
        return outcome;
    }

    /// <summary>Removes stored entries, as the engine does when a log is long; only what is applied durably.</summary>
    public void Compact(LogIndex upTo)
    {
        if (!IsUp || upTo.Value > _diskApplied || upTo < Replica!.FirstIndex)
        {
            return;
        }

        Turn(() => Replica.Compact(upTo));
        var term = _diskLog[(int)(upTo.Value - _diskBase!.Index.Value - 1)].Term;
        _diskLog.RemoveRange(0, (int)(upTo.Value - _diskBase.Index.Value));
        _diskBase = new(upTo, term, cluster.Checks.ConfigurationAt(upTo.Value));
    }

    public override string ToString() => !IsUp ? $"{Id} down"
        : $"{Id} {Replica!.Role} {Replica.Term} leader={Replica.Leader} "
        + $"log={Replica.FirstIndex}-{Replica.LastIndex} commit={Replica.CommitIndex} "
        + $"applied={Replica.AppliedIndex} serves={MayServe} moving={Replica.IsTransferring} voters={Describe(Replica.Configuration)}"
        + string.Concat(Replica.Progress(Mono).Select(p => $"\n      {p}"));

    private static string Describe(Configuration? c) => c is null ? "none"
        : $"[{string.Join(' ', c.Voters)}]+[{string.Join(' ', c.OutgoingVoters)}] "
            + $"non=[{string.Join(' ', c.NonVoters)}] wit=[{string.Join(' ', c.Witnesses)}]";

    private void RaiseClock()
    {
        if (Replica!.IsLeader && _raisedFor != Replica.Term)
        {
            _raisedFor = Replica.Term;
            _clockFloor = HlcTimestamp.Later(_clockFloor, Replica.VotedBound.Next);
        }
    }

    private void DrainLiveness()
    {
        var effects = Liveness!.Effects;
        effects.SendNow.ForEach(cluster.Send);
        if (effects.Token != 0)
        {
            SupportRecord[] records = [.. effects.Records];
            LivenessMessage[] after = [.. effects.SendAfterPersist];
            var (limit, token) = (effects.Limit, effects.Token);
            Write(
                () =>
                {
                    Array.ForEach(records, r => _diskSupport[r.To.Value] = r);
                    _diskLimit = limit is { } l ? HlcTimestamp.Later(_diskLimit, l) : _diskLimit;
                },
                () =>
                {
                    Liveness!.Persisted(token, Mono);
                    Array.ForEach(after, cluster.Send);
                });
        }

        NodeId[] changed = [.. effects.Changed];
        effects.Clear();
        Array.ForEach(changed, peer => Replica!.SupportChanged(peer, Mono));
    }

    private void DrainReplica()
    {
        var effects = Replica!.Effects;
        cluster.Checks.Drained(this, effects);
        Message[] now = [.. effects.SendNow];
        if (effects.HasPersist || effects.SendAfterPersist.Count > 0)
        {
            WriteLog(effects);
        }

        LogEntry[] committed = [.. effects.Committed];
        var offer = effects.SnapshotOffered;
        effects.Clear();
        Array.ForEach(now, cluster.Send);
        if (committed.Length > 0)
        {
            Array.ForEach(committed, e => cluster.Checks.Applied(this, e));
            Write(() => _diskApplied = Math.Max(_diskApplied, committed[^1].Index.Value), () => { });
            Replica.Applied(committed[^1].Index, Mono);
        }

        if (offer is not null)
        {
            cluster.Schedule(this, 2_000, () => FetchSnapshot(cluster[offer.From.Value]));
        }
    }

    private void WriteLog(ReplicaEffects effects)
    {
        LogEntry[] entries = [.. effects.Append];
        Message[] after = [.. effects.SendAfterPersist];
        var (hard, from) = (effects.HardState, effects.TruncateFrom);
        Write(
            () =>
            {
                _diskHard = hard ?? _diskHard;
                if (from is { } index)
                {
                    var keep = (int)Math.Max(0, index.Value - _diskBase!.Index.Value - 1);
                    _diskLog.RemoveRange(Math.Min(keep, _diskLog.Count), Math.Max(0, _diskLog.Count - keep));
                }

                _diskLog.AddRange(entries);
            },
            () =>
            {
                if (entries.Length > 0)
                {
                    Replica!.Persisted(entries[^1].Term, entries[^1].Index, Mono);
                }

                Array.ForEach(after, cluster.Send);
            });
    }

    private void Write(Action toDisk, Action durable)
    {
        _writes.Enqueue((toDisk, durable));
        _diskBusyUntil = Math.Max(_diskBusyUntil, cluster.Now) + prng.Between(cluster.Faults.DiskMin, cluster.Faults.DiskMax);
        cluster.Schedule(this, _diskBusyUntil - cluster.Now, () =>
        {
            if (!DiskStalled)
            {
                var (write, then) = _writes.Dequeue();
                write();
                Turn(then);
            }
        });
    }

    private void FetchSnapshot(ClusterNode source)
    {
        if (!source.IsUp || !source.Replica!.IsInitialised)
        {
            return;
        }

        var index = source.Replica.AppliedIndex;
        var point = new SnapshotPoint(index, cluster.Checks.TermAt(index.Value), cluster.Checks.ConfigurationAt(index.Value));

        // The engine installs in one durable step behind all its earlier writes.
        Write(() => { }, () =>
        {
            if (_writes.Count > 0 || !Replica!.CanInstall(point))
            {
                return;
            }

            _diskBase = point;
            _diskLog.Clear();
            _diskApplied = point.Index.Value;
            cluster.Checks.Started(this, _diskApplied);
            Replica.SnapshotInstalled(point, Mono);
        });
    }
}
