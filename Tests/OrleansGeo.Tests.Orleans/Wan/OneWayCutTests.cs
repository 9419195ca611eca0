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
        var callers = silos.Nodes.Select(node => new Caller(client, node, home)).ToArray();
        await ServeAsync(callers, "before");
        await IsLedFromHomeAsync(callers[^1]);
        await LoadGoesOnAsync(history);

        // A replica that does not lead serves what was closed, which is some time behind.
        var atHome = callers.Where(static caller => caller.IsAtHome).ToArray();
        foreach (var (caller, row) in atHome.SelectMany(caller => atHome.Select(row => (caller, row))))
        {
            await UntilAsync(async () => (await caller.StaleAsync(row)).Status == 200);
        }

        await silos.BreakAsync(new(kind, home), Cancellation);
        await ServeAsync(callers.Except(atHome), "meanwhile");
        await LoadGoesOnAsync(history);
        foreach (var caller in atHome)
        {
            await IsHonestAsync(caller);
        }

        await silos.MendAsync(Cancellation);
        await ServeAsync(callers, "after");
        await LoadGoesOnAsync(history);
        await ending.CancelAsync();
        await load;
        history.Judge();
        TestContext.Current.SendDiagnosticMessage(
            $"{kind}: {history.Served} requests in a linearizable history; silos that ended by themselves: {silos.Revived}");
    }

    // A write through each and a strong read of it, whatever has to be waited for.
    private static async Task ServeAsync(IEnumerable<Caller> callers, string value)
    {
        foreach (var caller in callers)
        {
            await UntilAsync(async () => (await caller.PutAsync(value)).Status is 200 or 201);
            await UntilAsync(async () =>
            {
                var read = await caller.GetAsync();
                if (read.Status == 200)
                {
                    Assert.Equal(value, read.Json.GetProperty("v").GetString());
                }

                return read.Status == 200;
            });
        }
    }

    // The leader is where the cut will be, and who asks from another region pays for the way.
    private static Task IsLedFromHomeAsync(Caller far) => UntilAsync(async () =>
    {
        var began = Stopwatch.GetTimestamp();
        var read = await far.GetAsync();
        var took = Stopwatch.GetElapsedTime(began);
        return read.Status == 200 && far.IsServedAtHome(read) && took > TimeSpan.FromMilliseconds(64);
    });

    // Enough of it in each state to be judged.
    private static Task LoadGoesOnAsync(HistoryLoad history)
    {
        var before = history.Served;
        return UntilAsync(async () =>
        {
            await Task.Delay(20, Cancellation);
            return history.Served > before + 100;
        });
    }

    // The nodes of the region have a leaseholder that is not reached, and say so; what is local they have.
    private static async Task IsHonestAsync(Caller caller)
    {
        await UntilAsync(async () =>
        {
            var read = await caller.GetAsync();
            Assert.Contains(read.Status, new[] { 200, 503 });
            return read.Status == 503;
        });
        Assert.Contains((await caller.PutAsync("lost")).Status, new[] { 503, 504 });
        var stale = await caller.StaleAsync(caller);
        Assert.Equal(200, stale.Status);
        Assert.Equal("before", stale.Json.GetProperty("v").GetString());
        Assert.True(caller.IsServedAtHome(stale), stale.ServedBy);
    }

    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        while (!await holds())
        {
            Cancellation.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Who asks one node, about a row of its own.</summary>
    private sealed class Caller(DemoClient client, OutageNode node, string home)
    {
        public bool IsAtHome => node.Region == home;

        private string Row => $"{Rows}/own-{node.Name}";

        public Task<DemoReply> GetAsync() => AskAsync(HttpMethod.Get, Row, null);

        public Task<DemoReply> PutAsync(string value) => AskAsync(HttpMethod.Put, Row, $$"""{"v":"{{value}}"}""");

        /// <summary>What is local, however old.</summary>
        public Task<DemoReply> StaleAsync(Caller row) =>
            AskAsync(HttpMethod.Get, row.Row, null, ("Geo-Consistency", "bounded;max-ms=3600000;local-only"));

        public bool IsServedAtHome(DemoReply reply) => reply.ServedBy!.EndsWith($";region={home}", StringComparison.Ordinal);

        private Task<DemoReply> AskAsync(HttpMethod method, string path, string? json, params (string Name, string Value)[] headers) =>
            client.SendAsync(method, node.Address, path, json, s_timeout, Cancellation, headers);
    }
}
