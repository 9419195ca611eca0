using OrleansGeo.Primitives;

namespace OrleansGeo.Consensus;

// What a leader does with its log: batches, pipelines, counts, commits, repairs. Appends leave in Flush, so what was proposed in one turn
// of the engine travels in one message, and they leave before this node's own write is durable (thesis §10.2.1).
public sealed partial class Replica
{
    private const long SnapshotRetryMicros = 1_000_000;
    private readonly List<PeerProgress> _peers = [];
    private LogEntry[] _slice = [];
    private LogIndex _sliceFrom;
    private long _uncommittedBytes;
    private bool _unsent;
    private LogIndex _tellUpTo;

    private readonly struct MatchValues(Replica replica) : INodeValue
    {
        public long Of(NodeId node) => node == replica.Self ? replica._durable.Value : replica.FindPeer(node)?.Match.Value ?? 0;
    }

    /// <summary>
    /// Appends a command to the leader's log. It is sent by the next <see cref="Flush"/>. The index identifies it together with the current
    /// term; another entry at that index means that it is lost. Followers hear of its commit at once, unless it <paramref name="mayLag"/>:
    /// then with the next append, or when <see cref="TellCommit"/> is called.
    /// </summary>
    public ProposeOutcome Propose(ReadOnlyMemory<byte> command, MonoTime now, out LogIndex index, bool mayLag = false)
    {
        index = default;
        if (!IsLeader)
        {
            return ProposeOutcome.NotLeader;
        }

        if (IsTransferring || IsWitness)
        {
            return ProposeOutcome.Transferring;
        }

        if (_uncommittedBytes > 0 && _uncommittedBytes + command.Length > _settings.MaxUncommittedBytes)
        {
            return ProposeOutcome.TooMuchInFlight;
        }

        AppendOwn(EntryKind.Command, command, mayLag);
        index = LastIndex;
        return ProposeOutcome.Accepted;
    }

    /// <summary>True at a leader with commits that followers were not told of at once.</summary>
    public bool HasUntoldCommit => IsLeader && _tellUpTo < _commit;

    /// <summary>
    /// Lets followers know by the next <see cref="Flush"/> of everything that is committed now. Nothing where they have been told.
    /// </summary>
    public void TellCommit()
    {
        if (HasUntoldCommit)
        {
            _tellUpTo = _commit;
            _unsent = true;
        }
    }

    /// <summary>Builds the appends that are due. To be called once after each turn of inputs.</summary>
    public void Flush(MonoTime now)
    {
        if (!IsLeader || !_unsent)
        {
            return;
        }

        _unsent = false;
        foreach (var peer in _peers)
        {
            SendDue(peer, now);
        }

        _slice = [];
    }

    /// <summary>At a leader: what it knows of each peer, for looking at; empty at others.</summary>
    public IReadOnlyList<PeerProgress> Peers => IsLeader ? _peers : [];

    /// <summary>At a leader: bytes proposed and not committed yet.</summary>
    public long UncommittedBytes => IsLeader ? _uncommittedBytes : 0;

    /// <summary>At a leader: how far each peer is, by node.</summary>
    public IReadOnlyList<PeerStatus> Progress(MonoTime now) =>
    [
        .. _peers.Select(p => new PeerStatus(
            p.Peer, p.Match, Heard(p.Peer, now), p.State == ProgressState.Snapshot,
            IsFortifiedBy(p.Peer) && _support.Received(p.Peer).Until > now)),
    ];

    private PeerProgress? FindPeer(NodeId node)
    {
        foreach (var peer in _peers)
        {
            if (peer.Peer == node)
            {
                return peer;
            }
        }

        return null;
    }

    private void StartPeers()
    {
        _peers.Clear();
        _uncommittedBytes = 0;
        foreach (var node in Configuration!.Members())
        {
            if (node != Self)
            {
                _peers.Add(new(node, LastIndex.Next));
            }
        }
    }

    private void AppendOwn(EntryKind kind, ReadOnlyMemory<byte> payload, bool mayLag = false)
    {
        var entry = new LogEntry(Term, LastIndex.Next, kind, payload);
        _log.Append(entry);
        Effects.Append.Add(entry);
        _uncommittedBytes += payload.Length;
        _unsent = true;
        _tellUpTo = mayLag ? _tellUpTo : LastIndex;
    }

    private void SendDue(PeerProgress peer, MonoTime now)
    {
        if (peer.State == ProgressState.Snapshot || !Heard(peer.Peer, now))
        {
            return;
        }

        if (peer.State == ProgressState.Probe)
        {
            if (!peer.ProbeSent)
            {
                SendAppend(peer, now, false);
            }

            return;
        }

        while (peer.State == ProgressState.Replicate && peer.Next <= LastIndex && peer.Inflight < _settings.MaxInflightAppends)
        {
            SendAppend(peer, now, false);
        }

        // While appends are under way the next one carries the commit index; when none is, it travels alone, if it cannot wait for one.
        if (peer.State == ProgressState.Replicate && peer.Inflight == 0 && peer.SentCommit < LogIndex.Min(_commit, _tellUpTo))
        {
            SendAppend(peer, now, true);
        }
    }

