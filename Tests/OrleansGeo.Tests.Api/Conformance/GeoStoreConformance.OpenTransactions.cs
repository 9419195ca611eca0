using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tests.Api.Conformance;

/// <summary>Transactions that stay open.</summary>
public abstract partial class GeoStoreConformance
{
    private async Task<string> BeginAsync(TransactionBegin? begin = null) =>
        Ok(await Store.BeginTransactionAsync("geo", begin ?? new(), Options, Cancellation)).Id;

    private Task<string> BeginAsync(TransactionIsolation isolation) => BeginAsync(new TransactionBegin(isolation));

    private Task<GeoResult<TransactionAnswer>> StepAsync(string id, TransactionStep step, string? key = null) =>
        Store.StepTransactionAsync("geo", id, step, Options with { IdempotencyKey = key }, Cancellation);

    private async Task<ImmutableArray<VersionedRow?>> RowsAsync(string id, params TransactionRead[] rows) =>
        Assert.IsType<TransactionAnswer.Rows>(Ok(await StepAsync(id, new TransactionStep.Read([.. rows])))).Items;

    private async Task<ScanPage> PairsAsync(string id, ScanRequest scan) =>
        Assert.IsType<TransactionAnswer.Page>(Ok(await StepAsync(id, new TransactionStep.Scan("pair", scan)))).Content;

    private async Task<string[]> AllPairsAsync(string id, int limit = 1_000, bool descending = false)
    {
        var rows = new List<string>();
        string? next = null;
        do
        {
            var page = await PairsAsync(id, All(limit, descending, next));
            rows.AddRange(page.Rows.Select(row => $"{row.Key[0].AsString()}{row.Key[1].AsInt64()}={row.Row["v"]}"));
            next = page.Next;
        }
        while (next is not null);
        return [.. rows];
    }

    private Task<GeoResult<TransactionAnswer>> WriteStepAsync(string id, params TransactionWrite[] writes) =>
        StepAsync(id, new TransactionStep.Write([.. writes]));

    private async Task<TransactionResult> CommitAsync(string id) =>
        Assert.IsType<TransactionAnswer.Committed>(Ok(await StepAsync(id, new TransactionStep.Commit()))).Result;

    private async Task ConflictsAsync(string id) => Assert.Equal(
        "transaction-conflict", Refused(GeoErrorKind.Conflict, await StepAsync(id, new TransactionStep.Commit())).Code);

    [Theory]
    [MemberData(nameof(Isolations))]
    public async Task What_an_open_transaction_writes_it_sees_and_nobody_else_before_it_commits(TransactionIsolation isolation)
    {
        Ok(await WriteAsync(WriteKind.Put, "Oslo", values: ("pop", Number(1))));
        await PutPairAsync("x", 1, 7);
        var id = await BeginAsync(isolation);
        Ok(await WriteStepAsync(
            id, OfCity(WriteKind.Increment, "Oslo", ("pop", Number(4))), OfCity(WriteKind.Insert, "Bern", ("pop", Number(5)))));
        Ok(await WriteStepAsync(
            id, OfPair(WriteKind.Delete, "x", 1), OfCity(WriteKind.Merge, "Bern", ("state", Text("be"))), OfPair(WriteKind.Put, "y", 2)));
        var rows = await RowsAsync(id, new("city", [Text("Oslo")]), new("city", [Text("Bern")]), new("pair", [Text("x"), Number(1)]));
        Assert.Equal((Number(5), HlcTimestamp.Zero), (rows[0]!.Row["pop"], rows[0]!.Version));
        Assert.Equal((Number(5), Text("be")), (rows[1]!.Row["pop"], rows[1]!.Row["state"]));
        Assert.Null(rows[2]);
        Assert.Equal((1L, (long?)null), ((await PopAsync("Oslo"))!.Value, await PopAsync("Bern")));

        var done = await CommitAsync(id);
        Assert.Equal([Text("Oslo"), Text("Bern"), Text("x"), Text("y")], done.Writes.Select(write => write.Key[0]));
        Assert.Equal([false, true, false, true], done.Writes.Select(write => write.Created));
        Assert.Equal((5L, 5L), ((await PopAsync("Oslo"))!.Value, (await PopAsync("Bern"))!.Value));
        Assert.Equal(done.CommitTimestamp, Ok(await ReadAsync("Bern")).Version);
        Assert.Equal([Text("y")], Ok(await ScanPairsAsync(All())).Rows.Select(row => row.Key[0]));

        // Asked again it is not made again.
        Assert.Equal(done.CommitTimestamp, (await CommitAsync(id)).CommitTimestamp);
        Assert.Equal(5, await PopAsync("Oslo"));
        Assert.Equal(
            "transaction-ended", Refused(GeoErrorKind.Unprocessable, await StepAsync(id, new TransactionStep.Rollback())).Code);
    }

