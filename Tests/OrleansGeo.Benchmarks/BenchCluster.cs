using System.Collections.Immutable;
using System.Security.Cryptography;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using OrleansGeo.Storage;
using OrleansGeo.Storage.RocksDb;

namespace OrleansGeo.Benchmarks;

/// <summary>
/// Three nodes in three zones of one region, without any delay between them, each on a RocksDB of its own in a folder of its own, every
/// commit synced. One table, three replicas of each range. The folder is deleted at the end.
/// </summary>
internal sealed class BenchCluster : IAsyncDisposable, INodeEvents
{
    public const string Database = "bench";
    public const int ValueBytes = 256;
    public static readonly TableRef Table = new(Database, "kv");
    private static readonly RequestOptions s_patient = new(TimeSpan.FromSeconds(60));

    private readonly string _folder;
    private readonly EmbeddedWorld _world;
    private readonly EmbeddedCluster _cluster;
    private readonly WatchedNodes? _watched;
    private string? _failure;

    private BenchCluster(string folder, bool metrics)
    {
        _folder = folder;
        _watched = metrics ? new() : null;
        const string Region = "local";
        string[] zones = ["local-a", "local-b", "local-c"];
        ImmutableArray<NodeRecord> nodes = [.. zones.Select((zone, i) => new NodeRecord(new(i + 1), $"n{i + 1}", Region, zone, null))];
        var wan = new WanNetwork(new([.. nodes.Select(node => new WanNode(node.Id, node.Region, node.Zone))], []));
        _world = new(wan, folder, unhandled => _failure ??= unhandled.ToString(), delays: false);
        var options = new EmbeddedClusterOptions
        {
            Nodes = nodes,
            ClusterId = "bench",
            TokenSecret = RandomNumberGenerator.GetBytes(32),
            Events = this,
            MetricsOf = node => _watched?.Watch(node),
            // The number of ranges is what is measured, so it must not change by itself.
            OptionsOf = static node => new() { Name = node.Name, Region = node.Region, Zone = node.Zone, SplitBytes = long.MaxValue / 4 },
        };
        _cluster = new(options, _world);
    }

    /// <summary>The nodes' stores, for callers on any thread.</summary>
    public ImmutableArray<IGeoStore> Stores { get; private set; }

    /// <summary>Syncs of all nodes so far.</summary>
    public LatencyHistogram Syncs()
    {
        var all = new LatencyHistogram();
        foreach (var node in _cluster.Nodes.Values)
        {
            all.Add(((RocksDbEngine)node.Storage!).SyncLatencies);
        }

        return all;
    }

    public static async Task<BenchCluster> StartAsync(BenchOptions options)
    {
        var parent = Path.GetFullPath(options.Folder ?? DefaultFolder());
        var cluster = new BenchCluster(Path.Combine(parent, $"run-{Environment.ProcessId}-{Path.GetRandomFileName()}"), options.Metrics);
        try
        {
            await cluster._cluster.StartAsync();
            cluster.Stores = [.. cluster._cluster.Nodes.Values.Select(node => node.Front!)];
            await cluster.MakeTableAsync();
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
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
        var table = await UntilDoneAsync(store => store.GetTableAsync(Table, ReadBound.Strong, s_patient, default));
        using var splitter = new RangeSplitter(_cluster, table, rows, ranges);
        await splitter.SplitAsync(
            whole, (id, node) => UntilDoneAsync(store => store.TransferLeaderAsync(id, node, s_patient, default)));
        while ((await RangesAsync()).Length < ranges)
        {
            ThrowIfFailed();
            await Task.Delay(50);
        }
    }

    /// <summary>The table's ranges.</summary>
    public async Task<ImmutableArray<RangeInfo>> RangesAsync() =>
        (await UntilDoneAsync(store => store.ListRangesAsync(Table, s_patient, default))).Items;

    /// <summary>Stops measuring anything when a node or replica stopped itself.</summary>
    public void ThrowIfFailed()
    {
        if (_failure is not null)
        {
            throw new BenchFailedException(_failure);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _cluster.StopAsync();
        _watched?.Dispose();
        _world.Dispose();
        Directory.Delete(_folder, true);
        try
        {
            Directory.Delete(Path.GetDirectoryName(_folder)!);
        }
        catch (IOException)
        {
            // Somebody else's files are in it, so it stays.
        }
    }

    void INodeEvents.NodeFailed(Node node, Exception reason) => _failure ??= $"{node.Id} stopped itself: {reason}";

    void INodeEvents.ReplicaStopped(Node node, RangeId range, Exception reason) =>
        _failure ??= $"{node.Id} stopped its replica of {range}: {reason}";

    private async Task MakeTableAsync()
    {
        foreach (var store in Stores)
        {
            while ((await store.GetClusterAsync(s_patient, default)).Value?.LiveNodes != Stores.Length)
            {
                ThrowIfFailed();
                await Task.Delay(20);
            }
        }

        var spec = new DatabaseSpec(Database, "local", ["local"]);
        await UntilDoneAsync(store => store.CreateDatabaseAsync(spec, s_patient, default));
        var table = new TableSpec(
            Table.Table, [new("k", DatumType.Int64), new("v", DatumType.Bytes)], ["k"], new TableLocality.Regional());
        await UntilDoneAsync(store => store.CreateTableAsync(Database, table, s_patient, default));
    }

    private async Task<T> UntilDoneAsync<T>(Func<IGeoStore, Task<GeoResult<T>>> ask)
        where T : class
    {
        for (var attempt = 0; ; attempt++)
        {
            ThrowIfFailed();
            var result = await ask(Stores[0]);
            if (result.Value is { } value)
            {
                return value;
            }

            if (attempt == 100 || !MayPass(result.Error!))
            {
                throw new BenchFailedException($"the cluster was not set up: {result.Error}");
            }

            await Task.Delay(50);
        }
    }

    // A range in the middle of a hand-over takes no other, and the directory is a moment behind a split.
    private static bool MayPass(GeoError error) =>
        error.Code is "unsuitable" or "range-not-found"
        || error.Kind is GeoErrorKind.Conflict or GeoErrorKind.QuorumUnavailable or GeoErrorKind.RegionUnavailable
            or GeoErrorKind.DeadlineExceeded or GeoErrorKind.Overloaded;

    // Beside the program's own output: the system's temporary folder is often in memory, where a sync costs nothing.
    private static string DefaultFolder()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "OrleansGeo.sln")))
            {
                return Path.Combine(folder.FullName, "artifacts", "bench");
            }
        }

        return Path.Combine(Directory.GetCurrentDirectory(), "bench-data");
    }
}
