using System.Collections.Immutable;
using System.Text.Json;
using OrleansGeo.Api.Requests;
using OrleansGeo.Primitives;

namespace OrleansGeo.Api.Answers;

/// <summary>Rows as JSON by a table's columns, both ways.</summary>
public static class RowJson
{
    /// <summary>The version of a row; null for no row, and for one that an open transaction has written and not committed.</summary>
    public static string? VersionOf(VersionedRow? row) =>
        row is null || row.Version == HlcTimestamp.Zero ? null : row.Version.ToString();

    /// <summary>Writes a row: every column, those without a value as null.</summary>
    public static void Write(Utf8JsonWriter writer, TableInfo table, Row row)
    {
        writer.WriteStartObject();
        var values = row.Values;
        var next = 0;
        foreach (var column in table.Spec.Columns)
        {
            writer.WritePropertyName(column.Name);

            // Rows come in column order; one of an older or newer schema is looked up by name.
            if (next < values.Count && string.Equals(values[next].Key, column.Name, StringComparison.Ordinal))
            {
                DatumJson.Write(writer, values[next++].Value);
            }
            else
            {
                DatumJson.Write(writer, row[column.Name]);
            }
        }

        writer.WriteEndObject();
    }

    /// <summary>Writes a key as a list.</summary>
    public static void WriteKey(Utf8JsonWriter writer, ImmutableArray<Datum> key)
    {
        writer.WriteStartArray();
        foreach (var value in key)
        {
            DatumJson.Write(writer, value);
        }

        writer.WriteEndArray();
    }

    /// <summary>
    /// Reads a row. Key columns are optional when <paramref name="key"/> gives them, and must then be equal to it; otherwise those that are
    /// missing are null, for the store to make.
    /// </summary>
    public static bool TryRead(
        JsonElement body, TableInfo table, string path, ref ImmutableArray<Datum> key,
        out ImmutableArray<KeyValuePair<string, Datum>> values, out GeoError? error)
    {
        values = [];
        if (body.ValueKind != JsonValueKind.Object)
        {
            error = JsonMembers.WrongType(path.Length == 0 ? "body" : path, "an object with the columns of the row", body);
            return false;
        }

        var columns = table.Spec.Columns;
        var seen = new bool[columns.Length];
        var read = ImmutableArray.CreateBuilder<KeyValuePair<string, Datum>>(columns.Length);
        var fromBody = key.IsDefault ? new Datum[table.Spec.PrimaryKey.Length] : null;
        foreach (var member in body.EnumerateObject())
        {
            error = TryReadMember(member, table, path, seen, out var column, out var value);
            if (error is not null)
            {
                return false;
            }

            var keyAt = table.Spec.PrimaryKey.IndexOf(column!, StringComparer.Ordinal);
            if (keyAt < 0)
            {
                read.Add(new(column!, value));
            }
            else if (fromBody is not null)
            {
                fromBody[keyAt] = value;
            }
            else if (value != key[keyAt])
            {
                error = Refusal.Wrong(
                    Under(path, column!), "key-mismatch",
                    $"The key column {column} is {Show(value)} in the body and {Show(key[keyAt])} in the key.");
                return false;
            }
        }

        key = fromBody is null ? key : ImmutableArray.Create(fromBody);
        values = read.DrainToImmutable();
        error = null;
        return true;
    }

    /// <summary>Reads a key given as a JSON list, all of its columns or the first of them.</summary>
    public static bool TryReadKey(
        JsonElement list, TableInfo table, string path, bool whole, out ImmutableArray<Datum> key, out GeoError? error)
    {
        key = default;
        var columns = table.Spec.PrimaryKey;
        if (list.ValueKind != JsonValueKind.Array)
        {
            error = JsonMembers.WrongType(path, "a list of key values", list);
            return false;
        }

        var count = list.GetArrayLength();
        if (count == 0 || count > columns.Length || (whole && count != columns.Length))
        {
            error = Refusal.Wrong(
                path, "wrong-key-length",
                $"The key of {table.Spec.Name} is {string.Join(", ", columns)}; '{path}' has {count} of {columns.Length} values.");
            return false;
        }

        var values = ImmutableArray.CreateBuilder<Datum>(count);
        foreach (var element in list.EnumerateArray())
        {
            var column = table.Spec.Columns[table.IndexOf(columns[values.Count])];
            if (!DatumJson.TryRead(column.Type, element, out var value, out var why) || value.IsNull)
            {
                why = why.Length == 0 ? "a key column is never null" : why;
                error = Refusal.Wrong($"{path}[{values.Count}]", "wrong-type", $"The key column {column.Name}: {why}.");
                return false;
            }

            values.Add(value);
        }

        key = values.MoveToImmutable();
        error = null;
        return true;
    }

    private static GeoError? TryReadMember(
        JsonProperty member, TableInfo table, string path, bool[] seen, out string? column, out Datum value)
    {
        value = default;
        column = null;
        if (!JsonMembers.TryName(member, out var name))
        {
            return Refusal.Malformed(path.Length == 0 ? "body" : path, "bad-text", "A member's name has half a surrogate pair.");
        }

        var at = table.IndexOf(name);
        if (at < 0)
        {
            return Refusal.Wrong(Under(path, name), "unknown-column", $"{table.Spec.Name} has no column {DatumText.Quote(name)}.");
        }

        if (seen[at])
        {
            return Refusal.Wrong(Under(path, name), "duplicate-member", $"The column {name} is given twice.");
        }

        seen[at] = true;
        column = table.Spec.Columns[at].Name;
        if (!DatumJson.TryRead(table.Spec.Columns[at].Type, member.Value, out value, out var why))
        {
            return Refusal.Wrong(Under(path, name), "wrong-type", $"The column {name}: {why}.");
        }

        return value.IsNull && table.IsKey(name)
            ? Refusal.Wrong(Under(path, name), "null-not-allowed", $"The key column {name} is never null.")
            : null;
    }

    private static string Under(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";

    private static string Show(Datum value) => DatumText.Quote(value.ToString());
}
