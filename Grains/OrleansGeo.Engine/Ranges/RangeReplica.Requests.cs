using System.Collections.Immutable;
using OrleansGeo.Consensus;
using OrleansGeo.Primitives;
using OrleansGeo.Transactions;

namespace OrleansGeo.Engine;

// How requests come in, wait, and are answered.
internal sealed partial class RangeReplica
{
    private readonly LatchTable _latches;
    private readonly Dictionary<long, LatchedRequest> _proposed = [];
    private readonly Dictionary<Key, HlcTimestamp> _inFlight = [];
    private readonly List<LatchRequest> _granted = [];
    private bool _runningGranted;
    private readonly List<(Caller Caller, RangeOperation Operation)> _parked = [];
    private readonly List<(LogIndex Index, Caller Caller)> _appliedWaiters = [];
    private readonly TimestampCache _reads = new(65_536, 16 << 20, HlcTimestamp.Zero);

    public void Handle(Caller caller, RangeOperation operation)
    {
        _node.Stir(this);
        switch (operation)
        {
            case RangeOperation.Get get:
                HandleGet(caller, get);
                break;
            case RangeOperation.Scan scan:
                HandleScan(caller, scan);
                break;
            case RangeOperation.Write write:
                HandleWrite(caller, write);
                break;
            case RangeOperation.Freshness:
                var (resolved, age) = Resolved();
                _node.Reply(caller, new RangeOutcome.Fresh(BelowIntents(resolved), age));
                break;
            case RangeOperation.Lay lay:
                HandleLay(caller, lay);
                break;
            case RangeOperation.Look or RangeOperation.LookOver or RangeOperation.Refresh or RangeOperation.FindIntents:
                HandleTransactionRead(caller, operation);
                break;
            case RangeOperation.Conclude or RangeOperation.Finish or RangeOperation.RefuseRequest:
                HandleDecision(caller, operation);
                break;
            case RangeOperation.Split split:
                HandleSplit(caller, split);
                break;
            case RangeOperation.TransferLeader transfer:
                HandleTransfer(caller, transfer);
                break;
            case RangeOperation.Reconfigure change:
                HandleReconfigure(caller, change);
                break;
            case RangeOperation.AwaitApplied wait:
                HandleAwaitApplied(caller, wait);
                break;
            case RangeOperation.Status:
                _node.Reply(caller, Describe());
                break;
            default:
                _node.Reply(caller, new RangeOutcome.Unsuitable($"this node does not know the operation {operation.GetType().Name}"));
                break;
        }
    }

    /// <summary>Drops waiting requests that nobody waits for, and looks again at those that wait for a lease or bound.</summary>
    public void Sweep()
    {
        if (_parked.Count > 0)
        {
            ServeParked();
        }

        if (_locks.Waiting > 0)
        {
            DropExpiredWaiters();
        }

        if (_appliedWaiters.Count > 0)
        {
            var now = _node.Clock.Mono();
            _appliedWaiters.RemoveAll(waiter => waiter.Caller.Deadline < now);
        }
    }

    /// <summary>What a leader serves under, for people who look for a fault.</summary>
    public string DescribeLeadership() =>
        $"{(MayServe() ? "serves" : "does not serve")}, lease until {_core.LeaseUntil(_node.Clock.Mono()).Micros} of "
        + $"{_node.Clock.Mono().Micros} us, bound {_core.Bound}, clock {_node.Clock.Peek()}, {_parked.Count} parked, "
        + $"{_latches.Active} latches held, {_latches.Waiting} waiting, {_intents.Count} intents, {_locks.Waiting} waiting for them, "
        + $"{_records.Count} transaction records";

    private RangeOutcome.Described Describe() => Describe(Descriptor is { } descriptor ? [descriptor] : []);

    private RangeOutcome.Described Describe(ImmutableArray<RangeDescriptor> descriptors) =>
        new(descriptors, _core.Leader, _core.Term, _applied, _sizeBytes);

    // A leader that cannot serve yet (its first entry is on its way, or heartbeats are) will within a round trip or step down: waiting for
    // it here is quicker than asking around. One that hears no majority says so at once.
    private bool MustGoElsewhere(Caller caller, RangeOperation operation)
    {
        if (Descriptor is null)
        {
            _node.Reply(caller, new RangeOutcome.NoReplica());
            return true;
        }

        if (_core.MayServe(_node.Clock.Mono()))
        {
            return false;
        }

        if (_core.IsLeader && !_core.IsTransferring && _parked.Count < _node.Options.ParkedMax && !KnowsNoQuorum())
        {
            _parked.Add((caller, operation));
        }
        else
        {
            _node.Reply(caller, NotLeaseholder(false));
        }

        return true;
    }

    private RangeOutcome.NotLeaseholder NotLeaseholder(bool ambiguous) =>
        new(_core.IsTransferring ? NodeId.None : _core.Leader, ambiguous, KnowsNoQuorum(), Descriptor);

