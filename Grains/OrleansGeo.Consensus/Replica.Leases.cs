using OrleansGeo.Primitives;

namespace OrleansGeo.Consensus;

// Fortification, lease, bound, check-quorum. The argument for the lease is at the head of Replica.cs; the one for the bound is at Bound.
public sealed partial class Replica
{
    private const long DefortifyMicros = 200_000;
    private const int DefortifyBackoffMax = 4;
    private MonoTime _leaseCheckAt = MonoTime.Forever;
    private MonoTime _defortifyAt = MonoTime.Forever;
    private MonoTime _resumeAt = MonoTime.Forever;
    private int _defortifyBackoff;
    private List<NodeId> _defortifyTo = [];
    private HlcTimestamp _votedBound;
    private HlcTimestamp _exposedBound;
    private LogIndex _leaderStart;

    private readonly struct LeaseValues(Replica replica) : INodeValue
    {
        public long Of(NodeId node) =>
            node == replica.Self ? long.MaxValue
            : replica.IsFortifiedBy(node) ? replica._support.Received(node).Until.Micros
            : long.MinValue;
    }

    private readonly struct BoundValues(Replica replica) : INodeValue
    {
        public long Of(NodeId node) => (long)Math.Min(long.MaxValue, Acknowledged(node).Value);

        private HlcTimestamp Acknowledged(NodeId node) =>
            node == replica.Self ? replica._support.DurableLimit
            : replica.IsFortifiedBy(node) ? replica._support.AcknowledgedBound(node)
            : HlcTimestamp.Zero;
    }

    /// <summary>True once this leader's own first entry is applied: from then on its state holds everything older terms
    /// committed.</summary>
    public bool LeaderStartApplied => IsLeader && _applied >= _leaderStart;

    /// <summary>
    /// True when this replica may answer from its own state at this moment. To be asked after the answer was computed, so that a process
    /// that slept meanwhile answers nothing.
    /// </summary>
    public bool MayServe(MonoTime now) => IsLeader && !IsTransferring && !IsWitness
        && (LeaderStartApplied || PlantedBug.Is("consensus.serve-before-leader-start"))
        && LeaseUntil(now) > now;

    /// <summary>Until when the lease holds on this node's clock; Never when it does not hold now, Forever for a lone voter.</summary>
    public MonoTime LeaseUntil(MonoTime now)
    {
        if (!IsLeader)
        {
            return MonoTime.Never;
        }

        var until = Quorum.Reached(Configuration!, new LeaseValues(this));
        if (until != long.MinValue && PlantedBug.Is("consensus.count-stale-lease"))
        {
            return MonoTime.Forever;
        }

        return until >= MonoTime.Forever.Micros ? MonoTime.Forever : until > now.Micros ? new(until) : MonoTime.Never;
    }

    /// <summary>
    /// The highest timestamp at which this leader may serve: a majority of every half has durably reserved it.
    /// <para>
    /// Only a peer that is fortified at the epoch of its acknowledgement counts. A peer that never promised may have voted for the next
    /// leader, carrying a lower limit, before it acknowledged this bound; a fortified one acknowledges at epoch e before it withdraws e,
    /// and
    /// limits and withdrawals become durable in order, so its vote carries at least what it acknowledged. A quorum of votes meets the
    /// quorum
    /// of acknowledgements, so the next leader's <see cref="VotedBound"/> is at or above every bound under which this one served.
    /// </para>
    /// </summary>
    public HlcTimestamp Bound
    {
        get
        {
            if (!IsLeader)
            {
                return HlcTimestamp.Zero;
            }

            // What was shown once may have been served under: a change of voters must not forget it (see TryLeaveJoint).
            var bound = QuorumBound();
            _exposedBound = HlcTimestamp.Later(_exposedBound, bound);
            return bound;
        }
    }

    /// <summary>
    /// At a leader: at or above every timestamp at which an older leader served. Its clock and timestamp cache start above it.
    /// </summary>
    public HlcTimestamp VotedBound => IsLeader && !PlantedBug.Is("consensus.bound-ignored") ? _votedBound : HlcTimestamp.Zero;

    private bool PromiseHolds => _hard.FortifiedLeader.IsSome && _hard.FortifiedLeader != Self
        && _support.Given(_hard.FortifiedLeader) == _hard.FortifiedEpoch;

