using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace OrleansGeo.Api.Demo;

/// <summary>A row to load: its table, its path below the table's rows, its key and its columns.</summary>
public sealed record IsoRow(string Table, string Path, JsonArray Key, JsonObject Columns)
{
    /// <summary>True when a row that was read has every column as it was written, and nothing in the others.</summary>
    public bool Matches(JsonElement read) => read.EnumerateObject().All(member => Same(member.Value, Columns[member.Name]))
        && Columns.All(column => read.TryGetProperty(column.Key, out _));

    private static bool Same(JsonElement read, JsonNode? written) =>
        read.ValueKind == JsonValueKind.Null ? written is null : written is not null && read.GetString() == written.GetValue<string>();
}

/// <summary>ISO 3166 as Debian's package iso-codes has it.</summary>
public static class IsoRows
{
    /// <summary>Where the package puts it.</summary>
    public const string Folder = "/usr/share/iso-codes/json";

    /// <summary>Makes the tables: name, and the body that creates it.</summary>
    public static ImmutableArray<(string Name, string Body)> Tables { get; } =
    [
        ("countries", Table("countries", ["code"], "code", "alpha3", "numeric", "name", "officialName", "commonName", "flag")),
        ("subdivisions", Table("subdivisions", ["country", "code"], "country", "code", "name", "type", "parent")),
    ];

    /// <summary>Reads all rows.</summary>
    /// <exception cref="DemoFailedException">The package is not installed, or is not what it was.</exception>
    public static ImmutableArray<IsoRow> Read(string folder = Folder)
    {
        try
        {
            return
            [
                .. Entries(folder, "3166-1").Select(Country),
                .. Entries(folder, "3166-2").Select(Subdivision),
            ];
        }
        catch (Exception unread) when (unread is IOException or JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new DemoFailedException($"ISO 3166 cannot be read from {folder} ({unread.Message}): run 'apt-get install iso-codes'.");
        }
    }

    private static JsonElement.ArrayEnumerator Entries(string folder, string name) =>
        JsonElement.Parse(File.ReadAllBytes(Path.Combine(folder, $"iso_{name}.json"))).GetProperty(name).EnumerateArray();

    private static IsoRow Country(JsonElement entry)
    {
        var code = entry.GetProperty("alpha_2").GetString()!;
        return new("countries", code, [code], new()
        {
            ["code"] = code,
            ["alpha3"] = Text(entry, "alpha_3"),
            ["numeric"] = Text(entry, "numeric"),
            ["name"] = Text(entry, "name"),
            ["officialName"] = Text(entry, "official_name"),
            ["commonName"] = Text(entry, "common_name"),
            ["flag"] = Text(entry, "flag"),
        });
    }

    private static IsoRow Subdivision(JsonElement entry)
    {
        var code = entry.GetProperty("code").GetString()!;
        var country = code[..code.IndexOf('-', StringComparison.Ordinal)];
        return new("subdivisions", $"{country}/{code}", [country, code], new()
        {
            ["country"] = country,
            ["code"] = code,
            ["name"] = Text(entry, "name"),
            ["type"] = Text(entry, "type"),
            ["parent"] = Text(entry, "parent"),
        });
    }

    private static JsonNode? Text(JsonElement entry, string member) =>
        entry.TryGetProperty(member, out var value) ? value.GetString() : null;

    private static string Table(string name, string[] key, params string[] columns) => new JsonObject
    {
        ["name"] = name,
        ["columns"] = new JsonArray([.. columns.Select(column => new JsonObject { ["name"] = column, ["type"] = "string" })]),
        ["primaryKey"] = new JsonArray([.. key.Select(column => (JsonNode)column)]),
    }.ToJsonString();
}
