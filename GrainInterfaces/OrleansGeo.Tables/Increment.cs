using System.Collections.Immutable;
using System.Linq.Expressions;
using OrleansGeo.Primitives;
using OrleansGeo.Tables.Mapping;

namespace OrleansGeo.Tables;

/// <summary>
/// What is added to some columns of a row, wherever they stand when the cluster does it: nobody needs to read first, and no two of them
/// lose each other. Immutable: one may be kept and used for many rows.
/// </summary>
/// <typeparam name="TRow">The type of the rows.</typeparam>
public sealed class Increment<TRow>
    where TRow : class
{
    private Increment(ImmutableArray<KeyValuePair<string, Datum>> values) => Values = values;

    /// <summary>Nothing; add some with <see cref="By"/>.</summary>
    public Increment()
        : this([])
    {
    }

    internal ImmutableArray<KeyValuePair<string, Datum>> Values { get; }

    /// <summary>
    /// A number is added to the column of a property, a negative one taken away. A null column counts as zero; for a column named twice
    /// the last one counts.
    /// </summary>
    /// <exception cref="GeoMappingException">The lambda names no column that holds numbers.</exception>
    public Increment<TRow> By<TValue>(Expression<Func<TRow, TValue>> property, TValue value)
    {
        var column = RowMap<TRow>.Instance.ColumnOf(property);
        return column.Type is DatumType.Int64 or DatumType.Float64 or DatumType.Decimal
            ? new(Values.RemoveAll(one => one.Key == column.Column).Add(new(column.Column, column.Write(value))))
            : throw column.Wrong("holds no numbers to add to");
    }
}
