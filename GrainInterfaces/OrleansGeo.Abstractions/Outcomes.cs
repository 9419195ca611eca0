using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using OrleansGeo.Primitives;

namespace OrleansGeo;

/// <summary>Why a request was not served. Closed: every edge maps all of them.</summary>
public enum GeoErrorKind
{
    /// <summary>The request is not well formed (400).</summary>
    Invalid = 1,

    /// <summary>
    /// The request is well formed and cannot be carried out as it stands: a wrong type, an unknown column, a goal that cannot be met (422).
    /// </summary>
    Unprocessable,

    /// <summary>A key, row or page is over its limit (413).</summary>
    TooLarge,

    /// <summary>No such database, table, row, range or node (404).</summary>
    NotFound,

    /// <summary>Exists already (409).</summary>
    AlreadyExists,

    /// <summary>A conflict with a concurrent request (409); retryable.</summary>
    Conflict,

    /// <summary>A precondition does not hold (412).</summary>
    PreconditionFailed,

    /// <summary>The idempotency key was used with another body (422).</summary>
    IdempotencyMismatch,

    /// <summary>A request with the same idempotency key is still running (409).</summary>
    IdempotencyInFlight,

    /// <summary>A bounded queue is full (429); not applied.</summary>
    Overloaded,

    /// <summary>The range is known to have no quorum (503); not applied.</summary>
    QuorumUnavailable,

    /// <summary>This node cannot reach the leaseholder (503); not applied.</summary>
    RegionUnavailable,

    /// <summary>A local-only read asked for more freshness than is here (503).</summary>
    TooFresh,

    /// <summary>The deadline passed and the request was certainly not applied (503).</summary>
    DeadlineExceeded,

    /// <summary>The request may or may not have been applied, now or later (504). Ask again with the same idempotency key.</summary>
    OutcomeUnknown,
}

/// <summary>Why a request was not served.</summary>
/// <param name="Kind">What sort of refusal.</param>
/// <param name="Code">A stable word for programs, such as <c>unknown-column</c>.</param>
/// <param name="Detail">One sentence for people.</param>
/// <param name="Field">The part of the request at fault, or null.</param>
/// <param name="RetryAfterMs">When asking again makes sense, or null.</param>
/// <param name="Facts">Further named facts, such as the range, nodes and regions concerned, or the newest timestamp that could be
/// served.</param>
public sealed record GeoError(
    GeoErrorKind Kind,
    string Code,
    string Detail,
    string? Field = null,
    long? RetryAfterMs = null,
    ImmutableSortedDictionary<string, string>? Facts = null)
{
    /// <summary>
    /// True when an open transaction is over and nothing of it was written: what it has read was changed by others, its node was lost, or
    /// it stood idle for too long. It has to be begun again; the same step will not work later.
    /// </summary>
    public bool EndsTransaction => Code is "transaction-conflict" or "transaction-lost" or "transaction-not-found";
}

/// <summary>What a request cost, and who served it.</summary>
/// <param name="Consistency">The consistency that was given, in the words of the request header.</param>
/// <param name="ReadTimestamp">The timestamp read at; null for requests that do not read.</param>
/// <param name="StalenessMs">How old what was read may be, in milliseconds; 0 for strong.</param>
/// <param name="ServedBy">The node that evaluated the request; null when none did.</param>
/// <param name="ServedByRegion">Its region.</param>
/// <param name="Leaseholder">The leaseholder of the (last) range, as far as known.</param>
/// <param name="RoundTrips">Wide-area round trips paid.</param>
/// <param name="ElapsedMs">Milliseconds spent.</param>
/// <param name="WanPath">Outbound legs, as <c>region&gt;region</c>, in order.</param>
/// <param name="Session">The token that carries causal order to a next request; null when none.</param>
public sealed record ResponseMeta(
    string Consistency,
    HlcTimestamp? ReadTimestamp,
    double StalenessMs,
    string? ServedBy,
    string? ServedByRegion,
    string? Leaseholder,
    int RoundTrips,
    double ElapsedMs,
    ImmutableArray<string> WanPath,
    string? Session)
{
    /// <summary>For what was answered without touching any range.</summary>
    public static ResponseMeta Local(double elapsedMs = 0) => new("strong", null, 0, null, null, null, 0, elapsedMs, [], null);
}

/// <summary>A value or the reason there is none, with what it cost either way.</summary>
/// <typeparam name="T">The value's type.</typeparam>
public sealed record GeoResult<T>(T? Value, GeoError? Error, ResponseMeta Meta)
    where T : class
{
    /// <summary>True when there is a value.</summary>
    [MemberNotNullWhen(true, nameof(Value))]
    [MemberNotNullWhen(false, nameof(Error))]
    public bool IsOk => Error is null;
}

/// <summary>What every request carries besides its own content.</summary>
/// <param name="Timeout">How long the caller waits; at most 60 s.</param>
/// <param name="IdempotencyKey">Makes a write exactly-once across retries; null when the caller gives none.</param>
/// <param name="Session">A token of an earlier response, whose effects this request must see; null when none.</param>
public sealed record RequestOptions(TimeSpan Timeout, string? IdempotencyKey = null, string? Session = null)
{
    /// <summary>Five seconds, nothing else.</summary>
    public static RequestOptions Default { get; } = new(TimeSpan.FromSeconds(5));
}
