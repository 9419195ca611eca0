using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tests.Api.Conformance;

public abstract partial class GeoStoreConformance
{
    private static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task A_strong_read_sees_what_was_acknowledged_and_says_so()
    {
        var put = Ok(await WriteAsync(WriteKind.Put, "Oslo"));
        var read = await ReadAsync("Oslo");
        Assert.Equal(put.Version, Ok(read).Version);
        Assert.Equal("strong", read.Meta.Consistency);
        Assert.Equal(0, read.Meta.StalenessMs);
        Assert.True(read.Meta.ReadTimestamp >= put.Version);
        Assert.NotNull(read.Meta.ServedBy);
    }

    [Fact]
    public async Task A_read_at_a_timestamp_sees_the_state_then_for_ever()
    {
        var one = Ok(await WriteAsync(WriteKind.Put, "Oslo", values: ("pop", Number(1))));
        await AdvanceAsync(s_second);
        var two = Ok(await WriteAsync(WriteKind.Put, "Oslo", values: ("pop", Number(2))));
        await AdvanceAsync(s_second);
        var gone = Ok(await WriteAsync(WriteKind.Delete, "Oslo"));
        await AdvanceAsync(s_second);
        Refused(GeoErrorKind.NotFound, await ReadAsync("Oslo", new ReadBound.At(one.Version.Previous)));
        Assert.Equal(Number(1), Ok(await ReadAsync("Oslo", new ReadBound.At(one.Version))).Row["pop"]);
        Assert.Equal(Number(1), Ok(await ReadAsync("Oslo", new ReadBound.At(two.Version.Previous))).Row["pop"]);
        Assert.Equal(two.Version, Ok(await ReadAsync("Oslo", new ReadBound.At(two.Version))).Version);
        Assert.Equal(Number(2), Ok(await ReadAsync("Oslo", new ReadBound.At(gone.Version.Previous))).Row["pop"]);
        Refused(GeoErrorKind.NotFound, await ReadAsync("Oslo", new ReadBound.At(gone.Version)));
    }

    [Fact]
    public async Task A_read_in_the_future_is_invalid()
    {
        var put = Ok(await WriteAsync(WriteKind.Put, "Oslo"));
        Refused(GeoErrorKind.Invalid, await ReadAsync("Oslo", new ReadBound.At(put.Version.AddMillis(3_600_000))));
        Refused(GeoErrorKind.Invalid, await ScanPairsAsync(All(), new ReadBound.At(put.Version.AddMillis(3_600_000))));
    }

    [Fact]
    public async Task An_exact_read_sees_the_state_that_long_ago()
    {
        Ok(await WriteAsync(WriteKind.Put, "Oslo", values: ("pop", Number(1))));
        await AdvanceAsync(4 * s_second);
        Ok(await WriteAsync(WriteKind.Put, "Oslo", values: ("pop", Number(2))));
        var read = await ReadAsync("Oslo", new ReadBound.Exact(2_000));
        Assert.Equal(Number(1), Ok(read).Row["pop"]);
        Assert.True(read.Meta.StalenessMs >= 2_000);
        Assert.NotNull(read.Meta.ReadTimestamp);
    }

    [Fact]
    public async Task A_bounded_read_is_never_staler_than_its_bound()
    {
        var old = Ok(await WriteAsync(WriteKind.Put, "Oslo", values: ("pop", Number(1))));
        await AdvanceAsync(4 * s_second);
        var read = await ReadAsync("Oslo", new ReadBound.Bounded(3_000));
        Assert.Equal(old.Version, Ok(read).Version);
        Assert.InRange(read.Meta.StalenessMs, 0, 3_000);
        var put = Ok(await WriteAsync(WriteKind.Put, "Oslo", values: ("pop", Number(2))));
        Assert.Equal(put.Version, Ok(await ReadAsync("Oslo", new ReadBound.Bounded(0))).Version);
    }

    [Fact]
    public async Task A_local_read_that_is_too_fresh_is_refused_and_one_that_is_old_enough_is_served()
    {
        Ok(await WriteAsync(WriteKind.Put, "Oslo", values: ("pop", Number(1))));
        Refused(GeoErrorKind.TooFresh, await ReadAsync("Oslo", new ReadBound.Exact(0, LocalOnly: true)));
        await AdvanceAsync(5 * s_second);
        Assert.Equal(Number(1), Ok(await ReadAsync("Oslo", new ReadBound.Exact(3_000, LocalOnly: true))).Row["pop"]);
    }

    [Fact]
    public async Task Many_reads_come_in_their_order_at_one_timestamp()
    {
        await PutPairAsync("x", 1, 1);
        await PutPairAsync("x", 3, 3);
        var rows = Ok(await Store.ReadRowsAsync(
            Pair, [[Text("x"), Number(3)], [Text("x"), Number(2)], [Text("x"), Number(1)]], ReadBound.Strong, Options, Cancellation)).Items;
        Assert.Equal([3, null, 1], rows.Select(row => row?.Row["v"].AsInt64()));
    }

