using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using Xunit;
using static OrleansGeo.Tests.Unit.Gateway.GatewaySetup;

namespace OrleansGeo.Tests.Unit.Gateway;

public sealed class ScanTests
{
    private static FakeCluster Filled(int self = 1)
    {
        var cluster = WithTable(self);
        cluster.SplitAt("d", leader: 2, newRange: 900);
        for (var c = 'a'; c <= 'g'; c++)
        {
            Assert.True(cluster.Write(Put(c.ToString(), c)).IsOk);
        }

        cluster.Calls.Clear();
        return cluster;
    }

    private static string[] AllPages(FakeCluster cluster, int limit, bool descending, Action? between = null)
    {
        var ids = new List<string>();
        string? page = null;
        HlcTimestamp? at = null;
        do
        {
            var result = cluster.Scan(limit, page, descending: descending);
            Assert.True(result.IsOk, result.Error?.Detail);
            Assert.True(result.Value.Rows.Length <= limit);
            Assert.Equal(at ?? result.Meta.ReadTimestamp, result.Meta.ReadTimestamp);
            (at, page) = (result.Meta.ReadTimestamp, result.Value.Next);
            ids.AddRange(result.Ids());
            between?.Invoke();
        }
        while (page is not null);

        return [.. ids];
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(100)]
    public void Pages_over_ranges_hold_every_row_once_in_order_both_ways(int limit)
    {
        string[] expected = ["a", "b", "c", "d", "e", "f", "g"];
        Assert.Equal(expected, AllPages(Filled(), limit, false));
        Assert.Equal(expected.Reverse(), AllPages(Filled(), limit, true));
    }

    [Fact]
    public void All_pages_are_one_moment_whatever_is_written_between()
    {
        var cluster = Filled();
        var next = 0;
        void Write()
        {
            cluster.Loop.Time.Advance(TimeSpan.FromSeconds(1));
            cluster.Write(Put("b" + next++, 0));
            cluster.Write(Put("f" + next++, 0));
        }

        Assert.Equal(["a", "b", "c", "d", "e", "f", "g"], AllPages(cluster, 2, false, Write));
    }

#if PLANTED_BUGS
    [Fact]
    public void Pages_that_are_not_pinned_are_noticed()
    {
        PlantedBug.Active = "gateway.page-timestamp-not-pinned";
        try
        {
            Assert.ThrowsAny<Xunit.Sdk.XunitException>(All_pages_are_one_moment_whatever_is_written_between);
        }
        finally
        {
            PlantedBug.Active = null;
        }
    }
#endif

    [Fact]
    public void A_strong_scan_holds_what_a_fast_clock_in_a_later_range_acknowledged()
    {
        var cluster = Filled();
        cluster.ClockSkewMs[new(2)] = 60_000;
        cluster.Write(Put("e", 999));
        var page = cluster.Scan(2);
        var last = cluster.Scan(100, page.Value!.Next);
        Assert.Equal(Datum.FromInt64(999), last.Value!.Rows.Single(row => row.Key[0] == Datum.FromString("e")).Row["n"]);
    }

    [Fact]
    public void A_strong_scan_follows_a_split_it_did_not_know()
    {
        var cluster = Filled();
        cluster.Split(new(900), cluster.RowKey("f"), new(901), new(3), publish: false);
        Assert.Equal(["a", "b", "c", "d", "e", "f", "g"], AllPages(cluster, 100, false));
        var other = Filled();
        other.Split(new(900), other.RowKey("f"), new(901), new(3), publish: false);
        Assert.Equal(["g", "f", "e", "d", "c", "b", "a"], AllPages(other, 100, true));
    }

    [Fact]
    public void A_scan_of_one_range_from_another_region_costs_one_round_trip()
    {
        var cluster = WithTable(self: 7);
        cluster.Write(Put("a", 1));
        cluster.Loop.Time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(1, cluster.Scan(1).Meta.RoundTrips);
        Assert.Equal(0, cluster.Scan(10, bound: new ReadBound.Bounded(5_000)).Meta.RoundTrips);
    }

    [Fact]
    public void Bounds_prefixes_and_conditions_choose_rows()
    {
        var cluster = Filled();
        string[] Ids(ScanRequest scan) => cluster.Run(store => store.ScanAsync(
            Table, scan, ReadBound.Strong, RequestOptions.Default, default)).Ids();
        var all = new ScanRequest([], null, null, [], false, 100, null);
        Assert.Equal(["c", "d", "e"], Ids(all with { From = Key("c"), To = Key("f") }));
        Assert.Equal(["d"], Ids(all with { Prefix = Key("d") }));
        Assert.Equal([], Ids(all with { From = Key("f"), To = Key("c") }));
        ScanCondition more = new("n", ScanOperator.Greater, Datum.FromInt64('e'));
        Assert.Equal(["f", "g"], Ids(all with { Where = [more] }));
        Assert.Equal(["f"], Ids(all with { Where = [more, new("id", ScanOperator.NotEqual, Datum.FromString("g"))] }));
        Assert.Equal([], Ids(all with { Where = [new("doc", ScanOperator.Equal, Datum.FromJson("1"))] }));
    }