    [Fact]
    public async Task A_scan_of_an_open_transaction_shows_its_writes_in_their_places()
    {
        foreach (var number in (long[])[1, 2, 3, 5])
        {
            await PutPairAsync("a", number, number);
        }

        var id = await BeginAsync();
        Ok(await WriteStepAsync(
            id, OfPair(WriteKind.Put, "a", 0, ("v", Number(10))), OfPair(WriteKind.Delete, "a", 2),
            OfPair(WriteKind.Merge, "a", 3, ("v", Number(33))), OfPair(WriteKind.Put, "a", 4, ("v", Number(4))),
            OfPair(WriteKind.Put, "b", 1, ("v", Number(9)))));
        string[] all = ["a0=10", "a1=1", "a3=33", "a4=4", "a5=5", "b1=9"];
        foreach (var limit in (int[])[1, 2, 3, 100])
        {
            Assert.Equal(all, await AllPairsAsync(id, limit));
            Assert.Equal(all.Reverse(), await AllPairsAsync(id, limit, descending: true));
        }

        var some = await PairsAsync(id, All() with
        {
            Prefix = [Text("a")],
            From = [Text("a"), Number(1)],
            To = [Text("a"), Number(5)],
            Where = [new("v", ScanOperator.Greater, Number(3))],
        });
        Assert.Equal([Number(3), Number(4)], some.Rows.Select(row => row.Key[1]));
        await CommitAsync(id);
        Assert.Equal(6, Ok(await ScanPairsAsync(All())).Rows.Length);
    }

    [Fact]
    public async Task Writes_go_back_to_a_savepoint_and_the_transaction_goes_on()
    {
        var id = await BeginAsync();
        Ok(await WriteStepAsync(id, OfPair(WriteKind.Put, "a", 1, ("v", Number(1)))));
        Ok(await StepAsync(id, new TransactionStep.Savepoint("one")));
        Ok(await WriteStepAsync(id, OfPair(WriteKind.Put, "a", 1, ("v", Number(2))), OfPair(WriteKind.Put, "a", 2)));
        Ok(await StepAsync(id, new TransactionStep.Savepoint("two")));
        Ok(await WriteStepAsync(id, OfPair(WriteKind.Delete, "a", 1)));
        Ok(await StepAsync(id, new TransactionStep.RollbackTo("one")));
        Assert.Equal(["a1=1"], await AllPairsAsync(id));
        Assert.Equal(
            "savepoint-not-found", Refused(GeoErrorKind.NotFound, await StepAsync(id, new TransactionStep.RollbackTo("two"))).Code);
        Ok(await WriteStepAsync(id, OfPair(WriteKind.Put, "a", 3, ("v", Number(3)))));
        Ok(await StepAsync(id, new TransactionStep.RollbackTo("one")));
        Ok(await WriteStepAsync(id, OfPair(WriteKind.Insert, "a", 4, ("v", Number(4)))));
        await CommitAsync(id);
        Assert.Equal([1L, 4L], Ok(await ScanPairsAsync(All())).Rows.Select(row => row.Key[1].AsInt64()));
    }

