using OrleansGeo.Consensus;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// What the gateway needs of the node it runs on. Everything is called on the node's scheduler, and every task continues there.
/// </summary>
public interface IGatewayHost
{
    /// <summary>This node.</summary>
    NodeRecord Self { get; }

    /// <summary>The newest view of the system range applied here.</summary>
    SystemView System { get; }

    /// <summary>Completes when a view at least as new as the index is published.</summary>
    Task AwaitSystemAsync(LogIndex applied, CancellationToken cancellation);

    /// <summary>
    /// Asks a node's replica of a range, this node's own included. Null when no answer came before the timeout (the request may still
    /// arrive), or when <see cref="OrleansGeo.Engine.CallFailure"/> says that it was certainly not sent.
    /// </summary>
    Task<CallResult> CallAsync(NodeId to, RangeId range, RangeOperation operation, TimeSpan timeout, CancellationToken cancellation);

    /// <summary>True while the node answers heartbeats; true for this node.</summary>
    bool IsLive(NodeId node);

    /// <summary>True when the node, which may be this one, said that it is about to leave.</summary>
    bool IsDraining(NodeId node);

    /// <summary>Elapsed microseconds since the node was last heard, or null when never.</summary>
    long? LastHeardMicros(NodeId node);

    /// <summary>Smoothed round-trip time in microseconds; null before the first measurement.</summary>
    long? RttMicros(NodeId node);

    /// <summary>How long a loss takes to be known: the support duration D.</summary>
    TimeSpan SupportDuration { get; }

    /// <summary>How far behind now timestamps are closed.</summary>
    long ClosedTargetMs { get; }

    /// <summary>This node's clock, without giving out a reading.</summary>
    HlcTimestamp Clock { get; }

    /// <summary>Takes note of a timestamp; false when it is too far ahead to be believed.</summary>
    bool TryObserve(HlcTimestamp timestamp);

    /// <summary>Who leads a range as far as this node's own replica knows; none without one.</summary>
    NodeId LeaderHint(RangeId range);

    /// <summary>What this node's own replica of a range knows, or null without one.</summary>
    LocalReplicaStatus? LocalReplica(RangeId range);

    /// <summary>Time for timeouts, delays and elapsed time.</summary>
    TimeProvider Time { get; }

    /// <summary>Where the gateway tells of its requests; null where nobody watches.</summary>
    NodeMetrics? Metrics { get; }

    /// <summary>Chance: for request ids and jitter.</summary>
    Prng Prng { get; }

    /// <summary>Secret of the cluster, for signing page and session tokens; the same on every node.</summary>
    ReadOnlyMemory<byte> TokenSecret { get; }
}

/// <summary>Why a call has no answer.</summary>
public enum CallFailure : byte
{
    /// <summary>It has one.</summary>
    None = 0,

    /// <summary>It was never sent: certainly not carried out.</summary>
    NotSent = 1,

    /// <summary>It was sent and no answer came in time: it may have been carried out, or still be.</summary>
    NoAnswer = 2,
}

/// <summary>The outcome of a call, and the hops it took.</summary>
public readonly record struct CallResult(RangeOutcome? Outcome, NodeId ServedBy, WanPath? Path, CallFailure Failure);

/// <summary>What a node's own replica of a range knows.</summary>
public sealed record LocalReplicaStatus(
    RangeDescriptor Descriptor, NodeId Leader, Term Term, bool HasLease, LogIndex Applied, HlcTimestamp Resolved,
    long PromiseAgeMicros, long SizeBytes);
