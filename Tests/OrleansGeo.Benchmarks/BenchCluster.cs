using System.Collections.Immutable;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using OrleansGeo.Storage;

namespace OrleansGeo.Benchmarks;

/// <summary>
/// Three nodes in three zones of one region, without any delay between them, each on a RocksDB of its own in a folder of its own, every
/// commit synced. One table, three replicas of each range. The folder is deleted at the end. Where the nodes live is the subclass's matter.
/// </summary>
internal abstract class BenchCluster : IAsyncDisposable
{
    public const string Database = "bench";
    public const int ValueBytes = 256;
    public static readonly TableRef Table = new(Database, "kv");

    protected const string Region = "local";
    protected static readonly RequestOptions Patient = new(TimeSpan.FromSeconds(60));

    private readonly int? _keepVersionsSeconds;
    private string? _failure;

    protected BenchCluster(BenchOptions options)
    {
        _keepVersionsSeconds = options.KeepVersionsSeconds;
        var parent = Path.GetFullPath(options.Folder ?? DefaultFolder());
        Folder = Path.Combine(parent, $"run-{Environment.ProcessId}-{Path.GetRandomFileName()}");
    }

    /// <summary>The nodes' stores, for callers on any thread.</summary>
    public ImmutableArray<IGeoStore> Stores { get; protected set; }

    protected static ImmutableArray<NodeRecord> Nodes { get; } =
        [.. "abc".Select((zone, i) => new NodeRecord(new(i + 1), $"n{i + 1}", Region, $"{Region}-{zone}", null))];

    protected string Folder { get; }

    /// <summary>Syncs of all nodes so far.</summary>
    public abstract LatencyHistogram Syncs();

    /// <summary>The table's ranges.</summary>
    public async Task<ImmutableArray<RangeInfo>> RangesAsync() =>
        (await UntilDoneAsync(store => store.ListRangesAsync(Table, Patient, default))).Items;

    /// <summary>Has a node lead a range.</summary>
    public Task LeadAsync(long range, string node) => UntilDoneAsync(store => store.TransferLeaderAsync(range, node, Patient, default));

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
        await StopAsync();
        Directory.Delete(Folder, true);
        try
        {
            Directory.Delete(Path.GetDirectoryName(Folder)!);
        }
        catch (IOException)
        {
            // Somebody else's files are in it, so it stays.
        }
    }

    // The number of ranges is what is measured, so it must not change by itself.
    protected NodeOptions OptionsOf(NodeRecord node)
    {
        var options = new NodeOptions { Name = node.Name, Region = node.Region, Zone = node.Zone, SplitBytes = long.MaxValue / 4 };
        return _keepVersionsSeconds is { } seconds ? options with { VersionRetentionMs = seconds * 1_000L } : options;
    }

    /// <summary>Starts the nodes, and names their stores.</summary>
    protected abstract Task StartNodesAsync();

    protected abstract Task StopAsync();

    protected void Failed(string what) => _failure ??= what;

    protected async Task StartAsync()
    {
        try
        {
            await StartNodesAsync();
            await MakeTableAsync();
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }

    private async Task MakeTableAsync()
    {
        foreach (var store in Stores)
        {
            while ((await store.GetClusterAsync(Patient, default)).Value?.LiveNodes != Stores.Length)
            {
                ThrowIfFailed();
                await Task.Delay(20);
            }
        }

        var spec = new DatabaseSpec(Database, Region, [Region]);
        await UntilDoneAsync(store => store.CreateDatabaseAsync(spec, Patient, default));
        var table = new TableSpec(
            Table.Table,
            [new("k", DatumType.Int64), new("v", DatumType.Bytes), new("n", DatumType.Int64)],
            ["k"],
            new TableLocality.Regional());
        await UntilDoneAsync(store => store.CreateTableAsync(Database, table, Patient, default));
    }

    protected async Task<T> UntilDoneAsync<T>(Func<IGeoStore, Task<GeoResult<T>>> ask)
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
