using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tests.Api.Conformance;

public abstract partial class GeoStoreConformance
{
    private static readonly TransactionRequest s_nothing = new(TransactionIsolation.Serializable, [], [], []);

    private static TransactionWrite OfCity(WriteKind kind, string name, params (string Column, Datum Value)[] values) =>
        new("city", Write(kind, [Text(name)], null, values));

    private static TransactionWrite OfPair(WriteKind kind, string a, long b, params (string Column, Datum Value)[] values) =>
        new("pair", Write(kind, [Text(a), Number(b)], null, values));

    private static TransactionCondition.Existence If(string name, bool exists) =>
        new("city", [Text(name)], exists);

    private static TransactionCondition.Field If(string name, ScanOperator comparison, long pop) =>
        new("city", [Text(name)], new("pop", comparison, Number(pop)));

    private static TransactionCondition.VersionIs If(string name, HlcTimestamp version) =>
        new("city", [Text(name)], version);

    private Task<GeoResult<TransactionResult>> TransactAsync(TransactionRequest transaction, string? idempotencyKey = null) =>
        Store.TransactAsync("geo", transaction, Options with { IdempotencyKey = idempotencyKey }, Cancellation);

    private Task<GeoResult<TransactionResult>> TransactAsync(params TransactionWrite[] writes) =>
        TransactAsync(s_nothing with { Writes = [.. writes] });

    private async Task<long?> PopAsync(string name)
    {
        var read = await ReadAsync(name);
        return read.Error?.Kind == GeoErrorKind.NotFound ? null : Ok(read).Row["pop"] is { IsNull: false } pop ? pop.AsInt64() : 0;
    }

    [Theory]
    [InlineData(TransactionIsolation.Serializable)]
    [InlineData(TransactionIsolation.Strict)]
    public async Task All_writes_of_a_transaction_happen_at_one_moment(TransactionIsolation isolation)
    {
        Ok(await WriteAsync(WriteKind.Put, "Oslo", values: ("pop", Number(1))));
        Ok(await WriteAsync(WriteKind.Put, "Rome", values: ("pop", Number(2))));
        await PutPairAsync("x", 1, 7);
        var done = Ok(await TransactAsync(s_nothing with
        {
            Isolation = isolation,
            Writes =
            [
                OfCity(WriteKind.Put, "Oslo", ("state", Text("no"))), OfCity(WriteKind.Insert, "Bern", ("pop", Number(5))),
                OfPair(WriteKind.Merge, "x", 1, ("v", Datum.Null)), OfCity(WriteKind.Delete, "Rome"),
                OfPair(WriteKind.Put, "x", 2, ("v", Number(9))),
            ],
        }));
        Assert.Equal([false, true, false, false, true], done.Writes.Select(write => write.Created));
        Assert.All(done.Writes, write => Assert.Equal(done.CommitTimestamp, write.Version));
        Assert.Equal([Text("x"), Number(2)], done.Writes[4].Key);
        Assert.Empty(done.Reads);

        var oslo = Ok(await ReadAsync("Oslo"));
        Assert.Equal((done.CommitTimestamp, Text("no"), true), (oslo.Version, oslo.Row["state"], oslo.Row["pop"].IsNull));
        var bern = Ok(await ReadAsync("Bern"));
        Assert.Equal((done.CommitTimestamp, Number(5), Text("none")), (bern.Version, bern.Row["pop"], bern.Row["state"]));
        Refused(GeoErrorKind.NotFound, await ReadAsync("Rome"));
        var pairs = Ok(await ScanPairsAsync(All())).Rows;
        Assert.Equal([Datum.Null, Number(9)], pairs.Select(pair => pair.Row["v"]));
        Assert.All(pairs, pair => Assert.Equal(done.CommitTimestamp, pair.Version));
    }

    [Fact]
    public async Task Reads_of_a_transaction_see_what_was_before_its_writes_in_the_order_asked()
    {
        var put = Ok(await WriteAsync(WriteKind.Put, "Oslo", values: ("pop", Number(1))));
        await PutPairAsync("x", 1, 7);
        var done = Ok(await TransactAsync(s_nothing with
        {
            Reads =
            [
                new("pair", [Text("x"), Number(1)]), new("city", [Text("Bern")]), new("city", [Text("Oslo")]), new("city", [Text("Oslo")]),
            ],
            Writes = [OfCity(WriteKind.Put, "Oslo", ("pop", Number(2))), OfCity(WriteKind.Insert, "Bern")],
        }));
        Assert.Equal([Number(7), null, Number(1), Number(1)], done.Reads.Select(row => row?.Row["pop"] is { IsNull: false } pop
            ? pop
            : row?.Row["v"]));
        Assert.Equal((put.Version, Text("Oslo")), (done.Reads[2]!.Version, done.Reads[2]!.Key[0]));
        Assert.Equal(2, await PopAsync("Oslo"));
    }

