using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tests.Api.Conformance;

public abstract partial class GeoStoreConformance
{
    [Fact]
    public async Task A_put_creates_a_row_with_defaults_and_replaces_it_whole()
    {
        var created = Ok(await WriteAsync(WriteKind.Put, "Oslo", values: ("pop", Number(1))));
        Assert.True(created.Created);
        Assert.Equal([Text("Oslo")], created.Key);
        Assert.Equal(Text("none"), created.Row!["state"]);
        var replaced = Ok(await WriteAsync(WriteKind.Put, "Oslo", values: ("state", Text("x"))));
        Assert.False(replaced.Created);
        Assert.True(replaced.Version > created.Version);
        var read = Ok(await ReadAsync("Oslo"));
        Assert.Equal(replaced.Version, read.Version);
        Assert.Equal([Text("Oslo")], read.Key);
        Assert.Equal(
            [KeyValuePair.Create("name", Text("Oslo")), KeyValuePair.Create("state", Text("x"))], read.Row.Values.Where(
                value => !value.Value.IsNull));
    }

    [Fact]
    public async Task A_merge_changes_what_it_names_and_null_clears()
    {
        Ok(await WriteAsync(WriteKind.Put, "Oslo", null, null, ("pop", Number(1)), ("state", Text("x"))));
        var merged = Ok(await WriteAsync(WriteKind.Merge, "Oslo", values: ("pop", Datum.Null)));
        Assert.False(merged.Created);
        Assert.True(merged.Row!["pop"].IsNull);
        Assert.Equal(Text("x"), merged.Row["state"]);
        Refused(GeoErrorKind.NotFound, await WriteAsync(WriteKind.Merge, "Bergen", values: ("pop", Number(1))));
    }

    [Fact]
    public async Task An_insert_creates_once()
    {
        Assert.True(Ok(await WriteAsync(WriteKind.Insert, "Oslo", values: ("pop", Number(1)))).Created);
        Refused(GeoErrorKind.AlreadyExists, await WriteAsync(WriteKind.Insert, "Oslo", values: ("pop", Number(2))));
        Assert.Equal(Number(1), Ok(await ReadAsync("Oslo")).Row["pop"]);
    }

    [Fact]
    public async Task A_delete_removes_once_and_a_row_can_come_back()
    {
        var put = Ok(await WriteAsync(WriteKind.Put, "Oslo"));
        var deleted = Ok(await WriteAsync(WriteKind.Delete, "Oslo"));
        Assert.Null(deleted.Row);
        Assert.True(deleted.Version > put.Version);
        Refused(GeoErrorKind.NotFound, await ReadAsync("Oslo"));
        Refused(GeoErrorKind.NotFound, await WriteAsync(WriteKind.Delete, "Oslo"));
        var again = Ok(await WriteAsync(WriteKind.Insert, "Oslo"));
        Assert.True(again.Created);
        Assert.True(again.Version > deleted.Version);
    }

    [Fact]
    public async Task Preconditions_decide_before_anything_is_written()
    {
        var exists = Precondition.None with { IfExists = true };
        var absent = Precondition.None with { IfAbsent = true };
        Refused(GeoErrorKind.PreconditionFailed, await WriteAsync(WriteKind.Put, "Oslo", exists));
        Refused(GeoErrorKind.PreconditionFailed, await WriteAsync(WriteKind.Merge, "Oslo", exists));
        Refused(GeoErrorKind.PreconditionFailed, await WriteAsync(WriteKind.Delete, "Oslo", exists));
        var one = Ok(await WriteAsync(WriteKind.Put, "Oslo", absent, values: ("pop", Number(1))));
        Refused(GeoErrorKind.PreconditionFailed, await WriteAsync(WriteKind.Put, "Oslo", absent));

        var match = Precondition.None with { IfMatch = [HlcTimestamp.Zero, one.Version] };
        var two = Ok(await WriteAsync(WriteKind.Merge, "Oslo", match, values: ("pop", Number(2))));
        Refused(GeoErrorKind.PreconditionFailed, await WriteAsync(WriteKind.Put, "Oslo", match));
        Refused(
            GeoErrorKind.PreconditionFailed,
            await WriteAsync(WriteKind.Delete, "Oslo", Precondition.None with { IfMatch = [HlcTimestamp.Zero] }));
        Refused(
            GeoErrorKind.PreconditionFailed,
            await WriteAsync(WriteKind.Put, "Oslo", Precondition.None with { IfNoneMatch = [two.Version] }));
        Ok(await WriteAsync(WriteKind.Put, "Oslo", Precondition.None with { IfNoneMatch = [one.Version] }, values: ("pop", Number(3))));
        Assert.Equal(Number(3), Ok(await ReadAsync("Oslo")).Row["pop"]);
        Ok(await WriteAsync(WriteKind.Delete, "Oslo", exists));
    }

