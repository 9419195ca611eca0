using System.Collections.Immutable;
using OrleansGeo.Primitives;
using OrleansGeo.Storage;

namespace OrleansGeo.Engine;

/// <summary>What an embedded cluster is made of.</summary>
public sealed record EmbeddedClusterOptions
{
    /// <summary>The nodes; ids are unique and start at 1.</summary>
    public required ImmutableArray<NodeRecord> Nodes { get; init; }

    /// <summary>Settings shared by all nodes; name and labels come from <see cref="Nodes"/>.</summary>
    public Func<NodeRecord, NodeOptions> OptionsOf { get; init; } =
        static node => new() { Name = node.Name, Region = node.Region, Zone = node.Zone };

    /// <summary>Id of the cluster when it is new.</summary>
    public required string ClusterId { get; init; }

    /// <summary>Secret of the cluster when it is new, 32 bytes.</summary>
    public required ReadOnlyMemory<byte> TokenSecret { get; init; }

    /// <summary>What shows a node to whoever watches, over all its starts; null to show nothing.</summary>
    public Func<NodeRecord, NodeMetrics?> MetricsOf { get; init; } = static _ => null;

    /// <summary>Hears of nodes and replicas that stopped themselves.</summary>
    public INodeEvents? Events { get; init; }
}

/// <summary>
/// Any number of nodes in one process: the default of the demo, of tests and of local development. It is the same engine that runs on
/// silos; only messages stay in the process. Its methods are called one at a time.
/// </summary>
public sealed class EmbeddedCluster(EmbeddedClusterOptions options, IClusterWorld world) : INodeEvents
{
    // Replaced as a whole, so that whoever goes through it meanwhile sees what was there when it began.
    private ImmutableSortedDictionary<NodeId, EmbeddedNode> _nodes =
        options.Nodes.ToImmutableSortedDictionary(node => node.Id, node => new EmbeddedNode(node));

    /// <summary>The nodes by id, running or not.</summary>
    public IReadOnlyDictionary<NodeId, EmbeddedNode> Nodes => _nodes;

    /// <summary>A node by name.</summary>
    public EmbeddedNode this[string name] => _nodes.Values.First(node => node.Record.Name == name);

    /// <summary>
    /// Starts every node. Nodes whose storage is empty become members of the new cluster; a cluster that ran before goes on from its
    /// storage.
    /// </summary>
    public async Task StartAsync()
    {
        foreach (var node in _nodes.Values)
        {
            await StartAsync(node.Record.Id);
        }
    }

    /// <summary>
    /// A new node joins through a running member, and starts. An unclear answer may be asked for again with the same request.
    /// </summary>
    /// <returns>Its id, or why it may not join.</returns>
    public async Task<GeoResult<JoinAnswer>> JoinAsync(NodeId member, JoinRequest join, RequestOptions requestOptions)
    {
        var answer = await _nodes[member].Front!.JoinAsync(join, requestOptions, CancellationToken.None);
        if (!answer.IsOk)
        {
            return answer;
        }

        if (_nodes.TryGetValue(answer.Value.Node, out var known))
        {
            Invariant.Holds(known.Record.Name == join.Name);
        }
        else
        {
            var record = answer.Value.Nodes.First(node => node.Id == answer.Value.Node);
            world.AddNode(record);
            _nodes = _nodes.Add(record.Id, new(record) { Joined = true });
            await StartAsync(record.Id);
        }

        return answer;
    }

    /// <summary>Starts a node that is not running, on its storage as it is.</summary>
    /// <exception cref="StorageUnavailableException">The storage cannot be opened or belongs to something else.</exception>
    public async Task StartAsync(NodeId id)
    {
        var node = _nodes[id];
        Invariant.Holds(!node.IsRunning);
        var scheduler = world.CreateScheduler(id);
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        scheduler.Post(_ => _ = RunAsync(), null);
        await started.Task;

        async Task RunAsync()
        {
            try
            {
                await StartOnSchedulerAsync(node, scheduler);
                started.TrySetResult();
            }
            catch (Exception failure)
            {
                started.TrySetException(failure);
            }
        }
    }

    /// <summary>
    /// A node dies: nothing more is sent, and what it had not synced may be gone. Requests under way have an unknown outcome.
    /// </summary>
    public async Task CrashAsync(NodeId id)
    {
        var node = _nodes[id];
        if (!node.IsRunning)
        {
            return;
        }

        var (scheduler, front) = (node.Scheduler!, node.Front!);
        node.Forget();
        world.Disconnect(id);
        await world.HaltAsync(scheduler);
        front.Stop();
        world.CrashStorage(id);
    }

