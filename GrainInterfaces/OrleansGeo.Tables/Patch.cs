using System.Collections.Immutable;
using System.Linq.Expressions;
using OrleansGeo.Primitives;
using OrleansGeo.Tables.Mapping;

namespace OrleansGeo.Tables;

/// <summary>
/// Changes to some columns of a row; the others keep what they have. Immutable: one may be kept and used for many rows.
/// </summary>
/// <typeparam name="TRow">The type of the rows.</typeparam>
public sealed class Patch<TRow>
    where TRow : class
{
    private Patch(ImmutableArray<KeyValuePair<string, Datum>> values) => Values = values;

    /// <summary>No change; add some with <see cref="Set"/>.</summary>
    public Patch()
        : this([])
    {
    }

    internal ImmutableArray<KeyValuePair<string, Datum>> Values { get; }

    /// <summary>
    /// The column of a property takes a value; null clears it. A JSON column takes an object as a merge patch (RFC 7396): members that are
    /// named change, null removes one.
    /// </summary>
    /// <exception cref="GeoMappingException">The lambda names no column, or the value has no place in it.</exception>
    public Patch<TRow> Set<TValue>(Expression<Func<TRow, TValue>> property, TValue value)
    {
        var column = RowMap<TRow>.Instance.ColumnOf(property);
        return new(Values.RemoveAll(one => one.Key == column.Column).Add(new(column.Column, column.Write(value))));
    }
}
