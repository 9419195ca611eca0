using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>The conditions of a scan against the columns of a table. All must hold; a null column satisfies none.</summary>
public sealed class RowFilter
{
    private readonly (int Position, ScanOperator Operator, Datum Literal)[] _conditions;

    private RowFilter((int, ScanOperator, Datum)[] conditions) => _conditions = conditions;

    /// <summary>Checks the conditions against the table. Null when they make sense, else why not.</summary>
    public static GeoError? TryCreate(TableInfo table, ImmutableArray<ScanCondition> where, out RowFilter filter)
    {
        var layout = RowLayout.Of(table);
        var conditions = new (int, ScanOperator, Datum)[where.Length];
        filter = new(conditions);
        for (var i = 0; i < where.Length; i++)
        {
            if (Check(layout, where[i], out var position) is { } error)
            {
                return error;
            }

            conditions[i] = (position, where[i].Operator, where[i].Literal);
        }

        return null;
    }

    /// <summary>Finds the position of a condition's column. Null when the condition makes sense, else why not.</summary>
    internal static GeoError? Check(RowLayout layout, ScanCondition condition, out int position)
    {
        var (name, comparison, literal) = condition;
        position = layout.PositionOf(name);
        if (position < 0)
        {
            return new(GeoErrorKind.Unprocessable, "unknown-column", $"the table {layout.Table.Spec.Name} has no column {name}", name);
        }

        if (comparison is < ScanOperator.Equal or > ScanOperator.GreaterOrEqual)
        {
            return new(GeoErrorKind.Invalid, "unknown-operator", $"the condition on {name} has an operator that is not known", name);
        }

        var type = layout.Column(position).Type;
        return literal.Type == type
            ? null
            : new(GeoErrorKind.Unprocessable, "wrong-type", $"the column {name} is compared with {DatumText.Expected(type)}", name);
    }

    /// <summary>True when a row, by position, satisfies all conditions.</summary>
    public bool Matches(ReadOnlySpan<Datum> row)
    {
        foreach (var (position, comparison, literal) in _conditions)
        {
            if (row[position].IsNull || !Holds(row[position].CompareTo(literal), comparison))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>True when an order of a value and a literal is what an operator asks for.</summary>
    internal static bool Holds(int order, ScanOperator comparison) => comparison switch
    {
        ScanOperator.Equal => order == 0,
        ScanOperator.NotEqual => order != 0,
        ScanOperator.Less => order < 0,
        ScanOperator.LessOrEqual => order <= 0,
        ScanOperator.Greater => order > 0,
        _ => order >= 0,
    };
}
