using OrleansGeo.Consensus;
using OrleansGeo.Primitives;
using OrleansGeo.Storage;
using OrleansGeo.Transactions;

namespace OrleansGeo.Engine;

/// <summary>
/// One replica of one range on this node: the shell around the consensus core. It performs what the core decides, applies what is
/// committed, and, while it leads, evaluates requests.
/// <para>
/// Why an answer is right. Only a leader in its lease evaluates (<see cref="Replica.MayServe"/>), after it has applied its own first entry,
/// so it has applied every write acknowledged before its term. It checks the lease again after evaluating, with a fresh reading of the
/// clock, so a process that was paused in between answers nothing. A write is evaluated under latches on its keys, which it holds until it
/// is applied, so no two evaluations interleave on a key. A read leaves its timestamp in the timestamp cache, and a write takes a timestamp
/// above that; a leader reads only up to a bound that a quorum has durably reserved, and its successor starts its cache above the bound.
/// </para>
/// <para>
/// When leadership ends, every undecided write is answered as ambiguous: the asker retries with the same request id at the next leader,
/// whose log either holds the write, and then its record answers, or never will.
/// </para>
/// </summary>
internal sealed partial class RangeReplica
{
    // Performing what the core asks for makes it ask for a little more; a core that never comes to rest is broken.
    private const int StepsMax = 10_000;

    private readonly Node _node;
    private readonly Replica _core;
    private readonly byte[] _appliedKey;
    private ReplicaState _state;
    private LogIndex _applied;
    private Term _leadingTerm;
    private Term _campaignTerm;
    private MonoTime _armedFor = MonoTime.Forever;
    private bool _stopped;

    public RangeReplica(Node node, StoredReplica stored)
    {
        _node = node;
        Id = stored.Range;
        _state = stored.State ?? new(null, default, default, null);
        _applied = _storedApplied = stored.Applied;
        _appliedKey = LocalKeys.Replica(Id, LocalKeys.AppliedKind);
        _latches = new(node.Options.LatchWaitersMax);
        _locks = new(node.Options.LatchWaitersMax);
        var settings = new ReplicaSettings(Id, node.Id) { SupportMicros = node.Options.SupportMicros, DriftPpm = node.Options.DriftPpm };
        var restored = new RestoredReplica(
            stored.HardState, _state.Truncated, _state.TruncatedTerm, _state.Base, stored.Log, LogIndex.Max(_applied, _state.Truncated));
        _core = new(settings, restored, node.Liveness, node.Prng.Fork((ulong)Id.Value), node.Clock.Mono());
        _lastStored = _core.LastIndex;
        LoadTransactions(stored.Swept);
        RefreshCampaignDelay();
    }

    public RangeId Id { get; }

    /// <summary>The range as of the last applied entry; null while the replica waits for its first snapshot.</summary>
    public RangeDescriptor? Descriptor => _state.Descriptor;

    public Replica Core => _core;

    public LogIndex Applied => _applied;

    public bool IsDirty { get; set; }

    public bool Leads => _core.IsLeader;

    public bool Stopped => _stopped;

    public bool MayServe() => _core.MayServe(_node.Clock.Mono());

    public void Receive(Message message)
    {
        _core.Receive(message, _node.Clock.Mono());
        _node.MarkDirty(this);
    }

    public void SupportChanged(NodeId peer)
    {
        RefreshCampaignDelay();
        _core.SupportChanged(peer, _node.Clock.Mono());
        _node.Closed.Touch(this);
        _node.MarkDirty(this);
    }

    public void Persisted(Term term, LogIndex upTo)
    {
        if (!_stopped)
        {
            _core.Persisted(term, upTo, _node.Clock.Mono());
            _node.MarkDirty(this);
        }
    }

    /// <summary>Lets followers know of commits that waited for company.</summary>
    public void TellCommit()
    {
        if (_core.HasUntoldCommit)
        {
            _core.TellCommit();
            _node.MarkDirty(this);
        }
    }

    /// <summary>Performs everything the core asks for, into the node's current turn.</summary>
    public void Drain(NodeTurn turn)
    {
        IsDirty = false;
        if (_stopped)
        {
            return;
        }

        _node.Stir(this);
        _core.Flush(_node.Clock.Mono());
        var before = _applied;
        var effects = _core.Effects;
        PerformAll(effects, turn);
        if (_hasArrived && !_stopped)
        {
            InstallSnapshot(turn);
            PerformAll(effects, turn);
        }

        if (_stopped)
        {
            return;
        }

        if (_applied != before)
        {
            CompactLog(turn);
            StoreApplied(turn);
        }

        ArmWake();
    }

