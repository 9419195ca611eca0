using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>What a database or a table may be. Every refusal names the field at fault and what is missing. Pure.</summary>
public static class CatalogRules
{
    /// <summary>The function that makes a UUID for each row.</summary>
    public const string GenRandomUuid = "gen_random_uuid()";

    /// <summary>Null when the specification makes sense among the regions there are.</summary>
    public static GeoError? Check(DatabaseSpec spec, IReadOnlySet<string> knownRegions)
    {
        if (CheckName(spec.Name, "name", upperCase: false) is { } badName)
        {
            return badName;
        }

        if (spec.Regions.IsDefaultOrEmpty)
        {
            return Unfit("regions", "a database has at least one region, the primary");
        }

        for (var i = 0; i < spec.Regions.Length; i++)
        {
            if (spec.Regions.IndexOf(spec.Regions[i]) != i)
            {
                return Unfit("regions", $"the region {spec.Regions[i]} is named twice");
            }

            if (CheckRegion(spec.Regions[i], "regions", knownRegions) is { } unknown)
            {
                return unknown;
            }
        }

        if (!spec.Regions.Contains(spec.PrimaryRegion))
        {
            return Cannot("primaryRegion", "region-not-in-database", $"the primary region {spec.PrimaryRegion} is not one of the regions");
        }

        return spec.Survive is not (SurvivalGoal.Zone or SurvivalGoal.Region) ? Unfit("survive", "a goal is zone or region")
            : spec.Placement is not (PlacementPolicy.Default or PlacementPolicy.Restricted)
                ? Unfit("placement", "a placement is default or restricted")
            : CheckRoles(spec, knownRegions);
    }

    /// <summary>
    /// Null when the table makes sense in its database; then <paramref name="normal"/> is it with key columns marked as not nullable.
    /// </summary>
    public static GeoError? Check(TableSpec spec, DatabaseSpec database, out TableSpec normal)
    {
        normal = spec;
        if ((CheckName(spec.Name, "name", upperCase: false) ?? CheckColumns(spec.Columns, "columns") ?? CheckPrimaryKey(spec)) is { } error)
        {
            return error;
        }

        if (spec.Locality is not TableLocality.Regional regional)
        {
            return Cannot("locality", "unknown-locality", "this build knows regional tables");
        }

        if (regional.Region is { } home && !database.Regions.Contains(home))
        {
            return Cannot("locality", "region-not-in-database",
                $"the region {home} is not one of the database's: {string.Join(", ", database.Regions)}");
        }

        if (spec.Survive is { } goal && goal is not (SurvivalGoal.Zone or SurvivalGoal.Region))
        {
            return Unfit("survive", "a goal is zone or region");
        }

        normal = spec with
        {
            Columns = [.. spec.Columns.Select(column => spec.PrimaryKey.Contains(column.Name) ? column with { Nullable = false } : column)],
        };
        return null;
    }

    /// <summary>Null when the change can be made to the table.</summary>
    public static GeoError? Check(TableChange change, TableInfo table)
    {
        if (change.AddColumns.IsDefaultOrEmpty)
        {
            return Unfit("addColumns", "the change names no column to add");
        }

        if (CheckColumns([.. table.Spec.Columns, .. change.AddColumns], "addColumns") is { } error)
        {
            return error;
        }

        foreach (var column in change.AddColumns)
        {
            // Rows that are there already take the default when they are read; a function would give them another value each time.
            if (!column.Nullable && column.Default is not { IsNull: false })
            {
                return Cannot(
                    column.Name, "default-needed",
                        $"the column {column.Name} must not be null, and rows that are there already need a constant default");
            }
        }

        return null;
    }

    private static GeoError? CheckRoles(DatabaseSpec spec, IReadOnlySet<string> knownRegions)
    {
        var isRegionGoal = spec.Survive == SurvivalGoal.Region;
        if (isRegionGoal && spec.Placement == PlacementPolicy.Restricted)
        {
            return Cannot(
                "placement", "region-goal-restricted",
                    "surviving a region needs replicas outside the home region, which restricted placement forbids");
        }

        if (spec.SecondaryRegion is { } secondary)
        {
            if (!isRegionGoal)
            {
                return Cannot("secondaryRegion", "secondary-needs-region-goal", "a secondary region needs the goal to survive a region");
            }

            if (!spec.Regions.Contains(secondary) || string.Equals(secondary, spec.PrimaryRegion, StringComparison.Ordinal))
            {
                return Cannot("secondaryRegion", "region-not-in-database",
                    $"the secondary region {secondary} is not one of the other regions");
            }
        }

        if (spec.WitnessRegion is not { } witness)
        {
            return null;
        }

        return !isRegionGoal || spec.Regions.Length != 2 || spec.Regions.Contains(witness)
            ? Cannot(
                "witnessRegion",
                "witness-needs-two-regions",
                "a witness region is a third one beside a database of two regions with the goal to survive a region")
            : CheckRegion(witness, "witnessRegion", knownRegions);
    }

