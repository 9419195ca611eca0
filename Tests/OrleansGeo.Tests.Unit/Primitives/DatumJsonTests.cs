using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using OrleansGeo.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Unit.Primitives;

public sealed class DatumJsonTests
{
    [Fact]
    public void Every_value_is_read_back_from_its_json()
    {
        var source = new DatumSource(160);
        for (var i = 0; i < 60_000; i++)
        {
            var value = source.Next();
            var expected = value.Type == DatumType.Json && value.AsJson() == "null" ? Datum.Null : value;
            Assert.True(TryRead(value.Type, Written(value), out var read, out var why), $"{value}: {why}");
            Assert.True(expected == read, $"{value.Type} {value} was read as {read}");
        }
    }

    [Theory]
    [InlineData(DatumType.String, "\"aé\\u0000\"")]
    [InlineData(DatumType.Int64, "-9223372036854775808")]
    [InlineData(DatumType.Float64, "0.1")]
    [InlineData(DatumType.Decimal, "\"12.5\"")]
    [InlineData(DatumType.Bool, "true")]
    [InlineData(DatumType.Uuid, "\"123e4567-e89b-12d3-a456-426614174000\"")]
    [InlineData(DatumType.Timestamp, "\"2025-03-01T12:30:00.5Z\"")]
    [InlineData(DatumType.Bytes, "\"AP8=\"")]
    [InlineData(DatumType.Json, "{\"a\":[1,null]}")]
    public void Values_are_written_as_the_contract_says(DatumType type, string json)
    {
        Assert.True(TryRead(type, json, out var value, out var why), why);
        var written = Written(value);
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(json), JsonNode.Parse(written)), written);
        Assert.Equal(JsonNode.Parse(json)!.GetValueKind(), JsonNode.Parse(written)!.GetValueKind());
    }

    [Theory]
    [InlineData("9007199254740993", 9_007_199_254_740_993)]
    [InlineData("9223372036854775807", long.MaxValue)]
    [InlineData("\"-9223372036854775808\"", long.MinValue)]
    [InlineData("1.0", 1L)]
    [InlineData("1e3", 1000L)]
    [InlineData("9223372036854775807.000", long.MaxValue)]
    [InlineData("12e-1", null)]
    [InlineData("1.5", null)]
    [InlineData("1e-1", null)]
    [InlineData("9223372036854775808", null)]
    [InlineData("1e999999999999", null)]
    [InlineData("true", null)]
    [InlineData("\"\"", null)]
    [InlineData("[1]", null)]
    [InlineData("{}", null)]
    public void Whole_numbers_are_exact_and_others_are_refused(string json, long? expected)
    {
        Assert.Equal(expected is not null, TryRead(DatumType.Int64, json, out var value, out var why));
        if (expected is { } number)
        {
            Assert.Equal(number, value.AsInt64());
        }
        else
        {
            Assert.Contains("an int64", why);
        }
    }

    [Theory]
    [InlineData(DatumType.String, "1", "a string of Unicode text, got a number")]
    [InlineData(DatumType.String, "\"\\udc00\"", "half a surrogate pair")]
    [InlineData(DatumType.Float64, "1e309", "a float64")]
    [InlineData(DatumType.Float64, "\"NaN\"", "a float64")]
    [InlineData(DatumType.Float64, "false", "got a bool")]
    [InlineData(DatumType.Decimal, "\"1.x\"", "a decimal")]
    [InlineData(DatumType.Decimal, "[]", "got an array")]
    [InlineData(DatumType.Bool, "\"true\"", "got a string")]
    [InlineData(DatumType.Bool, "1", "got a number")]
    [InlineData(DatumType.Uuid, "{}", "got an object")]
    [InlineData(DatumType.Uuid, "5", "a uuid")]
    [InlineData(DatumType.Timestamp, "1700000000", "RFC 3339")]
    [InlineData(DatumType.Bytes, "[1,2]", "base64")]
    [InlineData(DatumType.Bytes, "\"***\"", "base64")]
    [InlineData(DatumType.Json, "{\"a\":{\"\\ud800\":1}}", "half a surrogate pair")]
    [InlineData(DatumType.Json, "[1e401]", "exponent")]
    public void Other_json_is_refused_with_what_was_expected(DatumType type, string json, string expected)
    {
        Assert.False(TryRead(type, json, out _, out var why));
        Assert.Contains(expected, why);
    }

    [Fact]
    public void Null_is_null_for_every_type_and_nothing_at_all_is_refused()
    {
        foreach (var type in DatumSource.Types)
        {
            Assert.True(TryRead(type, "null", out var value, out _));
            Assert.True(value.IsNull);
            Assert.False(DatumJson.TryRead(type, default, out _, out var why));
            Assert.Contains("got nothing", why);
        }

        Assert.Equal("null", Written(Datum.Null));
    }

    [Fact]
    public void A_decimal_number_is_read_from_its_digits()
    {
        Assert.True(TryRead(DatumType.Decimal, "0.1234567890123456789012345678", out var value, out _));
        Assert.Equal(0.1234567890123456789012345678m, value.AsDecimal());
    }

    [Theory]
    [InlineData("\" \\u0041\\/\\u00e9\\ud83d\\ude00\\u2028\"", "\" A/é😀\u2028\"")]
    [InlineData("\"\\\"\\\\\\n\\r\\t\\b\\f\\u0000\\u001f\"", "\"\\\"\\\\\\n\\r\\t\\u0008\\u000c\\u0000\\u001f\"")]
    [InlineData("{\"b\":1,\"a\":{\"d\":[ ],\"c\":{ }}}", "{\"a\":{\"c\":{},\"d\":[]},\"b\":1}")]
    [InlineData("{\"\\ud83d\\ude00\":1,\"\uFF01\":2}", "{\"\uFF01\":2,\"😀\":1}")]
    [InlineData("[1.0,-0,1E3,0.10]", "[1,0,1000,0.1]")]
    public void Canonical_text_is_sorted_and_has_nothing_to_spare(string json, string canonical)
    {
        using var document = JsonDocument.Parse(json);
        Assert.Equal(canonical, DatumJson.Canonicalise(document.RootElement));
    }

    [Fact]
    public void Canonical_text_means_the_same_and_is_its_own_canonical_text()
    {
        var source = new DatumSource(161);
        for (var i = 0; i < 30_000; i++)
        {
            var raw = source.RawJson();
            using var document = JsonDocument.Parse(raw);
            var canonical = DatumJson.Canonicalise(document.RootElement);
            Assert.Equal(0, DumbOrder.CompareJson(raw, canonical));
            using var again = JsonDocument.Parse(canonical);
            Assert.Equal(canonical, DatumJson.Canonicalise(again.RootElement));
        }
    }

    [Fact]
    public void The_deepest_value_is_stored_keyed_and_compared_and_a_deeper_one_is_refused()
    {
        var (deep, deeper) = (Nested(DatumJson.DepthMax), Nested(DatumJson.DepthMax + 1));
        Assert.True(TryRead(DatumType.Json, deep, out var value, out _));
        ReadOnlySpan<byte> key = KeyEncoding.EncodeTuple(value);
        KeyEncoding.Decode(ref key, out var fromKey);
        Assert.Equal(value, fromKey);
        Assert.Equal(value, RowCodec.Decode(RowCodec.Encode([new(0, value)]))[0].Value);
        Assert.Equal(1, value.CompareTo(Datum.FromJson(Nested(DatumJson.DepthMax - 1))));

        using var document = JsonDocument.Parse(deeper, new JsonDocumentOptions { MaxDepth = 100 });
        Assert.False(DatumJson.TryRead(DatumType.Json, document.RootElement, out _, out var why));
        Assert.Contains("64 levels", why);
        Assert.False(DatumText.TryParse(DatumType.Json, deeper, out _, out _));
        Assert.Throws<ArgumentException>(() => DatumJson.Canonicalise(document.RootElement));
    }

    private static string Nested(int depth) => new string('[', depth) + new string(']', depth);

    private static bool TryRead(DatumType type, string json, out Datum value, out string why)
    {
        using var document = JsonDocument.Parse(json);
        return DatumJson.TryRead(type, document.RootElement, out value, out why);
    }

    private static string Written(Datum value)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var writer = new Utf8JsonWriter(buffer);
        DatumJson.Write(writer, value);
        writer.Flush();
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
