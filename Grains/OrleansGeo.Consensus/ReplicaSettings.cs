using OrleansGeo.Primitives;

namespace OrleansGeo.Consensus;

/// <summary>Limits and durations of one replica. Durations count on the node's own monotonic clock.</summary>
public sealed record ReplicaSettings(RangeId Range, NodeId Self)
{
    /// <summary>D: how long support lasts from its receipt.</summary>
    public long SupportMicros { get; init; } = 1_500_000;

    /// <summary>ρ in parts per million: the largest relative difference in rate between two nodes' monotonic clocks.</summary>
    public int DriftPpm { get; init; } = 10_000;

    /// <summary>Most entries in one append.</summary>
    public int MaxEntriesPerAppend { get; init; } = 256;

    /// <summary>Most payload bytes in one append; one larger entry still travels alone.</summary>
    public int MaxBytesPerAppend { get; init; } = 1 << 20;

    /// <summary>Most unanswered appends with entries on the way to one follower.</summary>
    public int MaxInflightAppends { get; init; } = 64;

    /// <summary>Most payload bytes proposed and not yet committed; beyond it <see cref="ProposeOutcome.TooMuchInFlight"/>.</summary>
    public long MaxUncommittedBytes { get; init; } = 64L << 20;

    /// <summary>Base of the randomised wait before a campaign when no leader is known; the wait is one to two times as long.</summary>
    public long ElectionMicros { get; init; } = 1_000_000;

    /// <summary>How much longer than its rank says a witness waits before it campaigns.</summary>
    public long WitnessDelayMicros { get; init; } = 2_000_000;

    /// <summary>How far behind the log's end a node may be to be made a voter.</summary>
    public long MaxPromotionLag { get; init; } = 4096;
}

/// <summary>What a replica is in its current term.</summary>
public enum ReplicaRole
{
    /// <summary>Follows whoever leads.</summary>
    Follower,

    /// <summary>Asks whether a campaign could succeed; has changed nothing yet.</summary>
    PreCandidate,

    /// <summary>Asks for votes in a term of its own.</summary>
    Candidate,

    /// <summary>Won its term.</summary>
    Leader,
}

/// <summary>What became of a proposal at this replica.</summary>
public enum ProposeOutcome
{
    /// <summary>It is in the leader's log; whether it commits is not known yet.</summary>
    Accepted,

    /// <summary>This replica does not lead.</summary>
    NotLeader,

    /// <summary>Leadership is being handed over; ask the next leader.</summary>
    Transferring,

    /// <summary>A configuration change is under way, or the leader has not committed in its own term yet.</summary>
    Busy,

    /// <summary>A node that would become a voter is no member yet, lags, or has not fortified: add it as a non-voter and ask again
    /// later.</summary>
    NotCaughtUp,

    /// <summary>The bound on uncommitted bytes is met.</summary>
    TooMuchInFlight,
}

/// <summary>How far one peer is, as its leader knows.</summary>
/// <param name="Peer">The peer.</param>
/// <param name="Match">The peer's log durably equals the leader's up to here.</param>
/// <param name="Active">The peer's node answered a heartbeat within the support duration.</param>
/// <param name="Snapshotting">The peer waits for, or fetches, a snapshot.</param>
/// <param name="Fortified">The peer's promise for this term holds now.</param>
public readonly record struct PeerStatus(NodeId Peer, LogIndex Match, bool Active, bool Snapshotting, bool Fortified);