    [Fact]
    public async Task A_scan_is_in_key_order_both_ways_and_within_its_bounds()
    {
        foreach (var (a, b) in new[] { ("b", 1), ("a", 2), ("a", -1), ("a", 10), ("ab", 0), ("", 5) })
        {
            await PutPairAsync(a, b, b);
        }

        Assert.Equal("/5 a/-1 a/2 a/10 ab/0 b/1", Keys(await ScanPairsAsync(All())));
        Assert.Equal("b/1 ab/0 a/10 a/2 a/-1 /5", Keys(await ScanPairsAsync(All(descending: true))));
        Assert.Equal("a/-1 a/2 a/10", Keys(await ScanPairsAsync(All() with { Prefix = [Text("a")] })));
        Assert.Equal("a/2", Keys(await ScanPairsAsync(All() with { Prefix = [Text("a"), Number(2)] })));
        Assert.Equal("a/2 a/10 ab/0", Keys(await ScanPairsAsync(All() with { From = [Text("a"), Number(2)], To = [Text("b")] })));
        Assert.Equal(
            "a/10 a/2", Keys(await ScanPairsAsync(All(descending: true) with { Prefix = [Text("a")], From = [Text("a"), Number(0)] })));
        Assert.Equal("", Keys(await ScanPairsAsync(All() with { From = [Text("z")] })));
    }

    [Fact]
    public async Task Conditions_of_a_scan_all_hold_and_null_satisfies_none()
    {
        await PutPairAsync("a", 1, 1);
        await PutPairAsync("a", 2, 2);
        Ok(await Store.WriteRowAsync(Pair, Write(WriteKind.Put, [Text("a"), Number(3)], null), Options, Cancellation));
        foreach (var (op, keys) in new[]
        {
            (ScanOperator.Equal, "a/2"), (ScanOperator.NotEqual, "a/1"), (ScanOperator.Less, "a/1"), (ScanOperator.LessOrEqual, "a/1 a/2"),
            (ScanOperator.Greater, ""), (ScanOperator.GreaterOrEqual, "a/2"),
        })
        {
            Assert.Equal(keys, Keys(await ScanPairsAsync(All() with { Where = [new("v", op, Number(2))] })));
        }

        var both = ImmutableArray.Create(
            new ScanCondition("v", ScanOperator.Greater, Number(0)), new ScanCondition("b", ScanOperator.Less, Number(2)));
        Assert.Equal("a/1", Keys(await ScanPairsAsync(All() with { Where = both })));
    }

    [Fact]
    public async Task Pages_give_every_row_once_at_the_timestamp_of_the_first()
    {
        for (var i = 0; i < 10; i++)
        {
            await PutPairAsync("k", i, i);
        }

        foreach (var descending in new[] { false, true })
        {
            var expected = Keys(await ScanPairsAsync(All(descending: descending)));
            var page = await ScanPairsAsync(All(3, descending));
            var timestamp = page.Meta.ReadTimestamp;
            var keys = new List<string> { Keys(page) };
            await PutPairAsync("k", 4, 44);
            await PutPairAsync("k", descending ? -5 : 50, 0);
            while (Ok(page).Next is { } next)
            {
                page = await ScanPairsAsync(All(3, descending, next));
                Assert.Equal(timestamp, page.Meta.ReadTimestamp);
                Assert.DoesNotContain(Ok(page).Rows, row => row.Version > timestamp);
                keys.Add(Keys(page));
            }

            Assert.Equal(expected, string.Join(' ', keys.Where(text => text.Length > 0)));
        }
    }

    [Fact]
    public async Task A_page_token_that_was_changed_or_is_of_another_query_is_invalid()
    {
        await PutPairAsync("k", 1, 1);
        await PutPairAsync("k", 2, 2);
        var next = Ok(await ScanPairsAsync(All(1))).Next!;
        Refused(GeoErrorKind.Invalid, await ScanPairsAsync(All(1, page: "nonsense")));
        Refused(GeoErrorKind.Invalid, await ScanPairsAsync(All(1, page: (next[0] == 'A' ? "B" : "A") + next[1..])));
        Refused(GeoErrorKind.Invalid, await ScanPairsAsync(All(1, descending: true, page: next)));
        Refused(GeoErrorKind.Invalid, await ScanPairsAsync(All(1, page: next) with { Prefix = [Text("k")] }));
        Assert.Equal("k/2", Keys(await ScanPairsAsync(All(5, page: next))));
    }

    [Fact]
    public async Task A_scan_in_the_past_sees_one_moment()
    {
        await PutPairAsync("k", 1, 1);
        await PutPairAsync("k", 2, 1);
        var then = (await ScanPairsAsync(All())).Meta.ReadTimestamp!.Value;
        await AdvanceAsync(4 * s_second);
        await PutPairAsync("k", 2, 2);
        await PutPairAsync("k", 3, 2);
        var page = Ok(await ScanPairsAsync(All(), new ReadBound.At(then)));
        Assert.Equal([1L, 1L], page.Rows.Select(row => row.Row["v"].AsInt64()));
        Assert.Equal(2, Ok(await ScanPairsAsync(All(), new ReadBound.Exact(2_000))).Rows.Length);
    }

    private static string Keys(GeoResult<ScanPage> page) => string.Join(' ', Ok(page).Rows.Select(row => string.Join('/', row.Key)));
}