    private bool KnowsNoQuorum()
    {
        var now = _node.Clock.Mono();
        return Descriptor is { Configuration: var configuration }
            && configuration.IsMember(_node.Id)
            && (!HearsMajority(configuration.Voters, now) || (configuration.IsJoint && !HearsMajority(configuration.OutgoingVoters, now)));
    }

    private bool HearsMajority(ImmutableArray<NodeId> voters, MonoTime now)
    {
        var heard = 0;
        foreach (var voter in voters)
        {
            heard += voter == _node.Id || _node.Liveness.Hears(voter, now) ? 1 : 0;
        }

        return heard > voters.Length / 2;
    }

    /// <summary>Looks again at requests that wait for a lease or bound. Never inside a turn.</summary>
    public void ServeParked()
    {
        if (_parked.Count == 0
            || (_core.IsLeader && !_core.MayServe(_node.Clock.Mono()) && !_core.IsTransferring && !AnyParkedExpired() && !KnowsNoQuorum()))
        {
            return;
        }

        var now = _node.Clock.Mono();
        var parked = _parked.ToArray();
        _parked.Clear();
        foreach (var (caller, operation) in parked)
        {
            if (caller.Deadline >= now)
            {
                Handle(caller, operation);
            }
        }
    }

    private void RefuseParked()
    {
        foreach (var (caller, _) in _parked)
        {
            _node.Reply(caller, NotLeaseholder(false));
        }

        _parked.Clear();
    }

    private bool AnyParkedExpired()
    {
        var now = _node.Clock.Mono();
        foreach (var (caller, _) in _parked)
        {
            if (caller.Deadline < now)
            {
                return true;
            }
        }

        return false;
    }

    private void Acquire(LatchedRequest request)
    {
        request.Latch.Tag = request;
        PlaceInLine(request);
        switch (_latches.Acquire(request.Latch))
        {
            case LatchOutcome.Granted:
                request.Run(this);
                break;
            case LatchOutcome.Overloaded:
                _node.Reply(request.Caller, new RangeOutcome.Overloaded("latch waiters of the range"));
                LetNextGo(request);
                break;
            default:
                break;
        }
    }

    private void Release(LatchedRequest request)
    {
        if (request.Latch.State == LatchState.Held)
        {
            _latches.Release(request.Latch, _granted);
            RunGranted();
        }

        LetNextGo(request);
    }

    // One loop however long a queue of waiters drains: each that finishes at once grants the next, and none of them nests.
    private void RunGranted()
    {
        if (_runningGranted)
        {
            return;
        }

        _runningGranted = true;
        for (var i = 0; i < _granted.Count; i++)
        {
            ((LatchedRequest)_granted[i].Tag!).Run(this);
        }

        _granted.Clear();
        _runningGranted = false;
    }

    private void Finish(LatchedRequest request, RangeOutcome outcome)
    {
        _node.Reply(request.Caller, outcome);
        Release(request);
    }

    // Called when leadership ends: what waits for latches was certainly not done; what was proposed may yet be.
    private void AbandonRequests()
    {
        var cancelled = new List<LatchRequest>();
        _latches.CancelWaiting(cancelled);
        foreach (var latch in cancelled)
        {
            _node.Reply(((LatchedRequest)latch.Tag!).Caller, NotLeaseholder(false));
        }

        _inLine.Clear();
        foreach (var request in _locks.TakeAll())
        {
            _node.Reply(request.Caller, NotLeaseholder(false));
        }

        _toForget.Clear();

        var proposed = _proposed.OrderBy(pair => pair.Key).Select(pair => pair.Value).ToArray();
        _proposed.Clear();
        _inFlight.Clear();
        foreach (var request in proposed)
        {
            (request as PendingWrite)?.Replication.End(_node.Time, "abandoned", true);
            _node.Reply(request.Caller, NotLeaseholder(!PlantedBug.Is("engine.ambiguous-as-failed")));
            if (request.Latch.State == LatchState.Held)
            {
                _latches.Release(request.Latch, _granted);
            }
        }

        RefuseParked();
        RunGranted();
    }

    private void HandleAwaitApplied(Caller caller, RangeOperation.AwaitApplied wait)
    {
        if (_applied >= wait.Index)
        {
            _node.Reply(caller, Describe());
        }
        else if (_appliedWaiters.Count < _node.Options.ParkedMax)
        {
            _appliedWaiters.Add((wait.Index, caller));
        }
        else
        {
            _node.Reply(caller, new RangeOutcome.Overloaded("waiters for an applied index"));
        }
    }

    private void WakeAppliedWaiters()
    {
        for (var i = _appliedWaiters.Count - 1; i >= 0; i--)
        {
            if (_appliedWaiters[i].Index <= _applied)
            {
                _node.ReplyAfterTurn(_appliedWaiters[i].Caller, Describe());
                _appliedWaiters.RemoveAt(i);
            }
        }
    }
}
