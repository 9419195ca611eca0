using OrleansGeo.Primitives;
using OrleansGeo.Tables;

namespace OrleansGeo.Tests.Sdk;

/// <summary>Transactions of typed tables that stay open, on a real, embedded cluster.</summary>
public sealed class OpenTransactionTests(EmbeddedFixture cluster) : IClassFixture<EmbeddedFixture>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private GeoDatabase Home => EmbeddedFixture.Database(cluster.HomeStore);

    [Fact]
    public async Task A_transaction_reads_decides_and_writes_and_others_see_all_of_it_or_nothing()
    {
        var cities = await Home.EnsureTableAsync<City>("open-cities", cancellation: Cancellation);
        var visits = await Home.EnsureTableAsync<Visit>("open-visits", cancellation: Cancellation);
        var oslo = await cities.PutAsync(new("oslo", 5, "x"), cancellation: Cancellation);
        await cities.PutAsync(new("rome", 1), cancellation: Cancellation);
        await using var t = await Home.BeginAsync(new() { Isolation = TransactionIsolation.Strict }, Cancellation);
        var read = await t.GetAsync(cities, "oslo", Cancellation);
        Assert.Equal((new City("oslo", 5, "x"), oslo.Version), (read.Value, read.Version));
        Assert.False((await t.GetAsync(cities, "nowhere", Cancellation)).Found);
        await t.IncrementAsync(cities, "oslo", city => city.Population, read.Value!.Population, Cancellation);
        await t.SavepointAsync("before", Cancellation);
        await t.DeleteAsync(cities, "oslo", Cancellation);
        await t.PatchAsync(cities, "rome", new Patch<City>().Set(city => city.Mayor, "m"), Cancellation);
        await t.RollbackToAsync("before", Cancellation);
        await t.PutAsync(cities, new("bern", 7), Cancellation);
        Assert.Equal(RowKey.Of("oslo", 1), await t.InsertAsync(visits, new Visit(1, "oslo", "first"), Cancellation));
        var mine = await t.ScanAsync(cities, new() { PageRows = 2 }, Cancellation).Select(row => row.Value!).ToListAsync(Cancellation);
        Assert.Equal([new("bern", 7), new("oslo", 10, "x"), new("rome", 1)], mine);
        Assert.Equal(2, await cities.Scan().CountAsync(Cancellation));

        var done = await t.CommitAsync(Cancellation);
        Assert.Equal(3, done.Writes.Length);
        Assert.Equal(done.CommitTimestamp, (await cities.GetAsync("bern", cancellation: Cancellation)).Version);
        Assert.Equal(["first"], await visits.Scan().Select(visit => visit.Note).ToListAsync(Cancellation));
    }

    [Fact]
    public async Task What_is_not_committed_is_given_up_when_it_is_disposed_of()
    {
        var cities = await Home.EnsureTableAsync<City>("open-given-up", cancellation: Cancellation);
        string id;
        await using (var t = await Home.BeginAsync(cancellation: Cancellation))
        {
            id = t.Begun.Id;
            await t.PutAsync(cities, new("oslo", 1), Cancellation);
            var refused = await Assert.ThrowsAsync<GeoConditionException>(() => t.InsertAsync(cities, new City("oslo", 2), Cancellation));
            Assert.Equal("writes[0]", refused.Error.Field);
        }

        Assert.False((await cities.GetAsync("oslo", cancellation: Cancellation)).Found);
        var after = await cluster.HomeStore.StepTransactionAsync(
            Home.Name, id, new TransactionStep.Commit(), RequestOptions.Default, Cancellation);
        Assert.Equal("transaction-ended", after.Error?.Code);

        await using var readOnly = await Home.BeginAsync(new() { ReadOnly = true }, Cancellation);
        await Assert.ThrowsAsync<GeoRequestException>(() => readOnly.PutAsync(cities, new City("oslo", 1), Cancellation));
        await Assert.ThrowsAsync<GeoRequestException>(() => readOnly.RollbackToAsync("nowhere", Cancellation));
    }

    [Fact]
    public async Task Work_that_others_get_in_the_way_of_runs_again_until_it_is_committed()
    {
        var accounts = await Home.EnsureTableAsync<City>("open-accounts", cancellation: Cancellation);
        for (var i = 0; i < 4; i++)
        {
            await accounts.PutAsync(new($"{i}", 10), cancellation: Cancellation);
        }

        await cluster.SplitAsync("open-accounts", "2");
        var patient = new GeoClient(cluster.HomeStore, new() { Timeout = TimeSpan.FromSeconds(120) }).Database(Home.Name);
        var runs = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(i => patient.RunAsync(
            async t =>
            {
                Interlocked.Increment(ref runs);
                var (from, to) = ($"{i % 4}", $"{(i + 1) % 4}");
                var (payer, payee) = (await t.GetAsync(accounts, from, Cancellation), await t.GetAsync(accounts, to, Cancellation));
                await t.PutAsync(accounts, payer.Value! with { Population = payer.Value.Population - 1 }, Cancellation);
                await t.PutAsync(accounts, payee.Value! with { Population = payee.Value.Population + 1 }, Cancellation);
            },
            cancellation: Cancellation)));
        Assert.All(await accounts.Scan().ToListAsync(Cancellation), account => Assert.Equal(10, account.Population));
        Assert.True(runs >= 8, $"{runs} runs");

        var over = new InvalidOperationException("the work's own");
        Assert.Same(over, await Assert.ThrowsAsync<InvalidOperationException>(
            () => patient.RunAsync(t => Task.FromException(over), cancellation: Cancellation)));
    }

    [Fact]
    public async Task A_transaction_that_is_over_says_so_and_is_not_asked_again()
    {
        var cities = await Home.EnsureTableAsync<City>("open-over", cancellation: Cancellation);
        await cities.PutAsync(new("oslo", 1), cancellation: Cancellation);
        await using var t = await Home.BeginAsync(cancellation: Cancellation);
        await t.IncrementAsync(cities, "oslo", city => city.Population, 1, Cancellation);
        await cities.PutAsync(new("oslo", 5), cancellation: Cancellation);
        var over = await Assert.ThrowsAsync<GeoTransactionOverException>(() => t.CommitAsync(Cancellation));
        Assert.Equal("transaction-conflict", over.Error.Code);
        Assert.Equal(5, (await cities.GetAsync("oslo", cancellation: Cancellation)).Value!.Population);
    }

    [Fact]
    public async Task Steps_whose_answers_are_lost_are_carried_out_once()
    {
        await Home.EnsureTableAsync<City>("open-lossy", cancellation: Cancellation);
        var lossy = ScriptedStore.Over(cluster.HomeStore);
        var database = EmbeddedFixture.Database(lossy.Store);
        var cities = database.Table<City>("open-lossy");
        await cities.PutAsync(new("oslo", 1), cancellation: Cancellation);
        lossy.LosesEveryOtherWrite = true;
        await using var t = await database.BeginAsync(cancellation: Cancellation);
        await t.IncrementAsync(cities, "oslo", city => city.Population, 1, Cancellation);
        await t.IncrementAsync(cities, "oslo", city => city.Population, 1, Cancellation);
        var done = await t.CommitAsync(Cancellation);
        var after = await cities.GetAsync("oslo", cancellation: Cancellation);
        Assert.Equal((3, done.CommitTimestamp), (after.Value!.Population, after.Version));
    }
}
