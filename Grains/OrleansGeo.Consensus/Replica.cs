using OrleansGeo.Primitives;

namespace OrleansGeo.Consensus;

/// <summary>
/// One range's replica on one node: Raft (Ongaro's thesis) with leases by store liveness. Input in, effects out; it holds no clock and
/// waits
/// for nothing. One thread at a time. After every turn of inputs the engine calls <see cref="Flush"/> and then drains
/// <see cref="Effects"/>.
/// <para>
/// Why at most one replica may serve at any true time. L may serve in term t only while a majority Q of every half in effect (i) promised,
/// durably, at support epoch e, no vote for another node while it supports L's node at e, and (ii) supports L's node at e now, as far as L
/// can
/// tell: until L's own send time + D(1-ρ), which true time reaches before the supporter's receipt + D. Let N win a term above t. N's votes
/// V meet Q
/// in some G. G either voted before it could promise in t (then G's term was above t and it refused the promise), or after it withdrew e,
/// durably, so after L's last moment of (ii), or because L asked for it (a transfer: L serves no more in t once it has asked), or because L
/// lifted the promise (L stepped down before it said so), or because G saw the leader of a term above t, to which the same argument
/// applies. Each
/// of these is after L's last serving in t. A restart changes nothing: promise and epoch are durable, and support is presumed given for D.
/// </para>
/// <para>
/// Why a new leader knows every bound under which an older one served: see <see cref="Bound"/>. Why logs agree: Raft §5.3, §5.4; each
/// rule is enforced at one place, marked by its planted bug.
/// </para>
/// <para>
/// A message may be addressed to <see cref="Self"/>: a replica that is a quorum by itself votes for itself through
/// <see cref="ReplicaEffects.SendAfterPersist"/>, so that its term is durable before anybody hears of it. The engine loops it back.
/// </para>
/// </summary>
public sealed partial class Replica
{
    private readonly ReplicaSettings _settings;
    private readonly ISupportView _support;
    private readonly Prng _prng;
    private readonly ReplicaLog _log;
    private readonly MonoTime _startedAt;
    private HardState _hard;
    private NodeId _leader;
    private LogIndex _commit;
    private LogIndex _emitted;
    private LogIndex _applied;
    private LogIndex _durable;

    /// <summary>Starts from what was durable. The first <see cref="Wake"/> is due at <see cref="NextWake"/>.</summary>
    public Replica(ReplicaSettings settings, RestoredReplica restored, ISupportView support, Prng prng, MonoTime now)
    {
        _settings = settings;
        _support = support;
        _prng = prng;
        _log = new(restored);
        _hard = restored.HardState;
        Invariant.Holds(restored.Applied >= restored.Truncated && restored.Applied <= _log.LastIndex);
        Invariant.Holds(_hard.Term >= _log.LastTerm);
        _commit = _emitted = _applied = restored.Applied;
        _durable = _log.LastIndex;
        if (_hard.FortifiedTerm == _hard.Term && _hard.FortifiedLeader != Self)
        {
            _leader = _hard.FortifiedLeader;
        }

        _resumeAt = IsInitialised && (_leader.IsSome || !IsElectable) ? now : MonoTime.Forever;
        _startedAt = now;
        ReviewElectionTimer(now);
        HurryFirstElection();
    }

    /// <summary>What the last inputs ask for. The engine performs it and clears it.</summary>
    public ReplicaEffects Effects { get; } = new();

    /// <summary>The range.</summary>
    public RangeId Range => _settings.Range;

    /// <summary>This replica's node.</summary>
    public NodeId Self => _settings.Self;

    /// <summary>The current term.</summary>
    public Term Term => _hard.Term;

    /// <summary>What this replica has to remember of its votes and promises, as of its last step.</summary>
    public HardState HardState => _hard;

    /// <summary>The role in the current term.</summary>
    public ReplicaRole Role { get; private set; }

    /// <summary>Who leads the current term, or none when not known.</summary>
    public NodeId Leader => _leader;

    /// <summary>The first entry that is still kept, when there is one.</summary>
    public LogIndex FirstIndex => _log.FirstIndex;

    /// <summary>The last entry.</summary>
    public LogIndex LastIndex => _log.LastIndex;

    /// <summary>The last entry known to be committed.</summary>
    public LogIndex CommitIndex => _commit;

    /// <summary>The last entry the engine applied.</summary>
    public LogIndex AppliedIndex => _applied;

    /// <summary>The newest configuration in the log, which is the one in effect; null before the first snapshot.</summary>
    public Configuration? Configuration => _log.Configuration;

