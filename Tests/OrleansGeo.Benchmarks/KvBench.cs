using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Benchmarks;

/// <summary>Puts and strong gets of single rows, by clients spread over all nodes, keys drawn evenly from rows that exist.</summary>
internal static class KvBench
{
    public static async Task RunAsync(BenchOptions options)
    {
        Report.Title("kv", options, $"8-byte keys, {BenchCluster.ValueBytes}-byte values, {options.Rows} rows; "
            + "three nodes, three replicas, one RocksDB and one sync stream a node, every commit synced; "
            + "client k asks node k mod 3, each node leads a third of the ranges.");
        foreach (var ranges in options.Ranges)
        {
            await using var cluster = await EmbeddedBenchCluster.StartAsync(options);
            await cluster.SplitAsync(ranges, options.Rows);
            await LoadAsync(cluster, options.Rows);
            Report.KvHead(ranges);
            if (options.Only != "rest")
            {
                await MeasureGatewayAsync(cluster, options);
            }

            if (options.Only != "gateway")
            {
                await MeasureRestAsync(cluster, options);
            }

            Report.Leaders(await cluster.RangesAsync());
        }
    }

    private static async Task MeasureGatewayAsync(BenchCluster cluster, BenchOptions options)
    {
        foreach (var clients in options.Clients)
        {
            await MeasureAsync(
                cluster, options, ("gateway", "put", clients), (client, prng) => PutAsync(cluster, client, Draw(prng, options)));
        }

        foreach (var clients in options.Clients)
        {
            await MeasureAsync(
                cluster, options, ("gateway", "get", clients), (client, prng) => GetAsync(cluster, client, Draw(prng, options)));
        }
    }

    private static async Task MeasureRestAsync(BenchCluster cluster, BenchOptions options)
    {
        await using var edge = await RestEdge.StartAsync(cluster.Stores);
        var body = $$"""{"v":"{{Convert.ToBase64String(Value(1))}}"}""";
        foreach (var clients in options.Clients)
        {
            await MeasureAsync(
                cluster, options, ("REST", "put", clients), (client, prng) => edge.PutAsync(client % 3, Draw(prng, options), body));
        }

        foreach (var clients in options.Clients)
        {
            await MeasureAsync(
                cluster, options, ("REST", "get", clients), (client, prng) => edge.GetAsync(client % 3, Draw(prng, options)));
        }
    }

    private static async Task MeasureAsync(
        BenchCluster cluster, BenchOptions options, (string Through, string Operation, int Clients) what, Func<int, Prng, Task> request)
    {
        if (options.Only is "put" or "get" && options.Only != what.Operation)
        {
            return;
        }

        var loop = new ClosedLoop(what.Clients, TimeSpan.FromSeconds(options.WarmupSeconds), TimeSpan.FromSeconds(options.Seconds));
        var before = cluster.Syncs();
        var result = await loop.RunAsync(request);
        cluster.ThrowIfFailed();
        Report.KvRow(what, result, cluster.Syncs().Since(before));
    }

    private static long Draw(Prng prng, BenchOptions options) => prng.Below((long)options.Rows);

    /// <summary>Puts a row through the node that serves the client.</summary>
    public static async Task PutAsync(BenchCluster cluster, int client, long key, long? balance = null) =>
        Check(await cluster.Stores[client % 3].WriteRowAsync(BenchCluster.Table, PutOf(key, balance), RequestOptions.Default, default));

    /// <summary>The put of a row, as an account when it has a balance.</summary>
    public static RowWrite PutOf(long key, long? balance)
    {
        var value = KeyValuePair.Create("v", Datum.FromBytes(Value(key)));
        return new(
            WriteKind.Put,
            [Datum.FromInt64(key)],
            balance is { } number ? [value, new("n", Datum.FromInt64(number))] : [value],
            Precondition.None);
    }

    /// <summary>Reads a row strongly through the node that serves the client.</summary>
    public static async Task GetAsync(BenchCluster cluster, int client, long key)
    {
        ImmutableArray<Datum> datum = [Datum.FromInt64(key)];
        Check(await cluster.Stores[client % 3].ReadRowAsync(
            BenchCluster.Table, datum, ReadBound.Strong, RequestOptions.Default, default));
    }

    /// <summary>Makes rows with the keys from 0.</summary>
    public static async Task LoadAsync(BenchCluster cluster, int rows, long? balance = null)
    {
        var next = -1L;
        await Task.WhenAll(Enumerable.Range(0, 256).Select(client => Task.Run(async () =>
        {
            for (var key = Interlocked.Increment(ref next); key < rows; key = Interlocked.Increment(ref next))
            {
                await PutAsync(cluster, client, key, balance);
            }
        })));
    }

    private static byte[] Value(long key)
    {
        var value = new byte[BenchCluster.ValueBytes];
        new Prng((ulong)key).Fill(value);
        return value;
    }

    /// <summary>Ends the run when an answer is not what was asked for.</summary>
    public static void Check<T>(GeoResult<T> result)
        where T : class
    {
        if (!result.IsOk)
        {
            throw new BenchFailedException(result.Error.ToString());
        }
    }
}