    private static GeoError? CheckColumns(ImmutableArray<ColumnSpec> columns, string field)
    {
        if (columns.IsDefaultOrEmpty || columns.Length > GeoLimits.ColumnsMax)
        {
            return Unfit(field, $"a table has 1 to {GeoLimits.ColumnsMax} columns");
        }

        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var column in columns)
        {
            if ((CheckName(column.Name, field, upperCase: true) ?? CheckColumn(column)) is { } error)
            {
                return error;
            }

            if (!names.Add(column.Name))
            {
                return Cannot(column.Name, "duplicate-column", $"the column {column.Name} is named twice");
            }
        }

        return null;
    }

    private static GeoError? CheckColumn(ColumnSpec column)
    {
        if (column.Type is < DatumType.String or > DatumType.Json)
        {
            return Unfit(column.Name, $"the column {column.Name} has a type that is not known");
        }

        if (column.Default is { IsNull: false } value && value.Type != column.Type)
        {
            return Cannot(column.Name, "wrong-type", $"the default of {column.Name} is not {DatumText.Expected(column.Type)}");
        }

        if (column.DefaultFunction is null)
        {
            return null;
        }

        return !string.Equals(column.DefaultFunction, GenRandomUuid, StringComparison.Ordinal)
            ? Cannot(column.Name, "unknown-function",
                $"the column {column.Name} has the default function {column.DefaultFunction}; {GenRandomUuid} is known")
            : column.Type != DatumType.Uuid
                ? Cannot(column.Name, "wrong-type", $"{GenRandomUuid} makes a uuid and the column {column.Name} is none")
            : column.Default is { IsNull: false } ? Cannot(column.Name, "two-defaults", $"the column {column.Name} has two defaults")
            : null;
    }

    private static GeoError? CheckPrimaryKey(TableSpec spec)
    {
        if (spec.PrimaryKey.IsDefaultOrEmpty || spec.PrimaryKey.Length > GeoLimits.KeyColumnsMax)
        {
            return Unfit("primaryKey", $"a primary key has 1 to {GeoLimits.KeyColumnsMax} columns");
        }

        for (var i = 0; i < spec.PrimaryKey.Length; i++)
        {
            var name = spec.PrimaryKey[i];
            if (spec.PrimaryKey.IndexOf(name) != i)
            {
                return Cannot("primaryKey", "duplicate-column", $"the column {name} is named twice in the primary key");
            }

            if (!spec.Columns.Any(column => string.Equals(column.Name, name, StringComparison.Ordinal)))
            {
                return Cannot("primaryKey", "unknown-column", $"the primary key names the column {name}, which the table does not have");
            }
        }

        return null;
    }

    /// <summary>What is wrong with a name, or null.</summary>
    public static GeoError? CheckName(string name, string field, bool upperCase)
    {
        var good = name is { Length: >= 1 and <= GeoLimits.NameCharsMax } && IsLetter(name[0], upperCase);
        for (var i = 1; good && i < name.Length; i++)
        {
            good = IsLetter(name[i], upperCase) || name[i] is (>= '0' and <= '9') or '-' or '_';
        }

        return good ? null : new(
            GeoErrorKind.Unprocessable,
            "bad-name",
            $"a name has 1 to {GeoLimits.NameCharsMax} {(upperCase ? "letters" : "lower-case letters")}, "
            + "digits, '-' and '_', and begins with a letter: "
            + (name is null ? "none is given" : DatumText.Quote(name)),
            field);
    }

    private static bool IsLetter(char c, bool upperCase) => c is >= 'a' and <= 'z' || (upperCase && c is >= 'A' and <= 'Z');

    private static GeoError? CheckRegion(string region, string field, IReadOnlySet<string> known) => known.Contains(region)
        ? null
        : Cannot(field, "unknown-region",
            $"no node is in the region {DatumText.Quote(region)}; there are {string.Join(", ", known.Order(StringComparer.Ordinal))}");

    private static GeoError Unfit(string field, string detail) => new(GeoErrorKind.Unprocessable, "invalid", detail, field);

    private static GeoError Cannot(string field, string code, string detail) => new(GeoErrorKind.Unprocessable, code, detail, field);
}
