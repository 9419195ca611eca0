using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Benchmarks;

/// <summary>
/// Transactions: transfers between two accounts drawn evenly, which with many ranges are nearly always in two; one-shot transactions of one
/// row beside plain puts of it; and transfers that all take from one account.
/// </summary>
internal static class BankBench
{
    private const long Balance = 1_000_000;

    public static async Task RunAsync(BenchOptions options)
    {
        Report.Title("bank", options, $"{options.Rows} accounts with {BenchCluster.ValueBytes}-byte values; "
            + "three nodes, three replicas, one "
            + "RocksDB and one sync stream a node, every commit synced; client k asks node k mod 3, each node leads a third of the ranges. "
            + "A transfer: the first account has enough, is lowered, the second is raised.");
        foreach (var ranges in options.Ranges)
        {
            await using var cluster = await EmbeddedBenchCluster.StartAsync(options);
            await cluster.SplitAsync(ranges, options.Rows);
            await KvBench.LoadAsync(cluster, options.Rows, Balance);
            Report.KvHead(ranges);
            await MeasureAsync(cluster, options, "put", (client, prng) => KvBench.PutAsync(cluster, client, Draw(prng, options)));
            await MeasureAsync(cluster, options, "one-row", (client, prng) => PutAsync(cluster, client, Draw(prng, options)));
            await MeasureAsync(cluster, options, "transfer", (client, prng) =>
                TransferAsync(cluster, client, Draw(prng, options), Draw(prng, options)));
            await MeasureAsync(cluster, options, "hot", (client, prng) => TransferAsync(cluster, client, 0, 1 + Draw(prng, options)));
            Report.Leaders(await cluster.RangesAsync());
        }
    }

    private static async Task MeasureAsync(BenchCluster cluster, BenchOptions options, string what, Func<int, Prng, Task> request)
    {
        if (options.Only is { } only && only != what)
        {
            return;
        }

        foreach (var clients in options.Clients)
        {
            var loop = new ClosedLoop(clients, TimeSpan.FromSeconds(options.WarmupSeconds), TimeSpan.FromSeconds(options.Seconds));
            var before = cluster.Syncs();
            var result = await loop.RunAsync(request);
            cluster.ThrowIfFailed();
            Report.KvRow(("gateway", what, clients), result, cluster.Syncs().Since(before));
            Report.Worst(result);
        }
    }

    private static long Draw(Prng prng, BenchOptions options) => prng.Below((long)options.Rows - 1);

    private static Task PutAsync(BenchCluster cluster, int client, long key) =>
        RunAsync(cluster, client, [], [new(BenchCluster.Table.Table, KvBench.PutOf(key, Balance))]);

    private static Task TransferAsync(BenchCluster cluster, int client, long from, long to)
    {
        to = from == to ? to + 1 : to;
        ImmutableArray<Datum> payer = [Datum.FromInt64(from)];
        var table = BenchCluster.Table.Table;
        return RunAsync(
            cluster,
            client,
            [new TransactionCondition.Field(table, payer, new("n", ScanOperator.GreaterOrEqual, Datum.FromInt64(1)))],
            [new(table, Add(from, -1)), new(table, Add(to, 1))]);
    }

    private static RowWrite Add(long key, long by) =>
        new(WriteKind.Increment, [Datum.FromInt64(key)], [new("n", Datum.FromInt64(by))], Precondition.None);

    private static async Task RunAsync(
        BenchCluster cluster, int client, ImmutableArray<TransactionCondition> conditions, ImmutableArray<TransactionWrite> writes)
    {
        var request = new TransactionRequest(TransactionIsolation.Serializable, [], conditions, writes);
        var options = new RequestOptions(TimeSpan.FromSeconds(30));
        KvBench.Check(await cluster.Stores[client % 3].TransactAsync(BenchCluster.Database, request, options, default));
    }
}
