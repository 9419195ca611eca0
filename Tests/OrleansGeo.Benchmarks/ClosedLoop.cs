using System.Diagnostics;
using OrleansGeo.Primitives;

namespace OrleansGeo.Benchmarks;

/// <summary>What a load did in the time it was measured. Latencies are exact, not counted in buckets.</summary>
internal sealed record LoadResult(
    long Operations, double Seconds, double LoadSeconds, double CpuSeconds, long AllocatedBytes, int[] SortedMicros)
{
    public double PerSecond => Operations / Seconds;

    public double CpuMicrosPerOperation => CpuSeconds * 1e6 / Operations;

    public double AllocatedPerOperation => (double)AllocatedBytes / Operations;

    public double Micros(double share) =>
        SortedMicros.Length == 0 ? 0 : SortedMicros[Math.Min(SortedMicros.Length - 1, (int)Math.Ceiling(SortedMicros.Length * share) - 1)];
}

/// <summary>Clients that each wait for an answer before they ask again. An answer that is not what was asked for ends the run.</summary>
internal sealed class ClosedLoop(int clients, TimeSpan warmup, TimeSpan duration)
{
    private readonly List<int>[] _micros = [.. Enumerable.Range(0, clients).Select(_ => new List<int>(1024))];
    private volatile bool _measures;
    private volatile bool _ends;

    /// <summary>Runs one request again and again; it gets the client's number and chance.</summary>
    public async Task<LoadResult> RunAsync(Func<int, Prng, Task> request)
    {
        var tasks = Enumerable.Range(0, clients).Select(client => Task.Run(() => ClientAsync(client, request))).ToArray();
        await UntilAsync(warmup, tasks);
        using var process = Process.GetCurrentProcess();
        var cpu = process.TotalProcessorTime;
        var allocated = GC.GetTotalAllocatedBytes();
        var clock = Stopwatch.StartNew();
        _measures = true;
        await UntilAsync(duration, tasks);
        _measures = false;
        var seconds = clock.Elapsed.TotalSeconds;
        process.Refresh();
        var cpuSeconds = (process.TotalProcessorTime - cpu).TotalSeconds;
        allocated = GC.GetTotalAllocatedBytes() - allocated;
        _ends = true;
        await Task.WhenAll(tasks);
        int[] all = [.. _micros.SelectMany(static micros => micros)];
        Array.Sort(all);
        return new(all.Length, seconds, seconds + warmup.TotalSeconds, cpuSeconds, allocated, all);
    }

    private async Task ClientAsync(int client, Func<int, Prng, Task> request)
    {
        var prng = new Prng((ulong)client + 1);
        var micros = _micros[client];
        while (!_ends)
        {
            var asked = Stopwatch.GetTimestamp();
            await request(client, prng);
            if (_measures)
            {
                micros.Add((int)Stopwatch.GetElapsedTime(asked).TotalMicroseconds);
            }
        }
    }

    // A client that failed ends the run at once.
    private static async Task UntilAsync(TimeSpan duration, Task[] clients) =>
        await await Task.WhenAny([Task.Delay(duration), .. clients]);
}
