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
    public async Task Nothing_is_lost_and_everyone_is_served_again_when_processes_are_killed(string plan)
    {
        await using var silos = new NineSilos(fixture.Servers);
        await silos.StartAsync();
        await PlayAsync(plan, silos);
    }

    [Fact]
    public async Task A_region_that_is_cut_off_answers_stale_reads_and_is_back_by_itself_afterwards()
    {
        Assert.SkipWhen(PostgresServer.Missing is not null, PostgresServer.Missing ?? "");
        Assert.SkipWhen(RegionNetwork.Missing is not null, RegionNetwork.Missing ?? "");
        using var network = new RegionNetwork();
        var servers = Enumerable.Range(0, 3).Select(region => PostgresServer.Start(
            new(network.WanAddress(region), network.WanPrefix, network.Inside(region)))).ToArray();
        try
        {
            await using var silos = new NineSilos(servers, network);
            await silos.StartAsync();
            await PlayAsync("cut-region", silos);

            // Only the region that was cut off was evicted, if anyone was.
            Assert.All(silos.Silos.Where(slot => slot.Ends.Count > 0), slot => Assert.Equal(silos.Nodes[0].Region, slot.Settings.Region));
        }
        finally
        {
            foreach (var server in servers)
            {
                server.Dispose();
            }
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
