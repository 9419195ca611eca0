using System.Diagnostics;
using Orleans.Runtime;
using OrleansGeo.Api.Demo;
using OrleansGeo.Tests.Membership.Postgres;

namespace OrleansGeo.Tests.Orleans.Nine;

/// <summary>
/// Nine silo processes on three PostgreSQL servers. What an outage cost is printed with -diagnostics; what is asserted is that nothing was
/// lost, that histories are linearizable, and that everyone was served again who had to be.
/// </summary>
[Collection(PostgresServers.Name)]
public sealed class NineSiloTests(PostgresFixture fixture)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("kill-zone")]
    [InlineData("kill-region")]
    [InlineData("pause-zone")]
    [InlineData("pause-region")]
    public async Task Nothing_is_lost_and_everyone_is_served_again_when_processes_are_killed_or_stand_still(string plan)
    {
        await using var silos = new NineSilos(fixture.Servers);
        await silos.StartAsync();
        await PlayAsync(plan, silos);
    }

    [Theory]
    [InlineData("cut-region")]
    [InlineData("cut-region-in")]
    [InlineData("cut-region-out")]
    public async Task A_region_that_is_cut_off_answers_stale_reads_and_is_back_by_itself_afterwards(string plan)
    {
        await InNetworkAsync(async (network, servers) =>
        {
            await using var silos = new NineSilos(servers, network);
            await silos.StartAsync();
            await PlayAsync(plan, silos);

            // Only the region that was cut off was evicted, if anyone was.
            Assert.All(silos.Silos.Where(slot => slot.Ends.Count > 0), slot => Assert.Equal(silos.Nodes[0].Region, slot.Settings.Region));
        });
    }

    [Fact]
    public async Task A_leader_that_slept_answers_no_stale_read_and_acknowledges_no_write_that_is_lost()
    {
        const int Naps = 4;
        const int Volley = 16;
        await using var silos = new NineSilos(fixture.Servers);
        await silos.StartAsync();
        using var client = new DemoClient();
        var history = new HistoryLoad(client, silos, "naps");
        await history.PrepareAsync(Cancellation);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var load = history.RunAsync(ending.Token);
        for (var nap = 0; nap < Naps; nap++)
        {
            var sleeper = await silos.LeaderOfAsync(client, "naps.registers", Cancellation);
            silos.Pause(sleeper);

            // Asked while it sleeps, and answered when it wakes up: by then somebody else has led, and acknowledged writes.
            var asked = history.VolleyAsync(sleeper.Settings.Name!, Volley, Cancellation);
            var served = history.Served;
            var other = silos.Silos.First(slot => slot != sleeper);
            await other.Process!.UntilAsync(
                "the others are served",
                async () => await history.WriteOnceAsync(other.Settings.Name!, Cancellation) && history.Served > served + Volley);
            await silos.MendAsync(Cancellation);
            await asked;
            await silos.ReadyAsync();
        }

        await ending.CancelAsync();
        await load;
        history.Judge();
        TestContext.Current.SendDiagnosticMessage(
            $"{Naps} naps: {history.Served} requests in a linearizable history; silos that ended by themselves: {silos.Revived}");
    }

    [Fact]
    public async Task A_region_that_was_cut_off_until_it_was_evicted_is_back_by_itself()
    {
        await InNetworkAsync(async (network, servers) =>
        {
            await using var silos = new NineSilos(servers, network);
            await silos.StartAsync();
            await silos.BreakAsync(new(OutageFaultKind.CutRegion, silos.Nodes[0].Region), Cancellation);
            await silos.Silos[^1].Process!.UntilAsync("the majority evicted the region", async () =>
                (await silos.MembersAsync()).Count(row => row.Status == (int)SiloStatus.Dead) == 3);
            Assert.Equal(0, silos.Revived);
            var healed = Stopwatch.GetTimestamp();
            await silos.MendAsync(Cancellation);
            await silos.Silos[^1].Process!.UntilAsync("who was evicted starts again", () => Task.FromResult(silos.Revived == 3));
            await silos.ReadyAsync();
            TestContext.Current.SendDiagnosticMessage(
                $"evicted silos were ready again {Stopwatch.GetElapsedTime(healed).TotalSeconds:F1} s after the network was");
            Assert.Equal(["n1", "n2", "n3"], silos.Silos.Where(slot => slot.Ends.Count > 0).Select(slot => slot.Settings.Name));
        });
    }

    private static async Task InNetworkAsync(Func<RegionNetwork, IReadOnlyList<PostgresServer>, Task> play)
    {
        Assert.SkipWhen(PostgresServer.Missing is not null, PostgresServer.Missing ?? "");
        Assert.SkipWhen(RegionNetwork.Missing is not null, RegionNetwork.Missing ?? "");
        using var network = new RegionNetwork();
        var servers = new List<PostgresServer>();
        try
        {
            for (var region = 0; region < 3; region++)
            {
                servers.Add(PostgresServer.Start(
                    new(network.WanAddress(region), "*", network.Prefix, network.Inside(region))));
            }

            await play(network, servers);
        }
        finally
        {
            servers.ForEach(server => server.Dispose());
        }
    }

    private static async Task PlayAsync(string name, NineSilos silos)
    {
        using var client = new DemoClient();
        var history = new HistoryLoad(client, silos, "histories");
        await history.PrepareAsync(Cancellation);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var load = history.RunAsync(ending.Token);
        using var said = new StringWriter();
        var plan = OutagePlan.All.First(plan => plan.Name == name);
        var isGood = await new OutageScript(plan, silos, client, DemoOutput.ForWriter(said)).RunAsync(Cancellation);
        await ending.CancelAsync();
        await load;
        history.Judge();
        TestContext.Current.SendDiagnosticMessage(
            $"{name}\n{said}\n{history.Served} requests in a linearizable history; silos that ended by themselves: {silos.Revived}");
        Assert.True(isGood, said.ToString());
        Assert.True(history.Served > 100, $"{history.Served} requests were served");
    }
}
