using System.Globalization;
using System.Text.Json;

namespace OrleansGeo.Primitives;

/// <summary>
/// The text form of values, as it stands in path segments and query literals: numbers invariant, UUIDs hyphenated, times RFC 3339 UTC,
/// bytes base64, strings as they are, JSON canonical. Reading gives a reason instead of an exception, whatever the text.
/// </summary>
public static class DatumText
{
    private const int QuotedMax = 40;

    /// <summary>The text of a value that is not null.</summary>
    public static string Format(Datum value) => value.Type switch
    {
        DatumType.String => value.AsString(),
        DatumType.Int64 => value.AsInt64().ToString(CultureInfo.InvariantCulture),
        DatumType.Float64 => value.AsFloat64().ToString(CultureInfo.InvariantCulture),
        DatumType.Decimal => value.AsDecimal().ToString(CultureInfo.InvariantCulture),
        DatumType.Bool => value.AsBool() ? "true" : "false",
        DatumType.Uuid => value.AsUuid().ToString("D"),
        DatumType.Timestamp => DatumTime.Format(value.AsTimestamp().UnixSeconds, value.AsTimestamp().Nanos),
        DatumType.Bytes => Convert.ToBase64String(value.AsBytes()),
        DatumType.Json => value.AsJson(),
        _ => throw new ArgumentException("null has no text form", nameof(value)),
    };

    /// <summary>Reads the text of a value of the given type. When false, <paramref name="why"/> says what was expected.</summary>
    public static bool TryParse(DatumType type, ReadOnlySpan<char> text, out Datum value, out string why)
    {
        if (type == DatumType.Json)
        {
            return TryParseJson(text, out value, out why);
        }

        var read = type switch
        {
            DatumType.String => TryString(text, out value),
            DatumType.Int64 => TryInt64(text, out value),
            DatumType.Float64 => TryFloat64(text, out value),
            DatumType.Decimal => TryDecimal(text, out value),
            DatumType.Bool => TryBool(text, out value),
            DatumType.Uuid => TryUuid(text, out value),
            DatumType.Timestamp => DatumTime.TryParse(text, out value),
            DatumType.Bytes => TryBytes(text, out value),
            _ => throw new ArgumentOutOfRangeException(nameof(type), type, "not a column type"),
        };
        why = read ? "" : $"expected {Expected(type)}, got {Quote(text)}";
        return read;
    }

