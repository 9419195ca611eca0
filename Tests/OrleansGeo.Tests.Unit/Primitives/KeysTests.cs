using OrleansGeo.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Unit.Primitives;

public sealed class KeysTests
{
    [Fact]
    public void Nothing_lies_between_a_key_and_its_successor()
    {
        var chance = new Prng(20);
        for (var i = 0; i < 20_000; i++)
        {
            var (a, b) = (Draw(chance), Draw(chance));
            Assert.True(a < a.Successor);
            Assert.False(a < b && b < a.Successor, $"{b} lies between {a} and {a.Successor}");
        }
    }

    [Fact]
    public void The_end_of_a_prefix_parts_the_keys_that_begin_with_it_from_those_after()
    {
        var chance = new Prng(21);
        for (var i = 0; i < 20_000; i++)
        {
            var (prefix, key) = (Draw(chance), Draw(chance));
            var span = new KeySpan(prefix, prefix.PrefixEnd);
            Assert.True(span.Contains(key) == key.Span.StartsWith(prefix.Span), $"prefix {prefix}, key {key}");
        }
    }

    [Theory]
    [InlineData("", "ffff")]
    [InlineData("61", "62")]
    [InlineData("61ff", "62")]
    [InlineData("61ffff", "62")]
    [InlineData("6100", "6101")]
    [InlineData("00", "01")]
    [InlineData("ff", "ffff")]
    public void The_end_of_a_prefix_drops_full_bytes(string prefix, string end) =>
        Assert.Equal(end, new Key(Convert.FromHexString(prefix)).PrefixEnd.ToString());

    [Fact]
    public void Keys_compare_as_unsigned_bytes()
    {
        var (low, high) = (new Key([0x7F]), new Key([0x80]));
        Assert.True(low < high && high > low && low <= high && high >= low && low != high);
        Assert.True(Key.Min < low && high < Key.Max);
        Assert.Equal(Key.Min, default);
        Assert.Equal(Key.Min.GetHashCode(), default(Key).GetHashCode());
        Assert.Equal(new Key([1, 2]), new Key([1, 2]));
        Assert.Equal(0, default(Key).Length);
        Assert.Empty(default(Key).Array);
    }

    [Fact]
    public void Spans_agree_with_the_sets_of_keys_they_hold()
    {
        // All keys of up to two bytes over an alphabet of three: small enough to hold spans as sets.
        var all = Universe();
        var chance = new Prng(22);
        for (var i = 0; i < 5_000; i++)
        {
            var a = new KeySpan(all[chance.Below(all.Count)], all[chance.Below(all.Count)]);
            var b = new KeySpan(all[chance.Below(all.Count)], all[chance.Below(all.Count)]);
            var inA = all.Where(a.Contains).ToList();
            var inB = all.Where(b.Contains).ToList();
            var both = inA.Intersect(inB).ToList();
            var text = $"{a} and {b}";
            Assert.True(a.IsEmpty == (inA.Count == 0), text);
            Assert.True(a.Overlaps(b) == (both.Count > 0), text);
            Assert.True(a.Contains(b) == inB.TrueForAll(inA.Contains), text);
            Assert.Equal(both, all.Where(a.Intersect(b).Contains));
        }
    }

    [Fact]
    public void The_span_of_a_key_holds_that_key_alone()
    {
        var span = KeySpan.Of(new Key([1, 2]));
        Assert.True(span.Contains(new Key([1, 2])));
        Assert.False(span.Contains(new Key([1])) || span.Contains(new Key([1, 2, 0])) || span.Contains(new Key([1, 3])));
        Assert.False(span.IsEmpty);
    }

    private static List<Key> Universe()
    {
        byte[] alphabet = [0, 1, 0xFE];
        List<Key> all = [Key.Min];
        foreach (var first in alphabet)
        {
            all.Add(new Key([first]));
            all.AddRange(alphabet.Select(second => new Key([first, second])));
        }

        return all;
    }

    // Few distinct bytes, so that prefixes and equal keys come often; no key begins with 0xFF.
    private static Key Draw(Prng chance)
    {
        var bytes = new byte[chance.Below(5)];
        for (var i = 0; i < bytes.Length; i++)
        {
            byte[] from = i == 0 ? [0, 1, 0x7F, 0xFE] : [0, 1, 0x7F, 0xFE, 0xFF];
            bytes[i] = from[chance.Below(from.Length)];
        }

        return new(bytes);
    }
}
