using System.Diagnostics;
using System.Globalization;
using OrleansGeo.Engine;
using OrleansGeo.Simulation;
using Xunit;

namespace OrleansGeo.Tests.Simulation.World;

public sealed class SimWorldTests
{
    private const string DigestFile = "GEO_SIM_DIGEST_FILE";

    [Fact]
    public void The_same_seed_gives_the_same_run_and_another_seed_another()
    {
        var first = PingCluster.Run(42);
        Assert.Equal(first, PingCluster.Run(42));
        Assert.NotEqual(first.Digest, PingCluster.Run(43).Digest);
        Assert.True(first.Answers > 200, $"{first.Answers} answers");
    }

    [Fact]
    public async Task The_same_seed_gives_the_same_run_in_another_process()
    {
        var mine = await InWorld(static () => PingCluster.Run(7).ToString());
        if (Environment.GetEnvironmentVariable(DigestFile) is { Length: > 0 } asked)
        {
            await File.WriteAllTextAsync(asked, mine, TestContext.Current.CancellationToken);
            return;
        }

        var file = Path.GetTempFileName();
        try
        {
            var start = new ProcessStartInfo(Path.ChangeExtension(typeof(SimWorldTests).Assembly.Location, null))
            {
                ArgumentList = { "-method", $"{GetType().FullName}.{nameof(The_same_seed_gives_the_same_run_in_another_process)}" },
                Environment = { [DigestFile] = file },
                RedirectStandardOutput = true,
                UseShellExecute = false,
            };
            using var other = Process.Start(start)!;
            var output = await other.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            await other.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.True(other.ExitCode == 0, output);
            Assert.Equal(mine, await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void Events_run_by_time_and_then_by_the_order_of_their_making()
    {
        var world = new SimWorld(1);
        var seen = new List<string>();
        world.After(20, "c", () => seen.Add("c"));
        world.After(10, "a", () => seen.Add("a"));
        world.After(10, "b", () => seen.Add("b"));
        world.After(15, "cancelled", () => seen.Add("cancelled")).Cancel();
        world.After(30, "late", () => seen.Add("late"));
        Assert.False(world.RunUntil(() => false, 25));
        Assert.Equal(["a", "b", "c"], seen);
        Assert.Equal(25, world.NowMicros);
    }

    [Fact]
    public void A_run_that_does_not_end_fails_and_says_what_it_did()
    {
        var world = new SimWorld(1, eventsMax: 1000);
        Again();
        var failure = Assert.Throws<SimFailureException>(() => world.RunFor(1_000_000));
        Assert.Contains("does not end", failure.Message, StringComparison.Ordinal);
        Assert.Contains("again", failure.Message, StringComparison.Ordinal);

        void Again() => world.After(1, "again", Again);
    }

    [Fact]
    public void A_continuation_that_leaves_for_the_pool_fails_the_run()
    {
        Assert.Contains("left its scheduler", Leak(static async (time, pool) =>
        {
            await pool;
            await Task.Delay(TimeSpan.FromMilliseconds(1), time);
        }).Message, StringComparison.Ordinal);
        Assert.Contains("outside the world", Leak(static async (time, pool) =>
        {
            await pool.ConfigureAwait(false);
            time.GetTimestamp();
        }).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_node_that_uses_another_nodes_time_fails_the_run()
    {
        var world = new SimWorld(1);
        var one = new SimMachine(world, new(1)).Boot();
        var two = new SimMachine(world, new(2)).Boot();
        two.Scheduler.Post(_ => one.Time.GetTimestamp(), null);
        var failure = Assert.Throws<SimFailureException>(() => world.RunFor(10_000_000));
        Assert.Contains("n1's time was used by n2", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_nodes_work_throws_fails_the_run()
    {
        var world = new SimWorld(1);
        var process = new SimMachine(world, new(1)).Boot();
        process.Scheduler.Post(static _ => throw new InvalidOperationException("broken"), null);
        Assert.Contains("broken", Assert.Throws<SimFailureException>(() => world.RunFor(1000)).Message, StringComparison.Ordinal);
    }

    private static SimFailureException Leak(Func<TimeProvider, Task, Task> work)
    {
        var world = new SimWorld(1);
        var process = new SimMachine(world, new(1)).Boot();
        using var gate = new ManualResetEventSlim();
        process.Scheduler.Post(_ => _ = work(process.Time, Task.Run(gate.Wait)), null);
        return Assert.Throws<SimFailureException>(() =>
        {
            world.RunFor(1_000_000);
            gate.Set();

            // The pool is real: what leaked shows itself when it runs. A run that goes on meets it, however slow the machine.
            for (var patience = Stopwatch.StartNew(); patience.Elapsed < TimeSpan.FromSeconds(30);)
            {
                world.RunFor(1);
            }
        });
    }

    private static Task<string> InWorld(Func<string> run) => Task.FromResult(run());
}
