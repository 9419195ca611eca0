using System.Globalization;
using System.Text;
using OrleansGeo.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Unit.Primitives;

public sealed class DatumTextTests
{
    [Fact]
    public void Every_value_is_read_back_from_its_text()
    {
        var source = new DatumSource(150);
        for (var i = 0; i < 100_000; i++)
        {
            var value = source.Next();

            // JSON's null is the null of every column, so the text "null" reads as that.
            if (value.Type == DatumType.Json && value.AsJson() == "null")
            {
                continue;
            }

            Assert.True(DatumText.TryParse(value.Type, DatumText.Format(value), out var read, out var why), $"{value.Type} {value}: {why}");
            Assert.True(value == read, $"{value.Type} {value} was read as {read}");
        }
    }

    [Theory]
    [InlineData(DatumType.Int64, "1.0", "1")]
    [InlineData(DatumType.Int64, "1e3", "1000")]
    [InlineData(DatumType.Int64, "-0", "0")]
    [InlineData(DatumType.Int64, "9223372036854775807", "9223372036854775807")]
    [InlineData(DatumType.Int64, "-9223372036854775808.0", "-9223372036854775808")]
    [InlineData(DatumType.Float64, "1e3", "1000")]
    [InlineData(DatumType.Float64, "-0.0", "0")]
    [InlineData(DatumType.Float64, "1e-999", "0")]
    [InlineData(DatumType.Float64, "0.1", "0.1")]
    [InlineData(DatumType.Decimal, "12.50", "12.5")]
    [InlineData(DatumType.Decimal, "1e3", "1000")]
    [InlineData(DatumType.Decimal, "-0.00", "0")]
    [InlineData(DatumType.Decimal, "79228162514264337593543950335", "79228162514264337593543950335")]
    [InlineData(DatumType.Decimal, "0.0000000000000000000000000001", "0.0000000000000000000000000001")]
    [InlineData(DatumType.Uuid, "123E4567-E89B-12D3-A456-426614174000", "123e4567-e89b-12d3-a456-426614174000")]
    [InlineData(DatumType.Bytes, "", "")]
    [InlineData(DatumType.Bytes, "+/8=", "+/8=")]
    [InlineData(DatumType.Bytes, "-_8", "+/8=")]
    [InlineData(DatumType.Bytes, "-_8=", "+/8=")]
    [InlineData(DatumType.Bytes, "AA", "AA==")]
    [InlineData(DatumType.Json, " { \"b\" : 1.0 , \"a\" : [ ] } ", "{\"a\":[],\"b\":1}")]
    [InlineData(DatumType.Timestamp, "2025-03-01T12:30:00Z", "2025-03-01T12:30:00Z")]
    [InlineData(DatumType.Timestamp, "2025-03-01t12:30:00.500000000z", "2025-03-01T12:30:00.5Z")]
    [InlineData(DatumType.Timestamp, "2025-03-01 12:30:00.000000001+00:00", "2025-03-01T12:30:00.000000001Z")]
    [InlineData(DatumType.Timestamp, "2025-01-01T00:30:00+01:00", "2024-12-31T23:30:00Z")]
    [InlineData(DatumType.Timestamp, "2024-02-28T23:30:00-00:45", "2024-02-29T00:15:00Z")]
    [InlineData(DatumType.Timestamp, "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z")]
    [InlineData(DatumType.Timestamp, "9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999999Z")]
    [InlineData(DatumType.Timestamp, "1969-12-31T23:59:59.25Z", "1969-12-31T23:59:59.25Z")]
    public void Other_ways_to_write_a_value_are_understood(DatumType type, string given, string text)
    {
        Assert.True(DatumText.TryParse(type, given, out var value, out var why), why);
        Assert.Equal(text, DatumText.Format(value));
    }

