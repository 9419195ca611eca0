using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Scenarios;
using Xunit;

namespace OrleansGeo.Tests.Simulation.Scenarios;

/// <summary>A node that is about to leave hands over what it leads, and is handed nothing.</summary>
public sealed class DrainTests
{
    private const long HandOverMs = 1_000;

    // A hand-over and what finds the new leaseholder: far below what a loss costs.
    private const double PauseMs = 700;
    private readonly ScenarioHost _host = new(21);

    [Fact]
    public void A_node_that_drains_hands_over_and_is_handed_nothing_until_it_starts_again()
    {
        var home = ScenarioHost.NodesOf(ScenarioHost.Home);
        Accept(_host.Write(5, ScenarioHost.Regional, "k", "before"));
        foreach (var node in home)
        {
            Drain(node);
        }

        // The home region is preferred, and heard; only that its nodes drain keeps leadership away.
        for (var look = 0; look < 30; look++)
        {
            _host.RunFor(HandOverMs);
            Assert.DoesNotContain(_host.LeaseholderOf(ScenarioHost.Regional), home);
            Accept(_host.Write(5, ScenarioHost.Regional, "k", $"{look}"));
        }

        // The zone goal has its voters at home: where everybody drains, the one who leads stays.
        Assert.Contains(_host.LeaseholderOf(ScenarioHost.Zonal), home);
        Accept(_host.Write(5, ScenarioHost.Zonal, "k", "on"));
        foreach (var node in home)
        {
            _host.Crash([node]);
            _host.Restart([node]);
        }

        _host.RunUntil(
            () => home.Contains(_host.LeaseholderOf(ScenarioHost.Regional)), 60_000, "leadership did not come home");
        Assert.Equal("29", _host.Read(5, ScenarioHost.Regional, "k").Value!.Row["v"].AsString());
    }

    [Fact]
    public void A_voter_that_drains_takes_over_last()
    {
        // The leader of a range with three voters at home is lost; of the two others the one that drains waits for the other.
        var leader = _host.LeaseholderOf(ScenarioHost.Zonal);
        var others = _host.RangeOf(ScenarioHost.Zonal).Configuration.Voters.Where(voter => voter != leader).ToArray();
        foreach (var drains in others)
        {
            var host = new ScenarioHost(21);
            Assert.Equal(leader, host.LeaseholderOf(ScenarioHost.Zonal));
            Post(host, drains);
            host.RunFor(HandOverMs);
            host.Crash([leader]);
            host.RunUntil(() => host.LeaseholderOf(ScenarioHost.Zonal).IsSome, 10_000, "nobody took over");
            Assert.Equal(others.Single(other => other != drains), host.LeaseholderOf(ScenarioHost.Zonal));
        }
    }

    [Fact]
    public void Nothing_fails_while_a_node_drains_and_what_is_asked_meanwhile_waits_for_no_loss()
    {
        var leaving = _host.LeaseholderOf(ScenarioHost.Zonal);
        var clients = _host.Nodes.Select(node => new OutageClient(
            _host, node, ScenarioHost.Zonal, OutageRequest.Write, TimeSpan.FromSeconds(5))).ToList();
        clients.ForEach(client => _host.Begin(client.RunAsync));
        _host.RunFor(1_000);
        clients.ForEach(client => client.Mark());
        Drain(leaving);
        _host.RunFor(5_000);
        Assert.NotEqual(leaving, _host.LeaseholderOf(ScenarioHost.Zonal));
        Assert.All(clients, client => Assert.InRange(client.WorstMs, 0, PauseMs));
        clients.ForEach(client => client.Stop());
    }

    [Fact]
    public void A_node_that_drains_says_so_of_itself_and_others_say_so_of_it()
    {
        Drain(new(4));
        _host.RunFor(HandOverMs);
        var readiness = _host.Ask(4, store => store.GetReadinessAsync(RequestOptions.Default, CancellationToken.None)).Value!;
        Assert.Equal((false, "this node is about to leave"), (readiness.Ready, Assert.Single(readiness.Reasons)));
        foreach (var node in new[] { 1, 4 })
        {
            var nodes = _host.Ask(node, store => store.ListNodesAsync(RequestOptions.Default, CancellationToken.None)).Value!.Items;
            Assert.Equal(["n4"], nodes.Where(known => known.Draining).Select(known => known.Name));
        }
    }

    private static void Accept<T>(GeoResult<T> result)
        where T : class => Assert.True(result.IsOk, result.Error?.ToString());

    private static void Post(ScenarioHost host, NodeId node) =>
        host.Cluster.Cluster.Nodes[node].Scheduler!.Post(static state => ((Engine.Node)state!).Drain(), host.NodeOf(node));

    private void Drain(NodeId node) => Post(_host, node);
}
