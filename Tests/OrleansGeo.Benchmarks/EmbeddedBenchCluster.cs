using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using OrleansGeo.Storage;
using OrleansGeo.Storage.RocksDb;

namespace OrleansGeo.Benchmarks;

/// <summary>The nodes in the embedded host: one process, and memory between them.</summary>
internal sealed class EmbeddedBenchCluster : BenchCluster, INodeEvents
{
    private readonly EmbeddedWorld _world;
    private readonly EmbeddedCluster _cluster;
    private readonly WatchedNodes? _watched;

    private EmbeddedBenchCluster(BenchOptions options)
        : base(options)
    {
        _watched = options.Metrics ? new() : null;
        var wan = new WanNetwork(new([.. Nodes.Select(node => new WanNode(node.Id, node.Region, node.Zone))], []));
        _world = new(wan, Folder, unhandled => Failed(unhandled.ToString()), delays: false);
        _cluster = new(
            new()
            {
                Nodes = Nodes,
                ClusterId = "bench",
                TokenSecret = new byte[32],
                Events = this,
                MetricsOf = node => _watched?.Watch(node),
                OptionsOf = OptionsOf,
            },
            _world);
    }

    public static async Task<EmbeddedBenchCluster> StartAsync(BenchOptions options)
    {
        var cluster = new EmbeddedBenchCluster(options);
        await cluster.StartAsync();
        return cluster;
    }

    public override LatencyHistogram Syncs()
    {
        var all = new LatencyHistogram();
        foreach (var node in _cluster.Nodes.Values)
        {
            all.Add(((RocksDbEngine)node.Storage!).SyncLatencies);
        }

        return all;
    }

    /// <summary>
    /// Splits the table into equal ranges of the keys from 0, each node leading a third. Splits go straight to the range's leader, under
    /// ids above any that the catalog gives out, and side by side: through the gateway, which asks the catalog for each id, ten thousand
    /// would
    /// take longer than everything that is measured on them.
    /// </summary>
    public async Task SplitAsync(int ranges, long rows)
    {
        var whole = (await RangesAsync())[0].Id;
        var table = await UntilDoneAsync(store => store.GetTableAsync(Table, ReadBound.Strong, Patient, default));
        using var splitter = new RangeSplitter(_cluster, table, rows, ranges);
        await splitter.SplitAsync(whole, LeadAsync);
        while ((await RangesAsync()).Length < ranges)
        {
            ThrowIfFailed();
            await Task.Delay(50);
        }
    }

    void INodeEvents.NodeFailed(Node node, Exception reason) => Failed($"{node.Id} stopped itself: {reason}");

    void INodeEvents.ReplicaStopped(Node node, RangeId range, Exception reason) =>
        Failed($"{node.Id} stopped its replica of {range}: {reason}");

    void INodeEvents.ClockRefused(Node node, NodeId peer, TimeSpan ahead) => Failed($"{node.Id} does not believe the clock of {peer}");

    protected override async Task StartNodesAsync()
    {
        await _cluster.StartAsync();
        Stores = [.. _cluster.Nodes.Values.Select(node => node.Front!)];
    }

    protected override async Task StopAsync()
    {
        await _cluster.StopAsync();
        _watched?.Dispose();
        _world.Dispose();
    }
}
