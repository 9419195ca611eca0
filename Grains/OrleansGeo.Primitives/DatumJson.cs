using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;

namespace OrleansGeo.Primitives;

/// <summary>
/// Values as JSON, in requests and answers, and the canonical text of JSON columns: members sorted by code point, no space, no escape that
/// is not needed, numbers as <see cref="DatumNumber.ToString"/> gives them. Two JSON values are equal when their canonical texts are.
/// </summary>
public static class DatumJson
{
    /// <summary>Arrays and objects inside one another; deeper values are refused.</summary>
    public const int DepthMax = 64;

    /// <summary>The canonical text; <see cref="ArgumentException"/> where <see cref="TryCanonicalise"/> is false.</summary>
    public static string Canonicalise(JsonElement element) =>
        TryCanonicalise(element, out var text, out var why) ? text : throw new ArgumentException(why, nameof(element));

    /// <summary>
    /// The canonical text. False, with the reason, for half surrogate pairs, a member given twice, more than <see cref="DepthMax"/> levels,
    /// and numbers beyond the limits of <see cref="DatumNumber"/>.
    /// </summary>
    public static bool TryCanonicalise(JsonElement element, [NotNullWhen(true)] out string? text, out string why)
    {
        var output = new StringBuilder();
        var done = TryAppend(output, element, 0, out why);
        text = done ? output.ToString() : null;
        return done;
    }

    /// <summary>Writes a value; null too.</summary>
    public static void Write(Utf8JsonWriter writer, Datum value)
    {
        switch (value.Type)
        {
            case DatumType.None:
                writer.WriteNullValue();
                break;
            case DatumType.Int64:
                writer.WriteNumberValue(value.AsInt64());
                break;
            case DatumType.Float64:
                writer.WriteNumberValue(value.AsFloat64());
                break;
            case DatumType.Bool:
                writer.WriteBooleanValue(value.AsBool());
                break;
            case DatumType.Bytes:
                writer.WriteBase64StringValue(value.AsBytes());
                break;
            case DatumType.Json:
                writer.WriteRawValue(value.AsJson(), skipInputValidation: true);
                break;
            default:
                writer.WriteStringValue(DatumText.Format(value));
                break;
        }
    }

    /// <summary>
    /// Reads a value of the given type. JSON's null is <see cref="Datum.Null"/> for every type, <c>json</c> included. Numbers are read from
    /// their own digits, so none is rounded on the way. When false, <paramref name="why"/> says what was expected.
    /// </summary>
    public static bool TryRead(DatumType type, JsonElement element, out Datum value, out string why)
    {
        value = default;
        why = "";
        switch (element.ValueKind)
        {
            case JsonValueKind.Null:
                return true;
            case var _ when type == DatumType.Json:
                if (!TryCanonicalise(element, out var text, out why))
                {
                    return false;
                }

                value = Datum.FromJson(text);
                return true;
            case JsonValueKind.True or JsonValueKind.False when type == DatumType.Bool:
                value = Datum.FromBool(element.ValueKind == JsonValueKind.True);
                return true;
            case JsonValueKind.Number when type is DatumType.Int64 or DatumType.Float64 or DatumType.Decimal:
                return DatumText.TryParse(type, element.GetRawText(), out value, out why);
            case JsonValueKind.String when type != DatumType.Bool:
                if (TryGetString(element, out var content))
                {
                    return DatumText.TryParse(type, content, out value, out why);
                }

                why = $"expected {DatumText.Expected(type)}, got a string with half a surrogate pair";
                return false;
            default:
                why = $"expected {DatumText.Expected(type)}, got {KindName(element.ValueKind)}";
                return false;
        }
    }

    /// <summary>
    /// The order of two canonical texts: null, false, true, numbers by exact value, strings by code point, arrays element by element,
    /// objects as sorted lists of members, name before value. Of two lists that begin alike the shorter is first.
    /// </summary>
    public static int Compare(string a, string b)
    {
        if (string.Equals(a, b, StringComparison.Ordinal))
        {
            return 0;
        }

        using var left = JsonDocument.Parse(a);
        using var right = JsonDocument.Parse(b);
        return Compare(left.RootElement, right.RootElement);
    }

    private static int Compare(JsonElement a, JsonElement b)
    {
        var rank = Rank(a.ValueKind);
        var byRank = rank.CompareTo(Rank(b.ValueKind));
        if (byRank != 0)
        {
            return byRank;
        }

        return a.ValueKind switch
        {
            JsonValueKind.Number => ExactNumber(a).CompareTo(ExactNumber(b)),
            JsonValueKind.String => DatumText.CompareCodePoints(a.GetString(), b.GetString()),
            JsonValueKind.Array => CompareArrays(a, b),
            JsonValueKind.Object => CompareObjects(a, b),
            _ => 0,
        };
    }

    private static int CompareArrays(JsonElement a, JsonElement b)
    {
        using var right = b.EnumerateArray();
        foreach (var item in a.EnumerateArray())
        {
            if (!right.MoveNext())
            {
                return 1;
            }

            var order = Compare(item, right.Current);
            if (order != 0)
            {
                return order;
            }
        }

        return right.MoveNext() ? -1 : 0;
    }

