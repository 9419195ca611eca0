using OrleansGeo.Primitives;
using OrleansGeo.Transactions;
using Xunit;

namespace OrleansGeo.Tests.Unit.Transactions;

public sealed class MvccKeyTests
{
    [Fact]
    public void Version_keys_sort_by_key_ascending_then_newest_first()
    {
        var chance = new Prng(1);
        for (var i = 0; i < 20_000; i++)
        {
            var (a, b) = (Draw.Key(chance), chance.Chance(0.3) ? default(Key?) : Draw.Key(chance));
            var (atA, atB) = (new HlcTimestamp(chance.NextUInt64()), chance.Chance(0.1) ? HlcTimestamp.Max : new(chance.NextUInt64()));
            var byKey = a.CompareTo(b ?? a);
            var expected = byKey != 0 ? byKey : atB.CompareTo(atA);
            Assert.Equal(Math.Sign(expected), Math.Sign(Encode(a, atA).AsSpan().SequenceCompareTo(Encode(b ?? a, atB))));
        }
    }

    [Fact]
    public void No_keys_prefix_begins_another_keys_version()
    {
        var chance = new Prng(2);
        for (var i = 0; i < 20_000; i++)
        {
            var (a, b) = (Draw.Key(chance), Draw.Key(chance));
            var prefix = MvccKey.VersionsOf(a).Start;
            Assert.Equal(a == b, Encode(b, new(chance.NextUInt64())).AsSpan().StartsWith(prefix));
        }
    }

    [Fact]
    public void Decoding_gives_back_key_and_timestamp()
    {
        var chance = new Prng(3);
        for (var i = 0; i < 5_000; i++)
        {
            var (key, at) = (Draw.Key(chance, 12), new HlcTimestamp(chance.NextUInt64()));
            Assert.Equal((key, at), MvccKey.Decode(Encode(key, at)));
        }
    }

    [Fact]
    public void Bounds_of_a_key_hold_its_versions_and_no_others()
    {
        var chance = new Prng(4);
        for (var i = 0; i < 20_000; i++)
        {
            var (a, b) = (Draw.Key(chance), Draw.Key(chance));
            var at = chance.Chance(0.5) ? new(chance.NextUInt64()) : chance.Chance(0.5) ? HlcTimestamp.Zero : HlcTimestamp.Max;
            Assert.Equal(a == b, Within(MvccKey.VersionsOf(a), Encode(b, at)));
        }
    }

    [Fact]
    public void Bounds_of_a_span_hold_the_versions_of_its_keys_and_no_others()
    {
        var chance = new Prng(5);
        for (var i = 0; i < 20_000; i++)
        {
            var (span, key) = (Draw.Span(chance), Draw.Key(chance));
            Assert.Equal(span.Contains(key), Within(MvccKey.SpanBounds(span), Encode(key, new(chance.NextUInt64()))));
        }
    }

    [Fact]
    public void Bounds_up_to_the_last_key_hold_every_version()
    {
        var bounds = MvccKey.SpanBounds(new(Key.Min, Key.Max));
        Assert.True(Within(bounds, Encode(Key.Min, HlcTimestamp.Max)));
        Assert.True(Within(bounds, Encode(new([0xFF, 0xFE, 0xFF, 0xFF, 0xFF]), HlcTimestamp.Zero)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("04")]
    [InlineData("040001")]
    [InlineData("0361000100000000000000FF")]
    [InlineData("04610003" + "0000000000000001")]
    [InlineData("046161" + "0000000000000001")]
    [InlineData("046100" + "0000000000000001")]
    [InlineData("0461000161" + "0000000000000001")]
    public void Bytes_that_are_no_version_key_are_refused(string hex) =>
        Assert.Throws<CodecException>(() => MvccKey.Decode(Convert.FromHexString(hex)));

    [Fact]
    public void A_version_key_is_laid_out_as_documented() =>
        Assert.Equal("04" + "6100FF62" + "0001" + "FFFFFFFFFFFFFFFD", Convert.ToHexString(Encode(new([0x61, 0x00, 0x62]), new(2))));

    [Theory]
    [InlineData("")]
    [InlineData("02")]
    [InlineData("0001")]
    public void A_stored_value_of_another_kind_is_refused(string hex) =>
        Assert.Throws<CodecException>(() => MvccValue.Decode(new(1), Convert.FromHexString(hex)));

    private static byte[] Encode(Key key, HlcTimestamp at)
    {
        var buffer = new CodecWriter();
        MvccKey.Encode(buffer, key, at);
        return buffer.ToArray();
    }

    private static bool Within(StorageBounds bounds, byte[] key) =>
        new KeySpan(new(bounds.Start), new(bounds.End)).Contains(new Key(key));
}