    [Fact]
    public async Task A_transaction_that_only_reads_or_only_requires_writes_nothing_and_sees_what_was_acknowledged()
    {
        var put = Ok(await WriteAsync(WriteKind.Put, "Oslo", values: ("pop", Number(1))));
        var read = Ok(await TransactAsync(s_nothing with { Reads = [new("city", [Text("Oslo")])] }));
        Assert.Equal(put.Version, read.Reads[0]!.Version);
        Assert.Empty(read.Writes);
        Assert.True(read.CommitTimestamp >= put.Version);
        Ok(await TransactAsync(s_nothing with { Conditions = [If("Oslo", put.Version), If("Bern", exists: false)] }));
        Refused(GeoErrorKind.PreconditionFailed, await TransactAsync(s_nothing with { Conditions = [If("Bern", exists: true)] }));
        Assert.Equal(put.Version, Ok(await ReadAsync("Oslo")).Version);
    }

    [Fact]
    public async Task Each_kind_of_condition_lets_a_transaction_pass_or_not()
    {
        var put = Ok(await WriteAsync(WriteKind.Put, "Oslo", values: ("pop", Number(5))));
        Ok(await WriteAsync(WriteKind.Put, "Null"));
        foreach (var (condition, holds) in new (TransactionCondition, bool)[]
        {
            (If("Oslo", exists: true), true), (If("Oslo", exists: false), false),
            (If("Bern", exists: true), false), (If("Bern", exists: false), true),
            (If("Oslo", put.Version), true), (If("Oslo", put.Version.Next), false), (If("Bern", put.Version), false),
            (If("Oslo", ScanOperator.Equal, 5), true), (If("Oslo", ScanOperator.Equal, 4), false),
            (If("Oslo", ScanOperator.NotEqual, 4), true), (If("Oslo", ScanOperator.NotEqual, 5), false),
            (If("Oslo", ScanOperator.Less, 6), true), (If("Oslo", ScanOperator.Less, 5), false),
            (If("Oslo", ScanOperator.LessOrEqual, 5), true), (If("Oslo", ScanOperator.LessOrEqual, 4), false),
            (If("Oslo", ScanOperator.Greater, 4), true), (If("Oslo", ScanOperator.Greater, 5), false),
            (If("Oslo", ScanOperator.GreaterOrEqual, 5), true), (If("Oslo", ScanOperator.GreaterOrEqual, 6), false),
            (If("Null", ScanOperator.NotEqual, 5), false), (If("Bern", ScanOperator.NotEqual, 5), false),
            (new TransactionCondition.Field("city", [Text("Oslo")], new("name", ScanOperator.Less, Text("P"))), true),
            (new TransactionCondition.Field("city", [Text("Oslo")], new("name", ScanOperator.Less, Text("O"))), false),
        })
        {
            var result = await TransactAsync(s_nothing with
            {
                Conditions = [condition],
                Writes = [OfPair(WriteKind.Put, "mark", 1, ("v", Number(1)))],
            });
            Assert.True(holds == result.IsOk, $"{condition} gave {result.Error}");
        }
    }

    [Fact]
    public async Task A_condition_on_a_column_that_was_added_later_is_judged_by_its_default()
    {
        Ok(await WriteAsync(WriteKind.Put, "Oslo"));
        Ok(await Store.ChangeTableAsync(
            City, new([new("level", DatumType.Int64, false, Number(4)), new("wish", DatumType.Int64, true, Number(4))]), Options,
            Cancellation));
        TransactionRequest Require(string column) => s_nothing with
        {
            Conditions = [new TransactionCondition.Field("city", [Text("Oslo")], new(column, ScanOperator.Equal, Number(4)))],
            Writes = [OfCity(WriteKind.Increment, "Oslo", (column, Number(1)))],
        };
        Ok(await TransactAsync(Require("level")));
        Refused(GeoErrorKind.PreconditionFailed, await TransactAsync(Require("wish")));
        Assert.Equal(Number(5), Ok(await ReadAsync("Oslo")).Row["level"]);
    }

