using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>What a node is told when it starts. Durations are those of DESIGN; all bounds are per node or per range as named.</summary>
public sealed record NodeOptions
{
    /// <summary>Stable name; it never moves to another data directory.</summary>
    public required string Name { get; init; }

    /// <summary>Region label.</summary>
    public required string Region { get; init; }

    /// <summary>Zone label.</summary>
    public required string Zone { get; init; }

    /// <summary>How long support lasts (D).</summary>
    public long SupportMicros { get; init; } = 1_500_000;

    /// <summary>How often heartbeats are sent.</summary>
    public long HeartbeatMicros { get; init; } = 300_000;

    /// <summary>Bound on the relative rate of two clocks (ρ), in parts per million.</summary>
    public int DriftPpm { get; init; } = 10_000;

    /// <summary>How far behind now timestamps are closed.</summary>
    public long ClosedTargetMs { get; init; } = 500;

    /// <summary>How often closed timestamps are published.</summary>
    public long ClosedPublishMicros { get; init; } = 100_000;

    /// <summary>A range larger than this is split.</summary>
    public long SplitBytes { get; init; } = 64L << 20;

    /// <summary>How often sizes, lease preferences and the directory are looked after.</summary>
    public long HousekeepingMicros { get; init; } = 500_000;

    /// <summary>How often, at most, a range's request records are gone through for those no longer kept.</summary>
    public long CollectMicros { get; init; } = 60_000_000;

    /// <summary>
    /// How long old versions of rows are kept: how far back rows can be read, and how late what a transaction did can be told. Longer than
    /// anything asks about what it did, which an idempotency key allows for a day.
    /// </summary>
    public long VersionRetentionMs { get; init; } = 25 * 3_600_000;

    /// <summary>Log bytes a replica keeps for slow followers before they need a snapshot.</summary>
    public long LogKeepBytes { get; init; } = 1L << 20;

    /// <summary>Requests of one range that may wait for latches.</summary>
    public int LatchWaitersMax { get; init; } = 10_000;

    /// <summary>Bytes of undecided transactions' intents on one range beyond which no more are taken.</summary>
    public long IntentBytesMax { get; init; } = 64L << 20;

    /// <summary>Writes of one range that may be proposed and undecided.</summary>
    public int ProposalsMax { get; init; } = 10_000;

    /// <summary>Requests of one range that may wait for a lease or bound.</summary>
    public int ParkedMax { get; init; } = 4_096;

    /// <summary>Calls of one node that may be unanswered.</summary>
    public int CallsMax { get; init; } = 100_000;

    /// <summary>Bytes of one chunk of a snapshot.</summary>
    public int SnapshotChunkBytes { get; init; } = 1 << 20;

    /// <summary>Stops a replica that would apply a request twice. Costs a lookup for each write; for simulations.</summary>
    public bool VerifiesRecords { get; init; }
}

/// <summary>Who a node is, kept with its data and checked when it is opened again.</summary>
/// <param name="ClusterId">The cluster the data belongs to.</param>
/// <param name="Node">The node's id.</param>
/// <param name="Name">The node's name.</param>
/// <param name="TokenSecret">The cluster's secret for signing tokens, 32 bytes.</param>
public sealed record NodeIdentity(string ClusterId, NodeId Node, string Name, ReadOnlyMemory<byte> TokenSecret);
