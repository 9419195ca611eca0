using OrleansGeo.Consensus;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>Intents from their arrival until they are decided.</summary>
internal sealed class PendingLay(Caller caller, RangeOperation.Lay lay) : PendingChange(caller, lay.Writes)
{
    public RangeOperation.Lay Lay { get; } = lay;

    protected override Key? FormIdentity()
    {
        var writer = new CodecWriter(64);
        Lay.Transaction.Id.Write(writer);
        writer.WriteKey(Lay.Writes[0].Key);
        return new(writer.ToArray());
    }

    public bool Staged { get; set; }

    public override void Run(RangeReplica replica) => replica.Evaluate(this);

    public RangeOutcome.Laid Outcome(WanPath? path) => new(Timestamp, Made.Written(), Made.Checked, Staged, path);
}

/// <summary>A change of a record, or of intents, from its arrival until it is decided.</summary>
internal sealed class PendingDecision(Caller caller, RangeOperation operation) : LatchedRequest(caller)
{
    public RangeOperation Operation { get; } = operation;

    /// <summary>The answer once what was proposed is applied.</summary>
    public Func<WanPath?, RangeOutcome>? Outcome { get; set; }

    public override void Run(RangeReplica replica) => replica.Evaluate(this);
}
