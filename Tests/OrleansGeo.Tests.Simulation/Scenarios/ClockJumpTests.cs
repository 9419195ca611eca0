using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using OrleansGeo.Simulation;
using OrleansGeo.Simulation.Scenarios;
using Xunit;

namespace OrleansGeo.Tests.Simulation.Scenarios;

/// <summary>Wall clocks that are set ±288 s off: DESIGN section 3 says that it must break nothing.</summary>
public sealed class ClockJumpTests(ITestOutputHelper output)
{
    private const long JumpMs = 288_000;
    private readonly ScenarioHost _host = new(23, syncMicros: 200);

    [Fact]
    public void Jumps_of_each_node_and_of_all_at_once_break_nothing()
    {
        var load = new ScenarioLoad(_host, ScenarioHost.Zonal, ScenarioHost.Regional);
        load.AwaitProgress(2_000);
        var before = Leaders();
        foreach (var node in _host.Nodes)
        {
            foreach (var ms in new[] { JumpMs, -JumpMs, -JumpMs, JumpMs })
            {
                Jump(load, before, [node], ms);
            }
        }

        foreach (var ms in new[] { JumpMs, -JumpMs, -JumpMs, JumpMs })
        {
            Jump(load, before, _host.Nodes, ms);
        }

        var verdict = load.Finish();
        Assert.True(verdict.IsGood, verdict.ToString());
    }

    [Fact]
    public void A_read_in_the_future_is_invalid_whatever_the_clocks_of_others_show()
    {
        foreach (var off in _host.Nodes)
        {
            _host.Cluster.JumpClock(off, JumpMs);
            _host.RunFor(500);
            foreach (var node in _host.Nodes)
            {
                var now = ((IGatewayHost)_host.NodeOf(node)).Clock;
                var read = _host.Read(node.Value, ScenarioHost.Zonal, "k", new ReadBound.At(now.AddMillis(60_000)));
                Assert.Equal(GeoErrorKind.Invalid, read.Error?.Kind);
                Assert.Equal("timestamp-in-future", read.Error!.Code);
            }

            _host.Cluster.JumpClock(off, -JumpMs);
        }
    }

    [Fact]
    public void A_clock_an_hour_ahead_is_believed_by_nobody_is_reported_by_all_and_breaks_nothing()
    {
        var off = new NodeId(8);
        _host.Cluster.JumpClock(off, 3_600_000);
        _host.RunFor(30_000);
        Assert.Equal(_host.Nodes.Except([off]).Order(), _host.Cluster.ClocksRefused.Select(refused => refused.Node).Order());
        Assert.All(_host.Cluster.ClocksRefused, refused => Assert.Equal(off, refused.Peer));
        Assert.All(_host.Cluster.ClocksRefused, refused => Assert.InRange(refused.Ahead.TotalSeconds, 3_590, 3_610));

        // Nobody was dragged along, and everybody is served; the reports come again, and not all the time.
        Assert.InRange(AheadMs(off), 0, 5_000);
        foreach (var node in _host.Nodes.Except([off]))
        {
            Assert.True(_host.Write(node.Value, ScenarioHost.Zonal, "k", "v").IsOk);
        }

        _host.RunFor(60_000);
        Assert.Equal(2 * (_host.Nodes.Count - 1), _host.Cluster.ClocksRefused.Count);
    }

    [Fact]
    public void A_strong_read_after_a_jump_beyond_the_bound_costs_at_most_one_quorum_round()
    {
        foreach (var (table, quorumMs) in new[] { (ScenarioHost.Zonal, 1.0), (ScenarioHost.Regional, 64.0) })
        {
            var leaseholder = _host.LeaseholderOf(table);
            Assert.Equal("row-not-found", _host.Read(leaseholder.Value, table, "k").Error?.Code);
            _host.Cluster.JumpClock(leaseholder, JumpMs);
            var (read, ms) = _host.Measure(() => _host.Read(leaseholder.Value, table, "k"));
            Assert.Equal("row-not-found", read.Error?.Code);
            Assert.InRange(ms, quorumMs, (quorumMs * 1.15) + 3);

            // And only once.
            var (_, againMs) = _host.Measure(() => _host.Read(leaseholder.Value, table, "k"));
            Assert.InRange(againMs, 0, 1);
        }
    }

    [Fact]
    public void Neither_new_tables_nor_hand_overs_carry_the_clocks_away_from_wall_time()
    {
        for (var i = 0; i < 10; i++)
        {
            _host.CreateTable(new("geo", $"t{i}"), SurvivalGoal.Zone);
        }

        Assert.InRange(AheadMs(), 0, 50);
        var range = _host.RangeOf(ScenarioHost.Zonal);
        for (var i = 0; i < 20; i++)
        {
            // A leader starts above its predecessor's bound, which is D ahead; the next one must not start D above that.
            var to = range.Configuration.Voters[i % 3];
            Assert.True(_host.Ask(1, store => store.TransferLeaderAsync(
                range.Id.Value, to.ToString(), RequestOptions.Default, CancellationToken.None)).IsOk);
            Assert.True(_host.Write(1, ScenarioHost.Zonal, "k", $"{i}").IsOk);
            Assert.True(_host.Read(1, ScenarioHost.Zonal, "k").IsOk);
            output.WriteLine($"{AheadMs()} ms ahead");
        }

        Assert.InRange(AheadMs(), 0, 3_000);
    }

    // How far the clock that is farthest ahead of wall time is, but for those left out.
    private long AheadMs(params NodeId[] without)
    {
        var wallMs = SimClock.Epoch.ToUnixTimeMilliseconds() + (_host.World.NowMicros / 1000);
        return _host.Nodes.Except(without).Max(node => ((IGatewayHost)_host.NodeOf(node)).Clock.WallMillis) - wallMs;
    }

    private void Jump(ScenarioLoad load, (NodeId, Term, NodeId, Term) before, IReadOnlyList<NodeId> nodes, long ms)
    {
        foreach (var node in nodes)
        {
            _host.Cluster.JumpClock(node, ms);
        }

        load.AwaitProgress(2_000);
        Assert.Equal(before, Leaders());
    }

    // Leases hold: nobody else took over, in no newer term.
    private (NodeId, Term, NodeId, Term) Leaders() => (
        _host.LeaseholderOf(ScenarioHost.Zonal), TermOf(ScenarioHost.Zonal),
        _host.LeaseholderOf(ScenarioHost.Regional), TermOf(ScenarioHost.Regional));

    private Term TermOf(TableRef table) =>
        _host.NodeOf(_host.LeaseholderOf(table)).LocalReplica(_host.RangeOf(table).Id)!.Term;
}
