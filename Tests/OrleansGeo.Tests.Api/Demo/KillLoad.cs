using System.Collections.Concurrent;
using System.Text.Json;
using OrleansGeo.Api.Demo;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tests.Api.Demo;

/// <summary>
/// What clients wrote to a demo that dies again and again, and what of it was acknowledged. Each node has a client in a closed loop: rows
/// with keys of their own, and after each few of them the client's counter, one row that is written over and over.
/// </summary>
internal sealed class KillLoad(DemoClient client)
{
    public const int Nodes = 9;
    private const int RowsPerCount = 4;
    private const int RangesMax = 12;
    private static readonly string[] s_tables = ["/v1/databases/zonal/tables/kv", "/v1/databases/regional/tables/kv"];
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(5);

    // By table and key: the highest number attempted, and the highest acknowledged.
    private readonly ConcurrentDictionary<(string Table, string Key), long> _attempted = [];
    private readonly ConcurrentDictionary<(string Table, string Key), long> _acknowledged = [];
    private readonly long[] _numbers = new long[Nodes + 1];
    private int _acknowledgements;
    private int _changes;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Rows of which a write was acknowledged.</summary>
    public int Rows => _acknowledged.Count;

    /// <summary>Splits and hand-overs that were done.</summary>
    public int Changes => _changes;

    /// <summary>Makes a table with each goal, unless a demo that was killed had made it.</summary>
    public async Task PrepareAsync(DemoProcess demo)
    {
        foreach (var (name, more) in new[] { ("zonal", ""), ("regional", ""","survive":"region" """) })
        {
            await client.CreateAsync(
                demo.At(1), "/v1/databases",
                $$"""{"name":"{{name}}","primaryRegion":"us-east1","regions":["us-east1","us-west1","europe-west1"]{{more}}}""",
                Cancellation);
            await client.CreateAsync(
                demo.At(1), $"/v1/databases/{name}/tables",
                """{"name":"kv","columns":[{"name":"k","type":"string"},{"name":"n","type":"int64"}],"primaryKey":["k"]}""", Cancellation);
        }
    }

    /// <summary>Loads until so many more writes were acknowledged, and kills the demo while all clients are at work.</summary>
    public async Task RunAndKillAsync(DemoProcess demo, int acknowledgements, Prng prng)
    {
        using var killed = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        _acknowledgements = 0;
        Task[] clients =
        [
            .. Enumerable.Range(1, Nodes).Select(node => WriteAsync(demo, node, killed.Token)), ChurnAsync(demo, prng, killed.Token),
        ];
        await demo.UntilAsync("the load went on", () => Task.FromResult(Volatile.Read(ref _acknowledgements) >= acknowledgements));
        await demo.KillAsync();
        await killed.CancelAsync();
        await Task.WhenAll(clients);
    }

    /// <summary>What is not as it was acknowledged, read strongly through a node; empty when all is well.</summary>
    public async Task<List<string>> LostAsync(DemoProcess demo, int node)
    {
        var found = new Dictionary<(string, string), long>();
        foreach (var table in s_tables)
        {
            await ReadAsync(demo.At(node), table, found);
        }

        var lost = _acknowledged.Where(row => !found.TryGetValue(row.Key, out var number) || number < row.Value)
            .Select(row => $"{row.Key}: {row.Value} was acknowledged, found {(found.TryGetValue(row.Key, out var n) ? n : "nothing")}");
        var invented = found.Where(row => !_attempted.TryGetValue(row.Key, out var number) || row.Value > number)
            .Select(row => $"{row.Key}: {row.Value} was never written");
        return [.. lost, .. invented];
    }

    private async Task ReadAsync(Uri node, string table, Dictionary<(string, string), long> found)
    {
        for (string? page = ""; page is not null;)
        {
            var reply = await client.InsistAsync(HttpMethod.Get, node, $"{table}/rows?limit=1000{page}", null, Cancellation);
            foreach (var row in reply.Json.GetProperty("rows").EnumerateArray())
            {
                found.Add((table, row.GetProperty("key")[0].GetString()!), row.GetProperty("row").GetProperty("n").GetInt64());
            }

            page = reply.Json.GetProperty("next").GetString() is { } next ? $"&page={Uri.EscapeDataString(next)}" : null;
        }
    }

    private async Task WriteAsync(DemoProcess demo, int node, CancellationToken stop)
    {
        try
        {
            while (!stop.IsCancellationRequested)
            {
                var number = ++_numbers[node];
                var table = s_tables[number % s_tables.Length];
                await PutAsync(demo.At(node), table, $"{node}-{number}", number, stop);
                if (number % RowsPerCount == 0)
                {
                    await PutAsync(demo.At(node), s_tables[0], $"count-{node}", number, stop);
                }
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Killed.
        }
    }

    private async Task PutAsync(Uri node, string table, string key, long number, CancellationToken stop)
    {
        _attempted[(table, key)] = number;
        var reply = await client.SendAsync(HttpMethod.Put, node, $"{table}/rows/{key}", $$"""{"n":{{number}}}""", s_timeout, stop);
        if (reply.Kind == ReplyKind.Acknowledged)
        {
            _acknowledged[(table, key)] = number;
            Interlocked.Increment(ref _acknowledgements);
        }
        else
        {
            await Task.Delay(LoadLoop.RetryAfter, stop);
        }
    }

    // Ranges are split and handed over all the time, so that a kill meets these in the middle too. Refusals are no matter.
    private async Task ChurnAsync(DemoProcess demo, Prng prng, CancellationToken stop)
    {
        try
        {
            while (!stop.IsCancellationRequested)
            {
                var reply = await client.SendAsync(HttpMethod.Get, demo.At(1), "/v1/ranges", null, s_timeout, stop);
                if (reply.Kind == ReplyKind.Acknowledged)
                {
                    var (path, body) = Change(reply.Json, prng);
                    var done = await client.SendAsync(HttpMethod.Post, demo.At(1), path, body, s_timeout, stop);
                    _changes += done.Kind == ReplyKind.Acknowledged ? 1 : 0;
                }

                await Task.Delay(100, stop);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Killed.
        }
    }

    private static (string Path, string? Body) Change(JsonElement listing, Prng prng)
    {
        var ranges = listing.GetProperty("ranges").EnumerateArray()
            .Where(range => range.GetProperty("table").GetString() != "system").ToArray();
        var range = ranges[prng.Below(ranges.Length)];
        var path = $"/v1/ranges/{range.GetProperty("id").GetInt64()}";
        if (ranges.Length < RangesMax && prng.Chance(0.5))
        {
            return ($"{path}/split", null);
        }

        var replicas = range.GetProperty("replicas").EnumerateArray().ToArray();
        var node = replicas[prng.Below(replicas.Length)].GetProperty("node").GetString();
        return ($"{path}/transfer-leader", $$"""{"node":"{{node}}"}""");
    }
}
