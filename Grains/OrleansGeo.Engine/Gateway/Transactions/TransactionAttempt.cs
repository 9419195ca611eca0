using System.Collections.Immutable;
using OrleansGeo.Primitives;
using OrleansGeo.Transactions;

namespace OrleansGeo.Engine;

/// <summary>One attempt's intents in several ranges, as its coordinator knows of them.</summary>
internal sealed class TransactionAttempt(
    GatewayCore core, RequestScope scope, WritePlan plan, TransactionTag tag, RequestName request)
{
    private readonly bool[] _created = new bool[plan.Keys.Length];
    private readonly bool[] _laid = new bool[plan.Keys.Length];
    private readonly List<FoundValue> _found = [];

    public TransactionTag Tag => tag;

    /// <summary>All keys it writes.</summary>
    public ImmutableArray<Key> Keys => plan.Keys;

    /// <summary>Every intent is in place.</summary>
    public bool IsLaid => Array.TrueForAll(_laid, static laid => laid);

    /// <summary>The latest timestamp of an intent.</summary>
    public HlcTimestamp Latest { get; private set; }

    /// <summary>When the record was staged for; null when it was not.</summary>
    public HlcTimestamp? StagedAt { get; private set; }

    /// <summary>One intent was not laid, and no message that could lay it is on its way.</summary>
    public bool IsMissingForGood { get; private set; }

    /// <summary>The record, when a range said that the attempt is decided.</summary>
    public TransactionRecord? Decided { get; private set; }

    /// <summary>What a range says of the request instead of laying intents.</summary>
    public CallEnd? Settling { get; private set; }

    /// <summary>Why a range refuses, its position among all checks or all writes.</summary>
    public RangeOutcome.Refused? Refusal { get; private set; }

    /// <summary>Why a range could not be asked.</summary>
    public GeoError? Error { get; private set; }

    public IReadOnlyList<FoundValue> Found => _found;

    public IReadOnlyList<bool> Created => _created;

    /// <summary>Lays all intents at once, and waits for every answer: none is under way when the attempt is judged.</summary>
    /// <param name="at">The timestamp to commit at.</param>
    /// <param name="mayMove">The record may be staged for a later one.</param>
    /// <param name="stages">The record is staged with the intents beside it.</param>
    public async Task LayAsync(HlcTimestamp at, bool mayMove, bool stages)
    {
        var error = await KeyParts.AskAsync(core, scope, plan.Keys, Ask, Note);
        Error ??= error;

        RangeOperation Ask(KeyPart part)
        {
            var stage = stages && part.Positions.Contains(0) ? new Staging(plan.Keys, mayMove, request) : null;
            return new RangeOperation.Lay(tag, at, part.Of(plan.Writes), plan.ChecksOf(part), stage);
        }
    }

    private void Note(KeyPart part, CallEnd end)
    {
        if (end.Outcome is RangeOutcome.Laid laid)
        {
            Note(part, laid);
            return;
        }

        IsMissingForGood |= !end.IsOpen && end.Outcome is not RangeOutcome.Standing;
        switch (end.Outcome)
        {
            case RangeOutcome.Refused { IsRecorded: false } refused:
                Refusal ??= plan.Whole(refused, part);
                break;
            case RangeOutcome.Standing standing:
                Decided ??= standing.Record;
                break;
            case null:
                Error ??= end.Error;
                break;
            default:
                Settling ??= end;
                break;
        }
    }

    private void Note(KeyPart part, RangeOutcome.Laid laid)
    {
        Latest = HlcTimestamp.Later(Latest, laid.Timestamp);
        for (var i = 0; i < part.Positions.Count; i++)
        {
            _laid[part.Positions[i]] = true;
            _created[part.Positions[i]] = laid.Keys[i].Created;
        }

        foreach (var found in laid.Checked)
        {
            _found.Add(found);
        }

        if (laid.Staged)
        {
            StagedAt = laid.Timestamp;
        }
    }
}
