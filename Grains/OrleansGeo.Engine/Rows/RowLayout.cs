using System.Runtime.CompilerServices;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>A table's columns as the mapping of rows needs them. Made once for each <see cref="TableInfo"/>.</summary>
public sealed class RowLayout
{
    private static readonly ConditionalWeakTable<TableInfo, RowLayout> s_layouts = [];
    private readonly Dictionary<string, int> _positions = new(StringComparer.Ordinal);

    private RowLayout(TableInfo table)
    {
        Table = table;
        var columns = table.Spec.Columns;
        for (var i = 0; i < columns.Length; i++)
        {
            _positions.Add(columns[i].Name, i);
        }

        KeyPositions = new int[table.Spec.PrimaryKey.Length];
        for (var i = 0; i < KeyPositions.Length; i++)
        {
            KeyPositions[i] = _positions[table.Spec.PrimaryKey[i]];
        }

        // Ids ascend with positions, because columns are only ever added behind the others; the row codec needs them in that order.
        var (positions, ids) = (new List<int>(columns.Length), new List<int>(columns.Length));
        for (var i = 0; i < columns.Length; i++)
        {
            Invariant.Holds(i == 0 || table.ColumnIds[i] > table.ColumnIds[i - 1]);
            if (Array.IndexOf(KeyPositions, i) < 0)
            {
                positions.Add(i);
                ids.Add(table.ColumnIds[i]);
            }
        }

        ValuePositions = [.. positions];
        ValueIds = [.. ids];
    }

    /// <summary>The table.</summary>
    public TableInfo Table { get; }

    /// <summary>Positions of the key columns in the table, in the key's order.</summary>
    public int[] KeyPositions { get; }

    /// <summary>Positions of the other columns, in the table's order.</summary>
    public int[] ValuePositions { get; }

    /// <summary>Ids of the columns of <see cref="ValuePositions"/>; ascending.</summary>
    public int[] ValueIds { get; }

    /// <summary>The layout of a table.</summary>
    public static RowLayout Of(TableInfo table) => s_layouts.GetValue(table, static table => new(table));

    /// <summary>The position of a column by name, or -1.</summary>
    public int PositionOf(string column) => _positions.TryGetValue(column, out var position) ? position : -1;

    /// <summary>The column at a position.</summary>
    public ColumnSpec Column(int position) => Table.Spec.Columns[position];

    /// <summary>
    /// What a column that is no key column is in a row that does not store it: null, unless it must not be null; then it was added after
    /// the row was written, and has its default.
    /// </summary>
    public Datum Missing(int position) => Column(position).Nullable ? Datum.Null : Column(position).Default ?? Datum.Null;

    /// <summary>
    /// All columns of a stored row by position; what is not stored is as <see cref="Missing"/> says.
    /// </summary>
    public Datum[] Decode(ReadOnlySpan<Datum> key, ReadOnlySpan<byte> value)
    {
        var row = new Datum[Table.Spec.Columns.Length];
        for (var i = 0; i < KeyPositions.Length; i++)
        {
            row[KeyPositions[i]] = key[i];
        }

        var stored = RowCodec.DecodeColumns(value, ValueIds);
        for (var i = 0; i < stored.Length; i++)
        {
            row[ValuePositions[i]] = stored[i].IsNull ? Missing(ValuePositions[i]) : stored[i];
        }

        return row;
    }

    /// <summary>A row from its columns by position; nulls are left out.</summary>
    public Row ToRow(ReadOnlySpan<Datum> row)
    {
        var values = new List<KeyValuePair<string, Datum>>(row.Length);
        for (var i = 0; i < row.Length; i++)
        {
            if (!row[i].IsNull)
            {
                values.Add(new(Column(i).Name, row[i]));
            }
        }

        return new(values);
    }
}