    private void SendAppend(PeerProgress peer, MonoTime now, bool empty)
    {
        var previous = peer.Next.Previous;
        if (!_log.TryTermAt(previous, out var previousTerm))
        {
            OfferSnapshot(peer, now);
            return;
        }

        var entries = empty ? [] : SliceFrom(peer.Next);
        var last = entries.Length == 0 ? previous : entries[^1].Index;
        Effects.SendNow.Add(new()
        {
            Kind = MessageKind.Append,
            Range = Range,
            From = Self,
            To = peer.Peer,
            Term = Term,
            Index = previous,
            LogTerm = previousTerm,
            Commit = _commit,
            Entries = entries,
        });
        peer.Sent(last, entries.Length > 0, LogIndex.Min(_commit, last), now, _support.RttMicros(peer.Peer));
    }

    // Followers mostly want the same entries: one copy serves them all.
    private LogEntry[] SliceFrom(LogIndex from)
    {
        if (_slice.Length == 0 || _sliceFrom != from || _slice[^1].Index > LastIndex)
        {
            _slice = _log.Slice(from, _settings.MaxEntriesPerAppend, _settings.MaxBytesPerAppend);
            _sliceFrom = from;
        }

        return _slice;
    }

    private void OfferSnapshot(PeerProgress peer, MonoTime now)
    {
        peer.AwaitSnapshot(now.AddMicros(SnapshotRetryMicros));
        Effects.SendNow.Add(new()
        {
            Kind = MessageKind.SnapshotOffer,
            Range = Range,
            From = Self,
            To = peer.Peer,
            Term = Term,
            Index = _log.Truncated,
            LogTerm = _log.TruncatedTerm,
        });
    }

    private void OnAppendReply(Message reply, MonoTime now)
    {
        if (!IsLeader || reply.Term != Term || FindPeer(reply.From) is not { } peer)
        {
            return;
        }

        if (reply.Reject)
        {
            OnRejection(peer, reply, now);
            return;
        }

        if (peer.State == ProgressState.Snapshot && reply.Index < _log.Truncated)
        {
            return;
        }

        Invariant.Holds(reply.Index <= LastIndex);
        if (peer.Acknowledged(reply.Index, reply.Commit, now, _support.RttMicros(peer.Peer)))
        {
            _unsent = true;
            TryCommit(reply.Path, now);
        }

        if (IsLeader)
        {
            StartHandOverOfWitness(now);
            TryTimeoutNow(now);
        }
    }

    private void OnRejection(PeerProgress peer, Message reply, MonoTime now)
    {
        if (reply.NeedsSnapshot)
        {
            if (peer.State != ProgressState.Snapshot)
            {
                OfferSnapshot(peer, now);
            }

            return;
        }

        // A refusal of what is known to match, or of another probe than the last, is late.
        if (peer.State == ProgressState.Snapshot || reply.Index <= peer.Match
            || (peer.State == ProgressState.Probe && reply.Index != peer.Next.Previous))
        {
            return;
        }

        peer.Probe(_log.LastAtOrBelow(reply.Hint, reply.HintTerm).Next);
        _unsent = true;
    }

    private void TryCommit(WanPath? path, MonoTime now)
    {
        var values = new MatchValues(this);
        var reached = new LogIndex(PlantedBug.Is("consensus.commit-without-joint-majority")
            ? Quorum.Reached(Configuration!.Voters, values)
            : Quorum.Reached(Configuration!, values));

        // Raft §5.4.2: an older term's entry is committed only by one of this term behind it.
        if (reached <= _commit || (TermAt(reached) != Term && !PlantedBug.Is("consensus.commit-old-term")))
        {
            return;
        }

        for (var index = _commit.Next; index <= reached; index = index.Next)
        {
            _uncommittedBytes -= Math.Min(_uncommittedBytes, _log[index].Payload.Length);
        }

        var configurationCommitted = _commit < _log.ConfigurationIndex && reached >= _log.ConfigurationIndex;
        _commit = reached;
        Effects.CommitPath = path;
        _unsent = true;
        EmitCommitted();
        if (configurationCommitted)
        {
            ConfigurationCommitted(now);
        }
        else
        {
            TryLeaveJoint(now);
        }
    }

    private void WakePeers(MonoTime now)
    {
        foreach (var peer in _peers)
        {
            if (now >= peer.FortifyAt)
            {
                RequestFortify(peer, now);
            }

            if (now < peer.RetransmitAt)
            {
                continue;
            }

            if (!Heard(peer.Peer, now))
            {
                peer.Silence();
            }
            else if (peer.State == ProgressState.Snapshot)
            {
                OfferSnapshot(peer, now);
            }
            else
            {
                peer.TimedOut();
                _unsent = true;
            }
        }
    }
}
