using System.Globalization;
using OrleansGeo.Primitives;
using OrleansGeo.Simulation;
using OrleansGeo.Simulation.Scenarios;
using Xunit;

namespace OrleansGeo.Tests.Simulation.Scenarios;

/// <summary>How long writes and reads are out when a zone or a region is lost: the worst of fifty seeds.</summary>
public sealed class OutageTests(ITestOutputHelper output)
{
    private const int Seeds = 50;
    private static readonly string[] s_surviving = ["us-west1", "europe-west1"];

    [Fact]
    public void Writes_and_strong_reads_resume_within_two_seconds_of_the_loss_of_the_leaseholders_zone()
    {
        var worst = new SortedDictionary<string, (double Ms, ulong Seed)>(StringComparer.Ordinal);
        SeedThreads.Run(1, Seeds, seed => LoseZone(seed, worst));
        Report(worst);
        Assert.All(worst, figure => Assert.True(figure.Value.Ms <= (IsStale(figure.Key) ? 200 : 2_000), $"{figure}"));
    }

    [Fact]
    public void Writes_and_strong_reads_resume_within_three_seconds_of_the_loss_of_the_home_region()
    {
        var worst = new SortedDictionary<string, (double Ms, ulong Seed)>(StringComparer.Ordinal);
        SeedThreads.Run(1, Seeds, seed => LoseRegion(seed, worst));
        Report(worst);
        Assert.All(worst, figure => Assert.True(figure.Value.Ms <= (IsStale(figure.Key) ? 200 : 3_000), $"{figure}"));
    }

    private static bool IsStale(string figure) => figure.StartsWith(nameof(OutageRequest.StaleRead), StringComparison.Ordinal);

    private static void LoseZone(ulong seed, SortedDictionary<string, (double Ms, ulong Seed)> worst)
    {
        var host = new ScenarioHost(seed);
        foreach (var table in new[] { ScenarioHost.Zonal, ScenarioHost.Regional })
        {
            // One node a zone: the leaseholder's zone is the leaseholder.
            var lost = host.LeaseholderOf(table);
            Assert.Equal(ScenarioHost.Home, ScenarioHost.RegionOf(lost));
            var surviving = host.Nodes.Where(node => node != lost).ToArray();
            Measure(host, surviving, [table], [lost], worst);
            host.Restart([lost]);
            host.AwaitReady();
            host.RunFor(3_000);
        }
    }

    private static void LoseRegion(ulong seed, SortedDictionary<string, (double Ms, ulong Seed)> worst)
    {
        var host = new ScenarioHost(seed);
        var surviving = s_surviving.SelectMany(ScenarioHost.NodesOf).ToArray();
        Measure(host, surviving, [ScenarioHost.Regional], ScenarioHost.NodesOf(ScenarioHost.Home), worst);

        // The zone goal does not survive a region: what is left of such a table says so, and goes on serving what it has.
        var refused = host.Write(4, ScenarioHost.Zonal, "k", "v").Error;
        Assert.Equal(GeoErrorKind.QuorumUnavailable, refused?.Kind);
        Assert.Equal("us-east1", refused!.Facts!["regions"]);
    }

    private static void Measure(
        ScenarioHost host, NodeId[] nodes, TableRef[] tables, IReadOnlyList<NodeId> lost,
        SortedDictionary<string, (double Ms, ulong Seed)> worst)
    {
        var clients = new List<OutageClient>();
        foreach (var table in tables)
        {
            foreach (var node in nodes)
            {
                clients.AddRange(
                    Enum.GetValues<OutageRequest>().Select(kind => new OutageClient(host, node, table, kind, TimeSpan.FromSeconds(5))));
            }
        }

        foreach (var client in clients)
        {
            host.Begin(client.RunAsync);
        }

        host.RunFor(1_000 + (long)(host.World.Seed * 37 % 1_000));
        clients.ForEach(client => client.Mark());
        host.Crash(lost);
        host.RunFor(7_000);
        foreach (var client in clients)
        {
            var place = ScenarioHost.RegionOf(client.Node);
            var key = string.Create(CultureInfo.InvariantCulture, $"{client.Request} {client.Table.Table} {place}");
            lock (worst)
            {
                if (!worst.TryGetValue(key, out var known) || client.WorstMs > known.Ms)
                {
                    worst[key] = (client.WorstMs, host.World.Seed);
                }
            }

            client.Stop();
        }
    }

    private void Report(SortedDictionary<string, (double Ms, ulong Seed)> worst)
    {
        foreach (var (what, (ms, seed)) in worst)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}: {ms:F0} ms (seed {seed})"));
        }
    }
}
