using OrleansGeo.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Unit.Primitives;

public sealed class RowCodecTests
{
    [Fact]
    public void A_row_is_read_back_without_its_nulls()
    {
        var source = new DatumSource(130);
        for (var i = 0; i < 20_000; i++)
        {
            var row = Row(source);
            Assert.Equal(row.Where(static c => !c.Value.IsNull), RowCodec.Decode(RowCodec.Encode(row)));
        }
    }

    [Fact]
    public void Columns_are_read_by_id_whatever_else_is_stored()
    {
        var source = new DatumSource(131);
        for (var i = 0; i < 20_000; i++)
        {
            var row = Row(source);
            int[] wanted = [.. Enumerable.Range(0, 12).Where(_ => source.Chance.Chance(0.4)), 1_000_000_000, int.MaxValue];
            var values = RowCodec.DecodeColumns(RowCodec.Encode(row), wanted);
            Assert.Equal(wanted.Select(id => row.FirstOrDefault(c => c.ColumnId == id).Value), values);
        }
    }

    [Fact]
    public void Damaged_rows_are_read_or_refused_and_nothing_else()
    {
        var source = new DatumSource(132);
        var (read, refused) = (0, 0);
        for (var i = 0; i < 40_000; i++)
        {
            var bytes = RowCodec.Encode(Row(source));
            bytes = bytes.Length > 200 ? bytes[..200] : bytes;
            for (var left = 1 + source.Chance.Below(3); left > 0; left--)
            {
                bytes[source.Chance.Below(bytes.Length)] = (byte)source.Chance.NextUInt64();
            }

            try
            {
                // What is read is a row again, and skipping agrees with reading about where it ends.
                var row = RowCodec.Decode(bytes);
                Assert.Equal(row, RowCodec.Decode(RowCodec.Encode(row)));
                Assert.Equal([], RowCodec.DecodeColumns(bytes, []));
                read++;
            }
            catch (CodecException)
            {
                refused++;
            }
        }

        Assert.True(read > 5_000 && refused > 5_000, $"{read} read, {refused} refused");
    }

    [Fact]
    public void Skipping_damaged_columns_throws_nothing_else()
    {
        var source = new DatumSource(133);
        var refused = 0;
        for (var i = 0; i < 50_000; i++)
        {
            var bytes = RowCodec.Encode(Row(source));
            bytes[source.Chance.Below(Math.Min(bytes.Length, 40))] = (byte)source.Chance.NextUInt64();
            try
            {
                RowCodec.DecodeColumns(bytes, [1, 3, 5]);
            }
            catch (CodecException)
            {
                refused++;
            }
        }

        Assert.True(refused > 1_000, $"{refused} refused");
    }

    [Theory]
    [InlineData("", "bytes are needed")]
    [InlineData("0200", "format version 2")]
    [InlineData("0101", "a count of 1")]
    [InlineData("01010063", "type 99")]
    [InlineData("01010003fff0000000000000", "not finite")]
    [InlineData("010100040000", "bytes are needed")]
    [InlineData("0101000423010100", "28 digits")]
    [InlineData("010100040001ffffffff1f", "96 bits")]
    [InlineData("01010009025b5b", "not JSON")]
    [InlineData("0101000901ff", "not JSON")]
    [InlineData("01010101", "bytes are needed")]
    [InlineData("010000", "too many")]
    [InlineData("0101ffffffff0f0501", "31 bits")]
    public void A_bad_row_is_refused_with_a_reason(string bytes, string reason) =>
        Assert.Contains(reason, Assert.Throws<CodecException>(() => RowCodec.Decode(Convert.FromHexString(bytes))).Message);

    [Fact]
    public void Columns_out_of_order_are_a_bug_of_the_writer()
    {
        var value = Datum.FromInt64(1);
        Assert.Throws<InvariantViolationException>(() => RowCodec.Encode([new(2, value), new(1, value)]));
        Assert.Throws<InvariantViolationException>(() => RowCodec.Encode([new(2, value), new(2, value)]));
        Assert.Throws<InvariantViolationException>(() => RowCodec.Encode([new(-1, value)]));
    }

    [Fact]
    public void These_bytes_are_stored_and_never_change()
    {
        ColumnValue[] row =
        [
            new(0, Datum.FromString("é")), new(1, Datum.FromInt64(-3)), new(2, Datum.FromFloat64(1.5)), new(3, Datum.FromDecimal(-12.50m)),
            new(4, Datum.FromBool(true)), new(5, Datum.Null), new(6, Datum.FromUuid(Guid.Parse("123e4567-e89b-12d3-a456-426614174000"))),
            new(7, Datum.FromTimestamp(-1, 300)), new(8, Datum.FromBytes([0, 0xFF])), new(300, Datum.FromJson("[1]")),
        ];
        const string Bytes = "0109" + "000102c3a9" + "000205" + "00033ff8000000000000" + "0004817d00" + "000501"
            + "0106123e4567e89b12d3a456426614174000" + "000701ac02" + "00080200ff" + "a30209035b315d";
        Assert.Equal(Bytes, Convert.ToHexStringLower(RowCodec.Encode(row)));
        Assert.Equal(row.Where(static c => !c.Value.IsNull), RowCodec.Decode(Convert.FromHexString(Bytes)));
    }

    private static ColumnValue[] Row(DatumSource source)
    {
        var row = new List<ColumnValue>();
        for (var id = source.Chance.Below(3); id < 12; id += 1 + source.Chance.Below(4))
        {
            row.Add(new(id, source.NextOrNull(DatumSource.Types[source.Chance.Below(9)])));
        }

        if (source.Chance.Chance(0.1))
        {
            row.Add(new(1_000_000_000, source.Next()));
            row.Add(new(int.MaxValue, source.Next()));
        }

        return [.. row];
    }
}