    [Theory]
    [InlineData(DatumType.Int64, "", "an int64")]
    [InlineData(DatumType.Int64, "1.5", "an int64")]
    [InlineData(DatumType.Int64, "9223372036854775808", "an int64")]
    [InlineData(DatumType.Int64, "-9223372036854775809", "an int64")]
    [InlineData(DatumType.Int64, "1e19", "an int64")]
    [InlineData(DatumType.Int64, "1e400000000000", "an int64")]
    [InlineData(DatumType.Int64, " 1", "an int64")]
    [InlineData(DatumType.Int64, "1,000", "an int64")]
    [InlineData(DatumType.Float64, "NaN", "a float64")]
    [InlineData(DatumType.Float64, "Infinity", "a float64")]
    [InlineData(DatumType.Float64, "-∞", "a float64")]
    [InlineData(DatumType.Float64, "1e309", "a float64")]
    [InlineData(DatumType.Float64, "1 ", "a float64")]
    [InlineData(DatumType.Decimal, "79228162514264337593543950336", "a decimal")]
    [InlineData(DatumType.Decimal, "0.00000000000000000000000000001", "a decimal")]
    [InlineData(DatumType.Decimal, "1.23456789012345678901234567891", "a decimal")]
    [InlineData(DatumType.Decimal, "abc", "a decimal")]
    [InlineData(DatumType.Bool, "True", "true or false")]
    [InlineData(DatumType.Bool, "1", "true or false")]
    [InlineData(DatumType.Uuid, "123e4567e89b12d3a456426614174000", "a uuid")]
    [InlineData(DatumType.Uuid, "{123e4567-e89b-12d3-a456-426614174000}", "a uuid")]
    [InlineData(DatumType.Uuid, " 123e4567-e89b-12d3-a456-426614174000", "a uuid")]
    [InlineData(DatumType.Uuid, "0x3e4567-e89b-12d3-a456-426614174000", "a uuid")]
    [InlineData(DatumType.Uuid, "123e4567-e89b-12d3-a456-4266141740", "a uuid")]
    [InlineData(DatumType.Bytes, "A", "base64")]
    [InlineData(DatumType.Bytes, "A===", "base64")]
    [InlineData(DatumType.Bytes, "AA=", "base64")]
    [InlineData(DatumType.Bytes, "A A=", "base64")]
    [InlineData(DatumType.Bytes, "AA==AA==", "base64")]
    [InlineData(DatumType.Bytes, "=", "base64")]
    [InlineData(DatumType.Bytes, "Aé==", "base64")]
    [InlineData(DatumType.Json, "", "JSON")]
    [InlineData(DatumType.Json, "{", "JSON")]
    [InlineData(DatumType.Json, "1e400", "exponent")]
    [InlineData(DatumType.Json, "{\"a\":1,\"a\":2}", "\"a\" is given twice")]
    [InlineData(DatumType.Json, "\"\\ud800\"", "surrogate")]
    [InlineData(DatumType.Timestamp, "2025-03-01", "RFC 3339")]
    [InlineData(DatumType.Timestamp, "2025-03-01T12:30:00", "RFC 3339")]
    [InlineData(DatumType.Timestamp, "2025-02-29T12:30:00Z", "RFC 3339")]
    [InlineData(DatumType.Timestamp, "1900-02-29T12:30:00Z", "RFC 3339")]
    [InlineData(DatumType.Timestamp, "2025-13-01T12:30:00Z", "RFC 3339")]
    [InlineData(DatumType.Timestamp, "2025-04-31T12:30:00Z", "RFC 3339")]
    [InlineData(DatumType.Timestamp, "2025-03-01T24:00:00Z", "RFC 3339")]
    [InlineData(DatumType.Timestamp, "2025-03-01T12:30:60Z", "RFC 3339")]
    [InlineData(DatumType.Timestamp, "2025-03-01T12:30:00.Z", "RFC 3339")]
    [InlineData(DatumType.Timestamp, "2025-03-01T12:30:00.1234567890Z", "RFC 3339")]
    [InlineData(DatumType.Timestamp, "2025-03-01T12:30:00.123456789", "RFC 3339")]
    [InlineData(DatumType.Timestamp, "2025-03-01T12:30:00+1:00", "RFC 3339")]
    [InlineData(DatumType.Timestamp, "2025-03-01T12:30:00+24:00", "RFC 3339")]
    [InlineData(DatumType.Timestamp, "0000-12-31T23:59:59Z", "RFC 3339")]
    [InlineData(DatumType.Timestamp, "0001-01-01T00:00:00+00:01", "RFC 3339")]
    [InlineData(DatumType.Timestamp, "9999-12-31T23:59:59-00:01", "RFC 3339")]
    public void Other_text_is_refused_with_what_was_expected(DatumType type, string text, string expected)
    {
        Assert.False(DatumText.TryParse(type, text, out var value, out var why));
        Assert.Contains(expected, why);
        Assert.True(value.IsNull);
    }

    [Fact]
    public void Nonsense_gives_a_short_reason_and_never_an_exception()
    {
        var source = new DatumSource(151);
        var chance = source.Chance;
        const string Alphabet = "0123456789+-.eEZT:_/= \"{}[],abn\0é\uD83D\uDE00";
        var refused = 0;
        for (var i = 0; i < 200_000; i++)
        {
            var text = new StringBuilder(chance.Chance(0.5) ? DatumText.Format(source.Next()) : "");
            for (var left = chance.Below(8); left > 0; left--)
            {
                text.Insert(chance.Below(Math.Min(text.Length, 50) + 1), Alphabet[chance.Below(Alphabet.Length)]);
            }

            var type = DatumSource.Types[chance.Below(9)];
            if (!DatumText.TryParse(type, text.ToString(), out _, out var why))
            {
                Assert.InRange(why.Length, 10, 300);
                refused++;
            }
        }

        Assert.True(refused > 10_000);
    }

    [Fact]
    public void The_calendar_agrees_with_the_platforms()
    {
        var first = new DateTime(1, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        var epoch = (long)(DateTime.UnixEpoch - first).TotalDays;
        for (var day = 0; day < 3_652_059; day += day % 100_000 < 3_000 ? 1 : 37)
        {
            var date = first.AddDays(day);
            var days = day - epoch;
            Assert.Equal(days, DatumTime.DaysFromCivil(date.Year, date.Month, date.Day));
            Assert.Equal((date.Year, date.Month, date.Day), DatumTime.CivilFromDays(days));
        }

        var chance = new Prng(152);
        for (var i = 0; i < 20_000; i++)
        {
            var seconds = chance.Between(Datum.UnixSecondsMin, Datum.UnixSecondsMax);
            var expected = DateTime.UnixEpoch.AddSeconds(seconds).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
            Assert.Equal(expected, DatumTime.Format(seconds, 0));
        }
    }
}
