using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using Xunit;
using static OrleansGeo.Tests.Unit.Gateway.GatewaySetup;

namespace OrleansGeo.Tests.Unit.Gateway;

public sealed class ReadTests
{
    private static HlcTimestamp Before(FakeCluster cluster, long ms) => cluster.Clock.AddMillis(-ms);

    private static GeoResult<Listing<VersionedRow?>> ReadMany(FakeCluster cluster, ReadBound bound, params string[] ids) =>
        cluster.Run(store => store.ReadRowsAsync(Table, [.. ids.Select(Key)], bound, RequestOptions.Default, default));

    private static FakeCluster SplitCluster(int self = 1)
    {
        var cluster = WithTable(self);
        cluster.SplitAt("m");
        cluster.Write(Put("a", 1));
        cluster.Write(Put("z", 1));
        cluster.Loop.Time.Advance(TimeSpan.FromSeconds(10));
        cluster.Calls.Clear();
        return cluster;
    }

    [Fact]
    public void A_strong_read_over_ranges_is_one_moment_that_holds_what_a_fast_clock_acknowledged()
    {
        var cluster = SplitCluster();
        cluster.ClockSkewMs[new(2)] = 60_000;
        Assert.True(cluster.Write(Put("z", 2)).IsOk);
        var result = ReadMany(cluster, ReadBound.Strong, "z", "nothing", "a");
        Assert.True(result.IsOk, result.Error?.Detail);
        Assert.Equal(Datum.FromInt64(2), result.Value.Items[0]!.Row["n"]);
        Assert.Null(result.Value.Items[1]);
        Assert.Equal(Datum.FromInt64(1), result.Value.Items[2]!.Row["n"]);
        var last = cluster.Calls.Last(call => call.Range != new RangeId(900)).Operation as RangeOperation.Get;
        Assert.Equal(result.Meta.ReadTimestamp, last!.At);
    }

    [Fact]
    public void A_strong_read_follows_a_split_it_did_not_know()
    {
        var cluster = WithTable();
        cluster.Write(Put("a", 1));
        cluster.Write(Put("z", 2));
        cluster.SplitAt("m", publish: false);
        var result = ReadMany(cluster, ReadBound.Strong, "a", "z");
        Assert.Equal([1L, 2L], result.Value!.Items.Select(row => row!.Row["n"].AsInt64()));
    }

    [Fact]
    public void A_bounded_read_takes_the_minimum_over_its_ranges_and_asks_nobody()
    {
        var cluster = SplitCluster();
        var table = cluster.TableRange().Id;
        cluster.ResolvedAt[table] = Before(cluster, 700);
        cluster.ResolvedAt[new(900)] = Before(cluster, 900);
        var expected = cluster.ResolvedAt[new(900)];
        var result = ReadMany(cluster, new ReadBound.Bounded(5_000), "a", "z");
        Assert.True(result.IsOk, result.Error?.Detail);
        Assert.Equal(expected, result.Meta.ReadTimestamp);
        Assert.InRange(result.Meta.StalenessMs, 899, 905);
        Assert.Equal(0, result.Meta.RoundTrips);
        Assert.All(cluster.Calls, call => Assert.Equal(expected, Assert.IsType<RangeOperation.Get>(call.Operation).At));
        Assert.All(cluster.Calls, call => Assert.Equal(new NodeId(1), call.To));
    }

#if PLANTED_BUGS
    [Fact]
    public void A_bounded_read_that_ignores_a_range_is_noticed()
    {
        PlantedBug.Active = "gateway.bounded-ignores-one-range";
        try
        {
            Assert.ThrowsAny<Xunit.Sdk.XunitException>(A_bounded_read_takes_the_minimum_over_its_ranges_and_asks_nobody);
        }
        finally
        {
            PlantedBug.Active = null;
        }
    }
#endif

    [Fact]
    public void A_bounded_read_that_nothing_here_is_fresh_enough_for_goes_to_the_leaseholder()
    {
        var cluster = SplitCluster(self: 7);
        cluster.ResolvedAt[cluster.TableRange().Id] = Before(cluster, 9_000);
        var result = cluster.Read("a", new ReadBound.Bounded(5_000));
        Assert.True(result.IsOk, result.Error?.Detail);
        Assert.Equal("n1", result.Meta.ServedBy);
        Assert.Equal(1, result.Meta.RoundTrips);
        Assert.InRange(result.Meta.StalenessMs, 0, 70);
    }

