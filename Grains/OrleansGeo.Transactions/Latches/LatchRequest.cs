using OrleansGeo.Primitives;

namespace OrleansGeo.Transactions;

/// <summary>What a latch lets its holder do with keys.</summary>
public enum LatchAccess
{
    /// <summary>Reads: beside other reads.</summary>
    Read,

    /// <summary>Writes: alone, except beside reads that are known to look below the write's timestamp.</summary>
    Write,
}

/// <summary>What became of a request for latches.</summary>
public enum LatchOutcome
{
    /// <summary>Held from now on.</summary>
    Granted,

    /// <summary>Waiting; a release, a cancellation or a timestamp will grant it.</summary>
    Queued,

    /// <summary>Refused, and forgotten: too many requests wait already.</summary>
    Overloaded,
}

/// <summary>Where a request for latches stands.</summary>
public enum LatchState
{
    /// <summary>In no table; may be filled and used again.</summary>
    Idle,

    /// <summary>Queued behind an earlier request.</summary>
    Waiting,

    /// <summary>Held until released.</summary>
    Held,
}

/// <summary>
/// Keys and spans that one evaluation needs latched, all or none. It is also the guard of what it was granted. A request belongs to one
/// <see cref="LatchTable"/> at a time and may be cleared and used again when idle, which then allocates nothing.
/// A request without keys holds nothing but the range as it is: it excludes only <see cref="AddWholeRange"/>.
/// </summary>
public sealed class LatchRequest
{
    private readonly List<LatchSpot> _pool = [];
    private readonly List<LatchSpan> _spans = [];
    private int _pointCount;

    /// <summary>Whatever the caller needs to find its work again when the request is granted.</summary>
    public object? Tag { get; set; }

    /// <summary>Where the request stands.</summary>
    public LatchState State { get; internal set; }

    /// <summary>
    /// Set before acquiring when all reads of this request look at or below this timestamp: they need not wait for a write whose known
    /// timestamp lies above. Null when reads take the newest.
    /// </summary>
    public HlcTimestamp? ReadAtOrBelow { get; set; }

    /// <summary>
    /// The timestamp of this request's writes, once known. Set it before acquiring, later through <see cref="LatchTable.Assign"/>.
    /// </summary>
    public HlcTimestamp? WriteTimestamp { get; set; }

    /// <summary>True when the request is for the range itself.</summary>
    public bool IsWholeRange { get; private set; }

    internal ReadOnlySpan<LatchSpot> Points => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_pool)[.._pointCount];

    internal ReadOnlySpan<LatchSpan> Spans => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_spans);

    internal bool HasSpans => _spans.Count > 0 || IsWholeRange;

    internal long Sequence { get; set; }

    // How many earlier points and requests stand in the way.
    internal int Waits { get; set; }

    // Requests that wait for this one because of a span of either, and those this one waits for.
    internal List<LatchRequest> Dependents { get; } = [];

    internal List<LatchRequest> Blockers { get; } = [];

    internal LatchRequest? Previous { get; set; }

    internal LatchRequest? Next { get; set; }

    /// <summary>Adds one key.</summary>
    public LatchRequest Add(Key key, LatchAccess access)
    {
        Invariant.Holds(State == LatchState.Idle);
        if (_pointCount == _pool.Count)
        {
            _pool.Add(new(this));
        }

        var spot = _pool[_pointCount++];
        spot.Key = key;
        spot.Access = access;
        return this;
    }

    /// <summary>Adds every key of a span; nothing when it is empty.</summary>
    public LatchRequest Add(KeySpan span, LatchAccess access)
    {
        Invariant.Holds(State == LatchState.Idle);
        if (span.End.Length == span.Start.Length + 1 && span.End.Span[^1] == 0 && span.End.Span.StartsWith(span.Start.Span))
        {
            return Add(span.Start, access);
        }

        if (!span.IsEmpty)
        {
            _spans.Add(new(span, access));
        }

        return this;
    }

    /// <summary>Makes this a request for the whole range, as a split needs it: alone, beside no other request whatever it holds.</summary>
    public LatchRequest AddWholeRange()
    {
        Invariant.Holds(State == LatchState.Idle);
        IsWholeRange = true;
        return this;
    }

    /// <summary>Empties an idle request for its next use.</summary>
    public void Clear()
    {
        Invariant.Holds(State == LatchState.Idle);
        _pointCount = 0;
        _spans.Clear();
        IsWholeRange = false;
        ReadAtOrBelow = null;
        WriteTimestamp = null;
        Tag = null;
    }

    // Points against points is not asked here: the queue of each key decides that.
    internal bool ConflictsThroughSpans(LatchRequest other)
    {
        if (IsWholeRange || other.IsWholeRange)
        {
            return true;
        }

        foreach (var mine in Spans)
        {
            foreach (var theirs in other.Spans)
            {
                if (mine.Span.Overlaps(theirs.Span) && Excludes(mine.Access, other, theirs.Access))
                {
                    return true;
                }
            }
        }

        return SpansConflictWithPointsOf(other) || other.SpansConflictWithPointsOf(this);
    }

    private bool SpansConflictWithPointsOf(LatchRequest other)
    {
        foreach (var span in Spans)
        {
            foreach (var point in other.Points)
            {
                if (span.Span.Contains(point.Key) && Excludes(span.Access, other, point.Access))
                {
                    return true;
                }
            }
        }

        return false;
    }

    private bool Excludes(LatchAccess access, LatchRequest other, LatchAccess otherAccess) => (access, otherAccess) switch
    {
        (LatchAccess.Read, LatchAccess.Read) => false,
        (LatchAccess.Write, LatchAccess.Write) => true,
        (LatchAccess.Read, _) => !ReadsBelow(other.WriteTimestamp),
        _ => !other.ReadsBelow(WriteTimestamp),
    };

    private bool ReadsBelow(HlcTimestamp? write) => ReadAtOrBelow is { } read && write is { } known && read < known;
}

/// <summary>A span of a request.</summary>
internal readonly record struct LatchSpan(KeySpan Span, LatchAccess Access);
