using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Unit.Network;

public sealed class WanNetworkTests
{
    private static readonly NodeId s_n1 = new(1);
    private static readonly NodeId s_n2 = new(2);
    private static readonly NodeId s_n4 = new(4);
    private static readonly NodeId s_n7 = new(7);

    [Fact]
    public void The_demo_has_nine_nodes_and_the_round_trips_of_its_page()
    {
        var topology = WanTopology.Demo;
        Assert.Equal(9, topology.Nodes.Length);
        Assert.Equal("us-east1-b", topology.Nodes[1].Zone);
        Assert.Equal(66, Rtt(1, 4));
        Assert.Equal(64, Rtt(1, 7));
        Assert.Equal(146, Rtt(9, 4));
        Assert.Equal(1, Rtt(1, 2));

        double Rtt(int a, int b) => topology.RttMsBetween(topology.Nodes[a - 1], topology.Nodes[b - 1]);
    }

    [Fact]
    public void A_message_takes_half_a_round_trip_and_jitter_only_adds()
    {
        var network = new WanNetwork(WanTopology.Demo with { JitterFraction = 0.5 });
        var prng = new Prng(1);
        long slowest = 0;
        for (var i = 0; i < 1000; i++)
        {
            // Far enough apart that order within the lane holds nothing back.
            MonoTime now = new(i * 1_000_000L);
            var took = network.Decide(s_n1, s_n4, Lane.Normal, 0, now, prng).At.MicrosSince(now);
            Assert.InRange(took, 33_000, 49_500);
            slowest = Math.Max(slowest, took);
        }

        Assert.True(slowest > 45_000);
    }

    [Fact]
    public void Jitter_never_reorders_a_lane_and_reordering_does()
    {
        Assert.Equal(0, Overtakings(WanConditions.None with { DelayMicrosMax = 20_000 }));
        Assert.NotEqual(0, Overtakings(WanConditions.None with { Reorder = 0.2 }));
    }

    [Fact]
    public void Loss_and_duplicates_come_as_often_as_asked()
    {
        var network = new WanNetwork(WanTopology.Demo with { Loss = 0.1 }) { Conditions = new() { Loss = 0.1, Duplicate = 0.25 } };
        var prng = new Prng(3);
        var (lost, twice) = (0, 0);
        for (var i = 0; i < 10_000; i++)
        {
            var delivery = network.Decide(s_n1, s_n2, Lane.Normal, 100, new(i), prng);
            lost += delivery.IsLost ? 1 : 0;
            twice += delivery.DuplicateAt is { } second && second >= delivery.At ? 1 : 0;
        }

        Assert.InRange(lost, 1_750, 2_050);
        Assert.InRange(twice, 1_850, 2_200);
    }

    [Fact]
    public void A_full_pipe_delays_bulk_by_all_normal_by_normal_and_liveness_by_nothing()
    {
        var network = new WanNetwork(WanTopology.Demo with { JitterFraction = 0, RegionBytesPerSecond = 1_000_000 });
        var prng = new Prng(1);
        Assert.Equal(33_000 + 10_000_000, Send(Lane.Bulk, 10_000_000));
        Assert.Equal(33_000 + 1_000_000, Send(Lane.Normal, 1_000_000));
        Assert.Equal(33_000 + 2_000_000, Send(Lane.Normal, 1_000_000));
        Assert.Equal(33_000 + 12_001_000, Send(Lane.Bulk, 1_000));
        Assert.Equal(33_000 + 100, Send(Lane.Liveness, 100));

        // The other direction, another pair of regions, and one's own region have room of their own.
        Assert.Equal(33_000, network.Decide(s_n4, s_n1, Lane.Bulk, 0, default, prng).At.Micros);
        Assert.Equal(32_000, network.Decide(s_n1, s_n7, Lane.Bulk, 0, default, prng).At.Micros);
        Assert.Equal(500, network.Decide(s_n1, s_n2, Lane.Bulk, 10_000_000, default, prng).At.Micros);

        long Send(Lane lane, int bytes) => network.Decide(s_n1, s_n4, lane, bytes, default, prng).At.Micros;
    }

