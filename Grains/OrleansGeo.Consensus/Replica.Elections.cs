using OrleansGeo.Primitives;

namespace OrleansGeo.Consensus;

// Elections. A replica campaigns only when it holds no promise, hears a majority of voters, and a pre-vote round says it can win. When
// support for the leader lapses each voter waits for its rank (CampaignDelayMicros), so that the preferred one is ready first; a refusal
// says how long the refuser still supports a leader, and the candidate returns when enough of that has run out.
public sealed partial class Replica
{
    private const long RetryMicrosMin = 10_000;
    private readonly List<VoteRecord> _votes = [];
    private readonly List<Message> _heldPreVotes = [];
    private MonoTime _electionAt = MonoTime.Forever;
    private bool _missesMajority;
    private bool _askedToResume;

    private readonly record struct VoteRecord(NodeId From, bool Granted, long RemainingMicros, HlcTimestamp Bound);

    private readonly struct VoteValues(List<VoteRecord> votes, long lapsedMicros) : INodeValue
    {
        public long Of(NodeId node)
        {
            foreach (var vote in votes)
            {
                if (vote.From == node)
                {
                    return vote.Granted || (vote.RemainingMicros > 0 && vote.RemainingMicros <= lapsedMicros) ? 1 : -1;
                }
            }

            return 0;
        }
    }

    private readonly struct HeardValues(Replica replica, MonoTime now) : INodeValue
    {
        public long Of(NodeId node) => replica.Heard(node, now) ? 1 : 0;
    }

    /// <summary>
    /// How long after support for a leader lapsed this replica waits before it campaigns: its rank among the range's lease preferences.
    /// </summary>
    public long CampaignDelayMicros
    {
        get;
        set
        {
            field = value;
            HurryFirstElection();
        }
    }

    private long CampaignDelay => CampaignDelayMicros + (IsWitness ? _settings.WitnessDelayMicros : 0);

    // Thesis §4.2.2: a replica that the newest configuration leaves out still campaigns until that configuration is committed: it may be
    // the
    // only one whose log can win.
    private bool IsElectable => _log.IsVoterSince(_commit, Self);

    private bool MayCampaign => !IsLeader && IsElectable && !PromiseHolds;

    // A hand-over is proven by its term: the leader of the term before asked for it and serves no more, and by the argument at the head of
    // Replica.cs so does every leader of an older term.
    private bool IsBarred(Message request, MonoTime now)
    {
        if (PlantedBug.Is("consensus.fortify-ignored")
            || (request.Kind == MessageKind.Vote && request.Transfer && request.Term > _hard.FortifiedTerm))
        {
            return false;
        }

        return IsLeader ? LeaseUntil(now) > now && !TimeoutNowSent : PromiseHolds && _hard.FortifiedLeader != request.From;
    }

    private void OnVoteRequest(Message request, MonoTime now)
    {
        if (!IsInitialised)
        {
            return;
        }

        if (request.From == _hard.FortifiedLeader && request.Term > _hard.FortifiedTerm)
        {
            // Who asks for votes in a newer term leads the older one no more, and never will again.
            LiftPromise();
            ReviewElectionTimer(now);
        }

        var isPreVote = request.Kind == MessageKind.PreVote;
        var isFree = isPreVote
            ? request.Term > Term
            : request.Term == Term && (_hard.Vote == request.From || (!_hard.Vote.IsSome && !_leader.IsSome));
        var hasLog = request.LogTerm > _log.LastTerm || (request.LogTerm == _log.LastTerm && request.Index >= LastIndex)
            || PlantedBug.Is("consensus.vote-ignores-log");
        if (!isFree || !hasLog || IsBarred(request, now))
        {
            if (isPreVote && isFree && hasLog && MayGrantSoon(request, now))
            {
                _heldPreVotes.RemoveAll(held => held.From == request.From);
                _heldPreVotes.Add(request);
                return;
            }

            Refuse(request, now);
            return;
        }

        // Raft §5.2: a vote that is not durable can be cast twice. A pre-vote promises nothing.
        var reply = new Message
        {
            Kind = isPreVote ? MessageKind.PreVoteReply : MessageKind.VoteReply,
            Range = Range,
            From = Self,
            To = request.From,
            Term = request.Term,
            Bound = isPreVote ? default : _support.DurableLimit,
            Path = request.Path,
        };
        if (isPreVote)
        {
            Effects.SendNow.Add(reply);
            HoldBack(now.AddMicros((2 * _support.RttMicros(request.From)) + 50_000));
            return;
        }

        SetHardState(_hard with { Vote = request.From });
        (PlantedBug.Is("consensus.vote-not-persisted") ? Effects.SendNow : Effects.SendAfterPersist).Add(reply);
        ArmElection(now, ElectionWait());
    }

