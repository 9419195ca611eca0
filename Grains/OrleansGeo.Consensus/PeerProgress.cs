using OrleansGeo.Primitives;

namespace OrleansGeo.Consensus;

/// <summary>How a leader sends to one peer.</summary>
public enum ProgressState
{
    /// <summary>The peer's log is unknown: one append at a time until it answers.</summary>
    Probe,

    /// <summary>The logs agree: appends are pipelined.</summary>
    Replicate,

    /// <summary>The peer needs what the log no longer holds: it is offered a snapshot.</summary>
    Snapshot,
}

/// <summary>
/// What a leader knows of one peer. Match is durable at the peer and only grows within a term. The retransmission clock runs only while
/// something is unanswered, so a replica that holds and knows everything costs no timer.
/// </summary>
public sealed class PeerProgress(NodeId peer, LogIndex next)
{
    private const int BackoffMax = 5;
    private readonly Queue<LogIndex> _inflight = new();
    private int _backoff;
    private int _fortifyBackoff;

    /// <summary>The peer.</summary>
    public NodeId Peer { get; } = peer;

    /// <summary>How to send.</summary>
    public ProgressState State { get; private set; } = ProgressState.Probe;

    /// <summary>The peer's log durably equals the leader's up to here.</summary>
    public LogIndex Match { get; private set; }

    /// <summary>The next entry to send.</summary>
    public LogIndex Next { get; private set; } = next;

    /// <summary>The commit index last sent.</summary>
    public LogIndex SentCommit { get; private set; }

    /// <summary>The commit index the peer said it knows.</summary>
    public LogIndex AckedCommit { get; private set; }

    /// <summary>A probe is on its way.</summary>
    public bool ProbeSent { get; private set; }

    /// <summary>When to send again; <see cref="MonoTime.Forever"/> when nothing is unanswered.</summary>
    public MonoTime RetransmitAt { get; private set; } = MonoTime.Forever;

    /// <summary>The support epoch at which the peer fortified this term, or null.</summary>
    public SupportEpoch? Fortified { get; set; }

    /// <summary>When to ask for the promise again; <see cref="MonoTime.Forever"/> when not asking.</summary>
    public MonoTime FortifyAt { get; private set; } = MonoTime.Forever;

    /// <summary>Unanswered appends with entries.</summary>
    public int Inflight => _inflight.Count;

    /// <summary>Notes that an append left: entries up to an index (or none), and a commit index.</summary>
    public void Sent(LogIndex lastEntry, bool hasEntries, LogIndex commit, MonoTime now, long rttMicros)
    {
        if (State == ProgressState.Probe)
        {
            ProbeSent = true;
        }
        else if (hasEntries)
        {
            _inflight.Enqueue(lastEntry);
            Next = lastEntry.Next;
        }

        SentCommit = LogIndex.Max(SentCommit, commit);
        if (RetransmitAt == MonoTime.Forever)
        {
            Arm(now, rttMicros);
        }
    }

    /// <summary>Notes an acknowledgement; true when it told something new.</summary>
    public bool Acknowledged(LogIndex match, LogIndex commit, MonoTime now, long rttMicros)
    {
        var news = match > Match || commit > AckedCommit || State != ProgressState.Replicate;
        Match = LogIndex.Max(Match, match);
        AckedCommit = LogIndex.Max(AckedCommit, commit);
        while (_inflight.Count > 0 && _inflight.Peek() <= Match)
        {
            _inflight.Dequeue();
        }

        if (State != ProgressState.Replicate)
        {
            State = ProgressState.Replicate;
            ProbeSent = false;
            _inflight.Clear();
            Next = Match.Next;
            SentCommit = AckedCommit;
        }

        Next = LogIndex.Max(Next, Match.Next);
        var isAnswered = _inflight.Count == 0 && SentCommit <= AckedCommit;
        if (news || isAnswered)
        {
            _backoff = 0;
            RetransmitAt = MonoTime.Forever;
        }

        if (news && !isAnswered)
        {
            Arm(now, rttMicros);
        }

        return news;
    }

    /// <summary>Goes back to probing from an index that is above what is known to match.</summary>
    public void Probe(LogIndex next)
    {
        State = ProgressState.Probe;
        Next = LogIndex.Max(next, Match.Next);
        ProbeSent = false;
        _inflight.Clear();
        SentCommit = AckedCommit;
        RetransmitAt = MonoTime.Forever;
    }

    /// <summary>The peer speaks again, or anew: what it knew of the commit index may be lost, what it stored is not.</summary>
    public void Restart()
    {
        AckedCommit = default;
        _backoff = 0;
        Probe(State == ProgressState.Replicate ? Match.Next : Next);
    }

    /// <summary>Waits for the peer to take a snapshot.</summary>
    public void AwaitSnapshot(MonoTime retryAt)
    {
        State = ProgressState.Snapshot;
        ProbeSent = false;
        _inflight.Clear();
        RetransmitAt = retryAt;
    }

    /// <summary>The retransmission clock ran out: sends again, waiting longer each time.</summary>
    public void TimedOut()
    {
        _backoff = Math.Min(_backoff + 1, BackoffMax);
        Probe(State == ProgressState.Probe ? Next : Match.Next);
    }

    /// <summary>The peer's node is silent: nothing is sent before it is heard again.</summary>
    public void Silence() => RetransmitAt = MonoTime.Forever;

    /// <summary>A request for the promise left.</summary>
    public void FortifySent(MonoTime now, long rttMicros)
    {
        FortifyAt = now.AddMicros(((2 * rttMicros) + 50_000) << _fortifyBackoff);
        _fortifyBackoff = Math.Min(_fortifyBackoff + 1, BackoffMax);
    }

    /// <summary>The request was answered, or has no prospect before support changes.</summary>
    public void FortifyDone()
    {
        FortifyAt = MonoTime.Forever;
        _fortifyBackoff = 0;
    }

    private void Arm(MonoTime now, long rttMicros) => RetransmitAt = now.AddMicros(((2 * rttMicros) + 50_000) << _backoff);
}
