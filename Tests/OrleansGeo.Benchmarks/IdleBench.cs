using System.Diagnostics;

namespace OrleansGeo.Benchmarks;

/// <summary>What ranges cost that nobody uses: processor time and memory of the whole process, with all replicas.</summary>
internal static class IdleBench
{
    public static async Task RunAsync(BenchOptions options)
    {
        Report.Title("idle", options, "three nodes in one process, three replicas of each range; percent of one core, all nodes together.");
        Report.IdleHead();
        foreach (var ranges in options.Ranges)
        {
            await using var cluster = await EmbeddedBenchCluster.StartAsync(options);
            var before = MemoryBytes();
            var clock = Stopwatch.StartNew();
            await cluster.SplitAsync(ranges, 1_000_000_000);
            var madeIn = clock.Elapsed.TotalSeconds;
            var memory = MemoryBytes() - before;
            await Task.Delay(TimeSpan.FromSeconds(options.WarmupSeconds));
            var (core, allocated) = await MeasureAsync(TimeSpan.FromSeconds(options.Seconds));
            cluster.ThrowIfFailed();
            Report.IdleRow((await cluster.RangesAsync()).Length, core, allocated, memory, madeIn);
        }
    }

    private static async Task<(double Core, double AllocatedPerSecond)> MeasureAsync(TimeSpan duration)
    {
        using var process = Process.GetCurrentProcess();
        var cpu = process.TotalProcessorTime;
        var allocated = GC.GetTotalAllocatedBytes();
        var clock = Stopwatch.StartNew();
        await Task.Delay(duration);
        process.Refresh();
        var seconds = clock.Elapsed.TotalSeconds;
        return ((process.TotalProcessorTime - cpu).TotalSeconds / seconds, (GC.GetTotalAllocatedBytes() - allocated) / seconds);
    }

    private static long MemoryBytes() => GC.GetTotalMemory(forceFullCollection: true);
}
