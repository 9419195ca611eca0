using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;
using OrleansGeo.Api.Problems;
using OrleansGeo.Primitives;

namespace OrleansGeo.Api.Requests;

/// <summary>
/// What a request says besides its path and body. Everything in it was understood; a request with anything else has no instance.
/// </summary>
public sealed class GeoRequest
{
    /// <summary>Longest wait that may be asked for.</summary>
    public const int TimeoutMsMax = 60_000;

    private const int SessionCharsMax = 4_096;

    private GeoRequest(RequestOptions options, ReadBound bound, Precondition precondition, QueryParameters query)
    {
        Options = options;
        Bound = bound;
        Precondition = precondition;
        Query = query;
    }

    /// <summary>Deadline, idempotency key, session.</summary>
    public RequestOptions Options { get; }

    /// <summary>How fresh to read.</summary>
    public ReadBound Bound { get; }

    /// <summary>What must hold.</summary>
    public Precondition Precondition { get; }

    /// <summary>The query.</summary>
    public QueryParameters Query { get; }

    /// <summary>Reads a request by the <see cref="RequestShape"/> of its endpoint; false with the answer to give instead.</summary>
    public static bool TryRead(HttpContext http, [NotNullWhen(true)] out GeoRequest? request, [NotNullWhen(false)] out GeoProblem? problem)
    {
        request = null;
        problem = null;
        var shape = http.GetEndpoint()?.Metadata.GetMetadata<RequestShape>() ?? RequestShape.Plain;
        if (!AcceptHeader.AllowsJson(http.Request.Headers.Accept))
        {
            problem = GeoProblem.OfStatus(406, "The answer is application/json, errors are application/problem+json.", "Accept");
            return false;
        }

        if (!QueryParameters.TryRead(http.Request.QueryString.Value, shape.Query, out var query, out var error)
            || !TryHeaders(http.Request.Headers, shape, out var options, out var bound, out error)
            || !TryPreconditions(http.Request.Headers, shape, out var precondition, out error))
        {
            problem = new(error);
            return false;
        }

        request = new(options, bound, precondition, query);
        return true;
    }

    /// <summary>The refusal of a precondition where there is no one row to hold it against.</summary>
    public static GeoError NoPreconditions(IHeaderDictionary headers)
    {
        var name = headers.IfMatch.Count > 0 ? HeaderNames.IfMatch : HeaderNames.IfNoneMatch;
        return Refusal.Malformed(name, "header-not-applicable", $"{name} applies to requests on one row only.");
    }

