using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo;

/// <summary>A row's values by column, in the table's column order; a column that is not named is null.</summary>
public sealed class Row(IReadOnlyList<KeyValuePair<string, Datum>> values)
{
    /// <summary>The columns that have a value.</summary>
    public IReadOnlyList<KeyValuePair<string, Datum>> Values { get; } = values;

    /// <summary>The value of a column; null when it has none.</summary>
    public Datum this[string column]
    {
        get
        {
            foreach (var (name, value) in Values)
            {
                if (string.Equals(name, column, StringComparison.Ordinal))
                {
                    return value;
                }
            }

            return Datum.Null;
        }
    }
}

/// <summary>Names a table within a database.</summary>
public readonly record struct TableRef(string Database, string Table);

/// <summary>A row with its key and version, as scans and reads give it.</summary>
/// <param name="Key">Values of the primary key columns, in their order.</param>
/// <param name="Version">The commit timestamp of what is there; the entity tag.</param>
/// <param name="Row">All columns, key columns included.</param>
public sealed record VersionedRow(ImmutableArray<Datum> Key, HlcTimestamp Version, Row Row);

/// <summary>What a row write does.</summary>
public enum WriteKind : byte
{
    /// <summary>Creates the row or replaces it whole.</summary>
    Put = 1,

    /// <summary>Creates the row; a conflict when it exists.</summary>
    Insert = 2,

    /// <summary>JSON merge patch (RFC 7396): named columns change, null clears; not found when the row is absent.</summary>
    Merge = 3,

    /// <summary>Removes the row; not found when absent.</summary>
    Delete = 4,

    /// <summary>
    /// Adds to numeric columns: each named value is what is added, a null column counts as zero. Not found when the row is absent, refused
    /// when a result does not fit its type.
    /// </summary>
    Increment = 5,
}

/// <summary>What must hold for a write to be made; otherwise it is refused as <see cref="GeoErrorKind.PreconditionFailed"/>.</summary>
/// <param name="IfMatch">The row exists and its version is one of these.</param>
/// <param name="IfExists">The row exists (<c>If-Match: *</c>).</param>
/// <param name="IfAbsent">The row does not exist (<c>If-None-Match: *</c>).</param>
/// <param name="IfNoneMatch">The row's version is none of these.</param>
public sealed record Precondition(
    ImmutableArray<HlcTimestamp> IfMatch,
    bool IfExists,
    bool IfAbsent,
    ImmutableArray<HlcTimestamp> IfNoneMatch)
{
    /// <summary>Always holds.</summary>
    public static Precondition None { get; } = new([], false, false, []);

    /// <summary>The row does not exist.</summary>
    public static Precondition Absent { get; } = None with { IfAbsent = true };

    /// <summary>The row exists.</summary>
    public static Precondition Exists { get; } = None with { IfExists = true };

    /// <summary>The row exists, and has this version.</summary>
    public static Precondition VersionIs(HlcTimestamp version) => None with { IfMatch = [version] };
}

/// <summary>One row to write.</summary>
/// <param name="Kind">What to do.</param>
/// <param name="Key">Primary key values. For an insert, null where a default is to be made.</param>
/// <param name="Values">Non-key columns by name. A put takes defaults for what is missing; a merge leaves it as it is.</param>
/// <param name="Precondition">What must hold.</param>
public sealed record RowWrite(
    WriteKind Kind,
    ImmutableArray<Datum> Key,
    ImmutableArray<KeyValuePair<string, Datum>> Values,
    Precondition Precondition);

/// <summary>What a write did.</summary>
/// <param name="Created">True when no row was there before.</param>
/// <param name="Key">The row's key, defaults filled in.</param>
/// <param name="Version">The version it has now; for a delete, the version of the deletion.</param>
/// <param name="Row">The row as it is now; null after a delete.</param>
public sealed record WriteResult(bool Created, ImmutableArray<Datum> Key, HlcTimestamp Version, Row? Row);

/// <summary>How fresh a read must be.</summary>
public abstract record ReadBound
{
    private ReadBound()
    {
    }

    /// <summary>Sees every write acknowledged before it began.</summary>
    public static ReadBound Strong { get; } = new StrongRead();

    /// <summary>The newest consistent moment that local replicas can serve, at most this old; else the leaseholder is asked.</summary>
    public static ReadBound BoundedStaleness(TimeSpan max, bool localOnly = false) => new Bounded((long)max.TotalMilliseconds, localOnly);

    /// <summary>The state exactly this long ago.</summary>
    public static ReadBound ExactStaleness(TimeSpan staleness, bool localOnly = false) =>
        new Exact((long)staleness.TotalMilliseconds, localOnly);

    /// <summary>See <see cref="Strong"/>.</summary>
    public sealed record StrongRead : ReadBound;

    /// <summary>The newest consistent moment that local replicas can serve, at most this old; else the leaseholder is asked.</summary>
    public sealed record Bounded(long MaxStalenessMs, bool LocalOnly = false) : ReadBound;

    /// <summary>The state exactly this long ago.</summary>
    public sealed record Exact(long StalenessMs, bool LocalOnly = false) : ReadBound;

    /// <summary>The state at a timestamp.</summary>
    public sealed record At(HlcTimestamp Timestamp, bool LocalOnly = false) : ReadBound;
}

/// <summary>Which rows a scan returns.</summary>
/// <param name="Prefix">Leading key values that all rows share; empty for all.</param>
/// <param name="From">Key values (a prefix of a key) to start at, included; null for the beginning.</param>
/// <param name="To">Key values (a prefix of a key) to stop before; null for the end.</param>
/// <param name="Where">Conditions that all hold: column, operator, literal.</param>
/// <param name="Descending">Last key first.</param>
/// <param name="Limit">Most rows in the page, 1 to 10,000.</param>
/// <param name="PageToken">The <c>next</c> of the page before; null for the first. It pins the timestamp and the query.</param>
public sealed record ScanRequest(
    ImmutableArray<Datum> Prefix,
    ImmutableArray<Datum>? From,
    ImmutableArray<Datum>? To,
    ImmutableArray<ScanCondition> Where,
    bool Descending,
    int Limit,
    string? PageToken);

/// <summary>A condition on one column. A null column satisfies none.</summary>
public sealed record ScanCondition(string Column, ScanOperator Operator, Datum Literal);

/// <summary>Comparison operators of a scan's conditions.</summary>
public enum ScanOperator : byte
{
    /// <summary>Equal.</summary>
    Equal = 1,

    /// <summary>Not equal.</summary>
    NotEqual = 2,

    /// <summary>Less.</summary>
    Less = 3,

    /// <summary>Less or equal.</summary>
    LessOrEqual = 4,

    /// <summary>Greater.</summary>
    Greater = 5,

    /// <summary>Greater or equal.</summary>
    GreaterOrEqual = 6,
}

/// <summary>A page of a scan.</summary>
/// <param name="Rows">The rows, in key order.</param>
/// <param name="Next">Token of the next page, or null at the end. Opaque, and refused when it was changed.</param>
public sealed record ScanPage(ImmutableArray<VersionedRow> Rows, string? Next);