    /// <summary>
    /// Stops leading, for good in this term, and lifts the followers' promises. For a replica that is to be removed, or that must not lead.
    /// </summary>
    public void StepDown(MonoTime now)
    {
        if (!IsLeader)
        {
            return;
        }

        BecomeFollower(Term, NodeId.None, now);
        _defortifyAt = now;
        WakeDefortify(now);
    }

    private HlcTimestamp QuorumBound() => new((ulong)Math.Max(0, Quorum.Reached(Configuration!, new BoundValues(this))));

    private bool IsFortifiedBy(NodeId node) => FindPeer(node) is { Fortified: { } epoch } && _support.Received(node).Epoch == epoch;

    private void BecomeLeader(MonoTime now)
    {
        Invariant.Holds(Role == ReplicaRole.Candidate && _hard.Vote == Self);
        var bound = _support.DurableLimit;
        foreach (var vote in _votes)
        {
            bound = vote.Granted ? HlcTimestamp.Later(bound, vote.Bound) : bound;
        }

        Lead(bound, now);
    }

    private void Lead(HlcTimestamp votedBound, MonoTime now)
    {
        Role = ReplicaRole.Leader;
        _leader = Self;
        _votes.Clear();
        _votedBound = _exposedBound = votedBound;
        _electionAt = _resumeAt = _defortifyAt = MonoTime.Forever;
        LiftPromiseOfOlderLeader();
        Effects.StatusChanged = true;
        StartPeers();
        AppendOwn(EntryKind.LeaderStart, default);
        _leaderStart = LastIndex;
        _leaseCheckAt = now.AddMicros(_settings.SupportMicros);
        foreach (var peer in _peers)
        {
            RequestFortify(peer, now);
        }

        ReviewLease(now);
        StartHandOverOfWitness(now);
    }

    private void EndLeadership()
    {
        _peers.Clear();
        _transfer = null;
        _leaseCheckAt = _leaveJointAt = MonoTime.Forever;
        _votedBound = _exposedBound = HlcTimestamp.Zero;
        _uncommittedBytes = 0;
        _unsent = false;
    }

    private void OnFortify(Message request, MonoTime now)
    {
        if (request.Term < Term)
        {
            Effects.SendNow.Add(FortifyAnswer(request, true));
            return;
        }

        FollowLeader(request.From, now);
        if (_support.Given(request.From) != request.Epoch)
        {
            Effects.SendNow.Add(FortifyAnswer(request, true));
            return;
        }

        SetHardState(_hard with { FortifiedLeader = request.From, FortifiedEpoch = request.Epoch, FortifiedTerm = Term });
        Effects.SendAfterPersist.Add(FortifyAnswer(request, false));
        ReviewElectionTimer(now);
    }

    private Message FortifyAnswer(Message request, bool reject) => new()
    {
        Kind = MessageKind.FortifyReply,
        Range = Range,
        From = Self,
        To = request.From,
        Term = Term,
        Epoch = request.Epoch,
        Reject = reject,
    };

    private void OnFortifyReply(Message reply, MonoTime now)
    {
        if (!IsLeader || reply.Term != Term || FindPeer(reply.From) is not { } peer)
        {
            return;
        }

        peer.FortifyDone();
        if (!reply.Reject)
        {
            peer.Fortified = reply.Epoch;
        }

        if (_support.Received(peer.Peer).Epoch != reply.Epoch)
        {
            RequestFortify(peer, now);
        }

        Effects.StatusChanged = true;
        ReviewLease(now);
        TryLeaveJoint(now);
    }

    private void RequestFortify(PeerProgress peer, MonoTime now)
    {
        var (epoch, until) = _support.Received(peer.Peer);
        if (until <= now || peer.Fortified == epoch)
        {
            peer.FortifyDone();
            return;
        }

        Effects.SendNow.Add(new()
        {
            Kind = MessageKind.Fortify,
            Range = Range,
            From = Self,
            To = peer.Peer,
            Term = Term,
            Epoch = epoch,
        });
        peer.FortifySent(now, _support.RttMicros(peer.Peer));
    }

    // A promise is void once the leader of a newer term is seen: that leader's votes met every quorum of the older one.
    private void LiftPromiseOfOlderLeader()
    {
        if (_hard.FortifiedTerm < Term)
        {
            LiftPromise();
        }
    }