    [Fact]
    public async Task A_condition_that_does_not_hold_is_named_with_what_was_found_and_nothing_is_written()
    {
        var put = Ok(await WriteAsync(WriteKind.Put, "Oslo", values: ("pop", Number(1))));
        foreach (var (failing, table, found) in new (TransactionCondition, string, string)[]
        {
            (If("Oslo", ScanOperator.Greater, 1), "city", put.Version.ToString()),
            (If("Bern", exists: true), "city", "absent"),
            (new TransactionCondition.Existence("pair", [Text("x"), Number(1)], true), "pair", "absent"),
        })
        {
            var error = Refused(GeoErrorKind.PreconditionFailed, await TransactAsync(s_nothing with
            {
                Conditions = [If("Oslo", exists: true), If("Rome", exists: false), failing],
                Writes = [OfCity(WriteKind.Put, "Oslo", ("pop", Number(9))), OfCity(WriteKind.Insert, "Rome")],
            }));
            Assert.Equal(("condition-failed", "conditions[2]"), (error.Code, error.Field));
            Assert.Equal((table, found), (error.Facts!["table"], error.Facts["found"]));
        }

        Assert.Equal(put.Version, Ok(await ReadAsync("Oslo")).Version);
        Refused(GeoErrorKind.NotFound, await ReadAsync("Rome"));
    }

    [Fact]
    public async Task A_write_that_would_be_refused_alone_refuses_the_transaction_and_nothing_is_written()
    {
        var put = Ok(await WriteAsync(WriteKind.Put, "Oslo", values: ("pop", Number(long.MaxValue))));
        var large = Text(new string('x', GeoLimits.RowBytesMax - 8_192));
        Ok(await WriteAsync(WriteKind.Put, "Big", values: ("state", large)));
        var ifAbsent = new TransactionWrite("city", Write(WriteKind.Put, [Text("Oslo")], Precondition.None with { IfAbsent = true }));
        foreach (var (write, kind) in new (TransactionWrite, GeoErrorKind)[]
        {
            (OfCity(WriteKind.Insert, "Oslo"), GeoErrorKind.AlreadyExists),
            (OfCity(WriteKind.Merge, "Bern", ("pop", Number(1))), GeoErrorKind.NotFound),
            (OfCity(WriteKind.Delete, "Bern"), GeoErrorKind.NotFound),
            (OfCity(WriteKind.Increment, "Bern", ("pop", Number(1))), GeoErrorKind.NotFound),
            (OfCity(WriteKind.Increment, "Oslo", ("pop", Number(1))), GeoErrorKind.Unprocessable),
            (ifAbsent, GeoErrorKind.PreconditionFailed),
            (OfCity(WriteKind.Merge, "Big", ("doc", Datum.FromJson($"\"{new string('y', 16_384)}\""))), GeoErrorKind.TooLarge),
        })
        {
            var error = Refused(kind, await TransactAsync(OfPair(WriteKind.Put, "x", 1), write, OfCity(WriteKind.Insert, "Rome")));
            Assert.Equal("writes[1]", error.Field);
            if (kind == GeoErrorKind.Unprocessable)
            {
                Assert.Equal("out-of-range", error.Code);
            }
        }

        Assert.Equal(put.Version, Ok(await ReadAsync("Oslo")).Version);
        Refused(GeoErrorKind.NotFound, await ReadAsync("Rome"));
        Assert.Empty(Ok(await ScanPairsAsync(All())).Rows);
    }

    [Fact]
    public async Task Increments_add_and_a_null_counts_as_zero()
    {
        Ok(await WriteAsync(WriteKind.Put, "Oslo", values: ("pop", Number(40))));
        Ok(await WriteAsync(WriteKind.Put, "Null"));
        Ok(await TransactAsync(
            OfCity(WriteKind.Increment, "Oslo", ("pop", Number(-50))), OfCity(WriteKind.Increment, "Null", ("pop", Number(3)))));
        Assert.Equal((-10, 3), (await PopAsync("Oslo"), await PopAsync("Null")));
    }

