using OrleansGeo.Primitives;

namespace OrleansGeo.Consensus;

/// <summary>What a log entry is for.</summary>
public enum EntryKind : byte
{
    /// <summary>
    /// A new leader's first entry: commits what earlier terms left (Raft §5.4.2). Nothing is served before it is applied.
    /// </summary>
    LeaderStart = 1,

    /// <summary>Opaque bytes for the state machine.</summary>
    Command = 2,

    /// <summary>An encoded <see cref="Consensus.Configuration"/>. In effect from the moment it is appended.</summary>
    Configuration = 3,
}

/// <summary>One entry of a range's log.</summary>
public readonly record struct LogEntry(Term Term, LogIndex Index, EntryKind Kind, ReadOnlyMemory<byte> Payload);

/// <summary>
/// What a replica must remember across a restart besides its log. Fortification: the promise to vote for nobody but
/// <see cref="FortifiedLeader"/> while this node supports that node at <see cref="FortifiedEpoch"/>; given in term
/// <see cref="FortifiedTerm"/>.
/// </summary>
public sealed record HardState(Term Term, NodeId Vote, NodeId FortifiedLeader, SupportEpoch FortifiedEpoch, Term FortifiedTerm)
{
    /// <summary>The state of a replica that never took part.</summary>
    public static HardState Initial { get; } = new(default, NodeId.None, NodeId.None, default, default);
}

/// <summary>Everything a replica starts from: what was durable at the last stop, or the state it is born with.</summary>
/// <param name="HardState">The last durable hard state.</param>
/// <param name="Truncated">Index of the last entry that is no longer in the log; its effects are in the applied state.</param>
/// <param name="TruncatedTerm">The term of that entry.</param>
/// <param name="Base">The configuration in effect at <paramref name="Truncated"/>; null for a replica that waits for its first
/// snapshot.</param>
/// <param name="Entries">The log behind that, without gaps.</param>
/// <param name="Applied">The last applied index; at least <paramref name="Truncated"/>.</param>
public sealed record RestoredReplica(
    HardState HardState,
    LogIndex Truncated,
    Term TruncatedTerm,
    Configuration? Base,
    IReadOnlyList<LogEntry> Entries,
    LogIndex Applied);

/// <summary>The point in the log that a snapshot replaces.</summary>
public sealed record SnapshotPoint(LogIndex Index, Term Term, Configuration Configuration);

/// <summary>Kinds of <see cref="Message"/>.</summary>
public enum MessageKind : byte
{
    /// <summary>
    /// Leader to follower: entries behind (<see cref="Message.Index"/>, <see cref="Message.LogTerm"/>), and the commit index. May be empty.
    /// </summary>
    Append = 1,

    /// <summary>Follower to leader: durable up to <see cref="Message.Index"/>, or a refusal with a hint.</summary>
    AppendReply = 2,

    /// <summary>Would you vote for me? Changes nothing at the receiver (thesis §9.6).</summary>
    PreVote = 3,

    /// <summary>Answer to <see cref="PreVote"/>.</summary>
    PreVoteReply = 4,

    /// <summary>Vote for me.</summary>
    Vote = 5,

    /// <summary>Answer to <see cref="Vote"/>.</summary>
    VoteReply = 6,

    /// <summary>Leader to follower: promise no vote for another while you support my node.</summary>
    Fortify = 7,

    /// <summary>The promise, durable, at a support epoch.</summary>
    FortifyReply = 8,

    /// <summary>A leader that stopped lifts the promise for its term.</summary>
    Defortify = 9,

    /// <summary>Leader to follower: campaign now; the sender serves no more in this term.</summary>
    TimeoutNow = 10,

    /// <summary>Follower to leader: I restarted or was cut off; resume me.</summary>
    Resume = 11,

    /// <summary>Leader to a replica that needs one: fetch a snapshot of me that is at least at <see cref="Message.Index"/>.</summary>
    SnapshotOffer = 12,
}

