using System.Collections.Immutable;
using System.Text.Json;
using OrleansGeo.Primitives;

namespace OrleansGeo.Api.Views;

/// <summary>A database.</summary>
public sealed record DatabaseView(
    string Name, long Id, string PrimaryRegion, string? SecondaryRegion, string? WitnessRegion, ImmutableArray<string> Regions,
    string Survive,
    string Placement, ImmutableArray<string> Tables)
{
    /// <summary>The view.</summary>
    public static DatabaseView Of(DatabaseInfo info) => new(
        info.Spec.Name, info.Id, info.Spec.PrimaryRegion, info.Spec.SecondaryRegion, info.Spec.WitnessRegion, info.Spec.Regions,
        SchemaWords.Of(info.Spec.Survive), SchemaWords.Of(info.Spec.Placement), info.Tables);
}

/// <summary>All databases.</summary>
public sealed record DatabasesView(ImmutableArray<DatabaseView> Databases)
{
    /// <summary>The view.</summary>
    public static DatabasesView Of(Listing<DatabaseInfo> listing) => new([.. listing.Items.Select(DatabaseView.Of)]);
}

/// <summary>A column. <c>Default</c> is a value of its type, or <c>gen_random_uuid()</c>.</summary>
public sealed record ColumnView(string Name, string Type, bool Nullable, JsonElement? Default)
{
    /// <summary>The view.</summary>
    public static ColumnView Of(ColumnSpec column) =>
        new(column.Name, SchemaWords.Of(column.Type), column.Nullable, DefaultOf(column));

    private static JsonElement? DefaultOf(ColumnSpec column)
    {
        var value = column.DefaultFunction is { } function ? Datum.FromString(function) : column.Default ?? Datum.Null;
        if (value.IsNull)
        {
            return null;
        }

        var buffer = new System.Buffers.ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            DatumJson.Write(writer, value);
        }

        return JsonElement.Parse(buffer.WrittenSpan);
    }
}

/// <summary>Where a table's rows live. <c>Region</c> is <c>primary</c> or a name.</summary>
public sealed record LocalityView(string Type, string Region)
{
    /// <summary>The view.</summary>
    public static LocalityView Of(TableLocality locality) => locality switch
    {
        TableLocality.Regional regional => new("regional", regional.Region ?? "primary"),
        _ => throw new System.Diagnostics.UnreachableException($"no view for {locality}"),
    };
}

/// <summary>
/// A table. <c>Survive</c> is its own goal, null when the database's applies; <c>EffectiveSurvive</c> is the one in force.
/// </summary>
public sealed record TableView(
    string Name, string Database, long Id, ImmutableArray<ColumnView> Columns, ImmutableArray<string> PrimaryKey, LocalityView Locality,
    string? Survive, string EffectiveSurvive, string HomeRegion, int SchemaVersion)
{
    /// <summary>The view.</summary>
    public static TableView Of(TableInfo info) => new(
        info.Spec.Name, info.Database, info.Id, [.. info.Spec.Columns.Select(ColumnView.Of)], info.Spec.PrimaryKey,
        LocalityView.Of(info.Spec.Locality), info.Spec.Survive is { } goal ? SchemaWords.Of(goal) : null,
        SchemaWords.Of(info.EffectiveGoal), info.HomeRegion, info.SchemaVersion);
}

/// <summary>All tables of a database.</summary>
public sealed record TablesView(ImmutableArray<TableView> Tables)
{
    /// <summary>The view.</summary>
    public static TablesView Of(Listing<TableInfo> listing) => new([.. listing.Items.Select(TableView.Of)]);
}

/// <summary>The words of the API for closed vocabularies.</summary>
public static class SchemaWords
{
    /// <summary>Column types.</summary>
    public static (string Word, DatumType Value)[] Types { get; } =
    [
        ("string", DatumType.String), ("int64", DatumType.Int64), ("float64", DatumType.Float64), ("decimal", DatumType.Decimal),
        ("bool", DatumType.Bool), ("uuid", DatumType.Uuid), ("timestamp", DatumType.Timestamp), ("bytes", DatumType.Bytes),
        ("json", DatumType.Json),
    ];

    /// <summary>Survival goals.</summary>
    public static (string Word, SurvivalGoal Value)[] Goals { get; } = [("zone", SurvivalGoal.Zone), ("region", SurvivalGoal.Region)];

    /// <summary>Placement policies.</summary>
    public static (string Word, PlacementPolicy Value)[] Placements { get; } =
        [("default", PlacementPolicy.Default), ("restricted", PlacementPolicy.Restricted)];

    /// <summary>The word of a type.</summary>
    public static string Of(DatumType type) => WordOf(Types, type);

    /// <summary>The word of a goal.</summary>
    public static string Of(SurvivalGoal goal) => WordOf(Goals, goal);

    /// <summary>The word of a policy.</summary>
    public static string Of(PlacementPolicy placement) => WordOf(Placements, placement);

    private static string WordOf<T>((string Word, T Value)[] words, T value) =>
        words.First(word => EqualityComparer<T>.Default.Equals(word.Value, value)).Word;
}
