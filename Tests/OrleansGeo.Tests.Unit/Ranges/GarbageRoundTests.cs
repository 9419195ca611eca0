using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using OrleansGeo.Transactions;
using Xunit;

namespace OrleansGeo.Tests.Unit.Ranges;

public sealed class GarbageRoundTests
{
    private const long IntervalMicros = 100;
    private static readonly MonoTime s_start = new(1_000);
    private readonly GarbageRound _round = new();

    [Fact]
    public void What_is_not_known_is_looked_at() => Assert.True(_round.IsDue(HlcTimestamp.Zero, s_start));

    [Fact]
    public void A_range_at_rest_in_which_nothing_was_left_is_never_looked_at_again()
    {
        _round.Begin();
        _round.End(HlcTimestamp.Max, s_start, IntervalMicros);
        Assert.False(_round.IsDue(new(ulong.MaxValue - 1), MonoTime.Forever));
    }

    [Theory]
    [InlineData(6, false)]
    [InlineData(7, true)]
    [InlineData(9, true)]
    public void What_was_added_meanwhile_is_looked_at_once_its_time_has_come(ulong upTo, bool isDue)
    {
        _round.Begin();
        _round.Note(new(9));
        _round.Note(new(7));
        _round.End(HlcTimestamp.Max, s_start, IntervalMicros);
        Assert.Equal(isDue, _round.IsDue(new(upTo), s_start.AddMicros(1_000)));
    }

    [Fact]
    public void What_was_added_before_a_round_began_is_covered_by_what_the_round_says_is_left()
    {
        _round.Note(new(3));
        _round.Begin();
        _round.End(new(8), s_start, IntervalMicros);
        Assert.False(_round.IsDue(new(7), MonoTime.Forever));
        Assert.True(_round.IsDue(new(8), MonoTime.Forever));
    }

    [Fact]
    public void A_round_without_a_result_changes_nothing()
    {
        _round.Begin();
        _round.End(HlcTimestamp.Max, s_start, IntervalMicros);
        _round.Note(new(5));
        _round.Begin();
        _round.Abandon();
        Assert.False(_round.IsRunning);
        Assert.True(_round.IsDue(new(5), MonoTime.Forever));
    }

    [Fact]
    public void The_less_is_found_the_later_comes_the_next_round_and_a_worthwhile_one_brings_it_back()
    {
        foreach (var (looked, found, interval) in new[]
        {
            (100, 25, 1), (100, 24, 2), (100, 0, 4), (100, 0, 8), (100, 0, 16), (100, 0, 32), (100, 0, 64), (100, 0, 64), (100, 90, 1),
        })
        {
            _round.Begin();
            _round.Count(looked, found, new(1));
            _round.End(new(1), s_start, IntervalMicros);
            Assert.False(_round.IsDue(new(1), s_start.AddMicros((interval * IntervalMicros) - 1)));
            Assert.True(_round.IsDue(new(1), s_start.AddMicros(interval * IntervalMicros)));
        }
    }

    [Fact]
    public void When_more_was_added_than_there_was_the_next_round_does_not_wait_for_long()
    {
        _round.Begin();
        _round.Count(100, 0, new(1));
        _round.End(new(1), s_start, IntervalMicros);
        _round.Begin();
        _round.Count(10, 1, new(1));
        _round.End(new(1), s_start, IntervalMicros);
        for (var i = 0; i < 9; i++)
        {
            _round.Note(new(2));
        }

        Assert.False(_round.IsDue(new(1), s_start.AddMicros((4 * IntervalMicros) - 1)));
        _round.Note(new(2));
        Assert.True(_round.IsDue(new(1), s_start.AddMicros(IntervalMicros)));
        Assert.False(_round.IsDue(new(1), s_start.AddMicros(IntervalMicros - 1)));
    }

    [Fact]
    public void A_threshold_comes_back_as_it_was_stored_and_from_where_its_range_begins()
    {
        var (storage, key, value) = (new OrleansGeo.Tests.Unit.Transactions.SortedReader(), new CodecWriter(), new CodecWriter());
        foreach (var (start, at) in new[] { (new Key([1]), 10UL), (new Key([2]), 20UL) })
        {
            VersionThreshold.EncodeKey(key, start);
            VersionThreshold.Encode(value, new(at));
            storage.Put(key.Written, value.Written);
        }

        Assert.Equal(new HlcTimestamp(10), VersionThreshold.Load(storage, new(new([1]), new([2]))));
        Assert.Equal(new HlcTimestamp(20), VersionThreshold.Load(storage, new(new([2]), Key.Max)));
        Assert.Equal(HlcTimestamp.Zero, VersionThreshold.Load(storage, new(new([3]), Key.Max)));
        Assert.Throws<CodecException>(() => VersionThreshold.Decode([9, 0, 0, 0, 0, 0, 0, 0, 0]));
        Assert.Equal(new HlcTimestamp(7), RangeCommand.ReadAdvance(RangeCommand.Advance(new(7))));
        Assert.Equal(CommandKind.Advance, RangeCommand.KindOf(RangeCommand.Advance(new(7))));
    }
}
