using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using OrleansGeo.Simulation;
using Xunit;

namespace OrleansGeo.Tests.Simulation.Seeds;

/// <summary>Whole clusters under drawn trouble: nothing a client was told may be false, and afterwards everything works again.</summary>
public sealed partial class SeedTests(ITestOutputHelper output)
{
    private const int Seeds = 200;

    [Fact]
    public void Two_hundred_seeds_break_no_promise()
    {
        var operations = 0L;
        var virtualMicros = 0L;
        var failures = new List<string>();
        SeedRunner.Run(1, Seeds, null, result =>
        {
            operations += result.Operations;
            virtualMicros += result.VirtualMicros;
            Note(result, failures);
        });
        output.WriteLine($"{Seeds} seeds, {operations} operations, {virtualMicros / 60_000_000} minutes of virtual time");
        Assert.True(failures.Count == 0, string.Join("\n\n", failures));
    }

    [Fact]
    public void Seeds_that_once_found_a_bug_stay_good()
    {
        var failures = new List<string>();
        foreach (var seed in Kept("kept.txt"))
        {
            SeedRunner.Run(seed, 1, null, result => Note(result, failures));
        }

        Assert.True(failures.Count == 0, string.Join("\n\n", failures));
    }

    [Fact]
    public void A_seed_goes_alike_in_two_processes() => Assert.Equal(DigestInAnotherProcess(5), DigestInAnotherProcess(5));

    [Fact]
    public void Different_seeds_go_differently() => Assert.NotEqual(DigestInAnotherProcess(5), DigestInAnotherProcess(6));

    internal static IEnumerable<ulong> Kept(string file) =>
        from line in File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "Seeds", file))
        where line.Length > 0 && line[0] != '#'
        select ulong.Parse(line.Split(' ')[0], CultureInfo.InvariantCulture);

    internal static void Note(SimResult result, List<string> failures, bool transactions = false)
    {
        if (result.Failure is not null)
        {
            failures.Add($"{result.Failure}\nreplay: ./geo sim --seeds 1 --from {result.Seed}{(transactions ? " --transactions" : "")}");
        }
    }

    private static string DigestInAnotherProcess(int seed)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, UseShellExecute = false };
        start.ArgumentList.Add(typeof(SimRun).Assembly.Location);
        foreach (var argument in (string[])["--seeds", "1", "--from", seed.ToString(CultureInfo.InvariantCulture), "--show"])
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start)!;
        var text = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return Digest().Match(text).Value;
    }

    [GeneratedRegex("digest [0-9a-f]{16}", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Digest();
}
