using System.Collections.Immutable;
using OrleansGeo.Primitives;
using OrleansGeo.Transactions;

namespace OrleansGeo.Engine;

/// <summary>What a write looks at in the moment in which it is made.</summary>
/// <param name="Key">The key.</param>
/// <param name="Precondition">What must hold of it.</param>
/// <param name="Row">A comparison that must hold of its row; null for none.</param>
/// <param name="IsWanted">The value found is part of the answer.</param>
public sealed record KeyCheck(Key Key, Precondition Precondition, RowCheck? Row, bool IsWanted);

/// <summary>What comes with the writes beside the anchor.</summary>
/// <param name="Keys">All keys that the transaction writes, here and in other ranges.</param>
/// <param name="MayMove">The transaction has read nothing beside its writes, so it may be staged later than it was asked for.</param>
/// <param name="Request">The request it is for.</param>
public sealed record Staging(ImmutableArray<Key> Keys, bool MayMove, RequestName Request);

/// <summary>An intent that becomes a version at a timestamp, or goes without a trace when null.</summary>
public readonly record struct Resolution(Key Key, TransactionId Id, HlcTimestamp? Commit)
{
    internal void Write(CodecWriter writer)
    {
        writer.WriteKey(Key);
        Id.Write(writer);
        writer.WriteOptional(Commit);
    }

    internal static Resolution Read(ref CodecReader reader) =>
        new(reader.ReadKey(), TransactionId.Read(ref reader), reader.ReadOptionalTimestamp());
}

/// <summary>Where the record of an attempt lies.</summary>
public readonly record struct RecordPlace(Key Anchor, TransactionId Id);

/// <summary>What is asked of a record.</summary>
public enum TransactionVerdict : byte
{
    /// <summary>Nothing: how does it stand?</summary>
    Ask = 1,

    /// <summary>Committed at the timestamp: every intent is in place.</summary>
    Commit = 2,

    /// <summary>What was staged for the timestamp is complete.</summary>
    ConfirmStaged = 3,

    /// <summary>What was staged for the timestamp is incomplete and stays so.</summary>
    RefuteStaged = 4,

    /// <summary>Aborted unless it has staged.</summary>
    AbortAbsent = 5,
}

public abstract partial record RangeOperation
{
    /// <summary>
    /// Intents of a transaction on keys of this range, evaluated and locked now. Answered with <see cref="RangeOutcome.Laid"/> when a
    /// quorum holds them. Asked again it gives the same answer.
    /// </summary>
    /// <param name="Transaction">Whose.</param>
    /// <param name="At">The timestamp the transaction would like to commit at.</param>
    /// <param name="Writes">At least one; no key twice.</param>
    /// <param name="Checks">Looks at keys that are written here.</param>
    /// <param name="Stage">With the writes beside the anchor: the record is staged together with them.</param>
    public sealed record Lay(
        TransactionTag Transaction, HlcTimestamp At, ImmutableArray<KeyWrite> Writes, ImmutableArray<KeyCheck> Checks, Staging? Stage)
        : RangeOperation;

    /// <summary>
    /// Newest versions of keys at a timestamp at or above the one given: as much above it as it takes to see everything that is in this
    /// range's log.
    /// </summary>
    /// <param name="Keys">The keys.</param>
    /// <param name="AtLeast">The timestamp to read at.</param>
    /// <param name="UpTo">What lies above this was written after the asker had looked at the range for the first time, and need not be
    /// seen; the highest timestamp there is when it has not looked before.</param>
    public sealed record Look(ImmutableArray<Key> Keys, HlcTimestamp AtLeast, HlcTimestamp UpTo) : RangeOperation;

    /// <summary>Rows of a span, as <see cref="Scan"/> gives them and at a timestamp as for <see cref="Look"/>: what is in the log of the
    /// part that is answered is seen.</summary>
    public sealed record LookOver(
        KeySpan Span, HlcTimestamp AtLeast, HlcTimestamp UpTo, bool Descending, int RowsMax, int BytesMax) : RangeOperation;

    /// <summary>Whether what was read at one timestamp holds at a later one as well; if so, it stays that way.</summary>
    /// <param name="Keys">The keys.</param>
    /// <param name="Spans">Spans of which all rows were read.</param>
    /// <param name="From">When they were read.</param>
    /// <param name="To">When they are to be as they were read.</param>
    /// <param name="IsNewest">What was read must be what is there now, also above that timestamp.</param>
    /// <param name="By">The attempt that asks: its own intents change nothing for it. Null when it has none.</param>
    public sealed record Refresh(
        ImmutableArray<Key> Keys, ImmutableArray<KeySpan> Spans, HlcTimestamp From, HlcTimestamp To, bool IsNewest, TransactionId? By)
        : RangeOperation;