    [Fact]
    public async Task A_conditional_write_has_one_winner()
    {
        var start = Ok(await WriteAsync(WriteKind.Put, "Oslo", values: ("pop", Number(0))));
        var condition = Precondition.None with { IfMatch = [start.Version] };
        var writes = Enumerable.Range(1, 8).Select(i => WriteAsync(WriteKind.Put, "Oslo", condition, values: ("pop", Number(i)))).ToArray();
        var results = await Task.WhenAll(writes);
        var winner = Assert.Single(results, result => result.IsOk);
        Assert.All(results.Where(result => !result.IsOk), result => Refused(GeoErrorKind.PreconditionFailed, result));
        Assert.Equal(winner.Value!.Version, Ok(await ReadAsync("Oslo")).Version);
    }

    [Fact]
    public async Task A_retry_with_its_idempotency_key_gives_the_first_outcome_and_writes_once()
    {
        var first = Ok(await WriteAsync(WriteKind.Insert, "Oslo", null, "key-1", ("pop", Number(1))));
        Ok(await WriteAsync(WriteKind.Put, "Oslo", values: ("pop", Number(2))));
        var again = Ok(await WriteAsync(WriteKind.Insert, "Oslo", null, "key-1", ("pop", Number(1))));
        Assert.Equal((first.Version, first.Created), (again.Version, again.Created));
        Assert.Equal(Number(2), Ok(await ReadAsync("Oslo")).Row["pop"]);
        Refused(GeoErrorKind.IdempotencyMismatch, await WriteAsync(WriteKind.Insert, "Oslo", null, "key-1", ("pop", Number(3))));
    }

    [Fact]
    public async Task What_does_not_fit_the_table_is_refused_by_name()
    {
        Assert.Equal("pop", Refused(GeoErrorKind.Unprocessable, await WriteAsync(WriteKind.Put, "Oslo", values: ("pop", Text("x")))).Field);
        Assert.Equal(
            "nope", Refused(GeoErrorKind.Unprocessable, await WriteAsync(WriteKind.Put, "Oslo", values: ("nope", Text("x")))).Field);
        Assert.Equal(
            "state", Refused(GeoErrorKind.Unprocessable, await WriteAsync(WriteKind.Put, "Oslo", values: ("state", Datum.Null))).Field);
        Refused(
            GeoErrorKind.Unprocessable, await Store.WriteRowAsync(City, Write(WriteKind.Put, [Number(1)], null), Options, Cancellation));
        Refused(GeoErrorKind.Unprocessable, await Store.WriteRowAsync(City, Write(WriteKind.Put, [], null), Options, Cancellation));
        Refused(
            GeoErrorKind.Unprocessable,
            await Store.WriteRowAsync(City, Write(WriteKind.Insert, [Datum.Null], null), Options, Cancellation));
        Refused(GeoErrorKind.NotFound, await ReadAsync("Oslo"));
    }

    [Fact]
    public async Task Keys_and_rows_have_their_limits()
    {
        Refused(GeoErrorKind.TooLarge, await WriteAsync(WriteKind.Put, new string('k', GeoLimits.KeyBytesMax + 1)));
        Refused(
            GeoErrorKind.TooLarge,
            await WriteAsync(WriteKind.Put, "Oslo", values: ("state", Text(new string('x', GeoLimits.RowBytesMax + 1)))));
        Ok(await WriteAsync(WriteKind.Put, "Oslo", values: ("state", Text(new string('x', GeoLimits.RowBytesMax - 8_192)))));
    }

    [Fact]
    public async Task Many_writes_have_an_outcome_each_in_their_order()
    {
        await PutPairAsync("x", 1, 0);
        ImmutableArray<RowWrite> writes =
        [
            Write(WriteKind.Put, [Text("x"), Number(1)], null, ("v", Number(1))), Write(WriteKind.Insert, [Text("x"), Number(1)], null),
            Write(WriteKind.Insert, [Text("x"), Number(2)], null), Write(WriteKind.Merge, [Text("y"), Number(1)], null),
            Write(WriteKind.Put, [Text("z"), Number(1)], Precondition.None with { IfExists = true }),
        ];
        var results = Ok(await Store.WriteRowsAsync(Pair, writes, Options, Cancellation)).Items;
        Assert.Equal(5, results.Length);
        Assert.False(Ok(results[0]).Created);
        Refused(GeoErrorKind.AlreadyExists, results[1]);
        Assert.True(Ok(results[2]).Created);
        Refused(GeoErrorKind.NotFound, results[3]);
        Refused(GeoErrorKind.PreconditionFailed, results[4]);
        Assert.Equal(2, Ok(await ScanPairsAsync(All())).Rows.Length);
    }
}