    [Fact]
    public async Task A_write_that_is_refused_leaves_the_transaction_as_it_was()
    {
        await PutPairAsync("a", 1, 1);
        var version = Ok(await ScanPairsAsync(All())).Rows[0].Version;
        var id = await BeginAsync();
        Ok(await WriteStepAsync(id, OfPair(WriteKind.Put, "a", 2, ("v", Number(2)))));
        foreach (var (kind, code, write) in ((GeoErrorKind, string, TransactionWrite)[])
        [
            (GeoErrorKind.AlreadyExists, "row-exists", OfPair(WriteKind.Insert, "a", 1)),
            (GeoErrorKind.AlreadyExists, "row-exists", OfPair(WriteKind.Insert, "a", 2)),
            (GeoErrorKind.NotFound, "", OfPair(WriteKind.Delete, "a", 9)),
            (GeoErrorKind.NotFound, "", OfPair(WriteKind.Merge, "a", 9, ("v", Number(1)))),
            (GeoErrorKind.PreconditionFailed, "", new("pair", Write(
                WriteKind.Put, [Text("a"), Number(1)], Precondition.VersionIs(version.Next), ("v", Number(1))))),
            (GeoErrorKind.NotFound, "", new("nope", Write(WriteKind.Put, [Text("a")], null))),
        ])
        {
            var refused = Refused(kind, await WriteStepAsync(id, OfPair(WriteKind.Put, "a", 7, ("v", Number(7))), write));
            Assert.StartsWith("writes[1]", refused.Field);
            Assert.True(code.Length == 0 || refused.Code == code, refused.Code);
        }

        Ok(await WriteStepAsync(
            id, new TransactionWrite("pair", Write(
                WriteKind.Put, [Text("a"), Number(1)], Precondition.VersionIs(version), ("v", Number(11))))));
        Assert.Equal(["a1=11", "a2=2"], await AllPairsAsync(id));
        await CommitAsync(id);
        Assert.Equal(2, Ok(await ScanPairsAsync(All())).Rows.Length);
    }

    [Fact]
    public async Task A_row_that_comes_and_goes_within_a_transaction_is_not_written()
    {
        await PutPairAsync("a", 1, 1);
        var id = await BeginAsync();
        Ok(await WriteStepAsync(id, OfPair(WriteKind.Insert, "a", 2), OfPair(WriteKind.Put, "a", 3), OfPair(WriteKind.Delete, "a", 1)));
        Ok(await WriteStepAsync(id, OfPair(WriteKind.Delete, "a", 2), OfPair(WriteKind.Delete, "a", 3)));
        Assert.Empty(await AllPairsAsync(id));
        var done = await CommitAsync(id);
        Assert.Equal([Number(1)], done.Writes.Select(write => write.Key[1]));
        Assert.Empty(Ok(await ScanPairsAsync(All())).Rows);
    }

    [Fact]
    public async Task A_rollback_leaves_nothing_and_a_transaction_that_only_reads_writes_nothing()
    {
        await PutPairAsync("a", 1, 1);
        var id = await BeginAsync();
        Ok(await WriteStepAsync(id, OfPair(WriteKind.Put, "a", 2)));
        Ok(await StepAsync(id, new TransactionStep.Rollback()));
        Ok(await StepAsync(id, new TransactionStep.Rollback()));
        Assert.Equal("transaction-ended", Refused(GeoErrorKind.Unprocessable, await StepAsync(id, new TransactionStep.Commit())).Code);

        var readOnly = await BeginAsync(new TransactionBegin(ReadOnly: true));
        Assert.Equal(["a1=1"], await AllPairsAsync(readOnly));
        Assert.Equal(
            "transaction-read-only",
            Refused(GeoErrorKind.Unprocessable, await WriteStepAsync(readOnly, OfPair(WriteKind.Put, "a", 2))).Code);
        await PutPairAsync("a", 1, 2);
        Assert.Equal(["a1=1"], await AllPairsAsync(readOnly));
        Assert.Empty((await CommitAsync(readOnly)).Writes);
        Assert.Single(Ok(await ScanPairsAsync(All())).Rows);
    }

    [Fact]
    public async Task A_transaction_as_of_a_moment_reads_the_rows_of_that_moment()
    {
        var then = Ok(await WriteAsync(WriteKind.Put, "Oslo", values: ("pop", Number(1)))).Version;
        await PutPairAsync("a", 1, 1);
        Ok(await WriteAsync(WriteKind.Put, "Oslo", values: ("pop", Number(2))));
        var id = await BeginAsync(new TransactionBegin(AsOf: then));
        var rows = await RowsAsync(id, new("pair", [Text("a"), Number(1)]), new("city", [Text("Oslo")]));
        Assert.Null(rows[0]);
        Assert.Equal((Number(1), then), (rows[1]!.Row["pop"], rows[1]!.Version));
        Assert.Empty(await AllPairsAsync(id));
        Refused(GeoErrorKind.Unprocessable, await WriteStepAsync(id, OfPair(WriteKind.Put, "a", 2)));
        Assert.Equal(then, (await CommitAsync(id)).CommitTimestamp);

        var ahead = new TransactionBegin(AsOf: then.AddMillis(86_400_000));
        Assert.Equal("asOf", Refused(GeoErrorKind.Invalid, await Store.BeginTransactionAsync("geo", ahead, Options, Cancellation)).Field);
    }