    /// <summary>Whether a transaction has intents on keys at or below a timestamp; where it has not, it never will have.</summary>
    public sealed record FindIntents(ImmutableArray<Key> Keys, TransactionId Id, HlcTimestamp At) : RangeOperation;

    /// <summary>Decides on the record of a transaction, or asks for it.</summary>
    public sealed record Conclude(
        TransactionTag Transaction, TransactionVerdict Verdict, HlcTimestamp At, ImmutableArray<Key> Keys, RequestName Request)
        : RangeOperation;

    /// <summary>
    /// What is left of any number of transactions once they are decided, in one entry of the log. Answered with
    /// <see cref="RangeOutcome.Finished"/>. What was done before, or by another, is left as it is.
    /// </summary>
    /// <param name="Commits">Records to commit: every intent is in place. With each go the intents that its range holds.</param>
    /// <param name="Resolutions">Intents of decided transactions.</param>
    /// <param name="Forgotten">Records that may go: all intents of their transactions are resolved.</param>
    public sealed record Finish(
        ImmutableArray<Conclude> Commits, ImmutableArray<Resolution> Resolutions, ImmutableArray<RecordPlace> Forgotten) : RangeOperation
    {
        /// <summary>Keys that the range must hold.</summary>
        public int Count => Commits.Length + Resolutions.Length + Forgotten.Length;
    }

    /// <summary>
    /// A request to the asked node's own gateway, whatever replicas it has: transactions that stay open live on the node where they were
    /// begun. The bytes are those of <see cref="Wire.StoreWire"/>.
    /// </summary>
    public sealed record AskGateway(ImmutableArray<byte> Request) : RangeOperation;

    /// <summary>Records that a named request was refused, unless something else is recorded of it.</summary>
    public sealed record RefuseRequest(Key Anchor, RequestName Request, RangeOutcome.Refused Refusal) : RangeOperation;
}

public abstract partial record RangeOutcome
{
    /// <summary>Intents are in place.</summary>
    /// <param name="Timestamp">From when on the keys are locked.</param>
    /// <param name="Keys">What the writes do.</param>
    /// <param name="Checked">What was found for each check.</param>
    /// <param name="Staged">The record was staged for that timestamp.</param>
    /// <param name="QuorumPath">The hops of the acknowledgement that made them durable.</param>
    public sealed record Laid(
        HlcTimestamp Timestamp, ImmutableArray<KeyWritten> Keys, ImmutableArray<FoundValue> Checked, bool Staged, WanPath? QuorumPath)
        : RangeOutcome;

    /// <summary>How a record stands; null when there is none.</summary>
    public sealed record Standing(TransactionRecord? Record, WanPath? QuorumPath) : RangeOutcome;

    /// <summary>Everything that was to be finished is.</summary>
    /// <param name="CommittedAt">For each record that was to be committed, when it is; null when it was aborted.</param>
    /// <param name="Span">The range: the intents of those transactions on keys in it are resolved too.</param>
    public sealed record Finished(ImmutableArray<HlcTimestamp?> CommittedAt, KeySpan Span) : RangeOutcome;

    /// <summary>What a look found.</summary>
    /// <param name="Rows">The keys in the order asked, or the rows of the span.</param>
    /// <param name="Resume">The part of the span not read, or null.</param>
    /// <param name="ReadAt">When all of it holds.</param>
    /// <param name="Held">What the range holds that answers.</param>
    public sealed record Looked(ImmutableArray<FoundValue> Rows, KeySpan? Resume, HlcTimestamp ReadAt, KeySpan Held) : RangeOutcome;

    /// <summary>Another attempt is being made for the same request.</summary>
    public sealed record Claimed(TransactionTag By) : RangeOutcome;

    /// <summary>What the node's gateway answers; the bytes are those of <see cref="Wire.StoreWire"/>.</summary>
    public sealed record GatewayAnswered(ImmutableArray<byte> Answer) : RangeOutcome;

    /// <summary>Yes or no.</summary>
    /// <param name="Holds">Which.</param>
    /// <param name="MayYet">No, because of a transaction that is not decided: asked again later the answer may be yes.</param>
    public sealed record Holding(bool Holds, bool MayYet = false) : RangeOutcome;
}
