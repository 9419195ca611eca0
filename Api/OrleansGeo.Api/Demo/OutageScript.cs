using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace OrleansGeo.Api.Demo;

/// <summary>
/// Breaks something under load and says what it cost: for a table with the zone goal and one with the region goal, and from every region
/// with a node that survives, a client each that writes, reads strongly and reads stale, without end.
/// </summary>
public sealed class OutageScript(OutagePlan plan, IOutageStage stage, DemoClient client, DemoOutput output)
{
    private const string Database = "/v1/databases/outage";
    private static readonly ImmutableArray<string> s_goals = ["zone", "region"];
    private static readonly TimeSpan s_warmUp = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan s_hold = TimeSpan.FromSeconds(8);

    private readonly LoadLog _clock = new("", "", "");
    private readonly string _run = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4));

    private IReadOnlyList<string> Regions { get; } = [.. stage.Nodes.Select(node => node.Region).Distinct(StringComparer.Ordinal)];

    /// <summary>Runs it; true when no acknowledged write was lost and everyone was served who had to be.</summary>
    public async Task<bool> RunAsync(CancellationToken stop)
    {
        var scene = await SetTheSceneAsync(stop);
        var clients = await ClientsAsync(scene, stop);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var running = clients.SelectMany(each => each.Loops).Select(loop => loop.RunAsync(ending.Token)).ToArray();
        await UntilAsync(() => clients.All(each => each.Loops.All(loop => loop.Meter.HasAcknowledged)), "The load does not come up", stop);
        await Task.Delay(s_warmUp, stop);

        output.Line($"Now {plan.What}.");
        foreach (var loop in clients.SelectMany(each => each.Loops))
        {
            loop.Meter.Watch(_clock.Now);
        }

        foreach (var fault in plan.Faults(scene))
        {
            await stage.BreakAsync(fault, stop);
        }

        await Task.Delay(s_hold, stop);
        var outages = clients.Select(each => each.Loops.Select(loop => loop.Meter.Read(_clock.Now)).ToArray()).ToArray();
        var healed = await HealAsync(clients, stop);
        await ending.CancelAsync();
        await Task.WhenAll(running);

        var lost = await Task.WhenAll(clients.Select(each => LostAsync(each, clients, stop)));
        Report(clients, outages, lost, healed);
        return Judge(clients, outages, lost);
    }

    private async Task<OutageScene> SetTheSceneAsync(CancellationToken stop)
    {
        var home = Regions[0];
        var spec = new JsonObject
        {
            ["name"] = "outage",
            ["primaryRegion"] = home,
            ["regions"] = new JsonArray([.. Regions.Select(region => (JsonNode)region)]),
        };
        await client.CreateAsync(stage.Front, "/v1/databases", spec.ToJsonString(), stop);
        foreach (var goal in s_goals)
        {
            var table = $$"""
                {"name":"{{goal}}_goal","survive":"{{goal}}","primaryKey":["run","region","number"],"columns":[
                {"name":"run","type":"string"},{"name":"region","type":"string"},
                {"name":"number","type":"int64"},{"name":"value","type":"int64"}]}
                """;
            await client.CreateAsync(stage.Front, Database + "/tables", table, stop);
        }

        var leader = await GatherLeadersAsync(home, stop);
        ImmutableArray<string> zones = [.. stage.Nodes.Where(node => node.Region == home).Select(node => node.Zone)];
        return new(home, [leader.Zone, .. zones.Where(zone => zone != leader.Zone)]);
    }

    // Both tables led from one node: then one zone's death hits both.
    private async Task<OutageNode> GatherLeadersAsync(string home, CancellationToken stop)
    {
        var ranges = (await RangesAsync(stop)).ToArray();
        var common = ranges.Select(Voters).Aggregate((one, other) => [.. one.Intersect(other)]);
        var leader = stage.Nodes.First(node => node.Region == home && common.Contains(node.Name));
        foreach (var range in ranges)
        {
            if (range.GetProperty("leaseholder").GetString() != leader.Name)
            {
                var path = $"/v1/ranges/{range.GetProperty("id").GetInt64()}/transfer-leader";
                await client.InsistAsync(HttpMethod.Post, stage.Front, path, $$"""{"node":"{{leader.Name}}"}""", stop);
            }
        }

        output.Line($"Both tables, outage.zone_goal and outage.region_goal, are led by {leader.Name} in {leader.Zone}.");
        return leader;
    }

    private async Task<IEnumerable<JsonElement>> RangesAsync(CancellationToken stop)
    {
        var reply = await client.InsistAsync(HttpMethod.Get, stage.Front, "/v1/ranges", null, stop);
        return reply.Json.GetProperty("ranges").EnumerateArray()
            .Where(range => range.GetProperty("table").GetString()!.StartsWith("outage.", StringComparison.Ordinal));
    }

    private static string[] Voters(JsonElement range) =>
    [
        .. range.GetProperty("replicas").EnumerateArray().Where(replica => replica.GetProperty("role").GetString() == "voter")
            .Select(replica => replica.GetProperty("node").GetString()!),
    ];

    private async Task<ImmutableArray<OutageClient>> ClientsAsync(OutageScene scene, CancellationToken stop)
    {
        var clients = ImmutableArray.CreateBuilder<OutageClient>();
        foreach (var region in Regions)
        {
            if (stage.Nodes.FirstOrDefault(node => node.Region == region && !plan.IsLost(scene, node)) is not { } node)
            {
                continue;
            }

            foreach (var goal in s_goals)
            {
                var (table, log) = ($"{Database}/tables/{goal}_goal", new LoadLog(_run, region, goal));
                await client.InsistAsync(HttpMethod.Put, node.Address, $"{table}/rows/{log.RowPath}/0", """{"value":0}""", stop);
                clients.Add(new(
                    node, goal, table, log, new(goal == "region", region == scene.Home),
                    [.. Enum.GetValues<LoadKind>().Select(kind => new LoadLoop(client, node.Address, table, kind, log))]));
            }
        }

        return clients.ToImmutable();
    }

    private async Task<TimeSpan> HealAsync(ImmutableArray<OutageClient> clients, CancellationToken stop)
    {
        output.Line("Now all of it is mended.");
        var from = _clock.Now;
        await stage.MendAsync(stop);
        await UntilAsync(
            () => clients.All(each => each.Loops.All(loop => loop.Meter.HasAcknowledgedSince(from))), "Not everyone is served again", stop);
        var healed = _clock.Now - from;
        await UntilAsync(
            () => clients.All(each => each.Loops.All(loop => loop.Meter.HasAcknowledgedSince(from + healed))), "The load stops again",
                stop);
        return healed;
    }

    // Reads the writer's rows in another region than it stood in, strongly, page by page.
    private async Task<int> LostAsync(OutageClient writer, ImmutableArray<OutageClient> clients, CancellationToken stop)
    {
        var reader = clients.FirstOrDefault(other => other.Node.Region != writer.Node.Region) ?? writer;
        var found = new Dictionary<long, long>();
        string? page = null;
        do
        {
            var query = $"?prefix={_run},{writer.Log.Region}&limit=1000" + (page is null ? "" : $"&page={Uri.EscapeDataString(page)}");
            var reply = await client.InsistAsync(HttpMethod.Get, reader.Node.Address, $"{writer.Table}/rows{query}", null, stop);
            foreach (var row in reply.Json.GetProperty("rows").EnumerateArray().Select(row => row.GetProperty("row")))
            {
                found[row.GetProperty("number").GetInt64()] = row.GetProperty("value").GetInt64();
            }

            page = reply.Json.GetProperty("next").GetString();
        }
        while (page is not null);
        return writer.Log.All.Count(number => !found.TryGetValue(number, out var value) || value != number);
    }

    private void Report(
        ImmutableArray<OutageClient> clients, (TimeSpan Longest, bool IsOpen)[][] outages, int[] lost, TimeSpan healed)
    {
        output.Line();
        output.Line("The longest time without an acknowledgement, from the fault until it was mended:");
        output.Table(
            [
                "region", "client at", "goal", "writes out", "strong reads out", "stale reads out", "acknowledged", "failed", "unknown",
                    "LOST",
            ],
            clients.Select((each, i) => (IReadOnlyList<string>)
            [
                each.Node.Region, each.Node.Name, each.Goal, .. outages[i].Select(Text),
                $"{each.Log.All.Count}", $"{each.Loops.Sum(loop => loop.Failed)}", $"{each.Loops.Sum(loop => loop.Unknown)}", $"{lost[i]}",
            ]));
        output.Line("Acknowledged and lost count writes; failed and unknown count writes and reads.");
        output.Line("Each acknowledged write was read back at the end.");
        output.Line($"After mending, the last client was served again in {healed.TotalSeconds:F2} s.");
    }

    private bool Judge(ImmutableArray<OutageClient> clients, (TimeSpan Longest, bool IsOpen)[][] outages, int[] lost)
    {
        var complaints = new List<string>();
        for (var i = 0; i < clients.Length; i++)
        {
            var (each, at) = (clients[i], $"{clients[i].Node.Region}, {clients[i].Goal} goal");
            complaints.AddRange(lost[i] == 0 ? [] : [$"{at}: {lost[i]} acknowledged writes are LOST"]);
            for (var j = 0; j < each.Loops.Length; j++)
            {
                var (loop, missed) = (each.Loops[j], each.Loops[j].Missed);
                complaints.AddRange(missed == 0 ? [] : [$"{at}: {missed} strong reads missed an acknowledged write"]);
                var isStuck = outages[i][j] is { IsOpen: true } open && open.Longest > s_hold / 2;
                complaints.AddRange(isStuck && plan.MustServe(loop.Kind, each.View) ? [$"{at}: {loop.Kind} did not come back by itself"]
                    : []);
            }
        }

        foreach (var complaint in complaints)
        {
            output.Line($"FAILED: {complaint}");
        }

        output.Line(complaints.Count == 0
            ? "Nothing was lost, and everyone was served again who had to be."
            : $"{complaints.Count} expectations do not hold.");
        return complaints.Count == 0;
    }

    private static string Text((TimeSpan Longest, bool IsOpen) outage) =>
        $"{outage.Longest.TotalSeconds:F2} s" + (outage is { IsOpen: true, Longest.TotalSeconds: > 1 } ? ", to the end" : "");

    private async Task UntilAsync(Func<bool> condition, string otherwise, CancellationToken stop)
    {
        for (var from = _clock.Now; !condition(); await Task.Delay(20, stop))
        {
            if (_clock.Now - from > stage.Patience)
            {
                throw new DemoFailedException($"{otherwise} within {stage.Patience.TotalSeconds:F0} s.");
            }
        }
    }

    private sealed record OutageClient(
        OutageNode Node, string Goal, string Table, LoadLog Log, OutageView View, ImmutableArray<LoadLoop> Loops);
}
