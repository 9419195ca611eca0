using OrleansGeo.Primitives;
using OrleansGeo.Tables;
using OrleansGeo.Tests.Sdk.Samples;

namespace OrleansGeo.Tests.Sdk;

/// <summary>The pieces of code that pages show are parts of these; an architecture test compares them.</summary>
public sealed class SampleTests(EmbeddedFixture cluster) : IClassFixture<EmbeddedFixture>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_sample_of_the_README_does_what_it_says()
    {
        var made = await cluster.HomeStore.CreateDatabaseAsync(
            new("shop", EmbeddedFixture.Home, [EmbeddedFixture.Home]), RequestOptions.Default, Cancellation);
        Assert.True(made.IsOk, made.Error?.Detail);
        var now = new DateTimeOffset(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);
        var (customers, state) = await FromCSharp.RunAsync(new(cluster.HomeStore), now, Cancellation);
        Assert.Equal(["ann b."], customers);
        Assert.Equal(OrderState.Paid, state);
        var order = await new GeoClient(cluster.HomeStore).Database("shop").Table<Order>("orders").GetAsync("a-1", null, Cancellation);
        Assert.Equal(new("a-1", "ann b.", 10m, OrderState.Paid, now), order.Value);
    }
}
