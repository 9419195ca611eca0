using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Scenarios;
using Xunit;

namespace OrleansGeo.Tests.Simulation.Scenarios;

/// <summary>
/// The table of DESIGN section 8, in virtual time: what a request reports that it paid, and the time it took, each against the formula.
/// </summary>
public sealed class CostTests
{
    // A disk that is quick beside the network: the table is about the network.
    private const long SyncMicros = 200;

    // N(h): from us-east1 to the nearest region with a voter, which is europe-west1.
    private const double HomeToVoterMs = 64;

    // Housekeeping would bring a leaseholder home that a test sent away; here it comes too seldom to.
    private readonly ScenarioHost _host = new(7, options => options with { HousekeepingMicros = 600_000_000 }, SyncMicros);

    // A node that may be the leaseholder, one beside it, and one of each other region. RTT(c,h) in milliseconds.
    private static readonly (int Node, double RttMs)[] s_callers = [(1, 0), (2, 0), (3, 0), (4, 66), (6, 66), (7, 64), (9, 64)];

    [Fact]
    public void A_strong_read_costs_nothing_at_home_and_one_round_trip_to_home_elsewhere()
    {
        foreach (var table in new[] { ScenarioHost.Zonal, ScenarioHost.Regional })
        {
            Accept(_host.Write(1, table, "k", "v"));
            foreach (var (node, rttMs) in s_callers)
            {
                Warm(node, table);
                var (read, ms) = _host.Measure(() => _host.Read(node, table, "k"));
                Accept(read);
                Paid(read.Meta, ms, rttMs, rttMs == 0 ? [] : [Leg(node, ScenarioHost.Home)]);
                Assert.Equal(ScenarioHost.Home, read.Meta.ServedByRegion);
            }
        }
    }

    [Fact]
    public void A_stale_read_costs_nothing_in_any_region_once_it_is_resolved()
    {
        foreach (var table in new[] { ScenarioHost.Zonal, ScenarioHost.Regional })
        {
            Accept(_host.Write(1, table, "k", "v"));
            _host.RunFor(2_000);
            foreach (var bound in new ReadBound[] { new ReadBound.Bounded(2_000), new ReadBound.Exact(1_500) })
            {
                foreach (var (node, _) in s_callers)
                {
                    var (read, ms) = _host.Measure(() => _host.Read(node, table, "k", bound));
                    Accept(read);
                    Paid(read.Meta, ms, 0, []);
                    Assert.Equal(ScenarioHost.RegionOf(new(node)), read.Meta.ServedByRegion);
                }
            }
        }
    }

    [Fact]
    public void A_stale_read_that_is_not_resolved_costs_a_round_trip_to_home()
    {
        Accept(_host.Write(1, ScenarioHost.Zonal, "k", "v"));
        foreach (var (node, rttMs) in s_callers)
        {
            Warm(node, ScenarioHost.Zonal);
            var (read, ms) = _host.Measure(() => _host.Read(node, ScenarioHost.Zonal, "k", new ReadBound.Bounded(0)));
            Accept(read);
            Paid(read.Meta, ms, rttMs, rttMs == 0 ? [] : [Leg(node, ScenarioHost.Home)]);
        }
    }

    [Fact]
    public void A_write_under_the_zone_goal_costs_a_round_trip_to_home()
    {
        foreach (var (node, rttMs) in s_callers)
        {
            Warm(node, ScenarioHost.Zonal);
            var (write, ms) = MedianWrite(node, ScenarioHost.Zonal);
            Accept(write);
            Paid(write.Meta, ms, rttMs, rttMs == 0 ? [] : [Leg(node, ScenarioHost.Home)]);
        }
    }

    [Fact]
    public void A_write_under_the_region_goal_costs_a_round_trip_to_the_nearest_voters_region_besides()
    {
        foreach (var (node, rttMs) in s_callers)
        {
            Warm(node, ScenarioHost.Regional);
            var (write, ms) = MedianWrite(node, ScenarioHost.Regional);
            Accept(write);
            var quorum = $"{ScenarioHost.Home}>europe-west1";
            Paid(write.Meta, ms, rttMs + HomeToVoterMs, rttMs == 0 ? [quorum] : [Leg(node, ScenarioHost.Home), quorum]);
        }
    }

    [Fact]
    public void When_the_leaseholder_is_elsewhere_than_planned_the_reported_path_tells_the_truth()
    {
        // The plan says us-east1. Leadership goes to europe-west1 and stays there for the time being.
        var range = _host.RangeOf(ScenarioHost.Regional);
        var away = range.Configuration.Voters.First(voter => ScenarioHost.RegionOf(voter) == "europe-west1");
        foreach (var (node, _) in s_callers)
        {
            Warm(node, ScenarioHost.Regional);
        }

        var moved = _host.Ask(away.Value, store => store.TransferLeaderAsync(
            range.Id.Value, away.ToString(), RequestOptions.Default, CancellationToken.None));
        Accept(moved);
        Assert.Equal(away, _host.LeaseholderOf(ScenarioHost.Regional));

        // us-west1 believes in us-east1: it is told there, at the price of that trip.
        var (read, readMs) = _host.Measure(() => _host.Read(4, ScenarioHost.Regional, "k"));
        Assert.Equal("row-not-found", read.Error?.Code);
        Assert.Equal("europe-west1", read.Meta.ServedByRegion);
        Paid(read.Meta, readMs, 66 + 146, ["us-west1>us-east1", "us-west1>europe-west1"]);

        // From then on it knows. Both voters of europe-west1 and one more are a quorum: us-east1 is the nearest that has one.
        var (write, writeMs) = _host.Measure(() => _host.Write(4, ScenarioHost.Regional, "k", "v"));
        Accept(write);
        Paid(write.Meta, writeMs, 146 + 64, ["us-west1>europe-west1", "europe-west1>us-east1"]);
        Assert.Equal(away, _host.LeaseholderOf(ScenarioHost.Regional));
    }

    private static string Leg(int node, string to) => $"{ScenarioHost.RegionOf(new(node))}>{to}";

    private static void Accept<T>(GeoResult<T> result)
        where T : class => Assert.True(result.IsOk, result.Error?.ToString());

    // The contract is about the median: a single write may meet a slow sync of a disk.
    private (GeoResult<WriteResult> Result, double Ms) MedianWrite(int node, TableRef table) => Enumerable.Range(0, 9)
        .Select(i => _host.Measure(() => _host.Write(node, table, "k", $"{node}-{i}")))
        .OrderBy(write => write.Item2)
        .ElementAt(4);

    // The first request of a node finds out who leads.
    private void Warm(int node, TableRef table) => _host.Read(node, table, "warm");

    private static void Paid(ResponseMeta meta, double ms, double formulaMs, string[] legs)
    {
        Assert.Equal(legs, meta.WanPath);
        Assert.Equal(legs.Length, meta.RoundTrips);
        Assert.InRange(ms, formulaMs, (formulaMs * 1.15) + 3);
        Assert.InRange(meta.ElapsedMs, formulaMs - 1, ms);
    }
}
