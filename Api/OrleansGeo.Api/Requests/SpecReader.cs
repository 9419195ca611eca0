using System.Collections.Immutable;
using System.Text.Json;
using OrleansGeo.Api.Views;
using OrleansGeo.Primitives;

namespace OrleansGeo.Api.Requests;

/// <summary>
/// Databases, tables and changes from JSON. Shape and names are judged here; regions and goals by the store, which knows the nodes.
/// </summary>
public static class SpecReader
{
    private const string UuidFunction = "gen_random_uuid()";

    /// <summary>A database to create.</summary>
    public static DatabaseSpec? Database(JsonElement body, out GeoError? error)
    {
        var members = new JsonMembers(body);
        var name = members.Text("name", required: true);
        var primary = members.Text("primaryRegion", required: true);
        var regions = members.Texts("regions", required: true);
        var survive = members.Choice("survive", SchemaWords.Goals) ?? SurvivalGoal.Zone;
        var placement = members.Choice("placement", SchemaWords.Placements) ?? PlacementPolicy.Default;
        var secondary = members.Text("secondaryRegion");
        var witness = members.Text("witnessRegion");
        members.Refuse(WrongName(name, "name", upperCase: false));
        error = members.Finish();
        return error is null ? new(name!, primary!, regions, survive, placement, secondary, witness) : null;
    }

    /// <summary>A table to create.</summary>
    public static TableSpec? Table(JsonElement body, out GeoError? error)
    {
        var members = new JsonMembers(body);
        var name = members.Text("name", required: true);
        var columns = members.Items("columns", required: true);
        var primaryKey = members.Texts("primaryKey", required: true);
        var locality = members.Element("locality") is { } given ? Locality(given, members) : new TableLocality.Regional();
        var survive = members.Choice("survive", SchemaWords.Goals);
        members.NotSupported("indexes", "Tables have no secondary indexes.");
        members.NotSupported("failover", "Tables have no failover order of their own.");
        members.Refuse(WrongName(name, "name", upperCase: false));
        var specs = columns.Select(column => Column(column.Value, column.Path, members, primaryKey)).ToImmutableArray();
        error = members.Finish();
        return error is null ? new(name!, specs, primaryKey, locality, survive) : null;
    }

    /// <summary>A change to a table.</summary>
    public static TableChange? Change(JsonElement body, out GeoError? error)
    {
        var members = new JsonMembers(body);
        var columns = members.Items("addColumns", required: true);
        var specs = columns.Select(column => Column(column.Value, column.Path, members, [])).ToImmutableArray();
        if (specs.IsEmpty)
        {
            members.Refuse(Refusal.Wrong("addColumns", "empty-list", "'addColumns' names no column."));
        }

        error = members.Finish();
        return error is null ? new(specs) : null;
    }

    /// <summary>Why a name is not allowed; null when it is, or is missing, which is said elsewhere.</summary>
    public static GeoError? WrongName(string? name, string path, bool upperCase)
    {
        if (name is null)
        {
            return null;
        }

        var fits = name.Length is > 0 and <= GeoLimits.NameCharsMax && IsLetter(name[0], upperCase)
            && name.All(c => IsLetter(c, upperCase) || char.IsAsciiDigit(c) || c is '-' or '_');
        var letters = upperCase ? "letters" : "lower-case letters";
        return fits ? null : Refusal.Wrong(
            path, "bad-name",
            $"'{path}' is 1 to {GeoLimits.NameCharsMax} characters, {letters}, digits, '-' and '_', beginning with a letter; "
                + $"not {DatumText.Quote(name)}.");
    }

    private static bool IsLetter(char c, bool upperCase) => char.IsAsciiLetterLower(c) || (upperCase && char.IsAsciiLetterUpper(c));

    private static TableLocality.Regional Locality(JsonElement body, JsonMembers table)
    {
        var members = new JsonMembers(body, table.PathOf("locality"));
        var type = members.Text("type", required: true);
        var region = members.Text("region");
        if (type is "regional-by-row" or "global")
        {
            members.Refuse(Refusal.NotSupported(members.PathOf("type"), $"Tables are regional; {type} is not offered."));
        }
        else if (type is not (null or "regional"))
        {
            members.Refuse(
                Refusal.Wrong(
                    members.PathOf("type"), "unknown-value", $"'{members.PathOf("type")}' is regional, not {DatumText.Quote(type)}."));
        }

        table.Refuse(members.Finish());
        return new(region is "primary" ? null : region);
    }

    private static ColumnSpec Column(JsonElement body, string path, JsonMembers table, ImmutableArray<string> primaryKey)
    {
        var members = new JsonMembers(body, path);
        var name = members.Text("name", required: true);
        members.Refuse(WrongName(name, members.PathOf("name"), upperCase: true));
        members.Element("type", required: true);
        var type = members.Choice("type", SchemaWords.Types) ?? DatumType.None;
        var isKey = name is not null && primaryKey.Contains(name, StringComparer.Ordinal);
        var nullable = members.Flag("nullable");
        if (isKey && nullable is true)
        {
            members.Refuse(
                Refusal.Wrong(members.PathOf("nullable"), "key-not-nullable", $"{name} belongs to the primary key, which is never null."));
        }

        var (value, function) = members.Element("default") is { } given && type != DatumType.None ? Default(given, type, members) : default;
        table.Refuse(members.Finish());
        return new(name ?? "", type, nullable ?? !isKey, value, function);
    }

    private static (Datum? Value, string? Function) Default(JsonElement given, DatumType type, JsonMembers members)
    {
        if (type == DatumType.Uuid && given.ValueKind == JsonValueKind.String && given.ValueEquals(UuidFunction))
        {
            return (null, UuidFunction);
        }

        if (DatumJson.TryRead(type, given, out var value, out var why))
        {
            return (value, null);
        }

        var also = type == DatumType.Uuid ? $" or {UuidFunction}" : "";
        members.Refuse(Refusal.Wrong(members.PathOf("default"), "wrong-type", $"'{members.PathOf("default")}': {why}{also}."));
        return default;
    }
}