/// <summary>
/// A consensus message. One class for all kinds, as on the wire; a field that a kind does not use keeps its default and is not encoded.
/// Never changed after it was handed to the transport, except that the transport adds to <see cref="Path"/>.
/// </summary>
public sealed class Message
{
    /// <summary>What it is.</summary>
    public required MessageKind Kind { get; init; }

    /// <summary>The range.</summary>
    public required RangeId Range { get; init; }

    /// <summary>The sender.</summary>
    public required NodeId From { get; init; }

    /// <summary>The receiver.</summary>
    public required NodeId To { get; init; }

    /// <summary>The sender's term, or the term a pre-vote asks about.</summary>
    public required Term Term { get; init; }

    /// <summary>Term of the entry at <see cref="Index"/>.</summary>
    public Term LogTerm { get; init; }

    /// <summary>A log index; what it means depends on the kind.</summary>
    public LogIndex Index { get; init; }

    /// <summary>The leader's commit index.</summary>
    public LogIndex Commit { get; init; }

    /// <summary>Entries, for an append.</summary>
    public IReadOnlyList<LogEntry> Entries { get; init; } = [];

    /// <summary>A refusal.</summary>
    public bool Reject { get; init; }

    /// <summary>With a refused append: the last index at which the logs may agree.</summary>
    public LogIndex Hint { get; init; }

    /// <summary>With a refused append: the term at <see cref="Hint"/>.</summary>
    public Term HintTerm { get; init; }

    /// <summary>With a refused append: the replica has no state yet and can only start from a snapshot.</summary>
    public bool NeedsSnapshot { get; init; }

    /// <summary>With a refused vote: who leads, as far as the voter knows.</summary>
    public NodeId Leader { get; init; }

    /// <summary>With a refused vote: microseconds of support the leader has left at the voter.</summary>
    public long RemainingMicros { get; init; }

    /// <summary>With a fortification: the support epoch it is tied to.</summary>
    public SupportEpoch Epoch { get; init; }

    /// <summary>
    /// With a vote: the voter's durable HLC limit. The new leader's clock and timestamp cache start above every one it counted.
    /// </summary>
    public HlcTimestamp Bound { get; init; }

    /// <summary>With a (pre-)vote request: the leader of <see cref="LogTerm"/>'s successor term asked the sender to take over.</summary>
    public bool Transfer { get; init; }

    /// <summary>The wide-area hops behind this message; an answer carries on from what it answers.</summary>
    public WanPath? Path { get; set; }
}

/// <summary>
/// What a node knows of the support between itself and its peers (DESIGN: store liveness). Implemented by the node's store liveness;
/// replicas read it and never change it. A node always supports itself, at epoch 0, forever.
/// </summary>
public interface ISupportView
{
    /// <summary>The epoch at which this node supports another now, or null. Stays non-null until the withdrawal is durable.</summary>
    SupportEpoch? Given(NodeId to);

    /// <summary>Microseconds until the support given to another lapses unless renewed; 0 when none.</summary>
    long GivenRemainingMicros(NodeId to, MonoTime now);

    /// <summary>The support this node has from another: its epoch, and until when this node may count on it.</summary>
    (SupportEpoch Epoch, MonoTime Until) Received(NodeId from);

    /// <summary>True while the peer answered a heartbeat within the support duration.</summary>
    bool Hears(NodeId peer, MonoTime now);

    /// <summary>The highest timestamp up to which the peer has durably reserved the right for this node to serve.</summary>
    HlcTimestamp AcknowledgedBound(NodeId peer);

    /// <summary>This node's own durable HLC limit: at or above every bound it acknowledged for anyone.</summary>
    HlcTimestamp DurableLimit { get; }

    /// <summary>Smoothed round-trip time to the peer in microseconds; a default before the first measurement.</summary>
    long RttMicros(NodeId peer);
}

/// <summary>
/// What a step asks for, in the order in which the engine performs it: <see cref="SendNow"/>, then <see cref="HardState"/>,
/// <see cref="TruncateFrom"/> and <see cref="Append"/> into one durable batch, then apply <see cref="Committed"/>, and, once the batch and
/// all earlier ones are durable, <see cref="SendAfterPersist"/>. Persist precedes every message that depends on it (Raft §5.2).
/// One object is reused for the life of the replica; the engine drains it before the next input.
/// </summary>
public sealed class ReplicaEffects
{
    /// <summary>Messages that depend on nothing that is not durable yet.</summary>
    public List<Message> SendNow { get; } = [];

