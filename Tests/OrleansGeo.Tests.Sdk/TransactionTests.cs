using OrleansGeo.Primitives;
using OrleansGeo.Tables;

namespace OrleansGeo.Tests.Sdk;

/// <summary>Transactions and increments of typed tables on a real, embedded cluster.</summary>
public sealed class TransactionTests(EmbeddedFixture cluster) : IClassFixture<EmbeddedFixture>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private GeoDatabase Home => EmbeddedFixture.Database(cluster.HomeStore);

    private GeoDatabase Away => EmbeddedFixture.Database(cluster.AwayStore);

    [Fact]
    public async Task A_transaction_reads_requires_and_writes_rows_of_several_types_at_one_moment()
    {
        var cities = await Home.EnsureTableAsync<City>("tx-cities", cancellation: Cancellation);
        var visits = await Home.EnsureTableAsync<Visit>("tx-visits", cancellation: Cancellation);
        var oslo = await cities.PutAsync(new("oslo", 5, "x"), cancellation: Cancellation);
        await cities.PutAsync(new("rome", 1), cancellation: Cancellation);
        await cities.PutAsync(new("bern", 1, "y"), cancellation: Cancellation);
        var done = await Home.TransactAsync(
            t => t
                .Read(cities, "oslo").Read(cities, "nowhere")
                .Require(cities, "oslo", city => city.Population, ScanOperator.GreaterOrEqual, 5)
                .RequireVersion(cities, "oslo", oslo.Version)
                .RequireExists(cities, "rome").RequireAbsent(visits, RowKey.Of("oslo", 1))
                .Increment(cities, "oslo", city => city.Population, -5)
                .Insert(visits, new(1, "oslo", "first")).Put(visits, new(2, "oslo"))
                .Patch(cities, "bern", new Patch<City>().Set(city => city.Mayor, null))
                .Delete(cities, "rome"),
            new() { Isolation = TransactionIsolation.Strict },
            Cancellation);

        var was = done.Read(cities, "oslo");
        Assert.Equal((new City("oslo", 5, "x"), oslo.Version), (was.Value, was.Version));
        Assert.False(done.Read(cities, "nowhere").Found);
        Assert.Throws<ArgumentException>(() => done.Read(cities, "rome"));
        Assert.Equal(
            [new("oslo", false), new(RowKey.Of("oslo", 1), true), new(RowKey.Of("oslo", 2), true), new("bern", false), new("rome", false)],
            done.Writes);

        var after = await cities.GetAsync("oslo", cancellation: Cancellation);
        Assert.Equal((new City("oslo", 0, "x"), done.CommitTimestamp), (after.Value, after.Version));
        Assert.Equal(new City("bern", 1), (await cities.GetAsync("bern", cancellation: Cancellation)).Value);
        Assert.False((await cities.GetAsync("rome", cancellation: Cancellation)).Found);
        Assert.Equal(["first", null], await visits.Scan().Select(visit => visit.Note).ToListAsync(Cancellation));
    }

    [Fact]
    public async Task A_condition_or_row_that_is_not_as_demanded_names_the_step_and_nothing_is_written()
    {
        var cities = await Home.EnsureTableAsync<City>("tx-refused", cancellation: Cancellation);
        var oslo = await cities.PutAsync(new("oslo", long.MaxValue), cancellation: Cancellation);
        async Task<GeoConditionException> RefusedAsync(Action<TransactionSteps> steps) =>
            await Assert.ThrowsAsync<GeoConditionException>(
                () => Home.TransactAsync(t => steps(t.Put(cities, new("first", 1))), cancellation: Cancellation));

        var condition = await RefusedAsync(t => t.RequireExists(cities, "oslo").RequireAbsent(cities, "oslo"));
        Assert.Equal(
            ("condition-failed", "conditions[1]", oslo.Version), (condition.Error.Code, condition.Error.Field, condition.CurrentVersion));
        var absent = await RefusedAsync(t => t.RequireExists(cities, "rome"));
        Assert.Equal(("conditions[0]", null), (absent.Error.Field, absent.CurrentVersion));
        var insert = await RefusedAsync(t => t.Insert(cities, new("oslo", 1)));
        Assert.Equal(("row-exists", "writes[1]", oslo.Version), (insert.Error.Code, insert.Error.Field, insert.CurrentVersion));
        var delete = await RefusedAsync(t => t.Delete(cities, "rome"));
        Assert.Equal(("row-not-found", "writes[1]"), (delete.Error.Code, delete.Error.Field));
        var over = await RefusedAsync(t => t.Increment(cities, "oslo", city => city.Population, 1));
        Assert.Equal(("out-of-range", "writes[1]"), (over.Error.Code, over.Error.Field));
        var twice = await Assert.ThrowsAsync<GeoRequestException>(
            () => Home.TransactAsync(t => t.Put(cities, new("a", 1)).Delete(cities, "a"), cancellation: Cancellation));
        Assert.Equal(("duplicate-write", "writes[1]"), (twice.Error.Code, twice.Error.Field));
        Assert.False((await cities.GetAsync("first", cancellation: Cancellation)).Found);
    }

    [Fact]
    public async Task Transfers_that_lose_every_other_answer_are_made_once_each_also_side_by_side()
    {
        var lossy = ScriptedStore.Over(cluster.HomeStore);
        await Home.EnsureTableAsync<City>("tx-accounts", cancellation: Cancellation);
        var database = EmbeddedFixture.Database(lossy.Store);
        var accounts = database.Table<City>("tx-accounts");
        for (var i = 0; i < 4; i++)
        {
            await accounts.PutAsync(new($"{i}", 10), cancellation: Cancellation);
        }

        await cluster.SplitAsync("tx-accounts", "2");
        lossy.LosesEveryOtherWrite = true;
        var before = lossy.Writes.Count;
        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => database.TransactAsync(
            t => t.Increment(accounts, $"{i % 4}", account => account.Population, -1)
                .Increment(accounts, $"{(i + 1) % 4}", account => account.Population, 1)
                .Insert(accounts, new($"transfer {i}", 0)),
            cancellation: Cancellation)));
        Assert.True(lossy.Writes.Count > before + 20);
        Assert.Equal(20, lossy.Writes.Skip(before).Distinct().Count());
        var rows = await accounts.Scan().Select(row => row).ToListAsync(Cancellation);
        Assert.Equal(24, rows.Count);
        Assert.All(rows.Take(4), account => Assert.Equal(10, account.Population));
    }

    [Fact]
    public async Task One_row_is_incremented_without_reading_it_first()
    {
        var cities = await Home.EnsureTableAsync<City>("tx-increments", cancellation: Cancellation);
        var add = new Increment<City>().By(city => city.Population, 2);
        await Assert.ThrowsAsync<GeoConditionException>(() => cities.IncrementAsync("oslo", add, null, Cancellation));
        var put = await cities.PutAsync(new("oslo", 1, "x"), cancellation: Cancellation);
        var written = await cities.IncrementAsync("oslo", add, Precondition.VersionIs(put.Version), Cancellation);
        Assert.Equal(new("oslo", 3, "x"), written.Value);
        await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => cities.IncrementAsync("oslo", add, null, Cancellation)));
        Assert.Equal(23, (await cities.GetAsync("oslo", cancellation: Cancellation)).Value!.Population);
        var over = await Assert.ThrowsAsync<GeoConditionException>(
            () => cities.IncrementAsync("oslo", new Increment<City>().By(city => city.Population, long.MaxValue), null, Cancellation));
        Assert.Equal("out-of-range", over.Error.Code);
        Assert.Throws<GeoMappingException>(() => new Increment<City>().By(city => city.Mayor, "y"));
    }

    [Fact]
    public async Task A_session_sees_in_another_region_what_its_transaction_wrote()
    {
        var cities = await Home.EnsureTableAsync<City>("tx-sessions", cancellation: Cancellation);
        var session = new GeoSession();
        var loose = ReadBound.BoundedStaleness(TimeSpan.FromHours(1));
        var anywhen = Away.Table<City>("tx-sessions");
        await EmbeddedFixture.UntilAsync(async () => (await anywhen.GetAsync("0", loose, Cancellation)).RoundTrips == 0);
        await Home.InSession(session).TransactAsync(t => t.Put(cities, new("a", 1)).Put(cities, new("b", 2)), cancellation: Cancellation);
        Assert.True((await Away.InSession(session).Table<City>("tx-sessions").GetAsync("b", loose, Cancellation)).Found);
    }

    [Fact]
    public async Task A_table_of_another_database_has_no_place_in_a_transaction()
    {
        var other = new GeoClient(cluster.HomeStore).Database("other").Table<City>("cities");
        await Assert.ThrowsAsync<ArgumentException>(() => Home.TransactAsync(t => t.Read(other, "a"), cancellation: Cancellation));
    }
}
