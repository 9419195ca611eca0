using OrleansGeo.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Unit.Primitives;

public sealed class TableKeysTests
{
    [Fact]
    public void A_row_lies_in_its_index_its_table_and_the_user_space_and_in_no_other()
    {
        var source = new DatumSource(120);
        for (var i = 0; i < 20_000; i++)
        {
            var (columns, _) = source.TuplePair();
            var (table, index) = (Id(source.Chance), Id(source.Chance));
            var (otherTable, otherIndex) = (Id(source.Chance), Id(source.Chance));
            var key = TableKeys.Row(table, index, columns);
            Assert.True(TableKeys.All.Contains(key));
            Assert.Equal(table == otherTable, TableKeys.Span(otherTable).Contains(key));
            Assert.Equal(table == otherTable && index == otherIndex, TableKeys.Span(otherTable, otherIndex).Contains(key));
            Assert.True(key.Span.StartsWith(TableKeys.Prefix(table).Span) && key.Span.StartsWith(TableKeys.IndexPrefix(table, index).Span));
        }
    }

    [Fact]
    public void The_span_of_first_columns_holds_exactly_the_rows_that_begin_with_them()
    {
        var source = new DatumSource(121);
        for (var i = 0; i < 40_000; i++)
        {
            var (row, first) = source.TuplePair();
            var begins = row.Length >= first.Length && row.AsSpan(0, first.Length).SequenceEqual(first);
            Assert.Equal(begins, TableKeys.Span(7, TableKeys.PrimaryIndex, first).Contains(TableKeys.Row(7, TableKeys.PrimaryIndex, row)));
        }
    }

    [Fact]
    public void A_key_comes_apart_into_what_it_was_made_of()
    {
        var source = new DatumSource(122);
        for (var i = 0; i < 20_000; i++)
        {
            var (columns, _) = source.TuplePair();
            var (table, index) = (Id(source.Chance), Id(source.Chance));
            var key = TableKeys.Row(table, index, columns);
            Assert.True(TableKeys.TryDecodeRow(key.Span, out var readTable, out var readIndex, out var read));
            Assert.Equal((table, index), (readTable, readIndex));
            Assert.Equal(columns, read);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("10")]
    [InlineData("20")]
    [InlineData("2005")]
    [InlineData("2105012901")]
    [InlineData("20050129")]
    [InlineData("200501290100")]
    [InlineData("2005f901")]
    public void Other_bytes_are_no_key_of_a_table(string bytes) =>
        Assert.False(TableKeys.TryDecodeRow(Convert.FromHexString(bytes), out _, out _, out _));

    [Fact]
    public void These_bytes_are_stored_and_never_change()
    {
        Assert.Equal("2005", TableKeys.Prefix(5).ToString());
        Assert.Equal("20f203e801", TableKeys.IndexPrefix(1000, 1).ToString());
        Assert.Equal("2005022901106b0001", TableKeys.Row(5, 2, Datum.FromInt64(1), Datum.FromString("k")).ToString());
    }

    private static long Id(Prng chance) => chance.Chance(0.7) ? chance.Below(4) : chance.Between(230, 70_000);
}
