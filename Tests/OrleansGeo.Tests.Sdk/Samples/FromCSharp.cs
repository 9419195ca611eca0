using OrleansGeo.Primitives;
using OrleansGeo.Tables;

namespace OrleansGeo.Tests.Sdk.Samples;

public enum OrderState
{
    Open,
    Paid,
}

public sealed record Order(string Id, string Customer, decimal Total, OrderState State, DateTimeOffset? PaidAt = null);

/// <summary>What README.md shows, as it runs in the tests.</summary>
internal static class FromCSharp
{
    public static async Task<(List<string> Customers, OrderState? State)> RunAsync(
        GeoClient client, DateTimeOffset now, CancellationToken cancellation)
    {
        GeoDatabase shop = client.Database("shop").InSession(new GeoSession());
        GeoTable<Order> orders = await shop.EnsureTableAsync<Order>("orders", cancellation: cancellation);
        RowWritten<Order> placed = await orders.InsertAsync(new("a-1", "ann", 12.50m, OrderState.Open), cancellation: cancellation);

        // Only if nobody changed it meanwhile; else a GeoConditionException says which version there is.
        var paid = new Patch<Order>().Set(order => order.State, OrderState.Paid).Set(order => order.PaidAt, now);
        await orders.PatchAsync("a-1", paid, Precondition.VersionIs(placed.Version), cancellation);

        // The newest state that is local, at most ten seconds old and with all that this session did.
        RowRead<Order> read = await orders.GetAsync("a-1", ReadBound.BoundedStaleness(TimeSpan.FromSeconds(10)), cancellation);
        Console.WriteLine($"{read.Value?.State} at {read.ReadTimestamp}, for {read.RoundTrips} round trips between regions");

        // All of it at one moment, or nothing; however often it is sent, it is made once.
        TransactionDone split = await shop.TransactAsync(
            t => t
                .Read(orders, "a-1")
                .Require(orders, "a-1", order => order.Total, ScanOperator.GreaterOrEqual, 2.50m)
                .Increment(orders, "a-1", order => order.Total, -2.50m)
                .Insert(orders, new("a-2", "bob", 2.50m, OrderState.Open)),
            cancellation: cancellation);
        Console.WriteLine($"{split.Read(orders, "a-1").Value?.Total} until {split.CommitTimestamp}");

        // Read, decide, write: from the beginning again when others were in the way.
        await shop.RunAsync(
            async t =>
            {
                RowRead<Order> mine = await t.GetAsync(orders, "a-1", cancellation);
                await t.PutAsync(orders, mine.Value! with { Customer = "ann b." }, cancellation);
            },
            cancellation: cancellation);

        // One moment, however many pages and ranges it takes.
        var customers = new List<string>();
        var query = new ScanQuery<Order>().Where(order => order.State, ScanOperator.Equal, OrderState.Paid);
        await foreach (Order order in orders.Scan(query).WithCancellation(cancellation))
        {
            customers.Add(order.Customer);
        }

        return (customers, read.Value?.State);
    }
}
