using System.Collections.Immutable;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using OrleansGeo.Storage;
using OrleansGeo.Storage.Memory;

namespace OrleansGeo.Simulation;

/// <summary>
/// An <see cref="EmbeddedCluster"/> in a <see cref="SimWorld"/>: the engine as it ships, on virtual time, a simulated network and disks
/// that can fail. What a node may not do, stopping itself without a disk fault or breaking an invariant, fails the run.
/// </summary>
public sealed class SimCluster : IClusterWorld, IFaultTarget, INodeEvents
{
    private readonly SortedDictionary<NodeId, SimMachine> _machines = [];
    private readonly SortedDictionary<NodeId, MemoryDisk> _disks = [];
    private readonly SortedSet<NodeId> _starting = [];
    private readonly SortedSet<NodeId> _faultyDisks = [];
    private readonly SimNetwork _network;
    private readonly SimTimeProvider _driverTime;
    private readonly Prng _prng;

    /// <summary>Makes a cluster on the topology's nodes; nothing runs yet.</summary>
    public SimCluster(SimWorld world, WanTopology topology, Func<NodeOptions, NodeOptions>? tune = null)
    {
        World = world;
        _prng = world.Prng.Fork(11);
        _network = new(world, new(topology));
        Driver = new(world, "driver");
        _driverTime = new SimTimeProvider(world, new(world, 0), Driver);
        foreach (var node in topology.Nodes)
        {
            AddMachine(node.Id);
        }

        ImmutableArray<NodeRecord> records = [.. topology.Nodes.Select(
            node => new NodeRecord(node.Id, node.Id.ToString(), node.Region, node.Zone, null))];
        var secret = new byte[32];
        _prng.Fill(secret);
        Cluster = new(
            new()
            {
                Nodes = records,
                ClusterId = "sim",
                TokenSecret = secret,
                Events = this,
                OptionsOf = record =>
                {
                    var options = new NodeOptions
                    {
                        Name = record.Name,
                        Region = record.Region,
                        Zone = record.Zone,
                        VerifiesRecords = true,
                    };
                    return tune?.Invoke(options) ?? options;
                },
            },
            this);
    }

    /// <summary>The world.</summary>
    public SimWorld World { get; }

    /// <summary>The cluster.</summary>
    public EmbeddedCluster Cluster { get; }

    /// <summary>Where whoever acts on the cluster from outside runs.</summary>
    public SimNodeScheduler Driver { get; }

    /// <summary>The network, for observers.</summary>
    public SimNetwork Net => _network;

    /// <inheritdoc />
    public WanNetwork Network => _network.Model;

    /// <summary>The disk of a node.</summary>
    public MemoryDisk DiskOf(NodeId node) => _disks[node];

    /// <summary>Asks a node's own replica of a range; called on the driver. No answer when the node dies meanwhile.</summary>
    public async Task<CallResult> CallAsync(NodeId node, RangeId range, RangeOperation operation, TimeSpan timeout)
    {
        var answer = new TaskCompletionSource<CallResult>();
        var target = Cluster.Nodes[node];
        target.Scheduler!.Post(_ => _ = AskAsync(), null);
        var first = await Task.WhenAny(answer.Task, Task.Delay(timeout * 2, _driverTime));
        return first == answer.Task ? await answer.Task : new(null, node, null, CallFailure.NoAnswer);

        async Task AskAsync() => answer.TrySetResult(await target.Node!.CallAsync(node, range, operation, timeout, CancellationToken.None));
    }

    private void AddMachine(NodeId node)
    {
        _machines[node] = new(World, node);
        var latency = _prng.Fork((ulong)node.Value);
        _disks[node] = new() { SyncLatency = () => TimeSpan.FromMicroseconds(latency.Between(50, 3_000)) };
    }

    /// <summary>Starts all nodes.</summary>
    public void Start() => World.RunTask(
        Driver,
        async () =>
        {
            await Cluster.StartAsync();
            return true;
        },
        60_000_000);

    /// <inheritdoc />
    public void AddNode(NodeRecord node)
    {
        AddMachine(node.Id);
        _network.Model.AddNode(new(node.Id, node.Region, node.Zone));
    }

    /// <inheritdoc />
    public NodeScheduler CreateScheduler(NodeId node) => _machines[node].Boot().Scheduler;

