using System.Collections.Immutable;
using OrleansGeo.Consensus;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>A request to one range, sent to a node that may hold its leaseholder.</summary>
public sealed class RangeRequest : NodeMessage
{
    /// <summary>Pairs the answer with the request at the asking node.</summary>
    public required long CallId { get; init; }

    /// <summary>The range asked.</summary>
    public required RangeId Range { get; init; }

    /// <summary>Microseconds after arrival at which nobody waits for the answer any more.</summary>
    public required long TimeoutMicros { get; init; }

    /// <summary>A timestamp the asker has seen; the range's clock goes above it. Zero when none.</summary>
    public HlcTimestamp Observed { get; init; }

    /// <summary>What is asked.</summary>
    public required RangeOperation Operation { get; init; }

    /// <summary>The span that asks; null when nobody follows it.</summary>
    public TraceParent? Trace { get; set; }
}

/// <summary>An answer to a <see cref="RangeRequest"/>.</summary>
public sealed class RangeReply : NodeMessage
{
    /// <summary>The request's call id.</summary>
    public required long CallId { get; init; }

    /// <summary>Who answers.</summary>
    public required NodeId ServedBy { get; init; }

    /// <summary>The answering node's clock.</summary>
    public required HlcTimestamp Clock { get; init; }

    /// <summary>The answer.</summary>
    public required RangeOutcome Outcome { get; init; }
}

/// <summary>What can be asked of a range. Closed.</summary>
public abstract partial record RangeOperation
{
    private RangeOperation()
    {
    }

    /// <summary>
    /// Newest versions of keys. <paramref name="At"/> null: strong, at the leaseholder, at a timestamp it chooses. Otherwise at that
    /// timestamp: at any replica where it is resolved, else at the leaseholder.
    /// </summary>
    public sealed record Get(ImmutableArray<Key> Keys, HlcTimestamp? At, bool LocalOnly = false) : RangeOperation;

    /// <summary>Rows of a span. <paramref name="At"/> as for <see cref="Get"/>. Stops at a limit and says where to go on.</summary>
    public sealed record Scan(
        KeySpan Span, HlcTimestamp? At, bool Descending, int RowsMax, int BytesMax, bool LocalOnly = false) : RangeOperation;

    /// <summary>
    /// Writes that are made together or not at all, at one timestamp. All keys lie in the range.
    /// </summary>
    /// <param name="Writes">At least one; no key twice. The first key is the anchor of the request record.</param>
    /// <param name="RequestId">16 bytes that name the request across all its attempts.</param>
    /// <param name="BodyHash">16 bytes that follow from what the request asks, so that the same id with another body is refused.</param>
    /// <param name="RetainMs">How long the record of the request is kept.</param>
    /// <param name="MayRepeat">An earlier attempt may still be on its way: then a refusal is recorded too.</param>
    public sealed record Write(
        ImmutableArray<KeyWrite> Writes, ImmutableArray<byte> RequestId, ImmutableArray<byte> BodyHash, long RetainMs,
        bool MayRepeat) : RangeOperation
    {
        /// <summary>What must hold, and what is to be read, at the same moment; all in the range.</summary>
        public ImmutableArray<KeyCheck> Checks { get; init; } = [];
    }

    /// <summary>The newest timestamp up to which this node's own replica can serve.</summary>
    public sealed record Freshness : RangeOperation;

    /// <summary>Splits the range; the leaseholder picks a key near the middle when none is given.</summary>
    public sealed record Split(Key? At, RangeId NewRange) : RangeOperation;

    /// <summary>Hands leadership to a voter.</summary>
    public sealed record TransferLeader(NodeId To) : RangeOperation;

    /// <summary>Changes who replicates the range, to any other set at once.</summary>
    /// <param name="Target">The configuration to reach; not joint.</param>
    /// <param name="Generation">The generation that the change was planned for; another one refuses it.</param>
    public sealed record Reconfigure(Configuration Target, long Generation) : RangeOperation;

    /// <summary>Waits until this node's replica has applied an index.</summary>
    public sealed record AwaitApplied(LogIndex Index) : RangeOperation;

    /// <summary>Descriptor, leader and log state, as this node's replica knows them.</summary>
    public sealed record Status : RangeOperation;

    /// <summary>
    /// The round-trip times that the asked node has measured to the others, whatever replicas it has: who places a table away from its home
    /// needs distances as the home sees them.
    /// </summary>
    public sealed record MeasuredRtts : RangeOperation;
}

/// <summary>What happens to one key of a write.</summary>
/// <param name="Kind">Put, insert, merge or delete.</param>
/// <param name="Key">The key.</param>
/// <param name="Value">The encoded row; for a merge the encoded patch (RowPatch); empty for a delete.</param>
/// <param name="Precondition">What must hold for the whole write to be made.</param>
public sealed record KeyWrite(WriteKind Kind, Key Key, ReadOnlyMemory<byte> Value, Precondition Precondition);

/// <summary>A key with what was found there.</summary>
/// <param name="Version">Commit timestamp of the value; zero when absent.</param>
/// <param name="Value">The value; null when absent.</param>
public sealed record FoundValue(Key Key, HlcTimestamp Version, byte[]? Value);

/// <summary>What a write did to one key.</summary>
public sealed record KeyWritten(bool Created, byte[]? Value);