    [Fact]
    public async Task A_step_with_a_key_of_its_own_is_carried_out_once()
    {
        await PutPairAsync("a", 1, 1);
        var id = await BeginAsync();
        var add = new TransactionStep.Write([OfPair(WriteKind.Increment, "a", 1, ("v", Number(5)))]);
        Ok(await StepAsync(id, add, "one"));
        Ok(await StepAsync(id, add, "one"));
        Assert.Equal(["a1=6"], await AllPairsAsync(id));
        Ok(await StepAsync(id, add, "two"));
        await CommitAsync(id);
        Assert.Equal(Number(11), Ok(await ScanPairsAsync(All())).Rows[0].Row["v"]);
    }

    [Fact]
    public async Task A_transaction_that_is_not_open_is_not_found()
    {
        Refused(GeoErrorKind.NotFound, await Store.BeginTransactionAsync("nope", new(), Options, Cancellation));
        Refused(GeoErrorKind.NotFound, await StepAsync("no transaction", new TransactionStep.Commit()));
        var id = await BeginAsync();
        Refused(GeoErrorKind.NotFound, await Store.StepTransactionAsync("other", id, new TransactionStep.Commit(), Options, Cancellation));
        Refused(GeoErrorKind.NotFound, await StepAsync(id[..^1], new TransactionStep.Commit()));
        var read = new TransactionStep.Read([new("city", [Text("Oslo")]), new("nope", [Text("a")])]);
        Assert.Equal("reads[1].table", Refused(GeoErrorKind.NotFound, await StepAsync(id, read)).Field);
        Refused(GeoErrorKind.NotFound, await StepAsync(id, new TransactionStep.Scan("nope", All())));
        await CommitAsync(id);

        var idle = new TransactionBegin(IdleTimeout: GeoLimits.IdleTimeoutMax + TimeSpan.FromMilliseconds(1));
        Refused(GeoErrorKind.Invalid, await Store.BeginTransactionAsync("geo", idle, Options, Cancellation));
    }

    [Fact]
    public async Task A_transaction_that_stands_idle_for_longer_than_it_may_is_over()
    {
        var idle = TimeSpan.FromMilliseconds(20);
        var begun = Ok(await Store.BeginTransactionAsync("geo", new(IdleTimeout: idle), Options, Cancellation));
        Assert.Equal(idle, begun.IdleTimeout);
        await Task.Delay(3 * idle, Cancellation);
        await AdvanceAsync(2 * idle);
        Assert.Equal(
            "transaction-not-found", Refused(GeoErrorKind.NotFound, await StepAsync(begun.Id, new TransactionStep.Commit())).Code);
    }

    [Theory]
    [MemberData(nameof(Isolations))]
    public async Task P4_of_two_open_transactions_that_add_to_the_same_row_one_commits(TransactionIsolation isolation)
    {
        Ok(await Both(isolation, 0, 0));
        var (one, two) = (await BeginAsync(isolation), await BeginAsync(isolation));
        Ok(await WriteStepAsync(one, OfCity(WriteKind.Increment, "x", ("pop", Number(1)))));
        Ok(await WriteStepAsync(two, OfCity(WriteKind.Increment, "x", ("pop", Number(1)))));
        await CommitAsync(two);
        await ConflictsAsync(one);
        await ConflictsAsync(one);
        Ok(await StepAsync(one, new TransactionStep.Rollback()));
        Assert.Equal(1, (await SeeAsync(isolation)).X);
    }