    // A refusal costs the candidate a round trip to come back. When the support that bars it runs out sooner, the answer waits for that. It
    // does not if the leader is heard again; the candidate's round then ends by itself.
    private bool MayGrantSoon(Message request, MonoTime now) =>
        !IsLeader && PromiseHolds
        && _support.GivenRemainingMicros(_hard.FortifiedLeader, now) <= _support.RttMicros(request.From) + RetryMicrosMin;

    private void AnswerHeldPreVotes(MonoTime now)
    {
        if (_heldPreVotes.Count > 0 && !PromiseHolds)
        {
            Message[] held = [.. _heldPreVotes];
            _heldPreVotes.Clear();
            foreach (var request in held)
            {
                OnVoteRequest(request, now);
            }
        }
    }

    private void Refuse(Message request, MonoTime now)
    {
        var promised = PromiseHolds && _hard.FortifiedLeader != request.From;
        Effects.SendNow.Add(new()
        {
            Kind = request.Kind == MessageKind.PreVote ? MessageKind.PreVoteReply : MessageKind.VoteReply,
            Range = Range,
            From = Self,
            To = request.From,
            Term = Term,
            Reject = true,
            Leader = IsLeader ? Self : promised ? _hard.FortifiedLeader : _leader,
            RemainingMicros = promised ? Math.Max(1, _support.GivenRemainingMicros(_hard.FortifiedLeader, now)) : 0,
            Path = request.Path,
        });
        if (promised)
        {
            // A promise to a replica that leads no more, and whose word of it was lost, would bar others for as long as its node lives.
            SendResume(_hard.FortifiedLeader);
        }
    }

    private void OnVoteReply(Message reply, MonoTime now)
    {
        var isPreVote = reply.Kind == MessageKind.PreVoteReply;
        if (Role != (isPreVote ? ReplicaRole.PreCandidate : ReplicaRole.Candidate)
            || (!reply.Reject && reply.Term != (isPreVote ? Term.Next : Term)))
        {
            return;
        }

        NoteVote(new(reply.From, !reply.Reject, reply.Reject ? reply.RemainingMicros : 0, reply.Bound));
        if (reply.Reject && reply.Leader.IsSome && reply.Leader != Self && !_askedToResume)
        {
            _askedToResume = true;
            SendResume(reply.Leader);
        }

        switch (Quorum.Count(Configuration!, new VoteValues(_votes, 0)))
        {
            case Tally.Won when isPreVote:
                Campaign(false, now);
                break;
            case Tally.Won:
                BecomeLeader(now);
                break;
            case Tally.Lost:
                Role = ReplicaRole.Follower;
                Effects.StatusChanged = true;
                ArmElection(now, RefusedWait());
                break;
            case Tally.Open when reply.Reject && reply.RemainingMicros > 0:
                // Who is silent may be the dead leader: the refuser's support decides when to ask again.
                ArmElection(now, RefusedWait());
                break;
            case Tally.Open:
            default:
                break;
        }
    }

    private void NoteVote(VoteRecord vote)
    {
        var at = _votes.FindIndex(v => v.From == vote.From);
        if (at < 0)
        {
            _votes.Add(vote);
        }
        else if (!_votes[at].Granted)
        {
            _votes[at] = vote;
        }
    }

    // Until enough of the refusers' support has run out for a quorum; when none of them named any, somebody else is ahead of this replica.
    private long RefusedWait()
    {
        var wait = long.MaxValue;
        foreach (var vote in _votes)
        {
            if (!vote.Granted && vote.RemainingMicros > 0 && vote.RemainingMicros < wait
                && Quorum.Count(Configuration!, new VoteValues(_votes, vote.RemainingMicros)) != Tally.Lost)
            {
                wait = vote.RemainingMicros;
            }
        }

        return wait == long.MaxValue ? _prng.Between(_settings.ElectionMicros / 2, _settings.ElectionMicros) : wait + RetryMicrosMin;
    }

    private void WakeElection(MonoTime now)
    {
        if (now < _electionAt)
        {
            return;
        }

        _electionAt = MonoTime.Forever;
        if (!MayCampaign)
        {
            if (Role is ReplicaRole.Candidate or ReplicaRole.PreCandidate)
            {
                Role = ReplicaRole.Follower;
                Effects.StatusChanged = true;
            }

            return;
        }

        // Ongaro's thesis §6.2 turned around: who could not win must not disturb, and would only raise its own pre-votes for nothing.
        if (!Quorum.Has(Configuration!, new HeardValues(this, now)))
        {
            _missesMajority = true;
            ArmElection(now, ElectionWait());
            return;
        }

        StartPreVote(now);
    }

