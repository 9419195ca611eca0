using OrleansGeo.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Unit.Primitives;

public sealed class HlcTimestampTests
{
    private const long LastMillis = (1L << 48) - 1;

    [Fact]
    public void The_text_is_milliseconds_and_a_counter_of_five_digits()
    {
        Assert.Equal("1763704800123.00004", new HlcTimestamp((1_763_704_800_123UL << 16) | 4).ToString());
        Assert.Equal("0.00000", HlcTimestamp.Zero.ToString());
        Assert.Equal("281474976710655.65535", HlcTimestamp.Max.ToString());
    }

    [Fact]
    public void Every_timestamp_is_read_back_from_its_text()
    {
        var chance = new Prng(3);
        for (var i = 0; i < 20_000; i++)
        {
            var timestamp = new HlcTimestamp(chance.NextUInt64() >> chance.Below(64));
            Assert.True(HlcTimestamp.TryParse(timestamp.ToString(), out var read));
            Assert.Equal(timestamp, read);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData(".00000")]
    [InlineData("5")]
    [InlineData("5.")]
    [InlineData("5.1")]
    [InlineData("5.0001")]
    [InlineData("5.000001")]
    [InlineData("5.65536")]
    [InlineData("5.-0001")]
    [InlineData("-5.00001")]
    [InlineData("+5.00001")]
    [InlineData(" 5.00001")]
    [InlineData("5.00001 ")]
    [InlineData("5,00001")]
    [InlineData("5.00001.00001")]
    [InlineData("281474976710656.00000")]
    [InlineData("99999999999999999999.00000")]
    [InlineData("٥.00001")]
    public void Other_text_is_no_timestamp(string text) => Assert.False(HlcTimestamp.TryParse(text, out _));

    [Fact]
    public void Order_is_time_then_counter()
    {
        var a = HlcTimestamp.FromMillis(7);
        Assert.True(a < a.Next && a.Next < HlcTimestamp.FromMillis(8) && a.Previous < a);
        Assert.Equal(a, a.Next.Previous);
        Assert.Equal(HlcTimestamp.Zero, HlcTimestamp.Zero.Previous);
        Assert.Equal(a.Next, HlcTimestamp.Later(a, a.Next));
        Assert.Equal(a, HlcTimestamp.Earlier(a, a.Next));
    }

    [Fact]
    public void Moving_by_milliseconds_keeps_the_counter_and_stays_in_range()
    {
        var timestamp = HlcTimestamp.FromMillis(1000).Next.Next;
        Assert.Equal(HlcTimestamp.FromMillis(1250).Next.Next, timestamp.AddMillis(250));
        Assert.Equal(HlcTimestamp.FromMillis(1).Next.Next, timestamp.AddMillis(-999));
        Assert.Equal(HlcTimestamp.Zero, timestamp.AddMillis(-1001));
        Assert.Equal(HlcTimestamp.Zero, timestamp.AddMillis(long.MinValue));
        Assert.Equal(HlcTimestamp.Max, HlcTimestamp.Max.AddMillis(1));
        Assert.Equal(HlcTimestamp.Max, timestamp.AddMillis(long.MaxValue));
    }

    [Fact]
    public void A_time_outside_the_range_becomes_the_nearest_in_it()
    {
        Assert.Equal(HlcTimestamp.Zero, HlcTimestamp.FromMillis(-1));
        Assert.Equal(LastMillis, HlcTimestamp.FromMillis(LastMillis).WallMillis);
        Assert.Equal(LastMillis, HlcTimestamp.FromMillis(LastMillis + 1).WallMillis);
        Assert.Equal(LastMillis, HlcTimestamp.FromMillis(long.MaxValue).WallMillis);
    }
}