    /// <summary>Stops for good and removes the replica's records and data from this node.</summary>
    public void Remove(NodeTurn turn)
    {
        Stop();
        ReplicaStore.DeleteReplica(turn.Batch, Id);
        if (Descriptor is { } descriptor)
        {
            DeleteData(turn.Batch, descriptor.Span);
        }
    }

    /// <summary>Stops for good; requests under way are answered as ambiguous.</summary>
    public void Stop()
    {
        if (!_stopped)
        {
            LoseLeadership();
            _core.StepDown(_node.Clock.Mono());
            foreach (var message in _core.Effects.SendNow)
            {
                _node.Post(message);
            }

            _stopped = true;
            _node.Closed.Forget(this);
        }
    }

    /// <summary>How long this replica lets better placed ones go first when a leader is lost.</summary>
    public void RefreshCampaignDelay()
    {
        if (Descriptor is { } descriptor)
        {
            _core.CampaignDelayMicros = LeaseRanking.DelayMicros(_node, descriptor, _core.Leader);
        }
    }

    private void PerformAll(ReplicaEffects effects, NodeTurn turn)
    {
        for (var step = 0; !effects.IsEmpty && !_stopped; step++)
        {
            Invariant.Holds(step < StepsMax);
            Perform(effects, turn);
        }
    }

    private void Perform(ReplicaEffects effects, NodeTurn turn)
    {
        turn.Send(effects.SendNow);
        if (effects.HasPersist)
        {
            Persist(effects, turn);
        }

        turn.SendAfterSync(effects.SendAfterPersist);
        var statusChanged = effects.StatusChanged;
        var offered = effects.SnapshotOffered;
        var path = effects.CommitPath;
        var committed = turn.Rent(effects.Committed);
        effects.Clear();
        foreach (var entry in committed)
        {
            Apply(entry, path, turn);
        }

        turn.Return(committed);
        if (offered is not null)
        {
            FetchSnapshot(offered);
        }

        if (statusChanged)
        {
            StatusChanged(turn);
        }
    }

    private void Persist(ReplicaEffects effects, NodeTurn turn)
    {
        if (effects.HardState is { } hardState)
        {
            ReplicaStore.PutHardState(turn.Batch, Id, hardState, turn.Buffer);
        }

        if (effects.TruncateFrom is { } from)
        {
            ReplicaStore.DeleteEntries(turn.Batch, Id, from, LogIndex.Max(_lastStored, from));
        }

        foreach (var entry in effects.Append)
        {
            ReplicaStore.PutEntry(turn.Batch, Id, entry, turn.Buffer);
        }

        if (effects.Append.Count > 0)
        {
            var last = effects.Append[^1];
            _lastStored = last.Index;
            turn.PersistedAfterSync(this, last.Term, last.Index);
        }
        else
        {
            turn.NeedsSync();
        }
    }

    private void StatusChanged(NodeTurn turn)
    {
        CountCampaign();
        if (_core.IsLeader && _leadingTerm != _core.Term)
        {
            LoseLeadership();
            _leadingTerm = _core.Term;
            _node.Counters.LeadershipsGained++;
        }
        else if (!_core.IsLeader)
        {
            LoseLeadership();
        }

        _node.Closed.Touch(this);

        // Not now: what this turn applied is not in storage yet, and an evaluation must see all of it.
        if (_parked.Count > 0)
        {
            turn.ServeAfterwards(this);
        }
    }

    private void LoseLeadership()
    {
        if (_leadingTerm != default)
        {
            _leadingTerm = default;
            _node.Counters.LeadershipsLost++;
            AbandonRequests();
        }
    }

    private void CountCampaign()
    {
        if (_core.Role == ReplicaRole.Candidate && _campaignTerm != _core.Term)
        {
            _campaignTerm = _core.Term;
            _node.Counters.Campaigns++;
        }
    }

    private void ArmWake()
    {
        var next = _core.NextWake;
        if (next < _armedFor)
        {
            _armedFor = next;
            _node.Timers.At(next, () => Wake(next));
        }
    }

    private void Wake(MonoTime due)
    {
        if (_stopped || _armedFor != due)
        {
            return;
        }

        _armedFor = MonoTime.Forever;
        var now = _node.Clock.Mono();
        if (_core.NextWake <= now)
        {
            _core.Wake(now);
            _node.MarkDirty(this);
        }
        else
        {
            ArmWake();
        }
    }
}
