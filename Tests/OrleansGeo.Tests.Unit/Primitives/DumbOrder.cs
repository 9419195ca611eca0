using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.Json;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tests.Unit.Primitives;

/// <summary>The order of values said again, slowly and by other means, for the real one to be checked against.</summary>
internal static class DumbOrder
{
    public static int Compare(ReadOnlySpan<Datum> a, ReadOnlySpan<Datum> b)
    {
        for (var i = 0; i < Math.Min(a.Length, b.Length); i++)
        {
            var order = Compare(a[i], b[i]);
            if (order != 0)
            {
                return order;
            }
        }

        return a.Length.CompareTo(b.Length);
    }

    public static int Compare(Datum a, Datum b)
    {
        if (a.IsNull || b.IsNull)
        {
            return (a.IsNull ? 0 : 1) - (b.IsNull ? 0 : 1);
        }

        return Math.Sign(a.Type switch
        {
            DatumType.String => CompareTexts(a.AsString(), b.AsString()),
            DatumType.Int64 => new BigInteger(a.AsInt64()).CompareTo(new BigInteger(b.AsInt64())),
            DatumType.Float64 => (a.AsFloat64() > b.AsFloat64() ? 1 : 0) - (a.AsFloat64() < b.AsFloat64() ? 1 : 0),
            DatumType.Decimal => decimal.Compare(a.AsDecimal(), b.AsDecimal()),
            DatumType.Bool => (a.AsBool() ? 1 : 0) - (b.AsBool() ? 1 : 0),
            DatumType.Uuid => string.CompareOrdinal(a.AsUuid().ToString("N"), b.AsUuid().ToString("N")),
            DatumType.Timestamp => TotalNanos(a).CompareTo(TotalNanos(b)),
            DatumType.Bytes => string.CompareOrdinal(Convert.ToHexString(a.AsBytes()), Convert.ToHexString(b.AsBytes())),
            _ => CompareJson(a.AsJson(), b.AsJson()),
        });
    }

    public static int CompareJson(string a, string b)
    {
        using var left = JsonDocument.Parse(a);
        using var right = JsonDocument.Parse(b);
        return CompareJson(left.RootElement, right.RootElement);
    }

    private static int CompareJson(JsonElement a, JsonElement b)
    {
        JsonValueKind[] kinds =
        [
            JsonValueKind.Null, JsonValueKind.False, JsonValueKind.True,
            JsonValueKind.Number, JsonValueKind.String, JsonValueKind.Array, JsonValueKind.Object,
        ];
        if (a.ValueKind != b.ValueKind)
        {
            return Array.IndexOf(kinds, a.ValueKind) - Array.IndexOf(kinds, b.ValueKind);
        }

        return a.ValueKind switch
        {
            JsonValueKind.Number => CompareNumbers(a.GetRawText(), b.GetRawText()),
            JsonValueKind.String => CompareTexts(a.GetString()!, b.GetString()!),
            JsonValueKind.Array => CompareLists([.. a.EnumerateArray()], [.. b.EnumerateArray()], CompareJson),
            JsonValueKind.Object => CompareLists([.. Sorted(a)], [.. Sorted(b)], CompareMembers),
            _ => 0,
        };
    }

    private static IEnumerable<JsonProperty> Sorted(JsonElement element) =>
        element.EnumerateObject().OrderBy(static m => Convert.ToHexString(Encoding.UTF8.GetBytes(m.Name)), StringComparer.Ordinal);

    private static int CompareMembers(JsonProperty a, JsonProperty b) =>
        CompareTexts(a.Name, b.Name) is var order && order != 0 ? order : CompareJson(a.Value, b.Value);

    private static int CompareLists<T>(List<T> a, List<T> b, Comparison<T> compare)
    {
        for (var i = 0; i < a.Count && i < b.Count; i++)
        {
            if (compare(a[i], b[i]) is var order && order != 0)
            {
                return order;
            }
        }

        return a.Count - b.Count;
    }

    private static int CompareTexts(string a, string b) =>
        string.CompareOrdinal(Convert.ToHexString(Encoding.UTF8.GetBytes(a)), Convert.ToHexString(Encoding.UTF8.GetBytes(b)));

    private static int CompareNumbers(string a, string b) => Scaled(a).CompareTo(Scaled(b));

    // The number times 10^1300, which is whole for every number within the limits.
    private static BigInteger Scaled(string text)
    {
        var parts = text.ToUpperInvariant().Split('E');
        var power = parts.Length > 1 ? int.Parse(parts[1], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture) : 0;
        var point = parts[0].IndexOf('.');
        var decimals = point < 0 ? 0 : parts[0].Length - point - 1;
        var digits = BigInteger.Parse(parts[0].Replace(".", ""), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        return digits * BigInteger.Pow(10, 1300 + power - decimals);
    }

    private static BigInteger TotalNanos(Datum value) =>
        (new BigInteger(value.AsTimestamp().UnixSeconds) * 1_000_000_000) + value.AsTimestamp().Nanos;
}
