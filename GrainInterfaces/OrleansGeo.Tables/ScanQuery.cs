using System.Collections.Immutable;
using System.Linq.Expressions;
using OrleansGeo.Tables.Mapping;

namespace OrleansGeo.Tables;

/// <summary>Which rows a scan gives, in key order.</summary>
/// <typeparam name="TRow">The type of the rows.</typeparam>
public sealed record ScanQuery<TRow>
    where TRow : class
{
    /// <summary>First key values that all rows share.</summary>
    public RowKey Prefix { get; init; }

    /// <summary>A key, or first values of one, to start at, included.</summary>
    public RowKey? From { get; init; }

    /// <summary>A key, or first values of one, to stop before.</summary>
    public RowKey? To { get; init; }

    /// <summary>Last key first.</summary>
    public bool Descending { get; init; }

    /// <summary>Most rows of the whole scan; null for all.</summary>
    public long? Take { get; init; }

    /// <summary>Most rows of one call to the cluster, 1 to 10,000.</summary>
    public int PageRows { get; init; } = 1_000;

    internal ImmutableArray<ScanCondition> Conditions { get; init; } = [];

    /// <summary>The same with a further condition, which the nodes that hold the rows check. A null column satisfies none.</summary>
    /// <exception cref="GeoMappingException">The lambda names no column, or the literal has no place in it.</exception>
    public ScanQuery<TRow> Where<TValue>(Expression<Func<TRow, TValue>> property, ScanOperator comparison, TValue literal)
    {
        var column = RowMap<TRow>.Instance.ColumnOf(property);
        return this with { Conditions = Conditions.Add(new(column.Column, comparison, column.Write(literal))) };
    }

    /// <summary>The request for a page.</summary>
    /// <param name="left">Rows that are still wanted.</param>
    /// <param name="page">Where the page before ended; null for the first.</param>
    internal ScanRequest ToRequest(long left, string? page) => new(
        Prefix.Values, From?.Values, To?.Values, Conditions, Descending, (int)Math.Min(PageRows, left), page);
}