    private void LiftPromise() =>
        SetHardState(_hard with { FortifiedLeader = NodeId.None, FortifiedEpoch = default, FortifiedTerm = default });

    private void OnDefortify(Message message, MonoTime now)
    {
        if (_hard.FortifiedLeader == message.From && _hard.FortifiedTerm <= message.Term)
        {
            LiftPromise();
        }

        if (_leader == message.From && message.Term == Term && !IsLeader)
        {
            _leader = NodeId.None;
            Effects.StatusChanged = true;
            if (MayCampaign && Role == ReplicaRole.Follower)
            {
                HurryElection(now.AddMicros(CampaignDelay));
            }
        }

        ReviewElectionTimer(now);
    }

    private void WakeDefortify(MonoTime now)
    {
        if (now < _defortifyAt)
        {
            return;
        }

        foreach (var node in _defortifyTo)
        {
            Effects.SendNow.Add(NewMessage(MessageKind.Defortify, node));
        }

        _defortifyAt = now.AddMicros(DefortifyMicros << _defortifyBackoff);
        _defortifyBackoff = Math.Min(_defortifyBackoff + 1, DefortifyBackoffMax);
    }

    private void ReviewLease(MonoTime now)
    {
        if (LeaseUntil(now) > now)
        {
            _leaseCheckAt = MonoTime.Forever;
        }
        else if (_leaseCheckAt == MonoTime.Forever)
        {
            _leaseCheckAt = now.AddMicros(_settings.SupportMicros);
        }
    }

    private void WakeLease(MonoTime now)
    {
        if (now < _leaseCheckAt)
        {
            return;
        }

        // Check-quorum: a leader that had no quorum lease for D frees its followers. It learns of a lapse by SupportChanged.
        if (LeaseUntil(now) > now)
        {
            _leaseCheckAt = MonoTime.Forever;
            return;
        }

        StepDown(now);
    }

    private void LeaderSupportChanged(NodeId peer, MonoTime now)
    {
        Effects.StatusChanged = true;
        ReviewLease(now);
        if (FindPeer(peer) is not { } progress)
        {
            return;
        }

        RequestFortify(progress, now);
        if (Heard(peer, now) && (progress.State != ProgressState.Replicate || progress.Match < LastIndex || progress.AckedCommit < _commit))
        {
            progress.Restart();
            _unsent = true;
        }
    }

    // Resume also asks "do you still lead?": a replica that leads no more answers for every term it could have led.
    private void OnResume(Message message, MonoTime now)
    {
        if (!IsLeader)
        {
            var notLed = Role == ReplicaRole.Candidate ? new Term(Term.Value - 1) : Term;
            Effects.SendNow.Add(new() { Kind = MessageKind.Defortify, Range = Range, From = Self, To = message.From, Term = notLed });
            return;
        }

        if (FindPeer(message.From) is not { } peer)
        {
            return;
        }

        RequestFortify(peer, now);
        if (peer.State != ProgressState.Replicate || message.Commit < peer.AckedCommit)
        {
            peer.Restart();
            _unsent = true;
        }
        else
        {
            SendAppend(peer, now, true);
        }
    }

    private void SendResume(NodeId to) => Effects.SendNow.Add(new()
    {
        Kind = MessageKind.Resume,
        Range = Range,
        From = Self,
        To = to,
        Term = Term,
        Commit = _commit,
    });

    // A replica that restarted knows less of the commit index than its leader thinks, and an idle range would never tell it.
    private void WakeResume(MonoTime now)
    {
        if (now < _resumeAt)
        {
            return;
        }

        if (IsLeader || !IsInitialised)
        {
            _resumeAt = MonoTime.Forever;
            return;
        }

        var promised = PromiseHolds ? _hard.FortifiedLeader : NodeId.None;
        var to = _leader.IsSome ? _leader : promised;
        if (!to.IsSome && IsElectable)
        {
            // A voter without a leader finds one by campaigning.
            _resumeAt = MonoTime.Forever;
            return;
        }

        _resumeAt = now.AddMicros(ElectionWait());
        foreach (var node in to.IsSome ? [to] : Configuration!.Members())
        {
            if (node != Self)
            {
                SendResume(node);
            }
        }
    }
}
