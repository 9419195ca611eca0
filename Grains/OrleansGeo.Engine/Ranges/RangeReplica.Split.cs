using OrleansGeo.Consensus;
using OrleansGeo.Primitives;
using OrleansGeo.Transactions;

namespace OrleansGeo.Engine;

// Splits and hand-overs.
//
// A split is one log entry. The leader latches the whole range from evaluating it until it is applied, so nothing is under way when the
// range becomes two. Each replica that applies it creates the right-hand replica from what it holds, in the same batch: same members, an
// empty log that begins behind a fixed index in the entry's term. The node that led campaigns for the right-hand range at once, and like
// any new leader starts its timestamp cache above every bound its voters had acknowledged, which covers all that the left-hand leader had
// served.
internal sealed partial class RangeReplica
{
    /// <summary>
    /// Index behind which the log of a range born by a split begins: above zero, so that a replica without state needs a snapshot.
    /// </summary>
    public static readonly LogIndex BornAt = new(10);

    private long _bytesWritten;
    private long _sizeBytes;
    private bool _splitAsked;

    private void HandleSplit(Caller caller, RangeOperation.Split split)
    {
        if (MustGoElsewhere(caller, split))
        {
            return;
        }

        if (Id == SystemKeys.RangeId)
        {
            _node.Reply(caller, new RangeOutcome.Unsuitable("the system range is not split"));
            return;
        }

        if (_node.HasReplica(split.NewRange))
        {
            _node.Reply(caller, new RangeOutcome.Unsuitable($"{split.NewRange} exists already"));
            return;
        }

        if (split.At is { } at && (!Descriptor!.Span.Contains(at) || at == Descriptor.Span.Start))
        {
            _node.Reply(
                caller,
                Descriptor.Span.Contains(at)
                    ? new RangeOutcome.Unsuitable("the range begins at that key already")
                    : _node.MovedFrom(this, at));
            return;
        }

        var pending = new PendingSplit(caller, split);
        pending.Latch.AddWholeRange();
        Acquire(pending);
    }

    public void Evaluate(PendingSplit pending)
    {
        var descriptor = Descriptor!;
        if (!_core.MayServe(_node.Clock.Mono()))
        {
            Finish(pending, NotLeaseholder(false));
            return;
        }

        if (descriptor.Configuration.IsJoint)
        {
            Finish(pending, new RangeOutcome.Unsuitable("the range is being reconfigured; ask again"));
            return;
        }

        var at = pending.Split.At ?? MiddleKey();
        if (at is not { } key || !descriptor.Span.Contains(key) || key == descriptor.Span.Start)
        {
            Finish(pending, new RangeOutcome.Unsuitable("the range has no key to split at"));
            return;
        }

        var left = descriptor with { Span = new(descriptor.Span.Start, key), Generation = descriptor.Generation + 1 };
        var right = descriptor with
        {
            Id = pending.Split.NewRange,
            Span = new(key, descriptor.Span.End),
            Generation = descriptor.Generation + 1,
        };
        if (_core.Propose(RangeCommand.Split(left, right), _node.Clock.Mono(), out var index) != ProposeOutcome.Accepted)
        {
            Finish(pending, NotLeaseholder(false));
            return;
        }

        (pending.Term, pending.Right) = (_core.Term, right);
        _proposed.Add(index.Value, pending);
        _node.MarkDirty(this);
    }

    // Both halves, so that whoever asked knows them before the directory does.
    private RangeOutcome Parted(PendingSplit pending)
    {
        if (pending.Right is { } right && Descriptor!.Span.End == right.Span.Start)
        {
            return Describe([Descriptor, right]);
        }

        return new RangeOutcome.Unsuitable("the range was reconfigured meanwhile; ask again");
    }