    /// <inheritdoc />
    public Task HaltAsync(NodeScheduler scheduler)
    {
        _machines.Values.First(machine => machine.Process?.Scheduler == scheduler).Crash();
        return Task.CompletedTask;
    }

    /// <inheritdoc />
    public TimeProvider TimeOf(NodeId node) => _machines[node].Process!.Time;

    /// <inheritdoc />
    public IStorageEngine OpenStorage(NodeId node) => _disks[node].Open(_machines[node].Process!.Time);

    /// <inheritdoc />
    public void CrashStorage(NodeId node) => _disks[node].Crash(_prng);

    /// <inheritdoc />
    public void WipeStorage(NodeId node) => _disks[node].Wipe();

    /// <inheritdoc />
    public ITransport Connect(NodeId node, IEnvelopeReceiver receiver, NodeScheduler scheduler) =>
        _network.Connect(node, receiver, (SimNodeScheduler)scheduler);

    /// <inheritdoc />
    public void Disconnect(NodeId node) => _network.Disconnect(node);

    /// <inheritdoc />
    public ulong NextSeed() => _prng.NextUInt64();

    /// <inheritdoc />
    public void Crash(NodeId node)
    {
        if (Cluster.Nodes[node].IsRunning)
        {
            var crashed = Cluster.CrashAsync(node);
            Invariant.Holds(crashed.IsCompletedSuccessfully);
        }
        else if (_starting.Remove(node))
        {
            _network.Disconnect(node);
            _machines[node].Crash();
            _disks[node].Crash(_prng);
        }
    }

    /// <inheritdoc />
    public void Restart(NodeId node)
    {
        _disks[node].FailNextSync = false;
        if (Cluster.Nodes[node] is { IsRunning: true, Node.IsStopped: true })
        {
            Crash(node);
        }

        if (!Cluster.Nodes[node].IsRunning && _starting.Add(node))
        {
            Driver.Post(_ => _ = RestartAsync(node), null);
        }
    }

    /// <inheritdoc />
    public void Pause(NodeId node, long micros) => _machines[node].Process?.Scheduler.Pause(micros);

    /// <inheritdoc />
    public void JumpClock(NodeId node, long ms) => _machines[node].Clock.JumpWall(TimeSpan.FromMilliseconds(ms));

    /// <inheritdoc />
    public void SetDrift(NodeId node, int ppm) => _machines[node].Clock.SetDrift(ppm);

    /// <inheritdoc />
    public void FailNextSync(NodeId node)
    {
        _faultyDisks.Add(node);
        _disks[node].FailNextSync = true;
    }

    /// <inheritdoc />
    public void StallSyncs(NodeId node, bool stalled) => _disks[node].StallSyncs = stalled;

    /// <inheritdoc />
    public void FillDisk(NodeId node, bool full)
    {
        _faultyDisks.Add(node);
        _disks[node].CapacityBytes = full ? _disks[node].UsedBytes : long.MaxValue;
    }

    /// <inheritdoc />
    public void FlipBit(NodeId node)
    {
        _faultyDisks.Add(node);
        _disks[node].FlipBit(_prng);
    }

    void INodeEvents.NodeFailed(Node node, Exception reason)
    {
        if (!_faultyDisks.Contains(node.Id) || reason is not (StorageFailedException or StorageCorruptException))
        {
            World.Fail($"{node.Id} stopped itself: {reason.Message}", reason);
        }
    }

    void INodeEvents.ReplicaStopped(Node node, RangeId range, Exception reason) =>
        World.Fail($"{node.Id} stopped its replica of {range}: {reason.Message}", reason);

    void INodeEvents.ClockRefused(Node node, NodeId peer, TimeSpan ahead) => ClocksRefused.Add((node.Id, peer, ahead));

    /// <summary>Who did not believe whose clock, and by how much that was ahead.</summary>
    public List<(NodeId Node, NodeId Peer, TimeSpan Ahead)> ClocksRefused { get; } = [];

    private async Task RestartAsync(NodeId node)
    {
        var life = _machines[node].Lives;
        try
        {
            await Cluster.StartAsync(node);
        }
        catch (Exception failure) when (failure is StorageFailedException or StorageCorruptException && _faultyDisks.Contains(node))
        {
            _machines[node].Crash();
            _disks[node].Crash(_prng);
        }
        catch (Exception failure)
        {
            World.Fail($"{node} does not start", failure);
        }

        if (_machines[node].Lives == life + 1)
        {
            _starting.Remove(node);
        }
    }
}
