using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo;

/// <summary>What a database or table must survive with no loss and no stop.</summary>
public enum SurvivalGoal : byte
{
    /// <summary>The loss of any one zone.</summary>
    Zone = 1,

    /// <summary>The loss of any one region.</summary>
    Region = 2,
}

/// <summary>Whether regions without a voter keep a replica for local stale reads.</summary>
public enum PlacementPolicy : byte
{
    /// <summary>They do.</summary>
    Default = 1,

    /// <summary>They do not: replicas stay in the home region. Only with <see cref="SurvivalGoal.Zone"/>.</summary>
    Restricted = 2,
}

/// <summary>What a user asks for when creating a database.</summary>
/// <param name="Name">1 to 63 characters: lower-case letters, digits, '-' and '_', beginning with a letter.</param>
/// <param name="PrimaryRegion">Home of its tables unless they say otherwise; one of <paramref name="Regions"/>.</param>
/// <param name="Regions">Where its data may live, the primary included; no region twice.</param>
/// <param name="Survive">The goal of its tables unless they override it.</param>
/// <param name="Placement">Whether other regions keep replicas.</param>
/// <param name="SecondaryRegion">Where leases go first when the primary is lost; needs the region goal.</param>
/// <param name="WitnessRegion">A third region that only votes; for two-region databases with the region goal.</param>
public sealed record DatabaseSpec(
    string Name,
    string PrimaryRegion,
    ImmutableArray<string> Regions,
    SurvivalGoal Survive = SurvivalGoal.Zone,
    PlacementPolicy Placement = PlacementPolicy.Default,
    string? SecondaryRegion = null,
    string? WitnessRegion = null);

/// <summary>A database as it is.</summary>
public sealed record DatabaseInfo(long Id, DatabaseSpec Spec, ImmutableArray<string> Tables);

/// <summary>A column as a user declares it.</summary>
/// <param name="Name">1 to 63 characters, as database names, upper-case letters allowed.</param>
/// <param name="Type">What its values are.</param>
/// <param name="Nullable">True unless it belongs to the primary key.</param>
/// <param name="Default">The value of a row that does not give one; null when there is none.</param>
/// <param name="DefaultFunction">A value made for each row: <c>gen_random_uuid()</c>, derived from the request id so that a retry makes the
/// same; or null.</param>
public sealed record ColumnSpec(string Name, DatumType Type, bool Nullable = true, Datum? Default = null, string? DefaultFunction = null);

/// <summary>Where a table's rows live.</summary>
public abstract record TableLocality
{
    private TableLocality()
    {
    }

    /// <summary>All rows in one home region: the named one, or the database's primary when null.</summary>
    public sealed record Regional(string? Region = null) : TableLocality;
}

/// <summary>What a user asks for when creating a table.</summary>
public sealed record TableSpec(
    string Name,
    ImmutableArray<ColumnSpec> Columns,
    ImmutableArray<string> PrimaryKey,
    TableLocality Locality,
    SurvivalGoal? Survive = null);

/// <summary>A table as it is.</summary>
/// <param name="Id">Never reused.</param>
/// <param name="Database">The database's name.</param>
/// <param name="Spec">What was asked for, with later changes.</param>
/// <param name="ColumnIds">One id a column of <see cref="TableSpec.Columns"/>, never reused within the table.</param>
/// <param name="SchemaVersion">Raised by every change.</param>
/// <param name="HomeRegion">The region the locality resolves to.</param>
/// <param name="EffectiveGoal">The goal in force: the table's, else the database's.</param>
public sealed record TableInfo(
    long Id,
    string Database,
    TableSpec Spec,
    ImmutableArray<int> ColumnIds,
    int SchemaVersion,
    string HomeRegion,
    SurvivalGoal EffectiveGoal)
{
    /// <summary>Position of a column by name, or -1.</summary>
    public int IndexOf(string column)
    {
        for (var i = 0; i < Spec.Columns.Length; i++)
        {
            if (string.Equals(Spec.Columns[i].Name, column, StringComparison.Ordinal))
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>True when the column belongs to the primary key.</summary>
    public bool IsKey(string column) => Spec.PrimaryKey.Contains(column, StringComparer.Ordinal);
}

/// <summary>A change to a table: columns to add behind the others. Each must be nullable or have a default.</summary>
public sealed record TableChange(ImmutableArray<ColumnSpec> AddColumns);
