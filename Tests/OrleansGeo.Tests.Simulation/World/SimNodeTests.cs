using OrleansGeo.Simulation;
using Xunit;

namespace OrleansGeo.Tests.Simulation.World;

public sealed class SimNodeTests
{
    private readonly SimWorld _world = new(5);
    private readonly SimMachine _machine;
    private readonly SimProcess _process;

    public SimNodeTests()
    {
        _machine = new(_world, new(1));
        _process = _machine.Boot();
    }

    [Fact]
    public void Work_runs_in_order_and_takes_virtual_time()
    {
        var seen = new List<(int, long)>();
        for (var i = 0; i < 10; i++)
        {
            var n = i;
            _process.Scheduler.Post(_ => seen.Add((n, _world.NowMicros)), null);
        }

        _world.RunFor(10_000);
        Assert.Equal(Enumerable.Range(0, 10), seen.Select(s => s.Item1));
        Assert.Equal(10, seen.Select(s => s.Item2).Distinct().Count());
    }

    [Fact]
    public void A_paused_node_keeps_its_work_and_timers_until_it_goes_on()
    {
        var ran = new List<long>();
        using var timer = _process.Time.CreateTimer(
            _ => ran.Add(_world.NowMicros), null, TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan);
        _process.Scheduler.Pause(5_000_000);
        _process.Scheduler.Post(_ => ran.Add(_world.NowMicros), null);
        _world.RunFor(4_999_000);
        Assert.Empty(ran);
        _world.RunFor(10_000);
        Assert.Equal(2, ran.Count);
        Assert.All(ran, at => Assert.InRange(at, 5_000_000, 5_002_000));
    }

    [Fact]
    public void A_crashed_node_runs_nothing_more_and_its_next_life_runs_its_own()
    {
        var (old, young) = (0, 0);
        using var timer = _process.Time.CreateTimer(
            _ => old++, null, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
        _process.Scheduler.Post(_ => old++, null);
        _machine.Crash();
        _process.Scheduler.Post(_ => old++, null);
        _world.RunFor(3_000_000);
        var next = _machine.Boot();
        using var nextTimer = next.Time.CreateTimer(_ => young++, null, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
        _world.RunFor(3_500_000);
        Assert.Equal((0, 3), (old, young));
        Assert.Equal(2, _machine.Lives);
    }

    [Fact]
    public void Timers_fire_once_again_and_never_as_they_are_told_and_never_early()
    {
        var fired = new List<long>();
        using var timer = _process.Time.CreateTimer(
            _ => fired.Add(_world.NowMicros), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _world.RunFor(10_000_000);
        Assert.Empty(fired);

        Assert.True(timer.Change(TimeSpan.FromMilliseconds(500), TimeSpan.Zero));
        _world.RunFor(5_000_000);
        Assert.InRange(Assert.Single(fired), 10_500_000, 10_502_000);

        fired.Clear();
        timer.Change(TimeSpan.FromMilliseconds(100), TimeSpan.FromMilliseconds(200));
        _world.RunFor(1_050_000);
        Assert.Equal(5, fired.Count);
        Assert.All(fired, (at, i) => Assert.True(at >= 15_000_000 + 100_000 + (i * 200_000)));

        timer.Change(Timeout.InfiniteTimeSpan, TimeSpan.FromMilliseconds(1));
        _world.RunFor(1_000_000);
        Assert.Equal(5, fired.Count);

        timer.Dispose();
        Assert.False(timer.Change(TimeSpan.Zero, TimeSpan.Zero));
        Assert.Throws<ArgumentOutOfRangeException>(
            () => _process.Time.CreateTimer(static _ => { }, null, TimeSpan.FromMilliseconds(-2), TimeSpan.Zero));
    }

    [Fact]
    public void Delays_timeouts_and_periodic_timers_of_the_runtime_work_in_virtual_time()
    {
        var ticks = _world.RunTask(_process.Scheduler, Use, 60_000_000);
        Assert.Equal(3, ticks);
        Assert.InRange(_world.NowMicros, 13_000_000, 13_100_000);

        async Task<int> Use()
        {
            await Task.Delay(TimeSpan.FromSeconds(5), _process.Time);
            using var cancellation = new CancellationTokenSource(TimeSpan.FromSeconds(5), _process.Time);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(
                () => Task.Delay(Timeout.InfiniteTimeSpan, _process.Time, cancellation.Token));
            using var periodic = new PeriodicTimer(TimeSpan.FromSeconds(1), _process.Time);
            var count = 0;
            while (count < 3 && await periodic.WaitForNextTickAsync(CancellationToken.None))
            {
                count++;
            }

            Assert.True(_process.Scheduler.IsCurrent);
            return count;
        }
    }

    [Fact]
    public void A_wall_clock_that_jumps_moves_no_timer_and_no_timestamp()
    {
        var fired = 0L;
        var (wall, stamp) = (_process.Time.GetUtcNow(), _process.Time.GetTimestamp());
        using var timer = _process.Time.CreateTimer(
            _ => fired = _world.NowMicros, null, TimeSpan.FromSeconds(2), Timeout.InfiniteTimeSpan);
        _machine.Clock.JumpWall(TimeSpan.FromSeconds(-288));
        _world.RunFor(3_000_000);
        Assert.InRange(fired, 2_000_000, 2_002_000);
        Assert.Equal(TimeSpan.FromSeconds(3 - 288), _process.Time.GetUtcNow() - wall);
        Assert.Equal(TimeSpan.FromSeconds(3), _process.Time.GetElapsedTime(stamp));
    }

    [Fact]
    public void A_clock_that_runs_fast_shows_more_and_fires_sooner_also_for_timers_already_armed()
    {
        var fired = 0L;
        var stamp = _process.Time.GetTimestamp();
        using var timer = _process.Time.CreateTimer(
            _ => fired = _world.NowMicros, null, TimeSpan.FromSeconds(100), Timeout.InfiniteTimeSpan);
        _machine.Clock.SetDrift(10_000);
        _world.RunFor(50_000_000);
        Assert.Equal(TimeSpan.FromSeconds(50.5), _process.Time.GetElapsedTime(stamp));
        _machine.Clock.SetDrift(-20_000);
        _world.RunFor(60_000_000);

        // 50.5 s shown after 50 s; the other 49.5 s at 98 % take 50.51 s.
        Assert.InRange(fired, 100_510_204, 100_512_204);
    }
}
