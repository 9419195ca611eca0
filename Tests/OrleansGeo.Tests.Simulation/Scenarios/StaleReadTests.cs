using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Scenarios;
using Xunit;

namespace OrleansGeo.Tests.Simulation.Scenarios;

/// <summary>Stale reads stop nowhere while a replica is left: they wait neither for a takeover nor for a loss to be known.</summary>
public sealed class StaleReadTests
{
    // A takeover begins when the support of the old leader has run out.
    private const long TakeoverMs = 1_500;
    private readonly ScenarioHost _host = new(12);

    [Fact]
    public void A_region_that_loses_its_only_replica_together_with_the_leaseholder_reads_on_at_once()
    {
        Prepare(ScenarioHost.Regional);
        var leaseholder = _host.LeaseholderOf(ScenarioHost.Regional);
        var replicas = Replicas(ScenarioHost.Regional);
        var region = new[] { "us-west1", "europe-west1" }.First(name => ScenarioHost.NodesOf(name).Count(replicas.Contains) == 1);
        var inside = ScenarioHost.NodesOf(region);
        _host.Crash([leaseholder, inside.Single(replicas.Contains)]);
        AssertReadsAtOnce(ScenarioHost.Regional, inside.Where(node => !replicas.Contains(node)));
    }

    [Fact]
    public void The_home_region_reads_on_at_once_when_it_loses_the_leaseholder()
    {
        Prepare(ScenarioHost.Regional);
        var leaseholder = _host.LeaseholderOf(ScenarioHost.Regional);
        _host.Crash([leaseholder]);
        AssertReadsAtOnce(ScenarioHost.Regional, ScenarioHost.NodesOf(ScenarioHost.Home).Where(node => node != leaseholder));
    }

    [Fact]
    public void A_bounded_read_is_served_by_the_last_replica_anywhere()
    {
        Prepare(ScenarioHost.Zonal);
        var replicas = Replicas(ScenarioHost.Zonal);
        var last = replicas.Last(node => !ScenarioHost.NodesOf(ScenarioHost.Home).Contains(node));
        _host.Crash(replicas.Where(node => node != last));
        _host.RunFor(2 * TakeoverMs);
        foreach (var node in _host.Nodes.Where(node => node != last && !replicas.Contains(node)))
        {
            var (read, ms) = _host.Measure(() => _host.Read(node.Value, ScenarioHost.Zonal, "k", new ReadBound.Bounded(60_000)));
            Assert.Equal("v", read.Value?.Row["v"].AsString());
            Assert.InRange(ms, 0, 1_000);
        }
    }

    private void Prepare(TableRef table)
    {
        var written = _host.Write(1, table, "k", "v");
        Assert.True(written.IsOk, written.Error?.ToString());
        _host.RunFor(3_000);
        foreach (var node in _host.Nodes)
        {
            // Everybody knows the leaseholder from before.
            Assert.True(_host.Read(node.Value, table, "k").IsOk);
        }

        _host.RunFor(3_000);
    }

    private NodeId[] Replicas(TableRef table) => [.. _host.RangeOf(table).Configuration.Members()];

    private void AssertReadsAtOnce(TableRef table, IEnumerable<NodeId> nodes)
    {
        foreach (var node in nodes.ToArray())
        {
            var (read, ms) = _host.Measure(() => _host.Read(node.Value, table, "k", new ReadBound.Exact(2_000)));
            Assert.Equal("v", read.Value?.Row["v"].AsString());
            Assert.InRange(ms, 0, TakeoverMs / 2);
        }
    }
}
