using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using OrleansGeo.Tables;

namespace OrleansGeo.Tests.Sdk;

/// <summary>Three nodes at home and one in another region, in one process and without network delay, with a database over both.</summary>
public sealed class EmbeddedFixture : IAsyncLifetime
{
    public const string Home = "us-east1";
    public const string Away = "europe-west1";

    private static readonly RequestOptions s_options = new(TimeSpan.FromSeconds(30));

    private static readonly WanTopology s_topology = new(
        [
            new(new(1), Home, $"{Home}-a"), new(new(2), Home, $"{Home}-b"), new(new(3), Home, $"{Home}-c"),
            new(new(4), Away, $"{Away}-a"),
        ],
        []);

    private readonly List<Exception> _bugs = [];
    private EmbeddedWorld _world = null!;
    private EmbeddedCluster _cluster = null!;

    /// <summary>The store of a node at home.</summary>
    public IGeoStore HomeStore => _cluster["n2"].Front!;

    /// <summary>The store of the node in the other region.</summary>
    public IGeoStore AwayStore => _cluster["n4"].Front!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _world = new(new(s_topology), null, Note, delays: false);
        _cluster = new(
            new()
            {
                Nodes = [.. s_topology.Nodes.Select(node => new NodeRecord(node.Id, node.Id.ToString(), node.Region, node.Zone, null))],
                ClusterId = "sdk",
                TokenSecret = new byte[32],
            },
            _world);
        await _cluster.StartAsync();
        await UntilAsync(async () =>
            (await HomeStore.ListNodesAsync(s_options, Cancellation)).Value?.Items.All(node => node.Live) == true
            && (await HomeStore.GetReadinessAsync(s_options, Cancellation)).Value?.Ready == true);
        var made = await HomeStore.CreateDatabaseAsync(new("geo", Home, [Home, Away]), s_options, Cancellation);
        Assert.True(made.IsOk, made.Error?.Detail);
    }

    /// <summary>The database through a store, with patience for a loaded machine.</summary>
    public static GeoDatabase Database(IGeoStore store) => new GeoClient(
        store, new() { Timeout = TimeSpan.FromSeconds(60), AttemptTimeout = TimeSpan.FromSeconds(30) }).Database("geo");

    /// <summary>Parts the last range of a table at a key, as it is listed by whoever made the splits before.</summary>
    public async Task SplitAsync(string table, RowKey at)
    {
        var ranges = await HomeStore.ListRangesAsync(new("geo", table), s_options, Cancellation);
        var split = await HomeStore.SplitRangeAsync(ranges.Value!.Items[^1].Id, at.Values, s_options, Cancellation);
        Assert.True(split.IsOk, split.Error?.Detail);
    }

    /// <summary>Nothing goes between the regions any more.</summary>
    public void Part() => _world.Network.Change(wan => wan.Partition(WanSide.Regions(Away), CutDirection.Both));

    public async ValueTask DisposeAsync()
    {
        await _cluster.StopAsync();
        _world.Dispose();
        lock (_bugs)
        {
            Assert.Empty(_bugs);
        }
    }

    public static async Task UntilAsync(Func<Task<bool>> holds)
    {
        while (!await holds())
        {
            Cancellation.ThrowIfCancellationRequested();
        }
    }

    private void Note(Exception bug)
    {
        lock (_bugs)
        {
            _bugs.Add(bug);
        }
    }
}
