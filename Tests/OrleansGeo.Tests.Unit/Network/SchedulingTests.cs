using OrleansGeo.Engine;
using Xunit;

namespace OrleansGeo.Tests.Unit.Network;

public sealed class SchedulingTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Posts_and_tasks_run_in_the_order_they_were_given()
    {
        var scheduler = NewScheduler(out _);
        var seen = new List<int>();
        var done = NewSignal();
        scheduler.Post(
            _ =>
            {
                for (var i = 0; i < 1000; i++)
                {
                    var n = i;
                    if (i % 2 == 0)
                    {
                        scheduler.Post(_ => seen.Add(n), null);
                    }
                    else
                    {
                        _ = Task.Factory.StartNew(() => seen.Add(n), Cancellation, TaskCreationOptions.None, scheduler);
                    }
                }

                scheduler.Post(_ => done.SetResult(), null);
            },
            null);
        await done.Task.WaitAsync(s_patience, Cancellation);
        Assert.Equal(Enumerable.Range(0, 1000), seen);
    }

    [Fact]
    public async Task Work_of_many_threads_never_overlaps_and_none_is_lost()
    {
        var scheduler = NewScheduler(out _);
        var inside = 0;
        var overlaps = 0;
        var count = 0;
        var done = NewSignal();
        var producers = Enumerable.Range(0, 4).Select(_ => Task.Run(
            () =>
            {
                for (var i = 0; i < 20_000; i++)
                {
                    scheduler.Post(
                        _ =>
                        {
                            overlaps += Interlocked.Exchange(ref inside, 1);
                            if (++count == 80_000)
                            {
                                done.SetResult();
                            }

                            Volatile.Write(ref inside, 0);
                        },
                        null);
                }
            },
            Cancellation));
        await Task.WhenAll(producers);
        await done.Task.WaitAsync(s_patience, Cancellation);
        Assert.Equal(0, overlaps);
    }

    [Fact]
    public async Task An_await_inside_a_post_or_a_task_comes_back_to_the_scheduler()
    {
        var scheduler = NewScheduler(out _);
        var fromPost = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        var fromTask = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        scheduler.Post(_ => _ = Leave(fromPost), null);
        _ = Task.Factory.StartNew(() => Leave(fromTask), Cancellation, TaskCreationOptions.None, scheduler).Unwrap();
        Assert.True(await fromPost.Task.WaitAsync(s_patience, Cancellation));
        Assert.True(await fromTask.Task.WaitAsync(s_patience, Cancellation));

        async Task Leave(TaskCompletionSource<bool> result)
        {
            await Task.Run(static () => { }, Cancellation);
            var afterAwait = scheduler.IsCurrent;
            var continued = await Task.CompletedTask.ContinueWith(
                _ => scheduler.IsCurrent, Cancellation, TaskContinuationOptions.None, TaskScheduler.Current);
            result.SetResult(afterAwait && continued && ReferenceEquals(NodeScheduler.Running, scheduler));
        }
    }

    [Fact]
    public async Task What_a_post_throws_goes_to_the_callback_and_the_next_work_runs()
    {
        var scheduler = NewScheduler(out var thrown);
        var done = NewSignal();
        scheduler.Post(_ => throw new InvalidOperationException("one"), null);
#pragma warning disable MA0147 // What an async void throws is what this test is about.
        scheduler.Post(
            async _ =>
            {
                await Task.Yield();
                scheduler.Post(_ => done.SetResult(), null);
                throw new InvalidOperationException("two");
            },
            null);
#pragma warning restore MA0147
        await done.Task.WaitAsync(s_patience, Cancellation);
        Assert.Equal(["one", "two"], thrown.Select(e => e.Message));
    }

    [Fact]
    public async Task Nothing_runs_after_a_stop()
    {
        var scheduler = NewScheduler(out _);
        var ran = false;
        var done = NewSignal();
        scheduler.Post(
            _ =>
            {
                scheduler.Post(_ => ran = true, null);
                scheduler.Stop();
                scheduler.Post(_ => ran = true, null);
                done.SetResult();
            },
            null);
        await done.Task.WaitAsync(s_patience, Cancellation);
        var other = NewScheduler(out _);
        var barrier = NewSignal();
        other.Post(_ => barrier.SetResult(), null);
        await barrier.Task.WaitAsync(s_patience, Cancellation);
        Assert.False(ran);
        Assert.Equal(0, scheduler.Waiting);
    }

    [Fact]
    public async Task Other_threads_are_not_current_and_do_not_inline()
    {
        var scheduler = NewScheduler(out _);
        Assert.False(scheduler.IsCurrent);
        var here = Environment.CurrentManagedThreadId;
        var task = new Task<(bool, int)>(() => (scheduler.IsCurrent, Environment.CurrentManagedThreadId));
        task.RunSynchronously(scheduler);
        var (current, thread) = await task;
        Assert.True(current);
        Assert.NotEqual(here, thread);
    }

    [Fact]
    public async Task Precise_timers_are_never_early_and_keep_their_order()
    {
        using var timers = new PreciseTimers(BootTimeProvider.Instance, static e => Assert.Fail(e.ToString()));
        var fired = new List<(int Order, long Lateness)>();
        var done = NewSignal();
        var start = timers.NowMicros;

        // The many that follow each other closely would show one that takes its neighbour's turn.
        int[] delaysMicros = [60_000, 500, 500, 0, 2_000, 100, 15_000, .. Enumerable.Range(0, 500).Select(i => 20_000 + (i * 50))];
        for (var i = 0; i < delaysMicros.Length; i++)
        {
            var (order, due) = (i, start + delaysMicros[i]);
            timers.At(
                due,
                _ =>
                {
                    fired.Add((order, timers.NowMicros - due));
                    if (fired.Count == delaysMicros.Length)
                    {
                        done.SetResult();
                    }
                },
                null);
        }

        await done.Task.WaitAsync(s_patience, Cancellation);
        Assert.All(fired, f => Assert.True(f.Lateness >= 0, $"{f.Lateness} us"));
        Assert.True(fired.FindIndex(f => f.Order == 1) < fired.FindIndex(f => f.Order == 2), "equal due times keep the order given");
        Assert.Equal(0, fired[^1].Order);
    }

    [Fact]
    public async Task A_timer_whose_action_throws_does_not_stop_the_others()
    {
        var thrown = NewSignal();
        using var timers = new PreciseTimers(BootTimeProvider.Instance, _ => thrown.SetResult());
        var done = NewSignal();
        timers.At(timers.NowMicros, _ => throw new InvalidOperationException(), null);
        timers.At(timers.NowMicros + 1000, _ => done.SetResult(), null);
        await thrown.Task.WaitAsync(s_patience, Cancellation);
        await done.Task.WaitAsync(s_patience, Cancellation);
    }

    [Fact]
    public void Boot_time_never_runs_backwards_and_agrees_with_elapsed_time()
    {
        var time = BootTimeProvider.Instance;
        var last = time.GetTimestamp();
        for (var i = 0; i < 100_000; i++)
        {
            var now = time.GetTimestamp();
            Assert.True(now >= last);
            last = now;
        }

        // CLOCK_BOOTTIME counts everything the system's monotonic clock counts, and suspended time besides.
        if (BootTimeProvider.CountsSuspendedTime)
        {
            Assert.True(time.GetTimestamp() >= TimeProvider.System.GetTimestamp() - TimeProvider.System.TimestampFrequency);
        }
    }

    private static SerialTaskScheduler NewScheduler(out List<Exception> thrown)
    {
        var list = new List<Exception>();
        thrown = list;
        return new(list.Add);
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