    [Fact]
    public void The_age_of_the_leaders_promise_counts_although_the_clock_was_set_back()
    {
        var cluster = SplitCluster(self: 7);
        cluster.ClockAheadMs = -288_000;
        cluster.ResolvedAt[cluster.TableRange().Id] = cluster.Clock.AddMillis(-1);
        cluster.PromiseAge[cluster.TableRange().Id] = 6_000_000;
        var refused = cluster.Read("a", new ReadBound.Bounded(5_000, LocalOnly: true));
        Assert.Equal(GeoErrorKind.TooFresh, refused.Error!.Kind);
        var served = cluster.Read("a", new ReadBound.Bounded(10_000, LocalOnly: true));
        Assert.Equal(6_000, served.Meta.StalenessMs, 1.0);
    }

    [Fact]
    public void A_local_only_read_that_is_too_fresh_names_the_newest_timestamp()
    {
        var cluster = SplitCluster(self: 7);
        var newest = Before(cluster, 9_000);
        cluster.ResolvedAt[cluster.TableRange().Id] = newest;
        foreach (var bound in new ReadBound[]
        {
            new ReadBound.Bounded(5_000, true), new ReadBound.Exact(100, true), new ReadBound.At(cluster.Clock.AddMillis(-100), true),
        })
        {
            var result = cluster.Read("a", bound);
            Assert.Equal(GeoErrorKind.TooFresh, result.Error!.Kind);
            Assert.Equal(newest.ToString(), result.Error.Facts!["newest"]);
        }

        Assert.DoesNotContain(cluster.Calls, call => call.To.Value < 7);
    }

    [Fact]
    public void A_node_without_a_replica_reads_from_its_neighbour_also_when_its_region_is_cut_off()
    {
        var cluster = SplitCluster(self: 8);
        Assert.Null(cluster.LocalReplica(cluster.TableRange().Id));
        cluster.Down.UnionWith([new(1), new(2), new(3), new(4), new(5), new(6)]);
        foreach (var bound in new ReadBound[] { new ReadBound.Bounded(5_000, true), new ReadBound.Exact(1_000),
            new ReadBound.Bounded(5_000) })
        {
            var result = cluster.Read("a", bound);
            Assert.True(result.IsOk, result.Error?.Detail);
            Assert.Equal("europe", result.Meta.ServedByRegion);
            Assert.Equal(0, result.Meta.RoundTrips);
        }
    }

    [Fact]
    public void A_stale_read_sees_the_past()
    {
        var cluster = WithTable();
        cluster.Write(Put("a", 1));
        var then = cluster.Clock;
        cluster.Loop.Time.Advance(TimeSpan.FromSeconds(5));
        cluster.Write(Put("a", 2));
        cluster.Loop.Time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(Datum.FromInt64(1), cluster.Read("a", new ReadBound.At(then)).Value!.Row["n"]);
        Assert.Equal(Datum.FromInt64(1), cluster.Read("a", new ReadBound.Exact(4_000)).Value!.Row["n"]);
        Assert.Equal(Datum.FromInt64(2), cluster.Read("a", new ReadBound.Exact(1_000)).Value!.Row["n"]);
        Assert.Equal("exact;ms=1000", cluster.Read("a", new ReadBound.Exact(1_000)).Meta.Consistency);
    }

    [Fact]
    public void The_future_is_not_to_be_read()
    {
        var cluster = WithTable();
        var result = cluster.Read("a", new ReadBound.At(cluster.Clock.AddMillis(10_000)));
        Assert.Equal((GeoErrorKind.Invalid, "timestamp-in-future"), (result.Error!.Kind, result.Error.Code));
    }

    [Fact]
    public void A_session_raises_a_stale_read_to_what_it_has_seen()
    {
        var cluster = WithTable(self: 7);
        var written = cluster.Write(Put("a", 5));
        var options = RequestOptions.Default with { Session = written.Meta.Session };
        foreach (var bound in new ReadBound[] { new ReadBound.Exact(60_000), new ReadBound.Bounded(60_000) })
        {
            var result = cluster.Read("a", bound, options);
            Assert.Equal(Datum.FromInt64(5), result.Value!.Row["n"]);
            Assert.True(result.Meta.ReadTimestamp >= written.Value!.Version);
        }

        var past = cluster.Read("a", new ReadBound.At(cluster.Clock.AddMillis(-60_000)), options);
        Assert.Equal("timestamp-before-session", past.Error!.Code);
    }

    [Fact]
    public void A_session_that_was_not_given_out_here_is_refused()
    {
        var cluster = WithTable();
        foreach (var token in new[] { "x", string.Empty, SessionToken.Seal([9], cluster.Clock), "AAAA" })
        {
            Assert.Equal("bad-session", cluster.Read("a", null, RequestOptions.Default with { Session = token }).Error!.Code);
        }
    }
}
