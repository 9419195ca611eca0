using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using Xunit;
using static OrleansGeo.Tests.Unit.Gateway.GatewaySetup;

namespace OrleansGeo.Tests.Unit.Gateway;

public sealed class RoutingTests
{
    private static NodeId[] Asked(FakeCluster cluster) => [.. cluster.Calls.Select(call => call.To)];

    [Fact]
    public void A_hint_is_followed_and_the_leaseholder_is_asked_first_from_then_on()
    {
        var cluster = WithTable();
        cluster.Leaders[cluster.TableRange().Id] = new(3);
        Assert.True(cluster.Write(Put("a", 1)).IsOk);
        Assert.Equal([new NodeId(1), new NodeId(3)], Asked(cluster));
        cluster.Calls.Clear();
        Assert.True(cluster.Read("a").IsOk);
        Assert.Equal([new NodeId(3)], Asked(cluster));
    }

    [Fact]
    public void Hints_that_lead_in_a_circle_are_left_for_a_pause()
    {
        var cluster = WithTable();
        var range = cluster.TableRange().Id;
        cluster.Script = call => call.Range == range && cluster.Loop.Time.Millis < 1_800
            ? new RangeOutcome.NotLeaseholder(new(call.To.Value == 2 ? 3 : 2), false, false, null)
            : (FakeAnswer?)null;
        Assert.True(cluster.Read("missing").Error!.Kind == GeoErrorKind.NotFound);
        Assert.True(cluster.Calls.Count < 100, $"{cluster.Calls.Count} calls");
    }

    [Fact]
    public void A_catalog_that_is_asked_for_its_index_and_answers_otherwise_on_the_spot_is_left_for_a_pause()
    {
        const int CallsMax = 200;
        var cluster = WithTable();
        var asked = 0;
        cluster.Script = call => call.Operation is RangeOperation.Status && call.Range == SystemKeys.RangeId
            && cluster.Loop.Time.Millis < 3_000 && ++asked < CallsMax
                ? new FakeAnswer(new RangeOutcome.NotLeaseholder(NodeId.None, false, false, null), DelayMs: 0)
                : (FakeAnswer?)null;
        var other = cluster.Split(9_999, "m");
        Assert.Equal(GeoErrorKind.NotFound, other.Error!.Kind);
        Assert.InRange(asked, 2, 100);
        Assert.True(cluster.Loop.Time.Millis >= 3_000, $"{cluster.Loop.Time.Millis} ms");
    }

