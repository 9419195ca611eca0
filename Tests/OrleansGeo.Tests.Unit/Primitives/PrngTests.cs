using OrleansGeo.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Unit.Primitives;

public sealed class PrngTests
{
    [Fact]
    public void The_sequence_of_a_seed_never_changes()
    {
        // Pinned: simulation seeds that are kept would mean something else if these moved.
        var chance = new Prng(42);
        ulong[] first = [chance.NextUInt64(), chance.NextUInt64(), chance.NextUInt64(), chance.NextUInt64()];
        Assert.Equal([1546998764402558742UL, 6990951692964543102UL, 12544586762248559009UL, 17057574109182124193UL], first);
    }

    [Fact]
    public void Everything_that_is_drawn_follows_from_the_sequence()
    {
        var chance = new Prng(7);
        var bytes = new byte[11];
        chance.Fill(bytes);
        int[] cards = [0, 1, 2, 3, 4, 5, 6, 7];
        chance.Shuffle<int>(cards);
        var (below, between, real, fork) = (chance.Below(1000), chance.Between(-5, 5), chance.NextDouble(), chance.Fork(3).NextUInt64());
        var drawn = FormattableString.Invariant(
            $"{Convert.ToHexStringLower(bytes)} {string.Concat(cards)} {below} {between} {real:R} {fork}");
        Assert.Equal("5a76f94ef7fa58b3d22c48 12304576 151 0 0.7318582070456138 16751183862344574123", drawn);
    }

    [Fact]
    public void Bounds_are_kept_and_reached()
    {
        var chance = new Prng(9);
        var seen = new bool[7];
        for (var i = 0; i < 10_000; i++)
        {
            seen[chance.Between(-3, 3) + 3] = true;
            Assert.InRange(chance.Below(10), 0, 9);
            Assert.InRange(chance.NextDouble(), 0, 0.9999999999999999);
        }

        Assert.DoesNotContain(false, seen);
        Assert.Equal(0, chance.Below(1));
        Assert.InRange(chance.Below(long.MaxValue), 0, long.MaxValue - 1);
        Assert.Throws<InvariantViolationException>(() => chance.Below(0));
    }

    [Fact]
    public void A_probability_is_met()
    {
        var chance = new Prng(10);
        var hits = 0;
        for (var i = 0; i < 100_000; i++)
        {
            hits += chance.Chance(0.25) ? 1 : 0;
            Assert.False(chance.Chance(0));
            Assert.True(chance.Chance(1));
        }

        Assert.InRange(hits, 24_000, 26_000);
    }

    [Fact]
    public void Forks_with_different_labels_differ_and_with_the_same_state_agree()
    {
        Assert.Equal(new Prng(1).Fork(5).NextUInt64(), new Prng(1).Fork(5).NextUInt64());
        Assert.NotEqual(new Prng(1).Fork(5).NextUInt64(), new Prng(1).Fork(6).NextUInt64());
    }
}