    /// <summary>The hard state to write, or null when unchanged.</summary>
    public HardState? HardState { get; set; }

    /// <summary>Remove stored entries from this index on before appending, or null.</summary>
    public LogIndex? TruncateFrom { get; set; }

    /// <summary>Entries to append.</summary>
    public List<LogEntry> Append { get; } = [];

    /// <summary>Messages to send once what is above is durable.</summary>
    public List<Message> SendAfterPersist { get; } = [];

    /// <summary>Entries to apply, in order.</summary>
    public List<LogEntry> Committed { get; } = [];

    /// <summary>The path of the acknowledgement that committed the last of <see cref="Committed"/>; only at the leader.</summary>
    public WanPath? CommitPath { get; set; }

    /// <summary>Set on a replica that was offered a snapshot and should fetch it.</summary>
    public Message? SnapshotOffered { get; set; }

    /// <summary>True when role, term, known leader, or ability to serve may have changed.</summary>
    public bool StatusChanged { get; set; }

    /// <summary>True when something has to be made durable.</summary>
    public bool HasPersist => HardState is not null || TruncateFrom is not null || Append.Count > 0;

    /// <summary>True when there is nothing to do.</summary>
    public bool IsEmpty => SendNow.Count == 0 && !HasPersist && SendAfterPersist.Count == 0 && Committed.Count == 0
        && SnapshotOffered is null && !StatusChanged;

    /// <summary>Empties all lists and keeps their memory.</summary>
    public void Clear()
    {
        SendNow.Clear();
        HardState = null;
        TruncateFrom = null;
        Append.Clear();
        SendAfterPersist.Clear();
        Committed.Clear();
        CommitPath = null;
        SnapshotOffered = null;
        StatusChanged = false;
    }
}

/// <summary>The durable record of support given to one node.</summary>
public sealed record SupportRecord(NodeId To, Incarnation Incarnation, SupportEpoch Epoch);

/// <summary>A heartbeat or its answer, between two nodes, on a lane of their own.</summary>
public sealed record LivenessMessage
{
    /// <summary>The sender.</summary>
    public required NodeId From { get; init; }

    /// <summary>The receiver.</summary>
    public required NodeId To { get; init; }

    /// <summary>The sender's incarnation.</summary>
    public required Incarnation Incarnation { get; init; }

    /// <summary>True for an answer.</summary>
    public required bool IsReply { get; init; }

    /// <summary>The asker's clock when it asked; echoed, and read by nobody but the asker.</summary>
    public required MonoTime SentAt { get; init; }

    /// <summary>The incarnation of the asker, echoed, so that an answer to an earlier life is worthless.</summary>
    public Incarnation AskerIncarnation { get; init; }

    /// <summary>Asked for: the epoch the asker believes in (0 = tell me). Answered: the epoch at which support is given.</summary>
    public SupportEpoch Epoch { get; init; }

    /// <summary>Answered: support is given. When false, <see cref="RemainingMicros"/> says when to ask again.</summary>
    public bool Granted { get; init; }

    /// <summary>Answered: microseconds until an older incarnation's support ends.</summary>
    public long RemainingMicros { get; init; }

    /// <summary>Asked: the bound the asker wants. Answered: the bound that is durably reserved.</summary>
    public HlcTimestamp Bound { get; init; }

    /// <summary>The sender's HLC.</summary>
    public HlcTimestamp Clock { get; init; }

    /// <summary>The latest wall time the sender knows of, its own or one it was told, in milliseconds; 0 is none.</summary>
    public long LatestWallMillis { get; init; }

    /// <summary>Asked: the asker is about to leave, and wants to lead nothing that another can lead. A hint: nothing is safe by
    /// it.</summary>
    public bool IsDraining { get; init; }
}
