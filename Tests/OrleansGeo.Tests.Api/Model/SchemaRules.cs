using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tests.Api.Model;

/// <summary>What makes a database or a table acceptable.</summary>
public static class SchemaRules
{
    public static GeoError? Check(DatabaseSpec spec, ImmutableArray<string> regions)
    {
        foreach (var region in spec.Regions.Append(spec.PrimaryRegion))
        {
            if (!regions.Contains(region))
            {
                return Wrong("regions", "unknown-region", $"There is no region {region}.");
            }
        }

        if (!spec.Regions.Contains(spec.PrimaryRegion))
        {
            return Wrong("primaryRegion", "primary-not-listed", $"{spec.PrimaryRegion} is not one of the regions.");
        }

        if (spec.Regions.Distinct().Count() != spec.Regions.Length)
        {
            return Wrong("regions", "duplicate-region", "A region is named twice.");
        }

        if (spec is { Survive: SurvivalGoal.Region, Placement: PlacementPolicy.Restricted })
        {
            return Wrong("placement", "restricted-with-region", "Restricted placement cannot survive a region.");
        }

        return spec.Survive == SurvivalGoal.Region && spec.Regions.Length < 3
            ? Wrong("survive", "goal-cannot-be-met", "The region goal needs three regions.")
            : CheckName(spec.Name, "name");
    }

    public static GeoError? Check(TableSpec spec, DatabaseSpec database)
    {
        if (CheckName(spec.Name, "name") is { } error)
        {
            return error;
        }

        if (spec.PrimaryKey.IsEmpty || spec.PrimaryKey.Length > GeoLimits.KeyColumnsMax)
        {
            return Wrong("primaryKey", "bad-key", "A primary key has 1 to 16 columns.");
        }

        if (spec.PrimaryKey.Distinct().Count() != spec.PrimaryKey.Length)
        {
            return Wrong("primaryKey", "duplicate-column", "A key column is named twice.");
        }

        if (spec.Columns.Select(column => column.Name).Distinct().Count() != spec.Columns.Length)
        {
            return Wrong("columns", "duplicate-column", "A column is named twice.");
        }

        if (spec.PrimaryKey.FirstOrDefault(key => !spec.Columns.Any(column => column.Name == key)) is { } missing)
        {
            return Wrong("primaryKey", "unknown-column", $"There is no column {missing}.");
        }

        if (spec.Columns.Length > GeoLimits.ColumnsMax)
        {
            return Wrong("columns", "too-many-columns", "A table has at most 256 columns.");
        }

        return spec.Locality is TableLocality.Regional { Region: { } region } && !database.Regions.Contains(region)
            ? Wrong("locality.region", "unknown-region", $"{region} is no region of {database.Name}.")
            : null;
    }

    private static GeoError? CheckName(string name, string field) =>
        name.Length is > 0 and <= GeoLimits.NameCharsMax && char.IsAsciiLetterLower(name[0])
            && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '_')
            ? null
            : Wrong(field, "bad-name", $"{name} is no name.");

    public static GeoError Wrong(string field, string code, string detail) => new(GeoErrorKind.Unprocessable, code, detail, field);
}
