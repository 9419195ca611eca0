using System.Collections.Immutable;
using System.Diagnostics;
using System.Text.Json.Nodes;

namespace OrleansGeo.Api.Demo;

/// <summary>
/// Loads ISO 3166 through REST from three regions at once, then reads every row back in another region than it was written in.
/// </summary>
public static class IsoLoad
{
    private const string Database = "/v1/databases/world";
    private const int BatchRows = 50;
    private const int BatchesAtOnce = 4;
    private const int ReadsAtOnce = 24;
    private const int AttemptsMax = 50;

    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(10);

    /// <summary>Loads and verifies; true when every row is there as it was written.</summary>
    public static async Task<bool> RunAsync(DemoHost host, DemoOutput output, CancellationToken stop)
    {
        var rows = IsoRows.Read();
        using var client = new DemoClient();
        await CreateAsync(host, client, stop);
        var nodes = host.Cluster.Regions
            .Select(region => host.Cluster.Nodes.First(node => node.IsUp && node.Record.Region == region)).ToArray();

        // Which region writes a row goes by its position, so that the one that reads it can be another.
        var shares = nodes.Select((_, i) => rows.Where((_, at) => at % nodes.Length == i).ToImmutableArray()).ToArray();
        var began = Stopwatch.GetTimestamp();
        await output.ProgressAsync(
            "writing from three regions", rows.Length,
            done => Task.WhenAll(nodes.Select((node, i) => WriteAsync(client, node, shares[i], done, stop))));
        Tell(output, "written", rows.Length, began);

        began = Stopwatch.GetTimestamp();
        var mismatches = 0;
        await output.ProgressAsync(
            "reading each row back in another region", rows.Length,
            done => Task.WhenAll(nodes.Select((_, i) => VerifyAsync(
                client, nodes[(i + 1) % nodes.Length], shares[i], done, row =>
                {
                    Interlocked.Increment(ref mismatches);
                    output.Line($"  not as written: {row.Table} {row.Path}");
                },
                stop))));
        Tell(output, "read back", rows.Length, began);
        output.Line($"{mismatches} mismatches.");
        return mismatches == 0;
    }

    private static async Task CreateAsync(DemoHost host, DemoClient client, CancellationToken stop)
    {
        var spec = new JsonObject
        {
            ["name"] = "world",
            ["primaryRegion"] = host.Cluster.Regions[0],
            ["regions"] = new JsonArray([.. host.Cluster.Regions.Select(region => (JsonNode)region)]),
            ["survive"] = "region",
        };
        await client.CreateAsync(host.Front, "/v1/databases", spec.ToJsonString(), stop);
        foreach (var (_, body) in IsoRows.Tables)
        {
            await client.CreateAsync(host.Front, Database + "/tables", body, stop);
        }
    }

    private static Task WriteAsync(DemoClient client, DemoNode node, ImmutableArray<IsoRow> rows, Action<int> done, CancellationToken stop)
    {
        var batches = rows.GroupBy(row => row.Table).SelectMany(table => table.Chunk(BatchRows));
        var options = new ParallelOptions { MaxDegreeOfParallelism = BatchesAtOnce, CancellationToken = stop };
        return Parallel.ForEachAsync(batches, options, async (batch, cancellation) =>
        {
            await WriteAsync(client, node, batch, cancellation);
            done(batch.Length);
        });
    }

    // An idempotency key belongs to one body: while a batch has no answer it is sent again under its key; what an answer refused is a new
    // batch.
    private static async Task WriteAsync(DemoClient client, DemoNode node, IsoRow[] rows, CancellationToken stop)
    {
        var path = $"{Database}/tables/{rows[0].Table}/rows:batch";
        for (var (attempt, key) = (0, Guid.NewGuid()); rows.Length > 0; attempt++)
        {
            var body = new JsonObject { ["writes"] = new JsonArray([.. rows.Select(ToWrite)]) };
            var reply = await client.SendAsync(
                HttpMethod.Post, node.Address, path, body.ToJsonString(), s_timeout, stop, ("Idempotency-Key", key.ToString()));
            if (reply.Kind == ReplyKind.Acknowledged)
            {
                rows = [.. reply.Json.GetProperty("results").EnumerateArray().Zip(rows)
                    .Where(pair => pair.First.GetProperty("status").GetInt32() >= 300).Select(pair => pair.Second)];
                key = Guid.NewGuid();
            }

            if (attempt == AttemptsMax || reply.Status is 400 or 404 or 413 or 422)
            {
                throw new DemoFailedException($"A batch for {rows[0].Table} answered {reply.Status}: {reply.Body}");
            }

            await (rows.Length > 0 ? Task.Delay(LoadLoop.RetryAfter * (attempt + 1), stop) : Task.CompletedTask);
        }
    }

    private static JsonNode ToWrite(IsoRow row) =>
        new JsonObject { ["op"] = "put", ["key"] = row.Key.DeepClone(), ["row"] = row.Columns.DeepClone() };

    private static Task VerifyAsync(
        DemoClient client, DemoNode node, ImmutableArray<IsoRow> rows, Action<int> done, Action<IsoRow> mismatch, CancellationToken stop)
    {
        var options = new ParallelOptions { MaxDegreeOfParallelism = ReadsAtOnce, CancellationToken = stop };
        return Parallel.ForEachAsync(rows, options, async (row, cancellation) =>
        {
            var path = $"{Database}/tables/{row.Table}/rows/{row.Path}";
            var reply = await client.SendAsync(HttpMethod.Get, node.Address, path, null, s_timeout, cancellation);
            for (var attempt = 1; reply.Kind != ReplyKind.Acknowledged && reply.Status != 404 && attempt < AttemptsMax; attempt++)
            {
                await Task.Delay(LoadLoop.RetryAfter * attempt, cancellation);
                reply = await client.SendAsync(HttpMethod.Get, node.Address, path, null, s_timeout, cancellation);
            }

            if (reply.Kind != ReplyKind.Acknowledged || !row.Matches(reply.Json))
            {
                mismatch(row);
            }

            done(1);
        });
    }

    private static void Tell(DemoOutput output, string what, int rows, long began)
    {
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        output.Line($"{rows} rows {what} in {seconds:F1} s, {rows / seconds:F0} rows/s.");
    }
}
