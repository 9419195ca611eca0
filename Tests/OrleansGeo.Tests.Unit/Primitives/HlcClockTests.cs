using OrleansGeo.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Unit.Primitives;

public sealed class HlcClockTests
{
    private const long Wall = 1_763_704_800_000;
    private const long JumpMillis = 288_000;
    private static readonly MonoTime s_start = new(5_000_000);

    [Fact]
    public void Readings_only_go_up_when_the_wall_clock_jumps_both_ways()
    {
        var chance = new Prng(1);
        var clock = new HlcClock(HlcTimestamp.Zero);
        var (mono, offset, last) = (s_start, 0L, HlcTimestamp.Zero);
        for (var i = 0; i < 100_000; i++)
        {
            mono = mono.AddMicros(chance.Below(3000));
            offset = chance.Chance(0.01) ? chance.Between(-JumpMillis, JumpMillis) : offset;
            var reading = clock.Now(Wall + offset + (mono.Micros / 1000), mono);
            Assert.True(reading > last, $"step {i}: {reading} is not after {last}");
            Assert.Equal(reading, clock.Last);
            last = reading;
        }
    }

    [Theory]
    [InlineData(0, 500)]
    [InlineData(0.5, 1900)]
    [InlineData(0.9, 1100)]
    [InlineData(0.9999, 700)]
    [InlineData(1, 1001)]
    [InlineData(-1, 300)]
    public void A_reading_is_never_slower_than_elapsed_time_however_slow_the_wall_clock(double wallRate, int stepMicros)
    {
        var clock = new HlcClock(HlcTimestamp.Zero);
        var first = clock.Now(Wall, s_start);
        for (var i = 1; i <= 20_000; i++)
        {
            var elapsed = (long)i * stepMicros;
            var reading = clock.Now(Wall + (long)(elapsed * wallRate / 1000), s_start.AddMicros(elapsed));
            var gone = reading.WallMillis - first.WallMillis;
            Assert.True(gone >= elapsed / 1000, $"after {elapsed} µs the clock has gone from {first} to {reading}");
        }
    }

    [Fact]
    public void A_reading_is_never_slower_than_elapsed_time_when_the_wall_clock_jumps()
    {
        var chance = new Prng(2);
        var clock = new HlcClock(HlcTimestamp.Zero);
        var (mono, offset, lead) = (s_start, 0L, 0L);
        for (var i = 0; i < 100_000; i++)
        {
            mono = mono.AddMicros(chance.Below(3000));
            offset = chance.Chance(0.01) ? chance.Between(-JumpMillis, JumpMillis) : offset;
            var reading = clock.Now(Wall + offset + (mono.Micros / 1000), mono);

            // How far the clock is ahead of the monotonic one may only grow, up to the millisecond in which readings are counted.
            var ahead = (reading.WallMillis * 1000) - mono.Micros;
            Assert.True(ahead >= lead - 1000, $"step {i}: the lead fell from {lead} to {ahead} µs");
            lead = Math.Max(lead, ahead);
        }
    }

    [Fact]
    public void The_clock_follows_a_wall_clock_that_jumps_ahead_and_keeps_going_when_it_jumps_back()
    {
        var clock = new HlcClock(HlcTimestamp.Zero);
        Assert.Equal(Wall, clock.Now(Wall, s_start).WallMillis);
        Assert.Equal(Wall + JumpMillis, clock.Now(Wall + JumpMillis, s_start.AddMicros(1000)).WallMillis);
        Assert.Equal(Wall + JumpMillis + 5, clock.Now(Wall - JumpMillis, s_start.AddMicros(6000)).WallMillis);
    }

    [Fact]
    public void Readings_of_one_millisecond_differ_by_the_counter()
    {
        var clock = new HlcClock(HlcTimestamp.Zero);
        var first = clock.Now(Wall, s_start);
        Assert.Equal(first.Next, clock.Now(Wall, s_start));
        Assert.Equal(first.Next.Next, clock.Now(Wall - 7, s_start));
    }

    [Fact]
    public void A_full_counter_runs_into_the_next_millisecond()
    {
        var clock = new HlcClock(new HlcTimestamp(((ulong)Wall << 16) | 0xFFFF));
        Assert.Equal(HlcTimestamp.FromMillis(Wall + 1), clock.Now(Wall, s_start));
    }

    [Fact]
    public void The_floor_is_below_every_reading()
    {
        var floor = HlcTimestamp.FromMillis(Wall + 1_000_000);
        Assert.True(new HlcClock(floor).Now(Wall, s_start) > floor);
    }

    [Fact]
    public void A_look_at_the_clock_gives_no_reading_out()
    {
        var clock = new HlcClock(HlcTimestamp.Zero);
        Assert.Equal(HlcTimestamp.FromMillis(Wall), clock.Peek(Wall, s_start));
        Assert.Equal(HlcTimestamp.Zero, clock.Last);
        Assert.Equal(HlcTimestamp.FromMillis(Wall), clock.Now(Wall, s_start));
    }

    [Fact]
    public void A_remote_timestamp_ten_minutes_ahead_is_noted_and_one_further_is_refused()
    {
        var clock = new HlcClock(HlcTimestamp.Zero);
        var last = clock.Now(Wall, s_start);
        Assert.False(clock.TryObserve(HlcTimestamp.FromMillis(Wall + 600_001), Wall, s_start));
        Assert.False(clock.TryObserve(HlcTimestamp.Max, Wall, s_start));
        Assert.Equal(last, clock.Last);

        var remote = HlcTimestamp.FromMillis(Wall + 600_000);
        Assert.True(clock.TryObserve(remote, Wall, s_start));
        Assert.Equal(remote.Next, clock.Now(Wall, s_start));
    }

    [Fact]
    public void An_older_remote_timestamp_changes_nothing()
    {
        var clock = new HlcClock(HlcTimestamp.Zero);
        var last = clock.Now(Wall, s_start);
        Assert.True(clock.TryObserve(HlcTimestamp.FromMillis(Wall - JumpMillis), Wall, s_start));
        Assert.Equal(last, clock.Last);
    }

    [Fact]
    public void A_limit_of_this_node_raises_the_clock_however_far()
    {
        var clock = new HlcClock(HlcTimestamp.Zero);
        var limit = HlcTimestamp.FromMillis(Wall + 86_400_000);
        clock.Raise(limit);
        clock.Raise(HlcTimestamp.Zero);
        Assert.Equal(limit.Next, clock.Now(Wall, s_start));
    }

    [Fact]
    public void A_clock_at_the_end_of_time_stops_instead_of_beginning_again()
    {
        var clock = new HlcClock(HlcTimestamp.Zero);
        clock.Raise(HlcTimestamp.Max);
        Assert.Throws<InvariantViolationException>(() => clock.Now(Wall, s_start));
    }
}
