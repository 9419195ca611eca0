using System.Collections.Immutable;
using System.Diagnostics;
using OrleansGeo.Primitives;
using OrleansGeo.Transactions;

namespace OrleansGeo.Engine;

/// <summary>Who waits for an answer.</summary>
/// <param name="From">The asking node.</param>
/// <param name="CallId">Its call.</param>
/// <param name="Path">The hops of the request.</param>
/// <param name="Deadline">When nobody waits any more, on this node's clock.</param>
/// <param name="Span">What is followed of it; null when nobody follows.</param>
internal readonly record struct Caller(NodeId From, long CallId, WanPath? Path, MonoTime Deadline, Activity? Span = null);

/// <summary>A request that holds or waits for latches.</summary>
internal abstract class LatchedRequest(Caller caller)
{
    private Key? _identity;

    public Caller Caller { get; set; } = caller;

    /// <summary>Equal for all copies of one request, by which a later copy finds the one that stands in line; null for what may be asked
    /// twice.</summary>
    public Key? Identity => _identity ??= FormIdentity();

    public LatchRequest Latch { get; } = new();

    /// <summary>Its place in the lines of this replica; kept however often it waits.</summary>
    public LinePlace Place { get; set; }

    /// <summary>The locked key it has just stopped waiting for, whose next in line is let go once this one knows what it does.</summary>
    public Key? LetGoFor { get; set; }

    /// <summary>The term in which it was proposed.</summary>
    public Term Term { get; set; }

    /// <summary>Called once the latches are held.</summary>
    public abstract void Run(RangeReplica replica);

    // Only who meets a locked key is asked for it.
    protected virtual Key? FormIdentity() => null;
}

/// <summary>A request that changes keys, at one timestamp.</summary>
internal abstract class PendingChange : LatchedRequest
{
    protected PendingChange(Caller caller, ImmutableArray<KeyWrite> writes)
        : base(caller)
    {
        Writes = writes;
        foreach (var write in writes)
        {
            Latch.Add(write.Key, LatchAccess.Write);
        }
    }

    public ImmutableArray<KeyWrite> Writes { get; }

    public HlcTimestamp Timestamp { get; set; }

    public Evaluation Made { get; set; } = Evaluation.Nothing;
}

/// <summary>A write from its arrival until it is decided.</summary>
internal sealed class PendingWrite(Caller caller, RangeOperation.Write write) : PendingChange(caller, write.Writes)
{
    public RangeOperation.Write Write { get; } = write;

    protected override Key? FormIdentity() => new([.. Write.RequestId]);

    public MonoTime ProposedAt { get; set; }

    /// <summary>From the proposal to the decision; null when nobody follows.</summary>
    public Activity? Replication { get; set; }

    /// <summary>The refusal that is being recorded, when the write is one.</summary>
    public RangeOutcome.Refused? Refusal { get; set; }

    public override void Run(RangeReplica replica) => replica.Evaluate(this);
}

/// <summary>A read that waits for writes on its keys.</summary>
internal sealed class PendingRead(Caller caller, RangeOperation operation) : LatchedRequest(caller)
{
    public RangeOperation Operation { get; } = operation;

    public override void Run(RangeReplica replica) => replica.Evaluate(this);
}

/// <summary>A split that waits for the range to be its own.</summary>
internal sealed class PendingSplit(Caller caller, RangeOperation.Split split) : LatchedRequest(caller)
{
    public RangeOperation.Split Split { get; } = split;

    /// <summary>What was proposed as the right half.</summary>
    public RangeDescriptor? Right { get; set; }

    public override void Run(RangeReplica replica) => replica.Evaluate(this);
}
