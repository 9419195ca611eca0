using OrleansGeo.Primitives;

namespace OrleansGeo.Consensus;

/// <summary>Durations of store liveness.</summary>
public sealed record LivenessSettings
{
    /// <summary>D: how long support lasts from the receipt of a heartbeat.</summary>
    public long SupportMicros { get; init; } = 1_500_000;

    /// <summary>Time between two heartbeats to one peer.</summary>
    public long HeartbeatMicros { get; init; } = 300_000;

    /// <summary>ρ in parts per million.</summary>
    public int DriftPpm { get; init; } = 10_000;

    /// <summary>How far ahead of its own clock a supporter reserves bounds; beyond it support is given and the bound is not.</summary>
    public long MaxBoundAheadMillis { get; init; } = HlcClock.DefaultMaxAheadMillis;
}

/// <summary>
/// What a step of store liveness asks for. The engine sends <see cref="SendNow"/>, writes <see cref="Records"/> and <see cref="Limit"/> in
/// one
/// durable batch, and, once it and all earlier ones are durable, calls <see cref="StoreLiveness.Persisted"/> with <see cref="Token"/> and
/// then
/// sends <see cref="SendAfterPersist"/>. It tells every replica about <see cref="Changed"/>. An HLC limit is stored as a maximum.
/// </summary>
public sealed class LivenessEffects
{
    /// <summary>Messages that depend on nothing that is not durable yet.</summary>
    public List<LivenessMessage> SendNow { get; } = [];

    /// <summary>Records to write, at most one per node.</summary>
    public List<SupportRecord> Records { get; } = [];

    /// <summary>The node's HLC limit to write, or null when unchanged.</summary>
    public HlcTimestamp? Limit { get; set; }

    /// <summary>Messages to send once the batch is durable.</summary>
    public List<LivenessMessage> SendAfterPersist { get; } = [];

    /// <summary>Peers with which support changed, in either direction, each once.</summary>
    public List<NodeId> Changed { get; } = [];

    /// <summary>Names the batch, which may be empty of writes, for <see cref="StoreLiveness.Persisted"/>; 0 when none is asked
    /// for.</summary>
    public long Token { get; set; }

    /// <summary>True when something has to be made durable.</summary>
    public bool HasPersist => Records.Count > 0 || Limit is not null;

    /// <summary>True when there is nothing to do.</summary>
    public bool IsEmpty => SendNow.Count == 0 && !HasPersist && SendAfterPersist.Count == 0 && Changed.Count == 0;

    /// <summary>Empties all lists and keeps their memory.</summary>
    public void Clear()
    {
        SendNow.Clear();
        Records.Clear();
        Limit = null;
        SendAfterPersist.Clear();
        Changed.Clear();
        Token = 0;
    }
}