    [Fact]
    public async Task One_row_is_incremented_as_by_a_transaction()
    {
        Refused(GeoErrorKind.NotFound, await WriteAsync(WriteKind.Increment, "Oslo", values: ("pop", Number(1))));
        Ok(await WriteAsync(WriteKind.Put, "Oslo", null, null, ("pop", Number(1)), ("state", Text("no"))));
        var written = Ok(await WriteAsync(WriteKind.Increment, "Oslo", null, "once", ("pop", Number(2))));
        Assert.Equal((false, Number(3), Text("no")), (written.Created, written.Row!["pop"], written.Row["state"]));
        Ok(await WriteAsync(WriteKind.Increment, "Oslo", null, "once", ("pop", Number(2))));
        Assert.Equal(3, await PopAsync("Oslo"));
        var over = await WriteAsync(WriteKind.Increment, "Oslo", values: ("pop", Number(long.MaxValue)));
        Assert.Equal("out-of-range", Refused(GeoErrorKind.Unprocessable, over).Code);
        Refused(GeoErrorKind.Unprocessable, await WriteAsync(WriteKind.Increment, "Oslo", values: ("state", Text("x"))));
        Refused(GeoErrorKind.Unprocessable, await WriteAsync(WriteKind.Increment, "Oslo", values: ("pop", Datum.Null)));
        Refused(GeoErrorKind.Invalid, await WriteAsync(WriteKind.Increment, "Oslo"));
    }