    private static bool TryHeaders(
        IHeaderDictionary headers, RequestShape shape, out RequestOptions options, out ReadBound bound,
        [NotNullWhen(false)] out GeoError? error)
    {
        options = RequestOptions.Default;
        bound = ReadBound.Strong;
        error = null;
        foreach (var (name, values) in headers)
        {
            var isOurs = name.StartsWith("Geo-", StringComparison.OrdinalIgnoreCase);
            if (!isOurs && !name.Equals("Idempotency-Key", StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            error = values.Count != 1 || values[0] is not { } value
                ? Refusal.Malformed(name, "repeated-header", $"The header {name} is given {values.Count} times.")
                : ReadHeader(name, value, shape, ref options, ref bound);
            if (error is not null)
            {
                return false;
            }
        }

        return true;
    }

    private static GeoError? ReadHeader(string name, string value, RequestShape shape, ref RequestOptions options, ref ReadBound bound)
    {
        switch (name.ToUpperInvariant())
        {
            case "GEO-TIMEOUT-MS":
                if (!int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var timeoutMs)
                    || timeoutMs is < 1 or > TimeoutMsMax)
                {
                    return Refusal.Malformed(
                        "Geo-Timeout-Ms", "bad-header",
                        $"Geo-Timeout-Ms is a whole number from 1 to {TimeoutMsMax}, not {DatumText.Quote(value)}.");
                }

                options = options with { Timeout = TimeSpan.FromMilliseconds(timeoutMs) };
                return null;
            case "GEO-CONSISTENCY":
                if (!ConsistencyHeader.TryParse(value, out bound))
                {
                    return Refusal.Malformed(
                        ConsistencyHeader.Name, "bad-header",
                        $"Geo-Consistency is {ConsistencyHeader.Expected}, not {DatumText.Quote(value)}.");
                }

                return bound is ReadBound.StrongRead || shape.Headers.HasFlag(TakenHeaders.Consistency)
                    ? null
                    : Refusal.Malformed(
                        ConsistencyHeader.Name, "header-not-applicable",
                        "Geo-Consistency weaker than strong applies to reads of rows and tables only.");
            case "GEO-SESSION":
                if (value.Length is 0 or > SessionCharsMax || !IsVisible(value))
                {
                    return Refusal.Malformed("Geo-Session", "bad-header", "Geo-Session is the token of an earlier response, unchanged.");
                }

                options = options with { Session = value };
                return null;
            case "IDEMPOTENCY-KEY":
                return ReadIdempotencyKey(value, shape, ref options);
            default:
                return Refusal.Malformed(
                    name, "unknown-header",
                    $"The header {name} is not known; requests take Geo-Timeout-Ms, Geo-Consistency and Geo-Session.");
        }
    }

    private static GeoError? ReadIdempotencyKey(string value, RequestShape shape, ref RequestOptions options)
    {
        const string Name = "Idempotency-Key";
        if (!shape.Headers.HasFlag(TakenHeaders.Idempotency))
        {
            return Refusal.Malformed(Name, "header-not-applicable", "Idempotency-Key applies to writes only.");
        }

        // The IETF draft's form is a structured-field string (RFC 8941 §3.3.3): in quotes, with \" and \\ as escapes.
        var key = value.Length > 1 && value[0] == '"' && value[^1] == '"' ? Unquote(value[1..^1]) : value;
        if (key is null || key.Length is 0 or > GeoLimits.IdempotencyKeyCharsMax || !IsVisible(key))
        {
            return Refusal.Malformed(
                Name, "bad-header",
                $"Idempotency-Key is 1 to {GeoLimits.IdempotencyKeyCharsMax} visible ASCII characters, bare or in double quotes.");
        }

        options = options with { IdempotencyKey = key };
        return null;
    }

    private static string? Unquote(string text)
    {
        var plain = new System.Text.StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '"' || (text[i] == '\\' && (++i == text.Length || text[i] is not ('"' or '\\'))))
            {
                return null;
            }

            plain.Append(text[i]);
        }

        return plain.ToString();
    }

    private static bool IsVisible(string text) => !text.AsSpan().ContainsAnyExceptInRange('!', '~');

    private static bool TryPreconditions(
        IHeaderDictionary headers, RequestShape shape, out Precondition precondition, [NotNullWhen(false)] out GeoError? error)
    {
        precondition = Precondition.None;
        error = null;
        var (match, noneMatch) = (headers.IfMatch, headers.IfNoneMatch);
        var isRead = shape.Headers.HasFlag(TakenHeaders.Consistency);
        if (!isRead && headers.ContainsKey(HeaderNames.IfUnmodifiedSince))
        {
            error = Refusal.Malformed(
                HeaderNames.IfUnmodifiedSince, "header-not-applicable", "Rows have versions, not dates: use If-Match with the ETag.");
            return false;
        }

        if (match.Count == 0 && noneMatch.Count == 0)
        {
            return true;
        }

        if (!shape.Headers.HasFlag(TakenHeaders.Preconditions))
        {
            error = NoPreconditions(headers);
            return false;
        }

        return TryTags(match, HeaderNames.IfMatch, out var exists, out var matches, out error)
            && TryTags(noneMatch, HeaderNames.IfNoneMatch, out var absent, out var noneMatches, out error)
            && Assign(new(matches, exists, absent, noneMatches), out precondition);
    }

    private static bool TryTags(
        StringValues values, string name, out bool any, out ImmutableArray<HlcTimestamp> versions, [NotNullWhen(false)] out GeoError? error)
    {
        (any, versions, error) = (false, [], null);
        if (values.Count == 0 || EntityTags.TryParse(values.ToString(), name == HeaderNames.IfMatch, out any, out versions))
        {
            return true;
        }

        error = Refusal.Malformed(
            name, "bad-header", $"{name} is * or a list of entity tags in double quotes, not {DatumText.Quote(values.ToString())}.");
        return false;
    }

    private static bool Assign(Precondition read, out Precondition precondition)
    {
        precondition = read;
        return true;
    }
}
