using System.Collections.Immutable;
using Microsoft.AspNetCore.Http.Features;
using OrleansGeo.Primitives;

namespace OrleansGeo.Api.Requests;

/// <summary>
/// Keys in paths. They are read from the request target as it was sent: the server's own decoding leaves <c>%2F</c> and bad escapes as they
/// are, decodes the rest, and then removes dot segments, so <c>rows/%2E%2E</c> would mean the table.
/// </summary>
public static class RowPath
{
    // v1, databases, {db}, tables, {table}, rows
    private const int SegmentsBeforeKey = 6;

    /// <summary>True when something stands behind <c>/rows/</c>, the empty string included.</summary>
    public static bool HasKey(HttpContext http) => TryKeyText(http, out _);

    /// <summary>Reads the key of the request by the types of the table's key columns.</summary>
    public static bool TryReadKey(HttpContext http, TableInfo table, out ImmutableArray<Datum> key, out GeoError? error)
    {
        key = default;
        var columns = table.Spec.PrimaryKey;
        if (!TryKeyText(http, out var text))
        {
            error = Refusal.Malformed("key", "key-expected", "A row is named by /rows/ and its key.");
            return false;
        }

        var count = text.Count('/') + 1;
        if (count != columns.Length)
        {
            error = Refusal.Wrong(
                "key", "wrong-key-length",
                $"The key of {table.Spec.Name} is {string.Join('/', columns)}; the path has {count} of {columns.Length} segments.");
            return false;
        }

        var values = ImmutableArray.CreateBuilder<Datum>(columns.Length);
        foreach (var range in text.Split('/'))
        {
            var column = table.Spec.Columns[table.IndexOf(columns[values.Count])];
            if (!PercentText.TryDecode(text[range], plusIsSpace: false, out var literal))
            {
                error = Refusal.Malformed(column.Name, "bad-escape", $"The path segment of {column.Name} is not percent-encoded UTF-8.");
                return false;
            }

            if (!DatumText.TryParse(column.Type, literal, out var value, out var why))
            {
                error = Refusal.Wrong(column.Name, "wrong-type", $"The key column {column.Name}: {why}.");
                return false;
            }

            values.Add(value);
        }

        key = values.MoveToImmutable();
        error = null;
        return true;
    }

    /// <summary>The path of a row.</summary>
    public static string Of(HttpContext http, string database, string table, ImmutableArray<Datum> key)
    {
        var segments = key.Select(static value => Uri.EscapeDataString(DatumText.Format(value)) switch
        {
            "." => "%2E",
            ".." => "%2E%2E",
            var text => text,
        });
        var rows = $"/v1/databases/{Uri.EscapeDataString(database)}/tables/{Uri.EscapeDataString(table)}/rows/";
        return http.Request.PathBase.Value + rows + string.Join('/', segments);
    }

    /// <summary>
    /// Gives a row's path back to routing when dot segments in its key made the server shorten it. False when a dot segment stands
    /// elsewhere: a DELETE must not reach a table by way of one of its rows.
    /// </summary>
    public static bool TrySettleDotSegments(HttpContext http)
    {
        var path = RawPath(http);
        if (!path.Contains("/.", StringComparison.Ordinal) && !path.Contains("%2e", StringComparison.OrdinalIgnoreCase))
        {
            return true;
        }

        var skip = http.Request.PathBase.Value?.Count(static c => c == '/') ?? 0;
        var segments = path.ToString().Split('/')[1..].Skip(skip).ToArray();
        var isRow = segments.Length > SegmentsBeforeKey
            && segments[0] == "v1" && segments[1] == "databases" && segments[3] == "tables" && segments[5] == "rows";
        var keyFrom = isRow ? SegmentsBeforeKey : segments.Length;
        if (segments.Take(keyFrom).Any(IsDotSegment))
        {
            return false;
        }

        if (isRow && segments.Skip(keyFrom).Any(IsDotSegment))
        {
            http.Request.Path = "/" + string.Join('/', segments.Take(keyFrom)) + "/key";
        }

        return true;
    }

    private static bool IsDotSegment(string segment) => segment.Replace("%2e", ".", StringComparison.OrdinalIgnoreCase) is "." or "..";

    private static bool TryKeyText(HttpContext http, out ReadOnlySpan<char> text)
    {
        text = RawPath(http);
        var slashes = SegmentsBeforeKey + 1 + (http.Request.PathBase.Value?.Count(static c => c == '/') ?? 0);
        for (; slashes > 0; slashes--)
        {
            var slash = text.IndexOf('/');
            if (slash < 0)
            {
                return false;
            }

            text = text[(slash + 1)..];
        }

        return true;
    }

    private static ReadOnlySpan<char> RawPath(HttpContext http)
    {
        ReadOnlySpan<char> target = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        if (target.IsEmpty || target[0] != '/')
        {
            // Absolute form, as sent to proxies (RFC 9112 §3.2.2).
            var authority = target.IndexOf("://");
            var slash = authority < 0 ? -1 : target[(authority + 3)..].IndexOf('/');
            target = slash < 0 ? [] : target[(authority + 3 + slash)..];
        }

        var end = target.IndexOfAny('?', '#');
        return end < 0 ? target : target[..end];
    }
}