    private static int CompareObjects(JsonElement a, JsonElement b)
    {
        using var right = b.EnumerateObject();
        foreach (var member in a.EnumerateObject())
        {
            if (!right.MoveNext())
            {
                return 1;
            }

            var byName = DatumText.CompareCodePoints(member.Name, right.Current.Name);
            var order = byName != 0 ? byName : Compare(member.Value, right.Current.Value);
            if (order != 0)
            {
                return order;
            }
        }

        return right.MoveNext() ? -1 : 0;
    }

    private static int Rank(JsonValueKind kind) => kind switch
    {
        JsonValueKind.Null => 0,
        JsonValueKind.False => 1,
        JsonValueKind.True => 2,
        JsonValueKind.Number => 3,
        JsonValueKind.String => 4,
        JsonValueKind.Array => 5,
        _ => 6,
    };

    private static DatumNumber ExactNumber(JsonElement element)
    {
        var read = DatumNumber.TryParse(element.GetRawText(), out var number);
        Invariant.Holds(read);
        return number;
    }

    private static string KindName(JsonValueKind kind) => kind switch
    {
        JsonValueKind.Null => "null",
        JsonValueKind.True or JsonValueKind.False => "a bool",
        JsonValueKind.Number => "a number",
        JsonValueKind.String => "a string",
        JsonValueKind.Array => "an array",
        JsonValueKind.Object => "an object",
        _ => "nothing",
    };

    private static bool TryAppend(StringBuilder output, JsonElement element, int depth, out string why)
    {
        why = "";
        switch (element.ValueKind)
        {
            case JsonValueKind.Null or JsonValueKind.True or JsonValueKind.False:
                output.Append(element.ValueKind switch { JsonValueKind.Null => "null", JsonValueKind.True => "true", _ => "false" });
                return true;
            case JsonValueKind.Number:
                return TryAppendNumber(output, element.GetRawText(), out why);
            case JsonValueKind.String when TryGetString(element, out var text):
                AppendString(output, text);
                return true;
            case JsonValueKind.String:
                why = "a JSON string has half a surrogate pair";
                return false;
            case JsonValueKind.Array or JsonValueKind.Object when depth >= DepthMax:
                why = $"a JSON value has more than {DepthMax} levels";
                return false;
            case JsonValueKind.Array:
                return TryAppendArray(output, element, depth, out why);
            case JsonValueKind.Object:
                return TryAppendObject(output, element, depth, out why);
            default:
                why = "expected a JSON value, got nothing";
                return false;
        }
    }

    private static bool TryAppendNumber(StringBuilder output, string raw, out string why)
    {
        if (!DatumNumber.TryParse(raw, out var number))
        {
            why = $"a number inside JSON has at most {DatumNumber.DigitsMax} digits and an exponent of at most {DatumNumber.ExponentMax}, "
                + $"unlike {DatumText.Quote(raw)}";
            return false;
        }

        output.Append(number.ToString());
        why = "";
        return true;
    }

    private static bool TryAppendArray(StringBuilder output, JsonElement element, int depth, out string why)
    {
        why = "";
        output.Append('[');
        var first = true;
        foreach (var item in element.EnumerateArray())
        {
            if (!first)
            {
                output.Append(',');
            }

            first = false;
            if (!TryAppend(output, item, depth + 1, out why))
            {
                return false;
            }
        }

        output.Append(']');
        return true;
    }

    private static bool TryAppendObject(StringBuilder output, JsonElement element, int depth, out string why)
    {
        var members = new List<(string Name, JsonElement Value)>();
        foreach (var member in element.EnumerateObject())
        {
            if (!TryGetName(member, out var name))
            {
                why = "the name of a JSON member has half a surrogate pair";
                return false;
            }

            members.Add((name, member.Value));
        }

        members.Sort(static (x, y) => DatumText.CompareCodePoints(x.Name, y.Name));
        output.Append('{');
        for (var i = 0; i < members.Count; i++)
        {
            if (i > 0 && string.Equals(members[i].Name, members[i - 1].Name, StringComparison.Ordinal))
            {
                why = $"the JSON member {DatumText.Quote(members[i].Name)} is given twice";
                return false;
            }

            output.Append(i > 0 ? "," : "");
            AppendString(output, members[i].Name);
            output.Append(':');
            if (!TryAppend(output, members[i].Value, depth + 1, out why))
            {
                return false;
            }
        }

        output.Append('}');
        why = "";
        return true;
    }

    /// <summary>Appends a string in quotes with the escapes that RFC 8259 demands and no other.</summary>
    internal static void AppendString(StringBuilder output, string text)
    {
        output.Append('"');
        foreach (var c in text)
        {
            _ = c switch
            {
                '"' => output.Append("\\\""),
                '\\' => output.Append("\\\\"),
                '\n' => output.Append("\\n"),
                '\r' => output.Append("\\r"),
                '\t' => output.Append("\\t"),
                < ' ' => output.Append($"\\u{(int)c:x4}"),
                _ => output.Append(c),
            };
        }

        output.Append('"');
    }

    // JsonElement has no other way to say that "\ud800" is not text than to throw.
    private static bool TryGetString(JsonElement element, [NotNullWhen(true)] out string? text)
    {
        try
        {
            text = element.GetString()!;
            return true;
        }
        catch (InvalidOperationException)
        {
            text = null;
            return false;
        }
    }

    private static bool TryGetName(JsonProperty member, [NotNullWhen(true)] out string? name)
    {
        try
        {
            name = member.Name;
            return true;
        }
        catch (InvalidOperationException)
        {
            name = null;
            return false;
        }
    }
}
