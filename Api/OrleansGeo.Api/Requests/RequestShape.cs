using System.Collections.Immutable;

namespace OrleansGeo.Api.Requests;

/// <summary>Which request headers mean something to an endpoint.</summary>
[Flags]
public enum TakenHeaders
{
    /// <summary>Only those that every endpoint takes.</summary>
    None = 0,

    /// <summary><c>Geo-Consistency</c>: it reads.</summary>
    Consistency = 1,

    /// <summary><c>Idempotency-Key</c>: it writes.</summary>
    Idempotency = 2,

    /// <summary><c>If-Match</c> and <c>If-None-Match</c>.</summary>
    Preconditions = 4,
}

/// <summary>
/// What an endpoint understands; the rest is refused. It is the endpoint's metadata, so the description of the API and the check are one.
/// </summary>
public sealed record RequestShape(TakenHeaders Headers, ImmutableArray<string> Query)
{
    /// <summary>No option but those of every endpoint.</summary>
    public static RequestShape Plain { get; } = new(TakenHeaders.None, []);

    /// <summary>Reads with a bound.</summary>
    public static RequestShape Read { get; } = new(TakenHeaders.Consistency, []);

    /// <summary>Reads one row.</summary>
    public static RequestShape RowRead { get; } = new(TakenHeaders.Consistency | TakenHeaders.Preconditions, []);

    /// <summary>Writes.</summary>
    public static RequestShape Write { get; } = new(TakenHeaders.Idempotency, []);

    /// <summary>Writes one row under a condition.</summary>
    public static RequestShape RowWrite { get; } = new(TakenHeaders.Idempotency | TakenHeaders.Preconditions, []);

    /// <summary>The same with query parameters.</summary>
    public RequestShape With(params string[] query) => this with { Query = [.. query] };
}
