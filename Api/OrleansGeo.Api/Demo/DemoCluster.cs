using System.Collections.Immutable;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;

namespace OrleansGeo.Api.Demo;

/// <summary>Nine nodes in three regions with a wide area between them, a port for each, and faults.</summary>
public sealed class DemoCluster : INodeEvents, IAsyncDisposable
{
    private readonly DemoOptions _options;
    private readonly Action<string> _tell;
    private readonly EmbeddedWorld _world;
    private readonly EmbeddedCluster _cluster;
    private readonly DemoData? _data;
    private readonly SemaphoreSlim _one = new(1);
    private bool _stopped;

    /// <summary>Prepares a demo; nothing runs yet. Takes a way to tell the user what a node met.</summary>
    /// <exception cref="DemoRefusedException">The data directory cannot be used.</exception>
    public DemoCluster(DemoOptions options, Action<string> tell)
    {
        _options = options;
        _tell = tell;
        var topology = WanTopology.Demo;
        ImmutableArray<NodeRecord> records = [.. topology.Nodes.Select(RecordOf)];
        _data = options.Data is null ? null : new(Path.GetFullPath(options.Data));
        var identity = _data?.Open(records) ?? DemoIdentity.New();
        _world = new(new WanNetwork(topology), options.Data is null ? null : Path.GetFullPath(options.Data), Unhandled);
        var metrics = records.ToDictionary(
            static node => node.Id, static node => new NodeMetrics(node.Name, node.Region, node.Zone, scope: new()));
        var cluster = new EmbeddedClusterOptions
        {
            Nodes = records,
            OptionsOf = node => OptionsOf(node, options.KeepVersions),
            ClusterId = identity.ClusterId,
            TokenSecret = identity.TokenSecret,
            MetricsOf = node => metrics[node.Id],
            Events = this,
        };
        _cluster = new(cluster, _world);
        Nodes =
        [
            .. _cluster.Nodes.Values.Select(
                node => new DemoNode(node, metrics[node.Record.Id], options.Bind, options.HttpPort + node.Record.Id.Value)),
        ];
        Faults = new(this);
    }

    private static NodeOptions OptionsOf(NodeRecord node, TimeSpan? keepVersions)
    {
        var own = new NodeOptions { Name = node.Name, Region = node.Region, Zone = node.Zone };
        return keepVersions is { } kept ? own with { VersionRetentionMs = (long)kept.TotalMilliseconds } : own;
    }

    /// <summary>The nodes, by id.</summary>
    public ImmutableArray<DemoNode> Nodes { get; }

    /// <summary>What is broken on purpose.</summary>
    public FaultBoard Faults { get; }

    /// <summary>The names of the regions, in the order of the nodes.</summary>
    public ImmutableArray<string> Regions => [.. Nodes.Select(node => node.Record.Region).Distinct(StringComparer.Ordinal)];

    /// <summary>The names of the zones, in the order of the nodes.</summary>
    public ImmutableArray<string> Zones => [.. Nodes.Select(node => node.Record.Zone).Distinct(StringComparer.Ordinal)];

    /// <summary>A node by name, or null.</summary>
    public DemoNode? Find(string name) => Nodes.FirstOrDefault(node => node.Record.Name == name);

    /// <summary>Takes all ports, then starts every node and its port.</summary>
    public async Task StartAsync()
    {
        foreach (var node in Nodes)
        {
            node.Bind();
        }

        try
        {
            await _cluster.StartAsync();
        }
        catch (Exception refused) when (EmbeddedData.IsRefusal(refused))
        {
            throw new DemoRefusedException(refused.Message);
        }

        _data?.Completed();
        await Task.WhenAll(Nodes.Select(node => node.ListenAsync(Faults.Map)));
    }

    /// <summary>Crashes nodes; those that are down stay down. A connection can be spared to carry the answer.</summary>
    public Task CrashAsync(IReadOnlyList<DemoNode> nodes, string? spared = null) => OneAtATimeAsync(async () =>
    {
        // All ports first: a zone goes at once, not node by node.
        foreach (var node in nodes)
        {
            node.IsCrashed = true;
            node.Silence(spared);
        }

        await Task.WhenAll(nodes.Select(node => _cluster.CrashAsync(node.Record.Id)));
    });

    /// <summary>Starts nodes that are down, on what their storage kept.</summary>
    public Task RestartAsync(IReadOnlyList<DemoNode> nodes) => OneAtATimeAsync(async () =>
    {
        foreach (var node in nodes)
        {
            if (!node.Embedded.IsRunning)
            {
                await _cluster.StartAsync(node.Record.Id);
            }

            if (!node.IsUp)
            {
                await node.ListenAsync(Faults.Map);
            }

            node.IsCrashed = false;
        }
    });

    /// <summary>Changes the network.</summary>
    public void ChangeNetwork(Action<WanNetwork> change) => _world.Network.Change(change);

    /// <summary>Moves a node's wall clock.</summary>
    public void JumpClock(DemoNode node, TimeSpan by) => _world.JumpClock(node.Record.Id, by);

    /// <summary>Stops everything.</summary>
    public async ValueTask DisposeAsync()
    {
        Faults.Wake();
        await _one.WaitAsync();
        _stopped = true;
        _one.Release();
        foreach (var node in Nodes)
        {
            node.Silence();
        }

        await _cluster.StopAsync();
        await Task.WhenAll(Nodes.Select(node => node.CloseAsync()));
        foreach (var node in Nodes)
        {
            node.Metrics.Dispose();
        }

        _world.Dispose();
        _one.Dispose();
    }

    void INodeEvents.NodeFailed(Node node, Exception reason)
    {
        var failed = Nodes.First(other => other.Record.Id == node.Id);
        _tell($"{failed.Record.Name} stopped itself: {reason.Message}");

        // The report comes from the node's own scheduler, which a crash waits for.
        ThreadPool.QueueUserWorkItem(_ => _ = CrashAsync([failed]));
    }

    void INodeEvents.ReplicaStopped(Node node, RangeId range, Exception reason) =>
        _tell($"{node.Id} stopped its replica of {range}: {reason.Message}");

    void INodeEvents.ClockRefused(Node node, NodeId peer, TimeSpan ahead) =>
        _tell($"{node.Id} does not believe the clock of {peer}, which is {ahead.TotalSeconds:F0} s ahead of its own");

    // The cluster's methods are called one at a time.
    private async Task OneAtATimeAsync(Func<Task> change)
    {
        await _one.WaitAsync();
        try
        {
            if (!_stopped)
            {
                await change();
            }
        }
        finally
        {
            _one.Release();
        }
    }

    private NodeRecord RecordOf(WanNode node) =>
        new(node.Id, node.Id.ToString(), node.Region, node.Zone,
            $"http://{new System.Net.IPEndPoint(_options.Bind, _options.HttpPort + node.Id.Value)}");

    private void Unhandled(Exception bug) => _tell($"an error nobody caught, which is a bug: {bug}");
}