    /// <summary>A node that is not running loses its disk. It cannot come back under its id; see <c>docs/operations.md</c>.</summary>
    public void LoseDisk(NodeId id)
    {
        Invariant.Holds(!_nodes[id].IsRunning);
        world.WipeStorage(id);
    }

    /// <summary>Stops every node in an orderly way.</summary>
    public async Task StopAsync()
    {
        foreach (var node in _nodes.Values.Where(node => node.IsRunning).ToArray())
        {
            var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var engine = node.Node!;
            node.Scheduler!.Post(
                _ =>
                {
                    engine.Dispose();
                    engine.Close();
                    stopped.TrySetResult();
                },
                null);
            await stopped.Task;
            world.Disconnect(node.Record.Id);
            node.Front!.Stop();
            node.Scheduler.Stop();
            node.Forget();
        }
    }

    void INodeEvents.NodeFailed(Node node, Exception reason)
    {
        _nodes[node.Id].Failure = reason;
        options.Events?.NodeFailed(node, reason);
    }

    void INodeEvents.ReplicaStopped(Node node, RangeId range, Exception reason) => options.Events?.ReplicaStopped(node, range, reason);

    void INodeEvents.ClockRefused(Node node, NodeId peer, TimeSpan ahead) => options.Events?.ClockRefused(node, peer, ahead);

    private async Task StartOnSchedulerAsync(EmbeddedNode node, NodeScheduler scheduler)
    {
        var id = node.Record.Id;
        var storage = world.OpenStorage(id);
        try
        {
            var relay = new Relay();
            await InitialiseAsync(storage, node);
            var parts = new NodeParts(
                storage, world.Connect(id, relay, scheduler), scheduler, world.TimeOf(id), world.NextSeed(), this,
                options.MetricsOf(node.Record));
            var engine = await Node.StartAsync(options.OptionsOf(node.Record), parts);
            relay.Target = engine;
            engine.Gateway = new(engine);
            node.Begin(engine, new(engine.Gateway, scheduler), scheduler, storage);
        }
        catch
        {
            world.Disconnect(id);
            storage.Dispose();
            throw;
        }
    }

    private async Task InitialiseAsync(IStorageEngine storage, EmbeddedNode node)
    {
        if (node.Joined)
        {
            await NodeStore.InitialiseJoinedAsync(
                storage, new(options.ClusterId, node.Record.Id, node.Record.Name, options.TokenSecret));
        }
        else
        {
            await new ClusterSeed(options.ClusterId, options.TokenSecret, options.Nodes).InitialiseAsync(storage, node.Record);
        }
    }

    // The network is connected before the node exists; what arrives in between is lost, as it would be on a machine that is starting.
    private sealed class Relay : IEnvelopeReceiver
    {
        public Node? Target { get; set; }

        public void Receive(Envelope envelope) => Target?.Receive(envelope);
    }
}

/// <summary>A node of an <see cref="EmbeddedCluster"/>.</summary>
public sealed class EmbeddedNode(NodeRecord record)
{
    private IStorageEngine? _storage;

    /// <summary>Who it is.</summary>
    public NodeRecord Record { get; } = record;

    /// <summary>True when it joined a running cluster; false for one of those that began it.</summary>
    public bool Joined { get; init; }

    /// <summary>The running engine, or null.</summary>
    public Node? Node { get; private set; }

    /// <summary>Its store, for callers on any thread; null when it is not running.</summary>
    public NodeFront? Front { get; private set; }

    /// <summary>What it runs on; null when it is not running.</summary>
    public NodeScheduler? Scheduler { get; private set; }

    /// <summary>Its open storage, for measurements; null when it is not running.</summary>
    public IStorageEngine? Storage => _storage;

    /// <summary>True from a start to a crash or stop.</summary>
    public bool IsRunning => Node is not null;

    /// <summary>Why the node stopped itself, or null.</summary>
    public Exception? Failure { get; internal set; }

    internal void Begin(Node node, NodeFront front, NodeScheduler scheduler, IStorageEngine storage)
    {
        Node = node;
        Front = front;
        Scheduler = scheduler;
        _storage = storage;
        Failure = null;
    }

    internal void Forget()
    {
        Node?.Metrics?.Hide(Node);
        Node = null;
        Front = null;
        Scheduler = null;
        _storage = null;
    }
}
