using System.Collections.Immutable;
using System.Globalization;
using System.Runtime;
using System.Runtime.InteropServices;
using OrleansGeo.Storage;

namespace OrleansGeo.Benchmarks;

/// <summary>What is printed: markdown.</summary>
internal static class Report
{
    public static void Title(string name, BenchOptions options, string what)
    {
        Write($"## bench {name}");
        Write(string.Empty);
        Write($"{Processor()}, {Environment.ProcessorCount} cores, {Gigabytes(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes):F0} GB; "
            + $"{RuntimeInformation.OSDescription}; {RuntimeInformation.FrameworkDescription}, "
            + $"{(GCSettings.IsServerGC ? "server" : "workstation")} GC. "
            + $"{options.Seconds} s each after {options.WarmupSeconds} s of warm-up.");
        Write(what);
    }

    public static void KvHead(int ranges)
    {
        Write(string.Empty);
        Write($"### {ranges} {(ranges == 1 ? "range" : "ranges")}");
        Write(string.Empty);
        Write("| through | operation | clients | per second | p50 ms | p99 ms | CPU us each | kB allocated each "
            + "| syncs/s | sync p50 ms | sync p99 ms |");
        Write("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    }

    public static void KvRow((string Through, string Operation, int Clients) what, LoadResult result, LatencyHistogram syncs)
    {
        // The syncs are those of warm-up and measurement together.
        Write($"| {what.Through} | {what.Operation} | {what.Clients:N0} | {result.PerSecond:N0} | {result.Micros(0.5) / 1000:F2} "
            + $"| {result.Micros(0.99) / 1000:F2} | {result.CpuMicrosPerOperation:F0} | {result.AllocatedPerOperation / 1000:F1} "
            + $"| {syncs.Count / result.LoadSeconds:N0} | {syncs.P50Micros / 1000.0:F2} | {syncs.P99Micros / 1000.0:F2} |");
    }

    public static void Worst(LoadResult result) =>
        Write($"| | worst | | | {result.Micros(1) / 1000:F2} ms | | | | | | |");

    public static void Leaders(ImmutableArray<RangeInfo> ranges)
    {
        var leaders = ranges.CountBy(static range => range.Leaseholder ?? "nobody").OrderBy(static led => led.Key, StringComparer.Ordinal);
        Write(string.Empty);
        var parts = string.Join(", ", leaders.Select(static led => $"{led.Key} ({led.Value})"));
        Write($"At the end there were {ranges.Length} ranges, led by {parts}.");
    }

    public static void IdleHead()
    {
        Write(string.Empty);
        Write("| ranges | % of one core | kB allocated/s | managed memory MB | bytes a replica | made in s |");
        Write("|---:|---:|---:|---:|---:|---:|");
    }

    public static void IdleRow(int ranges, double core, double allocatedPerSecond, long memory, double madeIn) =>
        Write($"| {ranges:N0} | {core * 100:F1} | {allocatedPerSecond / 1000:N0} | {memory / 1e6:N0} "
            + $"| {memory / (ranges * 3.0):N0} | {madeIn:F1} |");

    private static double Gigabytes(long bytes) => bytes / (double)(1L << 30);

    private static string Processor()
    {
        const string Cpus = "/proc/cpuinfo";
        var line = File.Exists(Cpus)
            ? File.ReadLines(Cpus).FirstOrDefault(static line => line.StartsWith("model name", StringComparison.Ordinal))
            : null;
        return line is null
            ? RuntimeInformation.ProcessArchitecture.ToString()
            : line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
    }

    private static void Write(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));

    private static void Write(string line) => Console.WriteLine(line);
}
