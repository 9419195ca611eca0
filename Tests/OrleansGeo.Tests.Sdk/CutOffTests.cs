using OrleansGeo.Tables;

namespace OrleansGeo.Tests.Sdk;

/// <summary>A region that reaches no other.</summary>
public sealed class CutOffTests(EmbeddedFixture cluster) : IClassFixture<EmbeddedFixture>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_stale_read_goes_on_through_a_table_that_was_never_used_there_and_a_write_is_not_made()
    {
        var stale = ReadBound.BoundedStaleness(TimeSpan.FromHours(1), localOnly: true);
        var home = await EmbeddedFixture.Database(cluster.HomeStore).EnsureTableAsync<City>("cut", cancellation: Cancellation);
        await home.PutAsync(new("a", 1), cancellation: Cancellation);
        var away = EmbeddedFixture.Database(cluster.AwayStore);
        await EmbeddedFixture.UntilAsync(async () =>
        {
            var seen = await cluster.AwayStore.ReadRowAsync(
                new("geo", "cut"), RowKey.Of("a").Values, stale, RequestOptions.Default, Cancellation);
            return seen.IsOk;
        });

        cluster.Part();
        Assert.Equal(1, (await away.Table<City>("cut").GetAsync("a", stale, Cancellation)).Value!.Population);
        var impatient = new GeoClient(cluster.AwayStore, new() { Timeout = TimeSpan.FromSeconds(1) }).Database("geo").Table<City>("cut");

        // Before the loss is known the write is sent, and its outcome is open; after that it is certainly not made.
        var refused = await Assert.ThrowsAnyAsync<GeoException>(() => impatient.PutAsync(new("a", 2), cancellation: Cancellation));
        Assert.True(refused is GeoOutcomeUnknownException or GeoUnavailableException, refused.ToString());
        Assert.Equal(1, (await home.GetAsync("a", cancellation: Cancellation)).Value!.Population);
    }
}
