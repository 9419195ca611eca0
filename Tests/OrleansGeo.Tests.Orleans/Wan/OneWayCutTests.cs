using System.Diagnostics;
using OrleansGeo.Api.Demo;
using OrleansGeo.Tests.Orleans.Nine;

namespace OrleansGeo.Tests.Orleans.Wan;

/// <summary>Silos with a WAN in their connections, of which one direction is cut under load.</summary>
public sealed class OneWayCutTests
{
    private const int TimeoutMs = 240_000;
    private const string Rows = "/v1/databases/histories/tables/registers/rows";
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(3);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>The home region of the table, where its leader is, is cut: nothing that it sends arrives, or nothing comes to it.</summary>
    [Theory(Timeout = TimeoutMs)]
    [InlineData(OutageFaultKind.CutRegionOut)]
    [InlineData(OutageFaultKind.CutRegionIn)]
    public async Task The_others_go_on_the_region_is_honest_and_all_is_back_when_one_direction_was_cut(OutageFaultKind kind)
    {
        await using var silos = await WanSilos.StartAsync();
        using var client = new DemoClient();
        var history = new HistoryLoad(client, silos, "histories");
        await history.PrepareAsync(Cancellation);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var load = history.RunAsync(ending.Token);
        var home = silos.Nodes[0].Region;
        var atHome = silos.Nodes.Where(node => node.Region == home).ToArray();
        foreach (var node in silos.Nodes)
        {
            await ServesAsync(node, "before");
        }

        await AtHomeAsync();
        await LoadGoesOnAsync();

        // A replica that does not lead serves what was closed, which is some time behind.
        foreach (var (node, row) in atHome.SelectMany(node => atHome.Select(row => (node, row))))
        {
            await UntilAsync(async () => (await StaleAsync(node, row)).Status == 200);
        }

        await silos.BreakAsync(new(kind, home), Cancellation);
        foreach (var node in silos.Nodes.Where(node => node.Region != home))
        {
            await ServesAsync(node, "meanwhile");
        }

        await LoadGoesOnAsync();
        foreach (var node in atHome)
        {
            await IsHonestAsync(node);
        }

        await silos.MendAsync(Cancellation);
        foreach (var node in silos.Nodes)
        {
            await ServesAsync(node, "after");
        }

        await LoadGoesOnAsync();
        await ending.CancelAsync();
        await load;
        history.Judge();
        TestContext.Current.SendDiagnosticMessage(
            $"{kind}: {history.Served} requests in a linearizable history; silos that ended by themselves: {silos.Revived}");

        // A write and a strong read of it, whatever had to be waited for.
        async Task ServesAsync(OutageNode node, string value)
        {
            var row = $"{Rows}/own-{node.Name}";
            await UntilAsync(async () => (await AskAsync(HttpMethod.Put, node, row, $$"""{"v":"{{value}}"}""")).Status is 200 or 201);
            var read = await UntilAsync(async () => await AskAsync(HttpMethod.Get, node, row) is { Status: 200 } found ? found : null);
            Assert.Equal(value, read.Json.GetProperty("v").GetString());
        }

        // Enough of it in each state to be judged.
        Task LoadGoesOnAsync()
        {
            var before = history.Served;
            return UntilAsync(async () =>
            {
                await Task.Delay(20, Cancellation);
                return history.Served > before + 100;
            });
        }

        // The nodes of the region have a leaseholder that is not reached, and say so; what is local they have.
        async Task IsHonestAsync(OutageNode node)
        {
            var row = $"{Rows}/own-{node.Name}";
            var refused = await UntilAsync(async () => await AskAsync(HttpMethod.Get, node, row) is { Status: not 200 } other ? other : null);
            Assert.Equal(503, refused.Status);
            var write = await AskAsync(HttpMethod.Put, node, row, """{"v":"lost"}""");
            Assert.Contains(write.Status, new[] { 503, 504 });
            var stale = await StaleAsync(node, node);
            Assert.Equal(200, stale.Status);
            Assert.Equal("before", stale.Json.GetProperty("v").GetString());
            Assert.True(IsAtHome(stale), stale.ServedBy);
        }

        // The leader is where the cut will be, and who asks from another region pays for the way.
        async Task AtHomeAsync()
        {
            var far = silos.Nodes[^1];
            await UntilAsync(async () =>
            {
                var began = Stopwatch.GetTimestamp();
                var read = await AskAsync(HttpMethod.Get, far, $"{Rows}/own-{far.Name}");
                var took = Stopwatch.GetElapsedTime(began);
                return read.Status == 200 && IsAtHome(read) && took > TimeSpan.FromMilliseconds(64);
            });
        }

        Task<DemoReply> StaleAsync(OutageNode node, OutageNode row) => AskAsync(
            HttpMethod.Get, node, $"{Rows}/own-{row.Name}", null, ("Geo-Consistency", "bounded;max-ms=3600000;local-only"));

        bool IsAtHome(DemoReply reply) => reply.ServedBy!.EndsWith($";region={home}", StringComparison.Ordinal);

        Task<DemoReply> AskAsync(
            HttpMethod method, OutageNode node, string path, string? json = null, params (string Name, string Value)[] headers) =>
            client.SendAsync(method, node.Address, path, json, s_timeout, Cancellation, headers);
    }

    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        while (!await holds())
        {
            Cancellation.ThrowIfCancellationRequested();
        }
    }

    private static async Task<T> UntilAsync<T>(Func<Task<T?>> find)
        where T : class
    {
        while (true)
        {
            Cancellation.ThrowIfCancellationRequested();
            if (await find() is { } found)
            {
                return found;
            }
        }
    }
}