    private void ApplySplit(in LogEntry entry, RangeDescriptor left, RangeDescriptor right, NodeTurn turn)
    {
        if (Descriptor!.Generation + 1 != left.Generation)
        {
            // A reconfiguration came in between: the split was made for another shape of the range and changes nothing.
            return;
        }

        SetDescriptor(left, turn);
        _sizeBytes /= 2;
        _bytesWritten = 0;
        var born = new ReplicaState(right, BornAt, entry.Term, right.Configuration);
        var leader = _core.Term == entry.Term ? _core.Leader : NodeId.None;
        var servedBelow = HlcTimestamp.Later(_node.Clock.Peek(), HlcTimestamp.Later(_core.Bound, _reads.LowWater));
        if (_node.BirthReplica(right.Id, born, entry.Term, leader, servedBelow) is { } replica)
        {
            replica.Inherit(this, turn);
        }

        _versionPoint = null;
        _requestPoint = null;
        _intents.DropFrom(right.Span.Start);
        _records.DropFrom(right.Span.Start);
        _letsAllGo = true;
        turn.ServeAfterwards(this);
    }

    // Walks versions until half of the bytes are passed; the split key is the next row's.
    private Key? MiddleKey()
    {
        var bounds = MvccKey.SpanBounds(Descriptor!.Span);
        long total = 0;
        using var cursor = _node.Storage.OpenCursor(bounds.Start, bounds.End);
        for (cursor.SeekAtOrAfter(bounds.Start); cursor.IsValid; cursor.MoveNext())
        {
            total += cursor.Key.Length + cursor.Value.Length;
        }

        long passed = 0;
        for (cursor.SeekAtOrAfter(bounds.Start); cursor.IsValid; cursor.MoveNext())
        {
            passed += cursor.Key.Length + cursor.Value.Length;
            if (passed >= total / 2)
            {
                var (key, _) = MvccKey.Decode(cursor.Key);
                if (key > Descriptor.Span.Start)
                {
                    return key;
                }
            }
        }

        return null;
    }

    /// <summary>False once the directory was seen to be behind the range; a leaseholder then looks at it again soon.</summary>
    public bool IsPublished { get; set; } = true;

    /// <summary>True while the next pass of the node's housekeeping will look here; see <see cref="Node.Stir"/>.</summary>
    public bool IsStirred { get; set; }

    /// <summary>True when the next pass of housekeeping must look again, whatever happens until then.</summary>
    public bool HasNews => (Leads && (!IsPublished || _node.IsDraining(_node.Id)))
        || _intents.Count > 0 || _records.HasWork(_node.Clock.Peek()) || _toForget.Count > 0 || _locks.Waiting > 0
        || _parked.Count > 0 || _appliedWaiters.Count > 0 || _sizeBytes > _node.Options.SplitBytes;

    /// <summary>Looks after the range's size, and after who should lead it.</summary>
    public void KeepHouse()
    {
        Sweep();
        if (Descriptor is not { } descriptor || !_core.MayServe(_node.Clock.Mono()))
        {
            return;
        }

        if (_bytesWritten > _node.Options.SplitBytes / 16)
        {
            _bytesWritten = 0;
            var bounds = MvccKey.SpanBounds(descriptor.Span);
            _sizeBytes = _node.Storage.EstimateBytes(bounds.Start, bounds.End);
        }

        if (_sizeBytes > _node.Options.SplitBytes && Id != SystemKeys.RangeId && !_splitAsked)
        {
            _splitAsked = true;
            _node.AskSplit(this);
        }

        CollectGarbage();
        FinishRecords();
        WatchAbandoned();
        HandOver();
    }

    public void SplitAnswered() => _splitAsked = false;

    public long SizeBytes => _sizeBytes;

    /// <summary>Leads the first term of a range that was born with this replica as its leader.</summary>
    public void Inherit(HlcTimestamp servedBelow)
    {
        if (!_stopped)
        {
            _core.InheritLeadership(servedBelow, _node.Clock.Mono());
            _node.MarkDirty(this);
        }
    }

