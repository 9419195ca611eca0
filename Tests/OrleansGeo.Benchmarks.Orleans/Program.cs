using System.Globalization;
using OrleansGeo.Benchmarks;
using OrleansGeo.Benchmarks.Orleans;
using OrleansGeo.Primitives;

// What the Orleans host costs beside the embedded one: the same engine, the same load, in turns. Options as for "bench kv".
if (BenchOptions.Parse(["kv", .. args], Console.Error) is not { } options)
{
    return 2;
}

const int Rounds = 3;
Report.Title("hosts", options, $"One range led by n1, three nodes, three durable replicas; {BenchCluster.ValueBytes}-byte values. "
    + $"Medians of {Rounds} rounds, the hosts in turns.");
var results = new Dictionary<(string Host, string What, int Clients), List<LoadResult>>();
for (var round = 0; round < Rounds; round++)
{
    await MeasureAsync("embedded", await EmbeddedBenchCluster.StartAsync(options));
    await MeasureAsync("Orleans", await OrleansBenchCluster.StartAsync(options));
}

Console.WriteLine();
Console.WriteLine("| host | operation | clients | per second | p50 ms | p99 ms | CPU us each | kB allocated each |");
Console.WriteLine("|---|---|---:|---:|---:|---:|---:|---:|");
foreach (var ((host, what, clients), rounds) in results.OrderBy(row => (row.Key.What, row.Key.Clients, row.Key.Host)))
{
    Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"| {host} | {what} | {clients:N0} | {Median(result => result.PerSecond):N0} | {Median(result => result.Micros(0.5)) / 1000:F2} "
        + $"| {Median(result => result.Micros(0.99)) / 1000:F2} | {Median(result => result.CpuMicrosPerOperation):F0} "
        + $"| {Median(result => result.AllocatedPerOperation) / 1000:F1} |"));

    double Median(Func<LoadResult, double> figure) => rounds.Select(figure).Order().ElementAt(rounds.Count / 2);
}

return 0;

async Task MeasureAsync(string host, BenchCluster cluster)
{
    await using (cluster)
    {
        await cluster.LeadAsync((await cluster.RangesAsync())[0].Id, "n1");
        await KvBench.LoadAsync(cluster, options.Rows);
        foreach (var clients in options.Clients)
        {
            await RunAsync("put at the leader", clients, key => KvBench.PutAsync(cluster, 0, key));
            await RunAsync("put at another node", clients, key => KvBench.PutAsync(cluster, 1, key));
            await RunAsync("get at another node", clients, key => KvBench.GetAsync(cluster, 1, key));
        }

        async Task RunAsync(string what, int clients, Func<long, Task> request)
        {
            var loop = new ClosedLoop(clients, TimeSpan.FromSeconds(options.WarmupSeconds), TimeSpan.FromSeconds(options.Seconds));
            var result = await loop.RunAsync((_, prng) => request(prng.Below((long)options.Rows)));
            cluster.ThrowIfFailed();
            if (!results.TryGetValue((host, what, clients), out var rounds))
            {
                results.Add((host, what, clients), rounds = []);
            }

            rounds.Add(result);
        }
    }
}