    private void StartPreVote(MonoTime now)
    {
        _missesMajority = false;
        Role = ReplicaRole.PreCandidate;
        Effects.StatusChanged = true;
        if (StartRound())
        {
            Campaign(false, now);
            return;
        }

        ArmElection(now, RoundWait(now));
        AskForVotes(MessageKind.PreVote, Term.Next, false, Effects.SendNow);
    }

    private void Campaign(bool transfer, MonoTime now)
    {
        Invariant.Holds(!IsLeader && IsElectable);
        SetHardState(_hard with { Term = Term.Next, Vote = Self });
        Role = ReplicaRole.Candidate;
        _leader = NodeId.None;
        _defortifyAt = MonoTime.Forever;
        Effects.StatusChanged = true;
        ArmElection(now, RoundWait(now));
        if (StartRound())
        {
            Effects.SendAfterPersist.Add(NewMessage(MessageKind.VoteReply, Self));
            return;
        }

        AskForVotes(MessageKind.Vote, Term, transfer, Effects.SendAfterPersist);
    }

    // True when this replica is a quorum by itself.
    private bool StartRound()
    {
        _votes.Clear();
        _askedToResume = false;
        NoteVote(new(Self, true, 0, default));
        return Quorum.Count(Configuration!, new VoteValues(_votes, 0)) == Tally.Won;
    }

    private void AskForVotes(MessageKind kind, Term term, bool transfer, List<Message> channel)
    {
        foreach (var node in Configuration!.Members())
        {
            if (node != Self && Configuration.IsVoter(node))
            {
                channel.Add(new()
                {
                    Kind = kind,
                    Range = Range,
                    From = Self,
                    To = node,
                    Term = term,
                    Index = LastIndex,
                    LogTerm = _log.LastTerm,
                    Transfer = transfer,
                });
            }
        }
    }

    private void FollowerSupportChanged(NodeId peer, MonoTime now)
    {
        AnswerHeldPreVotes(now);
        if ((peer == _hard.FortifiedLeader || peer == _leader) && MayCampaign && Role == ReplicaRole.Follower
            && (_support.Given(peer) is null || peer == _hard.FortifiedLeader))
        {
            HurryElection(now.AddMicros(CampaignDelay));
        }
        else if (_missesMajority && MayCampaign && Role == ReplicaRole.Follower && Quorum.Has(Configuration!, new HeardValues(this, now)))
        {
            _missesMajority = false;
            HurryElection(now.AddMicros(CampaignDelay));
        }

        ReviewElectionTimer(now);
    }

    private void ReviewElectionTimer(MonoTime now)
    {
        if (Role == ReplicaRole.Follower && !MayCampaign)
        {
            _electionAt = MonoTime.Forever;
        }
        else if (_electionAt == MonoTime.Forever && MayCampaign)
        {
            ArmElection(now, ElectionWait());
        }

        if (_resumeAt == MonoTime.Forever && PromiseHolds && !_leader.IsSome && !IsLeader)
        {
            // Whom this replica promised may lead no more, and may have told it in vain.
            _resumeAt = now.AddMicros(ElectionWait());
        }
    }

    // In a range that never had a leader there is none to wait for: the ranks order the first election too.
    private void HurryFirstElection()
    {
        if (Term.Value == 0 && Role == ReplicaRole.Follower && MayCampaign)
        {
            _electionAt = _startedAt.AddMicros(CampaignDelay);
        }
    }

    private long ElectionWait() => _prng.Between(_settings.ElectionMicros, 2 * _settings.ElectionMicros);

    private long RoundWait(MonoTime now)
    {
        long rtt = 0;
        foreach (var node in Configuration!.Members())
        {
            rtt = node != Self && Heard(node, now) ? Math.Max(rtt, _support.RttMicros(node)) : rtt;
        }

        return (2 * rtt) + 100_000 + _prng.Below((_settings.ElectionMicros / 2) + 1);
    }

    private void ArmElection(MonoTime now, long waitMicros) =>
        _electionAt = IsLeader || !IsElectable ? MonoTime.Forever : now.AddMicros(Math.Max(0, waitMicros));

    private void HurryElection(MonoTime at) => _electionAt = MonoTime.Min(_electionAt, at);

    private void HoldBack(MonoTime until)
    {
        if (_electionAt != MonoTime.Forever && Role == ReplicaRole.Follower)
        {
            _electionAt = MonoTime.Max(_electionAt, until);
        }
    }
}