    [Fact]
    public void A_condition_pages_like_any_scan()
    {
        var cluster = Filled();
        var scan = new ScanRequest([], null, null, [new("n", ScanOperator.NotEqual, Datum.FromInt64('b'))], false, 2, null);
        var ids = new List<string>();
        do
        {
            var result = cluster.Run(store => store.ScanAsync(Table, scan, ReadBound.Strong, RequestOptions.Default, default));
            ids.AddRange(result.Ids());
            scan = scan with { PageToken = result.Value!.Next };
        }
        while (scan.PageToken is not null);
        Assert.Equal(["a", "c", "d", "e", "f", "g"], ids);
    }

    [Fact]
    public void A_token_of_another_query_or_with_a_changed_character_is_refused()
    {
        var cluster = Filled();
        var token = cluster.Scan(2).Value!.Next!;
        Assert.Equal("bad-page", cluster.Scan(2, token, descending: true).Error!.Code);
        var prng = new Prng(3);
        for (var i = 0; i < 200; i++)
        {
            var changed = token.ToCharArray();
            changed[prng.Below(changed.Length)] = "ABCDEFGHabcdefgh0123-_=% "[prng.Below(25)];
            var text = new string(changed);
            if (text != token)
            {
                Assert.Equal("bad-page", cluster.Scan(2, text).Error!.Code);
            }
        }

        Assert.Equal("bad-page", cluster.Scan(2, SessionToken.Seal(cluster.TokenSecret.Span, cluster.Clock)).Error!.Code);
        Assert.True(cluster.Scan(5, token).IsOk);
    }

    [Fact]
    public void Nonsense_names_its_field()
    {
        var cluster = Filled();
        GeoError Error(ScanRequest scan) => cluster.Run(store => store.ScanAsync(
            Table, scan, ReadBound.Strong, RequestOptions.Default, default)).Error!;
        var all = new ScanRequest([], null, null, [], false, 100, null);
        Assert.Equal("limit", Error(all with { Limit = 0 }).Field);
        Assert.Equal("limit", Error(all with { Limit = 10_001 }).Field);
        Assert.Equal("nope", Error(all with { Where = [new("nope", ScanOperator.Equal, Datum.FromInt64(1))] }).Field);
        Assert.Equal("n", Error(all with { Where = [new("n", ScanOperator.Equal, Datum.FromString("1"))] }).Field);
        Assert.Equal("prefix", Error(all with { Prefix = [Datum.FromInt64(1)] }).Field);
        Assert.Equal("from", Error(all with { From = [Datum.FromString("a"), Datum.FromString("b")] }).Field);
    }

    [Fact]
    public void A_span_that_an_open_transaction_has_read_is_looked_at_again_in_both_halves_of_a_split()
    {
        var cluster = WithTable();
        var begun = cluster.Run(store => store.BeginTransactionAsync(
            Table.Database, new(TransactionIsolation.Strict), RequestOptions.Default, default)).Value!;
        GeoResult<TransactionAnswer> Step(TransactionStep step) =>
            cluster.Run(store => store.StepTransactionAsync(Table.Database, begun.Id, step, RequestOptions.Default, default));
        cluster.Script = call => call.Operation switch
        {
            RangeOperation.LookOver look => new RangeOutcome.Looked([], null, look.AtLeast, cluster.TableRange().Span),
            RangeOperation.Refresh refresh => cluster.Truth.TryGetValue(call.Range, out var range)
                && refresh.Spans[0].Intersect(range.Span) == refresh.Spans[0]
                    ? new RangeOutcome.Holding(true)
                    : new RangeOutcome.Moved([.. cluster.Truth.Values]),
            _ => (FakeAnswer?)null,
        };
        Assert.True(Step(new TransactionStep.Scan(Table.Table, new([], null, null, [], false, 100, null))).IsOk);
        var left = cluster.TableRange().Id;
        var right = cluster.SplitAt("m", publish: false).Id;
        var commit = Step(new TransactionStep.Commit());
        Assert.True(commit.IsOk, commit.Error?.ToString());
        RangeId[] asked = [.. cluster.Calls.Where(call => call.Operation is RangeOperation.Refresh).Select(call => call.Range)];
        Assert.Equal([left, left, right], asked);
    }
}