    [Theory]
    [MemberData(nameof(Isolations))]
    public async Task G_single_an_open_transaction_reads_one_moment(TransactionIsolation isolation)
    {
        Ok(await Both(isolation, 0, 0));
        var reader = await BeginAsync(isolation);
        Assert.Equal(Number(0), (await RowsAsync(reader, ReadOfX))[0]!.Row["pop"]);
        Ok(await Both(isolation, 1, 1));

        // It sees the moment of its first read, or is over; never one row before and one behind the other transaction.
        var second = await StepAsync(reader, new TransactionStep.Read([ReadOfY]));
        if (second.IsOk)
        {
            Assert.Equal(Number(0), ((TransactionAnswer.Rows)second.Value).Items[0]!.Row["v"]);
        }
        else
        {
            Assert.Equal("transaction-conflict", Refused(GeoErrorKind.Conflict, second).Code);
        }
    }

    [Theory]
    [MemberData(nameof(Isolations))]
    public async Task G2_item_of_two_open_transactions_that_each_read_what_the_other_writes_one_commits(TransactionIsolation isolation)
    {
        Ok(await Both(isolation, 0, 0));
        var (one, two) = (await BeginAsync(isolation), await BeginAsync(isolation));
        foreach (var id in (string[])[one, two])
        {
            Assert.Equal(2, (await RowsAsync(id, ReadOfX, ReadOfY)).Length);
        }

        Ok(await WriteStepAsync(one, WriteOfX(1)));
        Ok(await WriteStepAsync(two, WriteOfY(1)));
        await CommitAsync(one);
        await ConflictsAsync(two);
        var last = await SeeAsync(isolation);
        Assert.Equal((1, 0), (last.X, last.Y));
    }

    [Theory]
    [MemberData(nameof(Isolations))]
    public async Task G2_of_two_open_transactions_that_count_rows_and_add_one_one_commits(TransactionIsolation isolation)
    {
        await PutPairAsync("a", 1, 1);
        var (one, two) = (await BeginAsync(isolation), await BeginAsync(isolation));
        Assert.Single(await AllPairsAsync(one));
        Assert.Single(await AllPairsAsync(two));
        Ok(await WriteStepAsync(one, OfPair(WriteKind.Insert, "a", 2)));
        Ok(await WriteStepAsync(two, OfPair(WriteKind.Insert, "a", 3)));
        await CommitAsync(two);
        await ConflictsAsync(one);
        Assert.Equal(2, Ok(await ScanPairsAsync(All())).Rows.Length);
    }

    [Theory]
    [MemberData(nameof(Isolations))]
    public async Task What_is_added_beside_a_span_that_was_read_is_in_nobodys_way(TransactionIsolation isolation)
    {
        await PutPairAsync("a", 1, 1);
        await PutPairAsync("b", 1, 1);
        var id = await BeginAsync(isolation);
        var read = await PairsAsync(id, All() with { Prefix = [Text("a")] });
        Assert.Single(read.Rows);
        await PutPairAsync("b", 2, 2);
        Ok(await WriteAsync(WriteKind.Put, "Oslo"));
        Ok(await WriteStepAsync(id, OfPair(WriteKind.Put, "a", 2), WriteOfX(1)));
        Assert.Equal(2, (await CommitAsync(id)).Writes.Length);
    }

    [Theory]
    [MemberData(nameof(Isolations))]
    public async Task A_transaction_that_only_reads_closes_no_cycle(TransactionIsolation isolation)
    {
        // Fekete, O'Neil and O'Neil: with the report, the withdrawal that saw neither row changed must not commit.
        Ok(await Both(isolation, 0, 0));
        var withdraw = await BeginAsync(isolation);
        Assert.Equal(2, (await RowsAsync(withdraw, ReadOfX, ReadOfY)).Length);
        var deposit = await BeginAsync(isolation);
        Ok(await WriteStepAsync(deposit, OfPair(WriteKind.Increment, "y", 1, ("v", Number(20)))));
        await CommitAsync(deposit);
        var report = await BeginAsync(new TransactionBegin(isolation, ReadOnly: true));
        var seen = await RowsAsync(report, ReadOfX, ReadOfY);
        Assert.Equal((Number(0), Number(20)), (seen[0]!.Row["pop"], seen[1]!.Row["v"]));
        await CommitAsync(report);
        Ok(await WriteStepAsync(withdraw, WriteOfX(-11)));
        await ConflictsAsync(withdraw);
    }
}
