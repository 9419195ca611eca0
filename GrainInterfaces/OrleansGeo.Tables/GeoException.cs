using OrleansGeo.Primitives;

namespace OrleansGeo.Tables;

/// <summary>
/// Why a call gave no result. Every refusal is one of the exceptions in this file, by what a caller can do about it; a row that a read does
/// not find is no refusal. A call whose token was cancelled ends with <see cref="OperationCanceledException"/>, and what it was to write
/// may or may not be made.
/// </summary>
public abstract class GeoException : Exception
{
    private protected GeoException(GeoError error, ResponseMeta meta, Exception? inner = null)
        : base(error.Detail, inner)
    {
        Error = error;
        Meta = meta;
    }

    /// <summary>What the cluster said.</summary>
    public GeoError Error { get; }

    /// <summary>What the call cost all the same.</summary>
    public ResponseMeta Meta { get; }

    internal static GeoException Of(GeoError error, ResponseMeta meta, string? requestId) => error.Kind switch
    {
        GeoErrorKind.PreconditionFailed or GeoErrorKind.AlreadyExists => new GeoConditionException(error, meta),
        _ when IsAbsentRow(error) || IsOutOfRange(error) => new GeoConditionException(error, meta),
        _ when error.EndsTransaction => new GeoTransactionOverException(error, meta),
        GeoErrorKind.OutcomeUnknown => new GeoOutcomeUnknownException(error, meta, requestId),
        GeoErrorKind.Overloaded or GeoErrorKind.QuorumUnavailable or GeoErrorKind.RegionUnavailable or GeoErrorKind.TooFresh
            or GeoErrorKind.DeadlineExceeded or GeoErrorKind.Conflict or GeoErrorKind.IdempotencyInFlight =>
            new GeoUnavailableException(error, meta),
        _ => new GeoRequestException(error, meta),
    };

    internal static bool IsAbsentRow(GeoError error) =>
        error.Kind == GeoErrorKind.NotFound && string.Equals(error.Code, "row-not-found", StringComparison.Ordinal);

    // The sum that an increment of this row would make.
    internal static bool IsOutOfRange(GeoError error) =>
        error.Kind == GeoErrorKind.Unprocessable && string.Equals(error.Code, "out-of-range", StringComparison.Ordinal);
}

/// <summary>
/// The row is not as the write demands: a condition does not hold, an insert met a row, a patch, delete or increment met none, or a sum
/// does not fit. Nothing was written. Read again and decide anew.
/// </summary>
public sealed class GeoConditionException : GeoException
{
    internal GeoConditionException(GeoError error, ResponseMeta meta)
        : base(error, meta)
    {
        // A transaction says what it found where its condition is; that may be "absent".
        var found = error.Facts?.GetValueOrDefault("version") ?? error.Facts?.GetValueOrDefault("found");
        CurrentVersion = HlcTimestamp.TryParse(found, out var version) ? version : null;
    }

    /// <summary>The version that the row had; null when there was no row, or the cluster did not say.</summary>
    public HlcTimestamp? CurrentVersion { get; }
}

/// <summary>
/// Nothing was written or read, and the same call may work later: a queue is full, a quorum or region cannot be reached, a local read asked
/// for more freshness than there is, or the deadline passed. Retries until the deadline have been made already.
/// </summary>
public sealed class GeoUnavailableException : GeoException
{
    internal GeoUnavailableException(GeoError error, ResponseMeta meta)
        : base(error, meta)
    {
    }

    /// <summary>When asking again makes sense, if the cluster said so.</summary>
    public TimeSpan? RetryAfter => Error.RetryAfterMs is { } ms ? TimeSpan.FromMilliseconds(ms) : null;
}

/// <summary>
/// The write may have been made, now or later: every attempt until the deadline left it open. Make the same call with the same
/// <see cref="RequestId"/>, within 24 hours: the write is made once at most, and the answer is that of the first time.
/// </summary>
public sealed class GeoOutcomeUnknownException : GeoException
{
    internal GeoOutcomeUnknownException(GeoError error, ResponseMeta meta, string? requestId)
        : base(error, meta)
    {
        RequestId = requestId;
    }

    /// <summary>For <see cref="WriteOptions.RequestId"/> of the next try; null when the call wrote no row.</summary>
    public string? RequestId { get; }
}

/// <summary>
/// An open transaction is over, and nothing of it was written: others changed what it had read, its node was lost, or it stood idle for too
/// long. Begin it again; <see cref="GeoDatabase.RunAsync"/> does so by itself.
/// </summary>
public sealed class GeoTransactionOverException : GeoException
{
    internal GeoTransactionOverException(GeoError error, ResponseMeta meta)
        : base(error, meta)
    {
    }
}

/// <summary>
/// The request itself is wrong: no such table, an unknown column, a wrong type, too large. Nothing was written, and the same call will not
/// work later.
/// </summary>
public sealed class GeoRequestException : GeoException
{
    internal GeoRequestException(GeoError error, ResponseMeta meta)
        : base(error, meta)
    {
    }
}

/// <summary>A C# type and a table do not fit, or a value of one has no place in the other. The text names property and column.</summary>
public sealed class GeoMappingException : GeoException
{
    internal GeoMappingException(Type rowType, string? property, string? column, string detail, Exception? inner = null)
        : base(new(GeoErrorKind.Unprocessable, "type-mapping", detail, column), ResponseMeta.Local(), inner)
    {
        RowType = rowType;
        Property = property;
        Column = column;
    }

    /// <summary>The type of the rows.</summary>
    public Type RowType { get; }

    /// <summary>The property at fault; null when it is the type as a whole.</summary>
    public string? Property { get; }

    /// <summary>The column at fault; null when it is the type as a whole.</summary>
    public string? Column { get; }
}