    /// <summary>True once there is a configuration; before that the replica neither votes nor campaigns.</summary>
    public bool IsInitialised => _log.Configuration is not null;

    /// <summary>True while this replica leads its term.</summary>
    public bool IsLeader => Role == ReplicaRole.Leader;

    /// <summary>Bytes of the log kept in memory.</summary>
    public long LogBytes => _log.Bytes;

    private bool IsVoter => Configuration?.IsVoter(Self) ?? false;

    private bool IsWitness => Configuration?.IsWitness(Self) ?? false;

    /// <summary>The earliest time at which <see cref="Wake"/> has something to do; Forever when silent.</summary>
    public MonoTime NextWake
    {
        get
        {
            var wake = MonoTime.Min(MonoTime.Min(_electionAt, _resumeAt), MonoTime.Min(_defortifyAt, _leaseCheckAt));
            wake = MonoTime.Min(wake, MonoTime.Min(_leaveJointAt, _transfer?.WakeAt ?? MonoTime.Forever));
            foreach (var peer in _peers)
            {
                wake = MonoTime.Min(wake, MonoTime.Min(peer.RetransmitAt, peer.FortifyAt));
            }

            return wake;
        }
    }

    /// <summary>The term of an entry, or term 0 when it is not known here.</summary>
    public Term TermAt(LogIndex index) => _log.TryTermAt(index, out var term) ? term : default;

    /// <summary>Takes a message of this range.</summary>
    public void Receive(Message message, MonoTime now)
    {
        Invariant.Holds(message.Range == Range && message.To == Self);
        if (message.Term > Term && !AdoptNewerTerm(message, now))
        {
            return;
        }

        switch (message.Kind)
        {
            case MessageKind.Append:
                OnAppend(message, now);
                break;
            case MessageKind.AppendReply:
                OnAppendReply(message, now);
                break;
            case MessageKind.PreVote:
            case MessageKind.Vote:
                OnVoteRequest(message, now);
                break;
            case MessageKind.PreVoteReply:
            case MessageKind.VoteReply:
                OnVoteReply(message, now);
                break;
            case MessageKind.Fortify:
                OnFortify(message, now);
                break;
            case MessageKind.FortifyReply:
                OnFortifyReply(message, now);
                break;
            case MessageKind.Defortify:
                OnDefortify(message, now);
                break;
            case MessageKind.TimeoutNow:
                OnTimeoutNow(message, now);
                break;
            case MessageKind.Resume:
                OnResume(message, now);
                break;
            case MessageKind.SnapshotOffer:
                OnSnapshotOffer(message, now);
                break;
            default:
                Invariant.Fail($"a message of kind {message.Kind}");
                break;
        }
    }

    /// <summary>Lets time pass. To be called at <see cref="NextWake"/>; harmless at any other time.</summary>
    public void Wake(MonoTime now)
    {
        WakeElection(now);
        WakeResume(now);
        WakeDefortify(now);
        if (IsLeader)
        {
            WakeLease(now);
        }

        if (IsLeader)
        {
            WakeTransfer(now);
        }

        if (IsLeader)
        {
            WakePeers(now);
            TryLeaveJoint(now);
        }
    }

    /// <summary>
    /// Support between this node and a peer's changed, in either direction: an epoch, a lapse, a return, or whether the peer is heard.
    /// </summary>
    public void SupportChanged(NodeId peer, MonoTime now)
    {
        if (IsLeader)
        {
            LeaderSupportChanged(peer, now);
        }
        else
        {
            FollowerSupportChanged(peer, now);
        }
    }

    /// <summary>
    /// A batch whose last entry was (term, upTo) is durable. Only now may this node count itself for its entries (Raft §10.2.1 of the
    /// thesis).
    /// Nothing when that entry was replaced since.
    /// </summary>
    public void Persisted(Term term, LogIndex upTo, MonoTime now)
    {
        if (upTo <= _durable || !_log.Matches(upTo, term))
        {
            return;
        }

        _durable = upTo;
        if (IsLeader)
        {
            TryCommit(null, now);
        }
    }

    /// <summary>The engine applied committed entries up to an index.</summary>
    public void Applied(LogIndex index, MonoTime now)
    {
        if (index <= _applied)
        {
            return;
        }

        Invariant.Holds(index <= _emitted);
        var couldServe = LeaderStartApplied;
        _applied = index;
        Effects.StatusChanged |= LeaderStartApplied != couldServe;
    }