    /// <summary>True when a voter that stays could lead the range as soon as it has caught up.</summary>
    public bool HasHeir()
    {
        foreach (var voter in Descriptor?.Configuration.Voters ?? [])
        {
            if (voter != _node.Id && CouldLead(Descriptor!, voter))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// After a region came back, leadership goes home: to the live voter in the best region that has the whole log, if that is a better
    /// region than this node's. A node that drains hands over to the best there is.
    /// </summary>
    public void HandOver()
    {
        var descriptor = Descriptor!;
        if (descriptor.Configuration.IsJoint || _core.IsTransferring)
        {
            return;
        }

        var best = NodeId.None;
        var bestRank = (_node.IsDraining(_node.Id) ? int.MaxValue : LeaseRanking.RegionRank(_node, descriptor, _node.Id), long.MinValue);
        foreach (var peer in _core.Progress(_node.Clock.Mono()))
        {
            var rank = (LeaseRanking.RegionRank(_node, descriptor, peer.Peer), _node.Liveness.RttMicros(peer.Peer));
            if (rank.CompareTo(bestRank) < 0 && CouldLead(descriptor, peer.Peer) && peer.Fortified && peer.Match >= _core.CommitIndex)
            {
                (best, bestRank) = (peer.Peer, rank);
            }
        }

        if (best.IsSome)
        {
            _core.TransferLeadership(best, _node.Clock.Mono());
            _node.MarkDirty(this);
        }
    }

    private bool CouldLead(RangeDescriptor descriptor, NodeId voter) =>
        descriptor.Configuration.Voters.Contains(voter) && !descriptor.Configuration.IsWitness(voter)
        && _node.IsLive(voter) && !_node.IsDraining(voter);

    private void HandleTransfer(Caller caller, RangeOperation.TransferLeader transfer)
    {
        if (MustGoElsewhere(caller, transfer))
        {
            return;
        }

        var configuration = Descriptor!.Configuration;
        if (transfer.To == _node.Id)
        {
            _node.Reply(caller, Describe());
        }
        else if (!configuration.Voters.Contains(transfer.To) || configuration.IsWitness(transfer.To))
        {
            _node.Reply(caller, new RangeOutcome.Unsuitable($"{transfer.To} is not a voter of the range that can lead"));
        }
        else if (_core.TransferLeadership(transfer.To, _node.Clock.Mono()) == ProposeOutcome.Accepted)
        {
            _node.MarkDirty(this);
            _node.Reply(caller, Describe());
        }
        else
        {
            _node.Reply(caller, new RangeOutcome.Unsuitable("the range is being handed over or reconfigured; ask again"));
        }
    }

    /// <summary>Begins a step of the system range. What is refused now is planned again at the next look.</summary>
    public void Take(SystemStep step)
    {
        var now = _node.Clock.Mono();
        if (step.Configuration is { } target)
        {
            _core.ProposeConfiguration(target, now);
        }
        else if (_core.CommitIndex == _core.LastIndex)
        {
            // Nothing is under way, so no earlier step like it is either.
            _core.Propose(RangeCommand.Declare(step.Goal!.Value, step.Preferences), now, out _);
        }

        _node.MarkDirty(this);
    }

    private void HandleReconfigure(Caller caller, RangeOperation.Reconfigure change)
    {
        if (MustGoElsewhere(caller, change))
        {
            return;
        }

        if (change.Generation != Descriptor!.Generation)
        {
            _node.Reply(caller, new RangeOutcome.Moved([Descriptor]));
            return;
        }

        // Undecided splits hold the range's latches; a change beside one would be refused when the split is applied.
        var outcome = _core.ProposeConfiguration(change.Target, _node.Clock.Mono());
        _node.MarkDirty(this);
        _node.Reply(
            caller, outcome == ProposeOutcome.Accepted ? Describe() : new RangeOutcome.Unsuitable($"the change was not begun: {outcome}"));
    }
}
