using OrleansGeo.Primitives;
using OrleansGeo.Transactions;
using Xunit;

namespace OrleansGeo.Tests.Unit.Transactions;

public sealed class TimestampCacheTests
{
    private const int Unbounded = 1_000_000;

    [Fact]
    public void While_nothing_is_forgotten_it_tells_exactly_what_was_read()
    {
        for (var seed = 0UL; seed < 60; seed++)
        {
            var chance = new Prng(seed);
            var cache = new TimestampCache(Unbounded, Unbounded, HlcTimestamp.Zero);
            var model = new Model();
            for (var step = 0; step < 200; step++)
            {
                RecordOne(chance, cache, model);
                var (key, span) = (Draw.Key(chance), Draw.Span(chance));
                Assert.True(model.Max(KeySpan.Of(key)) == cache.MaxRead(key), $"seed {seed}, step {step}, key {key}");
                Assert.True(model.Max(span) == cache.MaxRead(span), $"seed {seed}, step {step}, span {span}");
            }
        }
    }

    [Fact]
    public void It_never_tells_less_than_the_truth_and_never_holds_more_than_its_bound()
    {
        for (var seed = 0UL; seed < 100; seed++)
        {
            var chance = new Prng(seed);
            var entriesMax = chance.Below(40) + 4;
            var caches = new List<(TimestampCache Cache, KeySpan Span)>
            {
                (new(entriesMax, chance.Chance(0.5) ? Unbounded : 30, HlcTimestamp.Zero), new(Key.Min, Key.Max)),
            };
            var model = new Model();
            for (var step = 0; step < 300; step++)
            {
                var (cache, owned) = caches[chance.Below(caches.Count)];
                RecordOne(chance, cache, model, owned);
                if (caches.Count < 4 && chance.Chance(0.01) && Draw.Key(chance) is var split && owned.Start < split && split < owned.End)
                {
                    caches.Remove((cache, owned));
                    caches.Add((cache.SplitAt(split), owned with { Start = split }));
                    caches.Add((cache, owned with { End = split }));
                }

                var key = Draw.Key(chance);
                var owner = caches.Single(part => part.Span.Contains(key));
                Assert.True(owner.Cache.MaxRead(key) >= model.Max(KeySpan.Of(key)), $"seed {seed}, step {step}, key {key}");
                var span = Draw.Span(chance).Intersect(owner.Span);
                Assert.True(owner.Cache.MaxRead(span) >= model.Max(span), $"seed {seed}, step {step}, span {span}");
                Assert.InRange(owner.Cache.Entries, 0, entriesMax);
            }
        }
    }

    [Fact]
    public void Forgetting_takes_the_older_half_and_keeps_what_was_read_last()
    {
        var cache = new TimestampCache(100, Unbounded, HlcTimestamp.Zero);
        for (var i = 1; i <= 1_000; i++)
        {
            cache.Record(new Key([(byte)(i >> 8), (byte)i]), new((ulong)i));
        }

        Assert.Equal(1_000UL, cache.MaxRead(new Key([1_000 >> 8, 1_000 & 0xFF])).Value);
        Assert.InRange(cache.LowWater.Value, 890UL, 960UL);
        Assert.Equal(cache.LowWater, cache.MaxRead(new Key([9, 9])));
    }

    [Fact]
    public void A_new_leader_deems_every_key_read_up_to_its_low_water_mark()
    {
        var cache = new TimestampCache(100, Unbounded, new(5));
        cache.Record(new Key([1]), new(7));
        cache.RaiseLowWater(new(6));
        cache.RaiseLowWater(new(3));
        Assert.Equal((new HlcTimestamp(7), new HlcTimestamp(6)), (cache.MaxRead(new Key([1])), cache.MaxRead(new Key([2]))));
        Assert.Equal(new HlcTimestamp(6), cache.SplitAt(new([2])).MaxRead(new Key([3])));
    }

    [Fact]
    public void Scanning_the_same_span_again_and_again_takes_no_more_room()
    {
        var cache = new TimestampCache(100, Unbounded, HlcTimestamp.Zero);
        for (var i = 1UL; i <= 1_000; i++)
        {
            cache.Record(new KeySpan(new([1]), new([5])), new(i));
            cache.Record(new KeySpan(new([2]), new([4])), new(i));
        }

        Assert.Equal((2, HlcTimestamp.Zero), (cache.Entries, cache.LowWater));
    }

#if PLANTED_BUGS
    [Fact]
    public void The_planted_bug_loses_what_is_forgotten()
    {
        PlantedBug.Active = TimestampCache.BugForgetsReads;
        try
        {
            var cache = new TimestampCache(4, Unbounded, HlcTimestamp.Zero);
            for (byte i = 1; i < 10; i++)
            {
                cache.Record(new Key([i]), new(i));
            }

            Assert.Equal(HlcTimestamp.Zero, cache.MaxRead(new Key([1])));
        }
        finally
        {
            PlantedBug.Active = null;
        }
    }
#endif

    private static void RecordOne(Prng chance, TimestampCache cache, Model model, KeySpan? within = null)
    {
        var at = Draw.Timestamp(chance, 1_000);
        var key = Draw.Key(chance);
        if (chance.Chance(0.6) && within?.Contains(key) != false)
        {
            cache.Record(key, at);
            model.Reads.Add((KeySpan.Of(key), at));
            return;
        }

        var span = Draw.Span(chance);
        span = within?.Intersect(span) ?? span;
        cache.Record(span, at);
        model.Reads.Add((span, at));
    }

    private sealed class Model
    {
        public List<(KeySpan Span, HlcTimestamp At)> Reads { get; } = [];

        public HlcTimestamp Max(KeySpan span) => Reads
            .Where(read => !read.Span.Intersect(span).IsEmpty).Select(read => read.At).Append(HlcTimestamp.Zero).Max();
    }
}
