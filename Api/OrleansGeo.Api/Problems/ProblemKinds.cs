using System.Diagnostics;

namespace OrleansGeo.Api.Problems;

/// <summary>How a kind of refusal looks over HTTP.</summary>
/// <param name="Status">The status code.</param>
/// <param name="Slug">Last part of the problem's <c>type</c>.</param>
/// <param name="Title">The same words for every problem of the type (RFC 9457 §3.1.3).</param>
/// <param name="Retryable">Whether the same request may succeed later.</param>
public readonly record struct ProblemKind(int Status, string Slug, string Title, bool Retryable)
{
    /// <summary>What every <c>type</c> begins with.</summary>
    public const string TypeBase = "https://orleansgeo.dev/problems/";

    /// <summary>The stable URI of the problem type.</summary>
    public string Type => TypeBase + Slug;
}

/// <summary>The one place where outcomes of the store become statuses.</summary>
public static class ProblemKinds
{
    /// <summary>
    /// One type per kind, so that a client can tell kinds apart that share a status; the finer reason is the problem's <c>code</c>.
    /// </summary>
    public static ProblemKind Of(GeoErrorKind kind) => kind switch
    {
        GeoErrorKind.Invalid => new(400, "invalid", "The request is not well formed", false),
        GeoErrorKind.Unprocessable => new(422, "unprocessable", "The request cannot be carried out as it stands", false),
        GeoErrorKind.TooLarge => new(413, "too-large", "A limit is exceeded", false),
        GeoErrorKind.NotFound => new(404, "not-found", "There is no such thing", false),
        GeoErrorKind.AlreadyExists => new(409, "already-exists", "It exists already", false),
        GeoErrorKind.Conflict => new(409, "conflict", "A concurrent request is in the way", true),
        GeoErrorKind.PreconditionFailed => new(412, "precondition-failed", "A precondition does not hold", false),
        GeoErrorKind.IdempotencyMismatch => new(422, "idempotency-mismatch", "The idempotency key belongs to another request", false),
        GeoErrorKind.IdempotencyInFlight =>
            new(409, "idempotency-in-flight", "The first request with this idempotency key is still running", true),
        GeoErrorKind.Overloaded => new(429, "overloaded", "Too much to do", true),
        GeoErrorKind.QuorumUnavailable => new(503, "quorum-unavailable", "The range has no quorum", true),
        GeoErrorKind.RegionUnavailable => new(503, "region-unavailable", "This node cannot reach the leaseholder", true),
        GeoErrorKind.TooFresh => new(503, "too-fresh", "More freshness was asked for than is here", true),
        GeoErrorKind.DeadlineExceeded => new(503, "deadline-exceeded", "The deadline passed, nothing was applied", true),
        GeoErrorKind.OutcomeUnknown => new(504, "commit-outcome-unknown", "The outcome is unknown", true),
        GeoErrorKind.TooOld => new(410, "timestamp-too-old", "Versions that old are no longer kept", false),
        _ => throw new UnreachableException($"no status for {kind}"),
    };

    /// <summary>The problem for a status that no handler of ours gave: routing, the server, a bug.</summary>
    public static ProblemKind OfStatus(int status) => status switch
    {
        400 => Of(GeoErrorKind.Invalid),
        401 => new(401, "unauthenticated", "Who is asking is not known", false),
        403 => new(403, "forbidden", "Not allowed", false),
        404 => new(404, "unknown-path", "There is no such path", false),
        405 => new(405, "method-not-allowed", "The path does not take this method", false),
        406 => new(406, "not-acceptable", "The answer cannot be given in an accepted form", false),
        408 => new(408, "request-timeout", "The request took too long to arrive", true),
        413 => Of(GeoErrorKind.TooLarge),
        415 => new(415, "unsupported-media-type", "The body is of a type that is not read here", false),
        _ => status < 500 ? new(status, "refused", "Refused", false) : new(status, "internal", "An error on our side", true),
    };
}
