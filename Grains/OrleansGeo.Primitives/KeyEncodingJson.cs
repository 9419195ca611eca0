using System.Text;
using System.Text.Json;

namespace OrleansGeo.Primitives;

/// <content>JSON values, by the order that <see cref="DatumJson"/> gives them.</content>
public static partial class KeyEncoding
{
    private const byte TagJsonNull = 0x50;
    private const byte TagJsonFalse = 0x51;
    private const byte TagJsonTrue = 0x52;
    private const byte TagJsonNumber = 0x54;
    private const byte TagJsonString = 0x56;
    private const byte TagJsonArray = 0x57;
    private const byte TagJsonObject = 0x58;
    private const byte TagMember = 0x01;
    private const byte EndOfList = 0x00;

    private static void EncodeJson(CodecWriter output, string text)
    {
        using var document = JsonDocument.Parse(text);
        EncodeJson(output, document.RootElement);
    }

    private static void EncodeJson(CodecWriter output, JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Null:
                output.WriteByte(TagJsonNull);
                break;
            case JsonValueKind.False or JsonValueKind.True:
                output.WriteByte(element.ValueKind == JsonValueKind.True ? TagJsonTrue : TagJsonFalse);
                break;
            case JsonValueKind.Number:
                var isNumber = DatumNumber.TryParse(element.GetRawText(), out var number);
                Invariant.Holds(isNumber);
                EncodeNumber(output, TagJsonNumber, number);
                break;
            case JsonValueKind.String:
                output.WriteByte(TagJsonString);
                EncodeText(output, element.GetString()!);
                break;
            case JsonValueKind.Array:
                output.WriteByte(TagJsonArray);
                foreach (var item in element.EnumerateArray())
                {
                    EncodeJson(output, item);
                }

                output.WriteByte(EndOfList);
                break;
            default:
                EncodeMembers(output, element);
                break;
        }
    }

    private static void EncodeMembers(CodecWriter output, JsonElement element)
    {
        output.WriteByte(TagJsonObject);
        string? previous = null;
        foreach (var member in element.EnumerateObject())
        {
            var name = member.Name;
            Invariant.Holds(previous is null || DatumText.CompareCodePoints(previous, name) < 0);
            previous = name;
            output.WriteByte(TagMember);
            EncodeText(output, name);
            EncodeJson(output, member.Value);
        }

        output.WriteByte(EndOfList);
    }

    private static string DecodeJson(ref ReadOnlySpan<byte> source, byte tag)
    {
        var output = new StringBuilder();
        DecodeJson(ref source, tag, output, 0);
        return output.ToString();
    }

    private static void DecodeJson(ref ReadOnlySpan<byte> source, byte tag, StringBuilder output, int depth)
    {
        switch (tag)
        {
            case TagJsonNull:
                output.Append("null");
                break;
            case TagJsonFalse or TagJsonTrue:
                output.Append(tag == TagJsonTrue ? "true" : "false");
                break;
            case >= TagJsonNumber - 1 and <= TagJsonNumber + 1:
                output.Append(DecodeNumber(ref source, tag - TagJsonNumber).ToString());
                break;
            case TagJsonString:
                DatumJson.AppendString(output, DecodeText(ref source));
                break;
            case TagJsonArray or TagJsonObject when depth >= DatumJson.DepthMax:
                throw new CodecException($"a JSON value in a key has more than {DatumJson.DepthMax} levels");
            case TagJsonArray:
                DecodeItems(ref source, output, depth + 1);
                break;
            case TagJsonObject:
                DecodeMembers(ref source, output, depth + 1);
                break;
            default:
                throw new CodecException($"no JSON value in a key begins with byte 0x{tag:x2}");
        }
    }

    private static void DecodeItems(ref ReadOnlySpan<byte> source, StringBuilder output, int depth)
    {
        output.Append('[');
        var first = true;
        for (var tag = TakeByte(ref source); tag != EndOfList; tag = TakeByte(ref source))
        {
            output.Append(first ? "" : ",");
            first = false;
            DecodeJson(ref source, tag, output, depth);
        }

        output.Append(']');
    }

    private static void DecodeMembers(ref ReadOnlySpan<byte> source, StringBuilder output, int depth)
    {
        output.Append('{');
        string? previous = null;
        for (var tag = TakeByte(ref source); tag != EndOfList; tag = TakeByte(ref source))
        {
            var name = tag == TagMember
                ? DecodeText(ref source)
                : throw new CodecException($"no member in a key begins with byte 0x{tag:x2}");
            if (previous is not null && DatumText.CompareCodePoints(previous, name) >= 0)
            {
                throw new CodecException("the members of a JSON object in a key are not sorted");
            }

            output.Append(previous is null ? "" : ",");
            previous = name;
            DatumJson.AppendString(output, name);
            output.Append(':');
            DecodeJson(ref source, TakeByte(ref source), output, depth);
        }

        output.Append('}');
    }
}