    [Fact]
    public async Task Increments_of_one_row_at_the_same_time_all_count()
    {
        Ok(await WriteAsync(WriteKind.Put, "Oslo", values: ("pop", Number(0))));
        Ok(await WriteAsync(WriteKind.Put, "Rome", values: ("pop", Number(0))));
        var results = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => TransactAsync(
            OfCity(WriteKind.Increment, "Oslo", ("pop", Number(-1))), OfCity(WriteKind.Increment, "Rome", ("pop", Number(1))))));
        Assert.Equal(8, results.Select(result => Ok(result).CommitTimestamp).Distinct().Count());
        Assert.Equal((-8, 8), (await PopAsync("Oslo"), await PopAsync("Rome")));
    }

    [Fact]
    public async Task A_conditional_transaction_has_one_winner()
    {
        Ok(await WriteAsync(WriteKind.Put, "Oslo", values: ("pop", Number(1))));
        var results = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => TransactAsync(s_nothing with
        {
            Conditions = [If("Oslo", ScanOperator.GreaterOrEqual, 1)],
            Writes = [OfCity(WriteKind.Increment, "Oslo", ("pop", Number(-1))), OfPair(WriteKind.Insert, "ticket", i)],
        })));
        Assert.Single(results, result => result.IsOk);
        Assert.All(results.Where(result => !result.IsOk), result => Refused(GeoErrorKind.PreconditionFailed, result));
        Assert.Single(Ok(await ScanPairsAsync(All())).Rows);
        Assert.Equal(0, await PopAsync("Oslo"));
    }

    [Fact]
    public async Task A_transaction_that_makes_no_sense_is_refused_by_its_step()
    {
        async Task RefusedAsync(GeoErrorKind kind, string code, string field, TransactionRequest transaction)
        {
            var error = Refused(kind, await TransactAsync(transaction));
            Assert.Equal((code, field), (error.Code, error.Field));
        }

        TransactionRequest Of(params TransactionWrite[] writes) => s_nothing with { Writes = [.. writes] };
        var rome = OfCity(WriteKind.Put, "Rome");
        await RefusedAsync(
            GeoErrorKind.Unprocessable, "duplicate-write", "writes[2]",
            Of(rome, OfCity(WriteKind.Put, "a"), OfCity(WriteKind.Delete, "Rome")));
        await RefusedAsync(GeoErrorKind.NotFound, "table-not-found", "writes[1].table", Of(rome, rome with { Table = "nope" }));
        await RefusedAsync(
            GeoErrorKind.NotFound, "table-not-found", "reads[0].table", Of(rome) with { Reads = [new("nope", [Text("a")])] });
        await RefusedAsync(
            GeoErrorKind.Unprocessable, "unknown-column", "writes[1].nope", Of(rome, OfCity(WriteKind.Put, "a", ("nope", Number(1)))));
        await RefusedAsync(
            GeoErrorKind.Unprocessable, "wrong-type", "conditions[0].pop",
            Of(rome) with { Conditions = [new TransactionCondition.Field("city", [Text("a")], new("pop", ScanOperator.Less, Text("a")))] });
        await RefusedAsync(
            GeoErrorKind.Unprocessable, "wrong-key-length", "reads[0].key", Of(rome) with { Reads = [new("pair", [Text("a")])] });
        await RefusedAsync(GeoErrorKind.Invalid, "empty-transaction", "writes", s_nothing);
        var most = GeoLimits.TransactionStepsMax;
        await RefusedAsync(
            GeoErrorKind.TooLarge, "too-many-steps", "writes",
            Of([.. Enumerable.Range(0, most + 1).Select(i => OfPair(WriteKind.Put, "x", i))]));
        await RefusedAsync(
            GeoErrorKind.TooLarge, "too-many-steps", "reads",
            Of(rome) with { Reads = [.. Enumerable.Repeat(new TransactionRead("city", [Text("a")]), most + 1)] });
        await RefusedAsync(
            GeoErrorKind.TooLarge, "too-many-steps", "conditions",
            Of(rome) with { Conditions = [.. Enumerable.Repeat(If("a", exists: false), most + 1)] });
        var large = ("state", Text(new string('x', 1_000_000)));
        await RefusedAsync(
            GeoErrorKind.TooLarge, "transaction-too-large", "writes",
            Of([rome, .. Enumerable.Range(0, 17).Select(i => OfCity(WriteKind.Put, $"{i}", large))]));
        Refused(GeoErrorKind.NotFound, await Store.TransactAsync("nope", Of(rome), Options, Cancellation));
        Refused(GeoErrorKind.NotFound, await ReadAsync("Rome"));
    }

    [Fact]
    public async Task A_transaction_may_be_as_long_as_its_limit()
    {
        var writes = Enumerable.Range(0, GeoLimits.TransactionStepsMax).Select(i => OfPair(WriteKind.Put, "x", i, ("v", Number(i))));
        var done = Ok(await TransactAsync([.. writes]));
        Assert.Equal(GeoLimits.TransactionStepsMax, done.Writes.Length);
        var rows = Ok(await ScanPairsAsync(All())).Rows;
        Assert.Equal(GeoLimits.TransactionStepsMax, rows.Length);
        Assert.All(rows, row => Assert.Equal(done.CommitTimestamp, row.Version));
    }

    [Fact]
    public async Task A_transaction_asked_for_again_with_its_key_answers_the_same_and_is_made_once()
    {
        Ok(await WriteAsync(WriteKind.Put, "Oslo", values: ("pop", Number(1))));
        var transaction = s_nothing with
        {
            Reads = [new("city", [Text("Oslo")])],
            Conditions = [If("Rome", exists: false)],
            Writes = [OfCity(WriteKind.Increment, "Oslo", ("pop", Number(1))), OfCity(WriteKind.Insert, "Rome")],
        };
        var first = Ok(await TransactAsync(transaction, "key-1"));
        Ok(await WriteAsync(WriteKind.Put, "Oslo", values: ("pop", Number(100))));
        Ok(await WriteAsync(WriteKind.Delete, "Rome"));
        var again = Ok(await TransactAsync(transaction, "key-1"));
        Assert.Equal(first.CommitTimestamp, again.CommitTimestamp);
        Assert.Equal(
            first.Writes.Select(write => (write.Key[0], write.Version, write.Created)),
            again.Writes.Select(write => (write.Key[0], write.Version, write.Created)));
        Assert.Equal(first.Reads[0]!.Version, again.Reads[0]!.Version);
        Assert.Equal(Number(1), again.Reads[0]!.Row["pop"]);
        Assert.Equal(100, await PopAsync("Oslo"));
        Refused(GeoErrorKind.NotFound, await ReadAsync("Rome"));
        Refused(GeoErrorKind.IdempotencyMismatch, await TransactAsync(transaction with { Reads = [] }, "key-1"));
        Refused(
            GeoErrorKind.IdempotencyMismatch,
            await TransactAsync(transaction with { Writes = transaction.Writes.RemoveAt(0) }, "key-1"));
        Assert.Equal(100, await PopAsync("Oslo"));
    }

    [Fact]
    public async Task A_key_of_a_write_is_not_one_of_a_transaction_that_begins_with_the_same_row()
    {
        var transaction = s_nothing with { Writes = [OfCity(WriteKind.Put, "Oslo"), OfCity(WriteKind.Put, "Bern")] };
        Ok(await WriteAsync(WriteKind.Put, "Oslo", null, "of-a-write"));
        Refused(GeoErrorKind.IdempotencyMismatch, await TransactAsync(transaction, "of-a-write"));
        Refused(GeoErrorKind.NotFound, await ReadAsync("Bern"));
        var done = Ok(await TransactAsync(transaction, "of-a-transaction"));
        Refused(GeoErrorKind.IdempotencyMismatch, await WriteAsync(WriteKind.Put, "Oslo", null, "of-a-transaction"));
        Assert.Equal(done.CommitTimestamp, Ok(await ReadAsync("Oslo")).Version);
    }

    [Fact]
    public async Task A_transaction_spans_the_ranges_of_its_tables()
    {
        for (var i = 0; i < 6; i++)
        {
            await PutPairAsync("x", i, i);
        }

        foreach (var at in new long[] { 2, 4 })
        {
            var ranges = Ok(await Store.ListRangesAsync(Pair, Options, Cancellation)).Items;
            Ok(await Store.SplitRangeAsync(ranges[^1].Id, [Text("x"), Number(at)], Options, Cancellation));
        }

        var transaction = s_nothing with
        {
            Reads = [.. Enumerable.Range(0, 6).Select(i => new TransactionRead("pair", [Text("x"), Number(i)]))],
            Conditions = [new TransactionCondition.Field("pair", [Text("x"), Number(5)], new("v", ScanOperator.Equal, Number(5)))],
            Writes = [.. Enumerable.Range(0, 6).Select(i => OfPair(WriteKind.Increment, "x", i, ("v", Number(i % 2 == 0 ? 1 : -1))))],
        };
        var done = Ok(await TransactAsync(transaction, "key-1"));
        Assert.Equal(Enumerable.Range(0, 6).Select(i => (long?)i), done.Reads.Select(row => row?.Row["v"].AsInt64()));
        Refused(GeoErrorKind.PreconditionFailed, await TransactAsync(transaction));
        var again = Ok(await TransactAsync(transaction, "key-1"));
        Assert.Equal(done.CommitTimestamp, again.CommitTimestamp);
        var rows = Ok(await ScanPairsAsync(All())).Rows;
        Assert.Equal([1L, 0, 3, 2, 5, 4], rows.Select(row => row.Row["v"].AsInt64()));
        Assert.All(rows, row => Assert.Equal(done.CommitTimestamp, row.Version));
    }

    [Fact]
    public async Task A_transaction_that_was_refused_stays_refused_for_its_key()
    {
        var transaction = s_nothing with
        {
            Conditions = [If("Oslo", exists: true)],
            Writes = [OfCity(WriteKind.Insert, "Rome")],
        };
        Refused(GeoErrorKind.PreconditionFailed, await TransactAsync(transaction, "key-1"));
        Ok(await WriteAsync(WriteKind.Put, "Oslo"));
        var again = Refused(GeoErrorKind.PreconditionFailed, await TransactAsync(transaction, "key-1"));
        Assert.Equal("conditions[0]", again.Field);
        Refused(GeoErrorKind.NotFound, await ReadAsync("Rome"));
        Ok(await TransactAsync(transaction, "key-2"));
    }

    [Fact]
    public async Task Generated_keys_of_a_transaction_differ_by_write_and_not_by_retry()
    {
        Ok(await Store.CreateTableAsync(
            "geo",
            new("entry", [new("id", DatumType.Uuid, false, null, "gen_random_uuid()"), new("v", DatumType.Int64)], ["id"],
                new TableLocality.Regional()),
            Options,
            Cancellation));
        TransactionWrite Entry(long v) => new("entry", Write(WriteKind.Insert, [Datum.Null], null, ("v", Number(v))));
        var transaction = s_nothing with { Writes = [Entry(1), Entry(2)] };
        var first = Ok(await TransactAsync(transaction, "key-1"));
        Assert.NotEqual(first.Writes[0].Key[0], first.Writes[1].Key[0]);
        var again = Ok(await TransactAsync(transaction, "key-1"));
        Assert.Equal(first.Writes.Select(write => write.Key[0]), again.Writes.Select(write => write.Key[0]));
        var rows = Ok(await Store.ScanAsync(new("geo", "entry"), All(), ReadBound.Strong, Options, Cancellation)).Rows;
        Assert.Equal(
            first.Writes.Select(write => write.Key[0]).Order(), rows.Select(row => row.Key[0]));
        var other = Ok(await TransactAsync(transaction, "key-2"));
        Assert.Empty(first.Writes.Select(write => write.Key[0]).Intersect(other.Writes.Select(write => write.Key[0])));
    }
}
