using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tables.Mapping;

/// <summary>A type of rows laid over a table that exists, both checked against each other once.</summary>
internal sealed class TableFit<TRow>
    where TRow : class
{
    private readonly RowMap<TRow> _map;
    private readonly int[] _key;
    private readonly int[] _others;

    private TableFit(RowMap<TRow> map, int[] key, int[] others) => (_map, _key, _others) = (map, key, others);

    /// <summary>Lays them over each other; throws <see cref="GeoMappingException"/> when they do not fit.</summary>
    public static TableFit<TRow> Of(RowMap<TRow> map, TableInfo table)
    {
        var spec = table.Spec;
        foreach (var column in map.Columns)
        {
            var at = table.IndexOf(column.Column);
            if (at < 0)
            {
                throw column.Wrong($"is not in the table {spec.Name}, which has {string.Join(", ", spec.Columns.Select(one => one.Name))}");
            }

            if (spec.Columns[at].Type != column.Type)
            {
                throw column.Wrong(
                    $"is {Name(column.Type)} as a {column.Property.PropertyType.Name}, and {Name(spec.Columns[at].Type)} in the table "
                    + spec.Name);
            }
        }

        var key = new int[spec.PrimaryKey.Length];
        for (var i = 0; i < key.Length; i++)
        {
            key[i] = map.PositionOf(spec.PrimaryKey[i]);
            if (key[i] < 0)
            {
                throw new GeoMappingException(
                    typeof(TRow), null, spec.PrimaryKey[i],
                    $"{typeof(TRow).Name} has no property for the key column {spec.PrimaryKey[i]} of the table {spec.Name}");
            }
        }

        return new(map, key, [.. Enumerable.Range(0, map.Columns.Length).Except(key)]);
    }

    /// <summary>The key of a row. A null in it is kept, for an insert's default.</summary>
    public ImmutableArray<Datum> KeyOf(TRow row)
    {
        var key = ImmutableArray.CreateBuilder<Datum>(_key.Length);
        foreach (var position in _key)
        {
            key.Add(_map.Write(row, position));
        }

        return key.MoveToImmutable();
    }

    /// <summary>The other columns of a row.</summary>
    public ImmutableArray<KeyValuePair<string, Datum>> ValuesOf(TRow row, bool withNulls)
    {
        var values = ImmutableArray.CreateBuilder<KeyValuePair<string, Datum>>(_others.Length);
        foreach (var position in _others)
        {
            var value = _map.Write(row, position);
            if (withNulls || !value.IsNull)
            {
                values.Add(new(_map.Columns[position].Column, value));
            }
        }

        return values.DrainToImmutable();
    }

    private static string Name(DatumType type) => type.ToString().ToLowerInvariant();
}
