using System.Diagnostics;
using System.Globalization;
using OrleansGeo.Api.Demo;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tests.Api.Demo;

/// <summary>
/// kill -9 of a whole demo that keeps its data, in the middle of a load, again and again. GEO_KILLS says how often; GEO_SEED draws other
/// moments.
/// </summary>
public sealed class KillProcessTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("geo-kill-").FullName;
    private readonly int _port = DemoFixture.FreePorts();

    private string Data => Path.Combine(_folder, "data");

    public void Dispose() => Directory.Delete(_folder, true);

    [Fact]
    public async Task Kill_9_in_the_middle_of_a_load_loses_nothing_that_was_acknowledged()
    {
        var kills = Setting("GEO_KILLS", 2);
        var prng = new Prng((ulong)Setting("GEO_SEED", 1));
        using var client = new DemoClient();
        var load = new KillLoad(client);

        // The first death meets a cluster of which only a part was made.
        using (var begun = DemoProcess.Start(_port, Data))
        {
            await begun.UntilAsync("a few nodes were made", () => Task.FromResult(Directory.Exists(Path.Combine(Data, "n4"))));
            await begun.KillAsync();
        }

        for (var kill = 1; kill <= kills; kill++)
        {
            using var demo = DemoProcess.Start(_port, Data);
            var ready = await CheckAsync(demo, client, load, 1 + (kill % KillLoad.Nodes));
            await load.PrepareAsync(demo);
            await load.RunAndKillAsync(demo, 200 + (int)prng.Below(1_000), prng);
            Say(
                $"kill {kill}: ready after {ready.TotalSeconds:F1} s; so far {load.Rows} rows acknowledged, "
                + $"{load.Changes} splits and hand-overs");

            // And one death while it recovers.
            using var recovering = DemoProcess.Start(_port, Data);
            await recovering.PortsTakenAsync();
            await recovering.KillAsync();
        }

        using var last = DemoProcess.Start(_port, Data);
        await CheckAsync(last, client, load, 1);
        Say($"{kills} kills under load, {load.Rows} rows acknowledged, lost: 0");
    }

    [Fact]
    public async Task A_demo_on_the_same_data_or_ports_is_refused_while_the_first_one_lives_and_runs_once_it_was_killed()
    {
        using var client = new DemoClient();
        using (var first = DemoProcess.Start(_port, Data))
        {
            await first.ReadyAsync(client);
            using var sameData = DemoProcess.Start(DemoFixture.FreePorts(), Data);
            Assert.Equal(2, await sameData.EndAsync());
            Assert.Contains("in use by another node", sameData.Said, StringComparison.Ordinal);
            using var samePorts = DemoProcess.Start(_port, Path.Combine(_folder, "other"));
            Assert.Equal(2, await samePorts.EndAsync());
            Assert.Contains($"Port {_port}", samePorts.Said, StringComparison.Ordinal);
            await first.KillAsync();
        }

        using var second = DemoProcess.Start(_port, Data);
        await second.ReadyAsync(client);
    }

    // Waits until the demo is ready, and looks for everything that was ever acknowledged. Answers with how long readiness took.
    private static async Task<TimeSpan> CheckAsync(DemoProcess demo, DemoClient client, KillLoad load, int node)
    {
        var began = Stopwatch.GetTimestamp();
        await demo.ReadyAsync(client);
        var took = Stopwatch.GetElapsedTime(began);
        if (load.Rows > 0)
        {
            var lost = await load.LostAsync(demo, node);
            Assert.True(lost.Count == 0, $"{lost.Count} of {load.Rows} are not as acknowledged:\n{string.Join('\n', lost.Take(20))}");
        }

        return took;
    }

    // Shown with -diagnostics.
    private static void Say(string text) => TestContext.Current.SendDiagnosticMessage(text);

    private static int Setting(string name, int usual) =>
        Environment.GetEnvironmentVariable(name) is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : usual;
}