    /// <summary>What a reason says was expected of a type.</summary>
    public static string Expected(DatumType type) => type switch
    {
        DatumType.String => "a string of Unicode text",
        DatumType.Int64 => "an int64, a whole number from -9223372036854775808 to 9223372036854775807",
        DatumType.Float64 => "a float64, a finite number like -12.5 or 1e9",
        DatumType.Decimal => "a decimal, like 12.50, of at most 28 digits after the point and below 79228162514264337593543950336",
        DatumType.Bool => "a bool, true or false",
        DatumType.Uuid => "a uuid, like 123e4567-e89b-12d3-a456-426614174000",
        DatumType.Timestamp => DatumTime.Expected,
        DatumType.Bytes => "bytes in base64",
        DatumType.Json => "a JSON value",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "not a column type"),
    };

    /// <summary>Text in quotes, shortened, for a reason.</summary>
    public static string Quote(ReadOnlySpan<char> text)
    {
        if (text.Length <= QuotedMax)
        {
            return $"\"{text}\"";
        }

        var length = char.IsHighSurrogate(text[QuotedMax - 1]) ? QuotedMax - 1 : QuotedMax;
        return $"\"{text[..length]}…\" ({text.Length} characters)";
    }

    /// <summary>True when every surrogate has its partner, so that UTF-8 can hold the text.</summary>
    public static bool IsWellFormed(ReadOnlySpan<char> text)
    {
        while (true)
        {
            var at = text.IndexOfAnyInRange('\uD800', '\uDFFF');
            if (at < 0)
            {
                return true;
            }

            if (at + 1 >= text.Length || !char.IsSurrogatePair(text[at], text[at + 1]))
            {
                return false;
            }

            text = text[(at + 2)..];
        }
    }

    /// <summary>The order of code points, which is that of UTF-8 bytes. That of UTF-16 units puts U+E000 to U+FFFF last.</summary>
    public static int CompareCodePoints(ReadOnlySpan<char> a, ReadOnlySpan<char> b)
    {
        var same = a.CommonPrefixLength(b);
        if (same == a.Length || same == b.Length)
        {
            return a.Length.CompareTo(b.Length);
        }

        var (x, y) = (a[same], b[same]);
        return char.IsSurrogate(x) == char.IsSurrogate(y) ? x.CompareTo(y) : char.IsSurrogate(x) ? 1 : -1;
    }

    private static bool TryString(ReadOnlySpan<char> text, out Datum value)
    {
        var isText = IsWellFormed(text);
        value = isText ? Datum.FromString(text.ToString()) : default;
        return isText;
    }

    private static bool TryInt64(ReadOnlySpan<char> text, out Datum value)
    {
        // The plain form first; 1.0 and 1e3 are whole numbers too.
        if (!long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            && !(DatumNumber.TryParse(text, out var exact) && exact.TryToInt64(out number)))
        {
            value = default;
            return false;
        }

        value = Datum.FromInt64(number);
        return true;
    }

    private static bool TryFloat64(ReadOnlySpan<char> text, out Datum value)
    {
        const NumberStyles Styles = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        var read = double.TryParse(text, Styles, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number);
        value = read ? Datum.FromFloat64(number) : default;
        return read;
    }

    private static bool TryDecimal(ReadOnlySpan<char> text, out Datum value)
    {
        // decimal.Parse rounds what does not fit; a stored amount must be the one that was given.
        if (DatumNumber.TryParse(text, out var exact) && exact.TryToDecimal(out var number))
        {
            value = Datum.FromDecimal(number);
            return true;
        }

        value = default;
        return false;
    }

    private static bool TryBool(ReadOnlySpan<char> text, out Datum value)
    {
        var read = text is "true" or "false";
        value = read ? Datum.FromBool(text is "true") : default;
        return read;
    }

    private static bool TryUuid(ReadOnlySpan<char> text, out Datum value)
    {
        // Guid.TryParseExact forgives spaces around and signs within.
        value = default;
        for (var i = 0; i < text.Length; i++)
        {
            if (!(i is 8 or 13 or 18 or 23 ? text[i] == '-' : char.IsAsciiHexDigit(text[i])))
            {
                return false;
            }
        }

        var read = Guid.TryParseExact(text, "D", out var uuid);
        value = read ? Datum.FromUuid(uuid) : default;
        return read;
    }

    private static bool TryBytes(ReadOnlySpan<char> text, out Datum value)
    {
        value = default;
        var body = text.Length % 4 == 0 && text.EndsWith("=") ? text[..^(text.EndsWith("==") ? 2 : 1)] : text;
        // Spaces, which the platform skips, become what it refuses.
        var padded = new char[(body.Length + 3) / 4 * 4];
        padded.AsSpan().Fill('=');
        for (var i = 0; i < body.Length; i++)
        {
            padded[i] = body[i] switch
            {
                '-' => '+',
                '_' => '/',
                var c when char.IsAsciiLetterOrDigit(c) || c is '+' or '/' => c,
                _ => '*',
            };
        }

        var bytes = new byte[body.Length * 3 / 4];
        if (!Convert.TryFromBase64Chars(padded, bytes, out _))
        {
            return false;
        }

        value = Datum.FromBytes(bytes);
        return true;
    }

    private static bool TryParseJson(ReadOnlySpan<char> text, out Datum value, out string why)
    {
        value = default;
        if (!IsWellFormed(text))
        {
            why = $"expected {Expected(DatumType.Json)}, got half a surrogate pair";
            return false;
        }

        try
        {
            using var document = JsonDocument.Parse(text.ToString());
            return DatumJson.TryRead(DatumType.Json, document.RootElement, out value, out why);
        }
        catch (JsonException)
        {
            why = $"expected {Expected(DatumType.Json)}, got {Quote(text)}";
            return false;
        }
    }
}