/// <summary>What a range can answer. Closed.</summary>
public abstract partial record RangeOutcome
{
    private RangeOutcome()
    {
    }

    /// <summary>Values of the keys, in the order asked, all read at one timestamp.</summary>
    public sealed record Found(ImmutableArray<FoundValue> Values, HlcTimestamp ReadAt, bool Strong, NodeId Leaseholder) : RangeOutcome;

    /// <summary>Rows of a span; <paramref name="Resume"/> is the part not read, or null.</summary>
    public sealed record Scanned(
        ImmutableArray<FoundValue> Rows, KeySpan? Resume, HlcTimestamp ReadAt, bool Strong, NodeId Leaseholder) : RangeOutcome;

    /// <summary>The write is durable at a quorum and applied at the leaseholder.</summary>
    /// <param name="Version">The commit timestamp of all its keys.</param>
    /// <param name="Keys">Per key what was done.</param>
    /// <param name="Replayed">An earlier attempt had made the write; this is what it answered.</param>
    /// <param name="Index">Its log index.</param>
    /// <param name="QuorumPath">The hops of the acknowledgement that made it durable.</param>
    public sealed record Written(
        HlcTimestamp Version, ImmutableArray<KeyWritten> Keys, bool Replayed, LogIndex Index, WanPath? QuorumPath) : RangeOutcome
    {
        /// <summary>What was found for each check; empty when the write was replayed.</summary>
        public ImmutableArray<FoundValue> Checked { get; init; } = [];
    }

    /// <summary>A condition does not hold; nothing was written.</summary>
    /// <param name="Position">Which write.</param>
    /// <param name="Reason">Which condition.</param>
    /// <param name="Current">What is there, version zero when absent.</param>
    public sealed record Refused(int Position, RefusalReason Reason, HlcTimestamp Current) : RangeOutcome
    {
        /// <summary>It was recorded earlier for the whole request, and the position is one in the request.</summary>
        public bool IsRecorded { get; init; }
    }

    /// <summary>
    /// This node is not the leaseholder, or cannot prove now that it is. Certainly not applied, unless <paramref name="Ambiguous"/>.
    /// </summary>
    /// <param name="Hint">Who may be.</param>
    /// <param name="Ambiguous">The write was proposed here and its fate is open; asking again with the same request id settles it.</param>
    /// <param name="NoQuorum">This node knows that the range has no quorum now.</param>
    public sealed record NotLeaseholder(NodeId Hint, bool Ambiguous, bool NoQuorum, RangeDescriptor? Descriptor) : RangeOutcome;

    /// <summary>The keys are not all in the range; here is what this node knows.</summary>
    public sealed record Moved(ImmutableArray<RangeDescriptor> Descriptors) : RangeOutcome;

    /// <summary>This node has no replica of the range.</summary>
    public sealed record NoReplica : RangeOutcome;

    /// <summary>A local-only read above what is resolved here.</summary>
    public sealed record TooFresh(HlcTimestamp Newest) : RangeOutcome;

    /// <summary>What was asked about lies below the oldest timestamp at which the range can be read.</summary>
    public sealed record TooOld(HlcTimestamp Oldest) : RangeOutcome;

    /// <summary>The answer to <see cref="RangeOperation.Freshness"/>.</summary>
    /// <param name="Resolved">Newest timestamp this replica can serve; zero when none.</param>
    /// <param name="PromiseAgeMicros">Elapsed time since the leader's promise arrived.</param>
    public sealed record Fresh(HlcTimestamp Resolved, long PromiseAgeMicros) : RangeOutcome;

    /// <summary>A bounded queue is full; not applied.</summary>
    public sealed record Overloaded(string Queue) : RangeOutcome;

    /// <summary>The deadline passed at the range. <paramref name="Ambiguous"/> as for <see cref="NotLeaseholder"/>.</summary>
    public sealed record Expired(bool Ambiguous) : RangeOutcome;

    /// <summary>Descriptors after an administrative operation, and who leads.</summary>
    public sealed record Described(
        ImmutableArray<RangeDescriptor> Descriptors, NodeId Leader, Term Term, LogIndex Applied, long SizeBytes) : RangeOutcome;

    /// <summary>
    /// The answer to <see cref="RangeOperation.MeasuredRtts"/>: microseconds by node, sorted by node, never measured ones left out.
    /// </summary>
    public sealed record Rtts(ImmutableArray<KeyValuePair<NodeId, long>> Micros) : RangeOutcome;

    /// <summary>The same request id with another body.</summary>
    public sealed record RequestMismatch : RangeOutcome;

    /// <summary>The operation makes no sense here; the text says why.</summary>
    public sealed record Unsuitable(string Why) : RangeOutcome;
}

/// <summary>Why a write was refused.</summary>
public enum RefusalReason : byte
{
    /// <summary>An insert met a row.</summary>
    Exists = 1,

    /// <summary>A merge or delete met none.</summary>
    Missing = 2,

    /// <summary>A precondition does not hold.</summary>
    Precondition = 3,

    /// <summary>The row would be over its limit.</summary>
    TooLarge = 4,

    /// <summary>What was added does not fit its column's type.</summary>
    OutOfRange = 5,

    /// <summary>A check does not hold; the position is the check's.</summary>
    Check = 6,
}