    [Theory]
    [InlineData(CutDirection.Both, true, true)]
    [InlineData(CutDirection.In, true, false)]
    [InlineData(CutDirection.Out, false, true)]
    public void A_partitioned_region_loses_the_directions_asked_and_stays_whole_inside(CutDirection direction, bool cutsIn, bool cutsOut)
    {
        var network = new WanNetwork(WanTopology.Demo);
        var cut = network.Partition(WanSide.Regions("europe-west1"), direction);
        Assert.Equal(cutsIn, network.IsCut(s_n1, s_n7));
        Assert.Equal(cutsIn, network.Decide(s_n1, s_n7, Lane.Normal, 1, default, new(1)).IsLost);
        Assert.Equal(cutsOut, network.IsCut(s_n7, s_n1));
        Assert.False(network.IsCut(s_n7, new(8)));
        Assert.False(network.IsCut(s_n1, s_n4));
        Assert.False(network.IsCut(s_n7, s_n7));
        network.Heal(cut);
        Assert.False(network.IsCut(s_n1, s_n7) || network.IsCut(s_n7, s_n1));
    }

    [Fact]
    public void Cuts_between_nodes_and_zones_are_one_way_and_add_up()
    {
        var network = new WanNetwork(WanTopology.Demo);
        var first = network.Cut(WanSide.Nodes(s_n1), WanSide.Zones("us-west1-a"));
        network.Cut(WanSide.Nodes(s_n1, s_n2), WanSide.Regions("us-west1"));
        Assert.True(network.IsCut(s_n1, s_n4));
        Assert.False(network.IsCut(s_n4, s_n1));
        network.Heal(first);
        Assert.True(network.IsCut(s_n1, s_n4));
        network.HealAll();
        Assert.False(network.IsCut(s_n1, s_n4));
        Assert.False(network.HasRules);
    }

    [Fact]
    public void A_clog_holds_everything_until_its_end_in_order()
    {
        var network = new WanNetwork(WanTopology.Demo);
        var prng = new Prng(5);
        network.Clog(WanSide.Everyone, WanSide.Nodes(s_n2), new(3_000_000));
        var first = network.Decide(s_n1, s_n2, Lane.Normal, 1, new(0), prng).At;
        var second = network.Decide(s_n1, s_n2, Lane.Normal, 1, new(10), prng).At;
        Assert.Equal(new(3_000_000), first);
        Assert.True(second >= first);
        Assert.True(network.Decide(s_n2, s_n1, Lane.Normal, 1, new(0), prng).At < new MonoTime(3_000_000));
        Assert.True(network.Decide(s_n1, s_n2, Lane.Normal, 1, new(4_000_000), prng).At < new MonoTime(4_100_000));
    }

    [Fact]
    public void The_same_seed_decides_the_same()
    {
        Assert.Equal(Run(11), Run(11));
        Assert.NotEqual(Run(11), Run(12));

        static string Run(ulong seed)
        {
            var network = new WanNetwork(WanTopology.Demo) { Conditions = new() { Loss = 0.1, Duplicate = 0.1, Reorder = 0.1 } };
            var prng = new Prng(seed);
            return string.Join(';', Enumerable.Range(0, 200).Select(i => network.Decide(s_n1, s_n4, Lane.Normal, i, new(i * 50), prng)));
        }
    }

    private static int Overtakings(WanConditions conditions)
    {
        var network = new WanNetwork(WanTopology.Demo with { JitterFraction = 0.3 }) { Conditions = conditions };
        var prng = new Prng(2);
        var last = MonoTime.Never;
        var overtakings = 0;
        for (var i = 0; i < 2000; i++)
        {
            var at = network.Decide(s_n1, s_n4, Lane.Normal, 10, new(i * 100), prng).At;
            overtakings += at < last ? 1 : 0;
            last = at;
        }

        return overtakings;
    }
}
