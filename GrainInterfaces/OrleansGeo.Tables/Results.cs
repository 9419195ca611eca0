using System.Diagnostics.CodeAnalysis;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tables;

/// <summary>What a read found.</summary>
/// <typeparam name="TRow">The type of the rows.</typeparam>
/// <param name="Value">The row; null when there is none.</param>
/// <param name="Version">Its version, which conditions of writes take; zero when there is none. Its text is the ETag of REST.</param>
/// <param name="Meta">What the read cost, and the timestamp it was made at.</param>
public sealed record RowRead<TRow>(TRow? Value, HlcTimestamp Version, ResponseMeta Meta)
    where TRow : class
{
    /// <summary>True when there is a row.</summary>
    [MemberNotNullWhen(true, nameof(Value))]
    public bool Found => Value is not null;

    /// <summary>The timestamp read at.</summary>
    public HlcTimestamp? ReadTimestamp => Meta.ReadTimestamp;

    /// <summary>Wide-area round trips paid, over all attempts.</summary>
    public int RoundTrips => Meta.RoundTrips;
}

/// <summary>What a write did.</summary>
/// <typeparam name="TRow">The type of the rows.</typeparam>
/// <param name="Value">The row as it is now, defaults filled in; null after a delete.</param>
/// <param name="Key">Its key.</param>
/// <param name="Created">True when there was no row before.</param>
/// <param name="Version">The version it has now; of a delete, that of the deletion.</param>
/// <param name="Meta">What the write cost.</param>
public sealed record RowWritten<TRow>(TRow? Value, RowKey Key, bool Created, HlcTimestamp Version, ResponseMeta Meta)
    where TRow : class
{
    /// <summary>Wide-area round trips paid, over all attempts.</summary>
    public int RoundTrips => Meta.RoundTrips;
}

/// <summary>What a write may be told besides its row.</summary>
public sealed record WriteOptions
{
    /// <summary>What must hold for the write to be made.</summary>
    public Precondition Condition { get; init; } = Precondition.None;

    /// <summary>
    /// Names the write: of all calls in a database with one id, within 24 hours, one writes, and all get its answer. Null for a new one;
    /// give one to make a write exactly-once over restarts of the caller too. At most 128 characters.
    /// </summary>
    public string? RequestId { get; init; }

    /// <summary>A condition and nothing else.</summary>
    public static implicit operator WriteOptions(Precondition condition) => new() { Condition = condition };

    /// <summary>The same as the conversion, for languages without one.</summary>
    public static WriteOptions FromPrecondition(Precondition condition) => condition;

    internal static string NewRequestId() => Guid.NewGuid().ToString("N");
}
