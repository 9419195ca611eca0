using System.Text.Json.Nodes;

namespace OrleansGeo.Api.Demo;

/// <summary>
/// The classic example: A takes a value with B and C, A fails, B answers it, C takes another, A returns and has it. Each step is shown as
/// the line that does it.
/// </summary>
public sealed class RejoinScript(DemoHost host, DemoClient client, DemoOutput output)
{
    private const string Row = "/v1/databases/classic/tables/kv/rows/abc";

    // What A holds itself: only a read that no other node may answer shows it.
    private static readonly (string, string) s_local = ("Geo-Consistency", "bounded;max-ms=3600000;local-only");

    private bool _good = true;

    /// <summary>Walks through it; true when every answer is the one it should be.</summary>
    public async Task<bool> RunAsync(CancellationToken stop)
    {
        var (a, b, c) = (host.Cluster.Nodes[0], host.Cluster.Nodes[1], host.Cluster.Nodes[2]);
        await PrepareAsync(a, stop);

        Step($"A ({a.Record.Name}) takes abc=123; it is answered when a majority of A, B and C holds it durably.");
        await PutAsync(a, 123, stop);
        Step($"A fails: its port is closed, and what it had not synced is gone.");
        await FaultAsync($$$"""{"crash":{"node":"{{{a.Record.Name}}}"}}""", stop);
        Step($"B ({b.Record.Name}) answers 123: it or C took over as soon as A's support had lapsed.");
        await ExpectAsync(b, 123, null, stop);
        Step($"C ({c.Record.Name}) takes abc=456, while A is away.");
        await PutAsync(c, 456, stop);
        Step("A returns, on what its storage kept.");
        await FaultAsync($$$"""{"restart":{"node":"{{{a.Record.Name}}}"}}""", stop);
        Step("A answers 456 to a strong read.");
        await ExpectAsync(a, 456, null, stop);
        Step("And A has 456 itself: it caught up, and answers from its own replica.");
        await ExpectAsync(a, 456, s_local, stop);

        output.Line(_good ? "As it should be: nothing was lost." : "FAILED: not every answer was the one expected.");
        return _good;
    }

    private async Task PrepareAsync(DemoNode a, CancellationToken stop)
    {
        var home = a.Record.Region;
        var spec = new JsonObject { ["name"] = "classic", ["primaryRegion"] = home, ["regions"] = new JsonArray(home) };
        await client.CreateAsync(host.Front, "/v1/databases", spec.ToJsonString(), stop);
        const string Table =
            """{"name":"kv","columns":[{"name":"key","type":"string"},{"name":"value","type":"int64"}],"primaryKey":["key"]}""";
        await client.CreateAsync(host.Front, "/v1/databases/classic/tables", Table, stop);
        output.Line($"A table with the zone goal in {home}: a replica in each of its three zones, on A, B and C.");
        output.Line("  " + Curl.Line(HttpMethod.Post, host.Front, "/v1/databases", spec.ToJsonString()));
        output.Line("  " + Curl.Line(HttpMethod.Post, host.Front, "/v1/databases/classic/tables", Table));
    }

    private async Task PutAsync(DemoNode node, int value, CancellationToken stop)
    {
        var body = $$"""{"value":{{value}}}""";
        output.Line("  " + Curl.Line(HttpMethod.Put, node.Address, Row, body));
        var reply = await client.InsistAsync(HttpMethod.Put, node.Address, Row, body, stop);
        output.Line($"  {reply.Status} {reply.Body}");
    }

    private async Task FaultAsync(string body, CancellationToken stop)
    {
        output.Line("  " + Curl.Line(HttpMethod.Post, host.Front, FaultBoard.Path, body));
        await client.InsistAsync(HttpMethod.Post, host.Front, FaultBoard.Path, body, stop);
    }

    // A strong read must be right at once; a replica that returns may lag a moment, and must arrive.
    private async Task ExpectAsync(DemoNode node, int value, (string Name, string Value)? bound, CancellationToken stop)
    {
        (string Name, string Value)[] headers = bound is { } header ? [header] : [];
        var options = string.Concat(headers.Select(header => $" -H '{header.Name}: {header.Value}'"));
        output.Line("  " + Curl.Line(HttpMethod.Get, node.Address, Row, null, options));
        var reply = await client.InsistAsync(HttpMethod.Get, node.Address, Row, null, stop, headers);
        for (var attempt = 0; bound is not null && ValueOf(reply) != value && attempt < 500; attempt++)
        {
            await Task.Delay(LoadLoop.RetryAfter, stop);
            reply = await client.InsistAsync(HttpMethod.Get, node.Address, Row, null, stop, headers);
        }

        output.Line($"  {reply.Status} {reply.Body}  (served by {reply.ServedBy})");
        var servedRight = bound is null || reply.ServedBy?.StartsWith(node.Record.Name + ";", StringComparison.Ordinal) == true;
        _good &= ValueOf(reply) == value && servedRight;
    }

    private void Step(string text)
    {
        output.Line();
        output.Line(text);
    }

    private static long ValueOf(DemoReply reply) => reply.Json.GetProperty("value").GetInt64();
}
