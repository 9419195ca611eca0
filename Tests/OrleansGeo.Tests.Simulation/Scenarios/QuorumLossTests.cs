using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Scenarios;
using Xunit;

namespace OrleansGeo.Tests.Simulation.Scenarios;

/// <summary>What a range that lost its quorum, or a node that is cut off from one, answers: DESIGN section 9.</summary>
public sealed class QuorumLossTests
{
    // D, in which a loss becomes known, and what it takes to say so.
    private const long KnownAfterMs = 1_500 + 300;
    private readonly ScenarioHost _host = new(11);

    [Fact]
    public void A_range_without_quorum_says_so_within_D_and_from_then_on_at_once_and_works_again_by_itself()
    {
        Accept(_host.Write(4, ScenarioHost.Zonal, "k", "before"));
        var leaseholder = _host.LeaseholderOf(ScenarioHost.Zonal);
        var lost = _host.RangeOf(ScenarioHost.Zonal).Configuration.Voters.Where(voter => voter != leaseholder).ToArray();
        _host.Crash(lost);
        _host.RunFor(KnownAfterMs);
        foreach (var node in _host.Nodes.Except(lost))
        {
            foreach (var ask in new Func<GeoError?>[]
            {
                () => _host.Write(node.Value, ScenarioHost.Zonal, "k", "lost").Error,
                () => _host.Read(node.Value, ScenarioHost.Zonal, "k").Error,
            })
            {
                var (error, ms) = _host.Measure(ask);
                Assert.Equal(GeoErrorKind.QuorumUnavailable, error?.Kind);
                Assert.Equal("quorum-unavailable", error!.Code);
                Assert.InRange(ms, 0, 200);
                Assert.Equal(_host.RangeOf(ScenarioHost.Zonal).Id.Value.ToString(), error.Facts!["range"]);
                Assert.Equal(string.Join(',', lost.Select(id => id.ToString())), error.Facts["nodes"]);
                Assert.Equal(ScenarioHost.Home, error.Facts["regions"]);
            }
        }

        // The region goal keeps its quorum through this.
        Accept(_host.Write(4, ScenarioHost.Regional, "k", "on"));
        _host.Restart(lost);
        _host.RunUntil(() => _host.Read(4, ScenarioHost.Zonal, "k").IsOk, 10_000, "the range did not come back by itself");
        Assert.Equal("before", _host.Read(7, ScenarioHost.Zonal, "k").Value!.Row["v"].AsString());
        Accept(_host.Write(9, ScenarioHost.Zonal, "k", "after"));
    }

    [Fact]
    public void A_write_that_was_under_way_when_the_quorum_was_lost_is_unknown_and_never_a_failure()
    {
        var range = _host.RangeOf(ScenarioHost.Zonal).Configuration.Voters;
        var leaseholder = _host.LeaseholderOf(ScenarioHost.Zonal);
        Accept(_host.Write(4, ScenarioHost.Zonal, "k", "before"));
        _host.Crash(range.Where(voter => voter != leaseholder));
        var options = new RequestOptions(TimeSpan.FromSeconds(3), "once");
        var error = _host.Write(4, ScenarioHost.Zonal, "k", "perhaps", options).Error;
        Assert.Equal(GeoErrorKind.OutcomeUnknown, error?.Kind);
        _host.Restart(range.Where(voter => voter != leaseholder));
        _host.RunUntil(() => _host.Read(4, ScenarioHost.Zonal, "k").IsOk, 10_000, "the range did not come back by itself");

        // Asked again with its key, it is made once or was made once.
        var again = _host.Write(7, ScenarioHost.Zonal, "k", "perhaps", options with { Timeout = TimeSpan.FromSeconds(5) });
        Accept(again);
        var read = _host.Read(4, ScenarioHost.Zonal, "k");
        Assert.Equal("perhaps", read.Value!.Row["v"].AsString());
        Assert.Equal(again.Value!.Version, read.Value.Version);
    }

    [Theory]
    [InlineData("us-west1")]
    [InlineData("europe-west1")]
    public void A_region_that_is_cut_off_says_that_it_reaches_nobody_and_its_stale_reads_go_on(string region)
    {
        foreach (var table in new[] { ScenarioHost.Zonal, ScenarioHost.Regional })
        {
            Accept(_host.Write(1, table, "k", "v"));
        }

        _host.RunFor(1_000);
        var inside = ScenarioHost.NodesOf(region);
        _host.Cluster.Network.Partition(WanSide.Regions(region), CutDirection.Both);
        _host.RunFor(KnownAfterMs);
        foreach (var table in new[] { ScenarioHost.Zonal, ScenarioHost.Regional })
        {
            foreach (var node in inside)
            {
                var (write, writeMs) = _host.Measure(() => _host.Write(node.Value, table, "k", "lost"));
                var (read, readMs) = _host.Measure(() => _host.Read(node.Value, table, "k"));
                Assert.Equal(GeoErrorKind.RegionUnavailable, write.Error?.Kind);
                Assert.Equal(GeoErrorKind.RegionUnavailable, read.Error?.Kind);
                Assert.InRange(writeMs, 0, 200);
                Assert.InRange(readMs, 0, 200);
                Assert.Contains(ScenarioHost.Home, write.Error!.Facts!["regions"], StringComparison.Ordinal);
                var stale = _host.Read(node.Value, table, "k", new ReadBound.Bounded(10_000, LocalOnly: true));
                Assert.Equal("v", stale.Value?.Row["v"].AsString());
            }

            // Everybody else goes on.
            Accept(_host.Write(1, table, "k", "v"));
        }

        _host.Cluster.Network.HealAll();
        foreach (var node in inside)
        {
            _host.RunUntil(
                () => _host.Write(node.Value, ScenarioHost.Regional, "k", "v").IsOk, 10_000, "the region did not come back by itself");
        }
    }

    private static void Accept<T>(GeoResult<T> result)
        where T : class => Assert.True(result.IsOk, result.Error?.ToString());
}