    [Fact]
    public void A_split_that_the_directory_does_not_know_yet_is_followed()
    {
        var cluster = WithTable();
        cluster.SplitAt("m", leader: 2, publish: false);
        Assert.True(cluster.Write(Put("x", 1)).IsOk);
        Assert.True(cluster.Write(Put("a", 1)).IsOk);
        cluster.Calls.Clear();
        Assert.Equal(Datum.FromInt64(1), cluster.Read("x").Value!.Row["n"]);
        Assert.Equal([new FakeCall(new(2), new(900), cluster.Calls[0].Operation, cluster.Calls[0].AtMs)], cluster.Calls);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Who_split_a_range_lists_both_halves_and_can_split_them_whatever_the_directory_has_heard(bool leftFirst)
    {
        var cluster = WithTable();
        cluster.HoldSystem = true;
        var whole = cluster.TableRange();
        Assert.True(cluster.Split(whole.Id.Value, "m").IsOk);
        cluster.AssertListed(2);

        // Each half's leaseholder tells the directory by itself. One that was told of makes nobody forget the other.
        var right = cluster.Truth.Values.Single(range => range.Span.End == whole.Span.End && range.TableId != 0).Id;
        cluster.PublishRange(leftFirst ? whole.Id : right);
        cluster.AssertListed(2);
        Assert.True(cluster.Write(Put("x", 1)).IsOk);
        Assert.True(cluster.Split(cluster.Listed()[^1].Id, "t").IsOk);
        cluster.AssertListed(3);

        cluster.PublishRange(leftFirst ? right : whole.Id);
        cluster.AssertListed(3);
    }

    [Fact]
    public void Who_only_hears_of_the_right_half_lists_the_left_one_without_it()
    {
        var cluster = WithTable();
        var right = cluster.SplitAt("m", publish: false);
        cluster.PublishRange(right.Id);
        cluster.AssertListed(2);
    }

    [Fact]
    public void A_key_in_a_right_half_that_nobody_has_told_of_yet_is_waited_for()
    {
        var cluster = WithTable();
        Assert.True(cluster.Write(Put("x", 1)).IsOk);
        var (left, right) = (cluster.TableRange().Id, cluster.SplitAt("m", publish: false));
        cluster.PublishRange(left);
        var due = cluster.Loop.Time.Millis + 1_000;
        cluster.Script = _ =>
        {
            if (cluster.Loop.Time.Millis >= due)
            {
                cluster.PublishRange(right.Id);
            }

            return null;
        };
        Assert.Equal(Datum.FromInt64(1), cluster.Read("x").Value!.Row["n"]);
        Assert.True(cluster.Loop.Time.Millis >= due, $"{cluster.Loop.Time.Millis} ms");
    }

    [Fact]
    public void Of_a_table_that_was_dropped_nothing_is_listed_that_was_only_heard_of()
    {
        var cluster = WithTable();
        cluster.HoldSystem = true;
        Assert.True(cluster.Split(cluster.TableRange().Id.Value, "m").IsOk);
        cluster.AssertListed(2);
        cluster.HoldSystem = false;
        Assert.Null(cluster.Run(store => store.DropTableAsync(Table, RequestOptions.Default, default)).Error);
        var left = cluster.Run(store => store.ListRangesAsync(null, RequestOptions.Default, default)).Value!.Items;
        Assert.Equal([SystemKeys.RangeId.Value], left.Select(range => range.Id));
    }

    [Fact]
    public void A_range_that_does_not_answer_is_left_for_the_next_voter()
    {
        var cluster = WithTable();
        var range = cluster.TableRange().Id;
        cluster.Script = call => call.Range == range && call.To.Value == 1 ? FakeAnswer.Lost : null;
        cluster.Leaders[range] = new(2);
        Assert.Equal(GeoErrorKind.NotFound, cluster.Read("a").Error!.Kind);
        Assert.Equal([new NodeId(1), new NodeId(2)], Asked(cluster));
    }

    [Fact]
    public void The_round_trips_and_legs_of_a_remote_write_with_a_remote_quorum_are_reported_as_paid()
    {
        var cluster = WithTable(self: 7);
        cluster.Script = call => call.Operation is RangeOperation.Write
            && cluster.Answer(call.To, call.Range, call.Operation) is RangeOutcome.Written written
            ? written with { QuorumPath = WanPath.Add(WanPath.Add(null, new(1), new(4)), new(4), new(1)) }
            : (FakeAnswer?)null;
        cluster.Leaders[cluster.TableRange().Id] = new(1);
        var meta = cluster.Write(Put("a", 1)).Meta;
        Assert.Equal(2, meta.RoundTrips);
        Assert.Equal(["europe>east", "east>west"], meta.WanPath);
        Assert.Equal("n1", meta.Leaseholder);
        Assert.Equal("east", meta.ServedByRegion);
    }

    [Fact]
    public void A_range_without_a_majority_is_unavailable_at_once_and_says_who_is_missing()
    {
        var cluster = WithTable(self: 7);
        cluster.Down.UnionWith([new(1), new(2)]);
        var write = cluster.Write(Put("a", 1));
        Assert.Equal(GeoErrorKind.QuorumUnavailable, write.Error!.Kind);
        Assert.True(write.Meta.ElapsedMs < 200);
        Assert.Equal("n1,n2", write.Error.Facts!["nodes"]);
        Assert.Equal("east", write.Error.Facts["regions"]);
        Assert.Equal(cluster.TableRange().Id.Value.ToString(), write.Error.Facts["range"]);
        Assert.Empty(cluster.Calls);
        var read = cluster.Read("a");
        Assert.Equal(GeoErrorKind.QuorumUnavailable, read.Error!.Kind);
        Assert.True(read.Meta.ElapsedMs < 200);
    }

    [Fact]
    public void A_node_that_is_cut_off_says_that_it_reaches_nobody()
    {
        var cluster = WithTable(self: 7);
        cluster.Down.UnionWith([new(1), new(2), new(3), new(4), new(5), new(6)]);
        Assert.Equal(GeoErrorKind.RegionUnavailable, cluster.Write(Put("a", 1)).Error!.Kind);
        var read = cluster.Read("a");
        Assert.Equal(GeoErrorKind.RegionUnavailable, read.Error!.Kind);
        Assert.True(read.Meta.ElapsedMs < 200);
    }

    [Fact]
    public void Voters_that_all_know_of_no_quorum_are_believed()
    {
        var cluster = WithTable();
        var range = cluster.TableRange().Id;
        cluster.Script = call => call.Range == range ? new RangeOutcome.NotLeaseholder(default, false, true, null) : (FakeAnswer?)null;
        var result = cluster.Write(Put("a", 1));
        Assert.Equal(GeoErrorKind.QuorumUnavailable, result.Error!.Kind);
        Assert.True(result.Meta.ElapsedMs < 200);
    }

    [Fact]
    public void A_known_loss_does_not_end_a_write_that_is_open()
    {
        var cluster = WithTable(self: 7);
        cluster.Script = call =>
        {
            if (call.Operation is RangeOperation.Write)
            {
                cluster.Down.UnionWith([new(1), new(2)]);
                return FakeAnswer.Lost;
            }

            return null;
        };
        Assert.Equal(GeoErrorKind.OutcomeUnknown, cluster.Write(Put("a", 1), new(TimeSpan.FromSeconds(4))).Error!.Kind);
    }

    [Fact]
    public void A_range_between_leaders_is_waited_for()
    {
        var cluster = WithTable();
        var range = cluster.TableRange().Id;
        var until = cluster.Loop.Time.Millis + 1_900;
        cluster.Script = call => call.Range == range && cluster.Loop.Time.Millis < until
            ? new RangeOutcome.NotLeaseholder(default, false, false, null)
            : (FakeAnswer?)null;
        var result = cluster.Write(Put("a", 1));
        Assert.True(result.IsOk, result.Error?.Detail);
        Assert.InRange(result.Meta.ElapsedMs, 1_900, 2_100);
    }

    [Fact]
    public void A_table_this_node_does_not_know_is_asked_for_before_it_is_missing()
    {
        var cluster = new FakeCluster(self: 7);
        cluster.Run(store => store.CreateDatabaseAsync(new("app", "east", ["east"]), RequestOptions.Default, default));
        cluster.HoldSystem = true;
        var other = new Engine.Gateway(cluster);
        var creating = cluster.Loop.Run(() => other.CreateTableAsync("app", Spec, new(TimeSpan.FromMilliseconds(500)), default));
        Assert.Equal(GeoErrorKind.OutcomeUnknown, creating.Error!.Kind);
        Assert.Equal(GeoErrorKind.NotFound, cluster.Read("a", new ReadBound.Exact(0)).Error!.Kind);
        cluster.HoldSystem = false;
        Assert.True(cluster.Write(Put("a", 1)).IsOk);
        Assert.Equal("table-not-found", cluster.Run(store => store.ReadRowAsync(
            new("app", "none"), Key("a"), ReadBound.Strong, RequestOptions.Default, default)).Error!.Code);
    }

    [Fact]
    public void Rows_of_a_dropped_table_are_not_found()
    {
        var cluster = WithTable();
        cluster.Write(Put("a", 1));
        cluster.HoldSystem = true;
        var other = new Engine.Gateway(cluster);
        cluster.Loop.Run(() => other.DropTableAsync(Table, new(TimeSpan.FromMilliseconds(500)), default));
        cluster.HoldSystem = false;
        Assert.Equal(GeoErrorKind.NotFound, cluster.Read("a").Error!.Kind);
        Assert.DoesNotContain(cluster.Ranges, range => range.TableId != 0);
    }
}
