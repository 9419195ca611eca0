using OrleansGeo.Engine;
using OrleansGeo.Primitives;

namespace OrleansGeo.Simulation;

/// <summary>Kinds of trouble that a plan may draw.</summary>
public enum FaultKind
{
    /// <summary>A node crashes and restarts later.</summary>
    CrashNode,

    /// <summary>All nodes of a zone crash at once and restart later.</summary>
    CrashZone,

    /// <summary>All nodes of a region crash at once and restart later.</summary>
    CrashRegion,

    /// <summary>A process stops for up to several leases and goes on.</summary>
    PauseNode,

    /// <summary>A wall clock jumps.</summary>
    JumpClock,

    /// <summary>A machine's clocks change their rate.</summary>
    DriftClock,

    /// <summary>A sync fails; the node is started again later.</summary>
    FailSync,

    /// <summary>Syncs stall for a while.</summary>
    StallSyncs,

    /// <summary>The disk is full for a while; the node is started again later.</summary>
    FillDisk,

    /// <summary>A bit of stored data flips. Nothing heals it: not among <see cref="FaultSettings.AllThatHeal"/>.</summary>
    FlipBit,

    /// <summary>A node is cut off, both ways or one.</summary>
    IsolateNode,

    /// <summary>One node no longer reaches another, one way.</summary>
    CutLink,

    /// <summary>A zone is cut off, both ways or one.</summary>
    CutZone,

    /// <summary>A region is cut off, both ways or one.</summary>
    CutRegion,

    /// <summary>What a node sends, or is sent, is held back for seconds and then arrives all at once.</summary>
    Clog,

    /// <summary>The whole network loses up to a part of all messages.</summary>
    Loss,

    /// <summary>The whole network doubles messages.</summary>
    Duplicates,

    /// <summary>The whole network reorders messages.</summary>
    Reorder,

    /// <summary>The whole network is slow.</summary>
    Delay,
}

/// <summary>Limits of the trouble in one run.</summary>
public sealed record FaultSettings
{
    /// <summary>Every kind after whose end a cluster must work again by itself.</summary>
    public static IReadOnlyList<FaultKind> AllThatHeal { get; } = [.. Enum.GetValues<FaultKind>().Where(k => k != FaultKind.FlipBit)];

    /// <summary>What may be drawn.</summary>
    public IReadOnlyList<FaultKind> Allowed { get; init; } = AllThatHeal;

    /// <summary>Instead of single faults: nodes of a region take turns at losing what they have.</summary>
    public bool Relays { get; init; }

    /// <summary>The first fault begins no earlier, in microseconds.</summary>
    public long StartMicros { get; init; } = 2_000_000;

    /// <summary>All trouble is over then: everything heals and every node runs.</summary>
    public long HealMicros { get; init; } = 30_000_000;

    /// <summary>Mean time between the beginnings of two faults.</summary>
    public long GapMicrosMean { get; init; } = 1_500_000;

    /// <summary>The longest that one fault lasts.</summary>
    public long DurationMicrosMax { get; init; } = 8_000_000;

    /// <summary>D: pauses and stalls are drawn around it, up to three times as long.</summary>
    public long LeaseMicros { get; init; } = 1_500_000;

    /// <summary>The largest jump of a wall clock, either way.</summary>
    public long JumpMsMax { get; init; } = 288_000;

    /// <summary>The largest drift, either way; below half of ρ, which bounds the difference of two clocks.</summary>
    public int DriftPpmMax { get; init; } = 500;

    /// <summary>The largest share of messages lost.</summary>
    public double LossMax { get; init; } = 0.3;

    /// <summary>
    /// When set, what fails at any one time lies within one zone (zone goal) or one region (region goal), so a range with that goal always
    /// has a quorum that works and can be reached.
    /// </summary>
    public SurvivalGoal? KeepQuorum { get; init; }

    /// <summary>
    /// How long after its end a fault still counts as one, with <see cref="KeepQuorum"/>: the time to come back and catch up.
    /// </summary>
    public long RecoveryMicros { get; init; } = 4_000_000;
}

/// <summary>What a plan acts on: a cluster in the simulation. Each call takes effect at once and tolerates any state of the node.</summary>
public interface IFaultTarget
{
    /// <summary>The network's model.</summary>
    WanNetwork Network { get; }

    /// <summary>The process ends without warning and what its disk had not synced is lost. Nothing when it does not run.</summary>
    void Crash(NodeId node);

    /// <summary>Starts the node when it is down or has stopped by itself. Nothing when it runs.</summary>
    void Restart(NodeId node);

    /// <summary>Stops the process for a time.</summary>
    void Pause(NodeId node, long micros);

    /// <summary>Sets the machine's wall clock forward or back.</summary>
    void JumpClock(NodeId node, long ms);

    /// <summary>Sets the rate of the machine's clocks.</summary>
    void SetDrift(NodeId node, int ppm);

    /// <summary>Makes the next sync of the node's disk fail.</summary>
    void FailNextSync(NodeId node);

    /// <summary>While true no sync of the node's disk completes.</summary>
    void StallSyncs(NodeId node, bool stalled);

    /// <summary>While true the node's disk takes nothing more.</summary>
    void FillDisk(NodeId node, bool full);

    /// <summary>Flips a bit of what the node's disk stores.</summary>
    void FlipBit(NodeId node);
}