    /// <summary>The engine removed stored entries up to an index that is applied.</summary>
    public void Compact(LogIndex upTo)
    {
        Invariant.Holds(upTo <= _applied);
        _log.Compact(upTo);
    }

    /// <summary>
    /// How far the engine may compact: nothing while the log has at most <paramref name="bytesMax"/>; then to half of it. Up to four times
    /// the limit a replica keeps what the receiver of a snapshot will need next, from <paramref name="neededFrom"/> on, and a leader what a
    /// peer that is heard still needs; behind that they take a snapshot.
    /// </summary>
    public LogIndex CompactableIndex(long bytesMax, LogIndex? neededFrom, MonoTime now)
    {
        var bytes = _log.Bytes;
        if (bytes <= bytesMax)
        {
            return _log.Truncated;
        }

        var limit = _applied;
        if (neededFrom is { } needed && bytes <= 4 * bytesMax)
        {
            limit = LogIndex.Min(limit, needed.Previous);
        }

        if (IsLeader && bytes <= 4 * bytesMax)
        {
            foreach (var peer in _peers)
            {
                limit = peer.State != ProgressState.Snapshot && Heard(peer.Peer, now) ? LogIndex.Min(limit, peer.Match) : limit;
            }
        }

        var upTo = _log.Truncated;
        while (upTo < limit && bytes > bytesMax / 2)
        {
            upTo = upTo.Next;
            bytes -= ReplicaLog.SizeOf(_log[upTo]);
        }

        return upTo;
    }

    private bool Heard(NodeId peer, MonoTime now) => peer == Self || _support.Hears(peer, now);

    // True when the message is still to be handled. A newer term ends an older leader, with two exceptions: a pre-vote asks about a term
    // that
    // does not exist yet, and a vote that this replica promised to refuse must not disturb the leader it promised it to (thesis §4.2.3).
    private bool AdoptNewerTerm(Message message, MonoTime now)
    {
        switch (message.Kind)
        {
            case MessageKind.PreVote:
            case MessageKind.PreVoteReply when !message.Reject:
                return true;
            case MessageKind.Vote when !IsInitialised:
                return false;
            case MessageKind.Vote when IsBarred(message, now):
                Refuse(message, now);
                return false;
            case MessageKind.Append or MessageKind.Fortify or MessageKind.SnapshotOffer or MessageKind.TimeoutNow:
                BecomeFollower(message.Term, message.From, now);
                return true;
            default:
                BecomeFollower(message.Term, NodeId.None, now);
                return true;
        }
    }

    private void BecomeFollower(Term term, NodeId leader, MonoTime now)
    {
        Invariant.Holds(term >= Term);
        var led = IsLeader;
        var asked = TimeoutNowSent;
        var newTerm = term > Term;
        if (newTerm)
        {
            SetHardState(_hard with { Term = term, Vote = NodeId.None });
        }

        if (led)
        {
            // Whoever deposed this leader may not win, and a voter that never hears of the newer term keeps its promise for as long as this
            // node lives. So it is told until a newer leader is known, not only until a newer term is.
            _defortifyTo = [.. _peers.Select(p => p.Peer)];
            _defortifyBackoff = 0;
            _defortifyAt = now.AddMicros(DefortifyMicros);
            EndLeadership();
        }

        if (leader.IsSome)
        {
            _defortifyAt = MonoTime.Forever;
        }

        Effects.StatusChanged |= newTerm || Role != ReplicaRole.Follower || _leader != leader;
        Role = ReplicaRole.Follower;
        _leader = leader;
        _votes.Clear();
        if (leader.IsSome)
        {
            _heldPreVotes.Clear();
            LiftPromiseOfOlderLeader();
        }

        if (led)
        {
            // Whoever ended this leadership by a newer term may be about to win it; whom this leader asked most likely is.
            ArmElection(now, asked ? ElectionWait() : CampaignDelay + (newTerm ? RoundWait(now) : 0));
        }
        else if (newTerm || leader.IsSome)
        {
            _electionAt = MonoTime.Forever;
        }

        ReviewElectionTimer(now);
    }

    private void SetHardState(HardState state)
    {
        Invariant.Holds(state.Term >= _hard.Term);
        if (state != _hard)
        {
            _hard = state;
            Effects.HardState = state;
        }
    }

    private Message NewMessage(MessageKind kind, NodeId to) => new() { Kind = kind, Range = Range, From = Self, To = to, Term = Term };

    private void EmitCommitted()
    {
        while (_emitted < _commit)
        {
            _emitted = _emitted.Next;
            Effects.Committed.Add(_log[_emitted]);
        }
    }
}
