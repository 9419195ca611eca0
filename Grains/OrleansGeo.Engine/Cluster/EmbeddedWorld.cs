using System.Security.Cryptography;
using OrleansGeo.Primitives;
using OrleansGeo.Storage;
using OrleansGeo.Storage.Memory;
using OrleansGeo.Storage.RocksDb;

namespace OrleansGeo.Engine;

/// <summary>Real time, the thread pool, and storage in memory or on RocksDB below a folder.</summary>
public sealed class EmbeddedWorld : IClusterWorld, IDisposable
{
    private readonly Dictionary<NodeId, MovableClock> _clocks = [];
    private readonly Dictionary<NodeId, MemoryDisk> _disks = [];
    private readonly Dictionary<NodeId, IStorageEngine> _open = [];
    private readonly string? _folder;
    private readonly RocksDbOptions? _rocksDb;
    private readonly Action<Exception> _unhandled;
    private readonly PreciseTimers? _timers;
    private readonly Prng _prng;
    private readonly Lock _lock = new();

    /// <summary>Makes a world around a network model.</summary>
    /// <param name="wan">Delays, losses and cuts between nodes.</param>
    /// <param name="folder">Where each node keeps its data, in a folder of its own; null for memory.</param>
    /// <param name="unhandled">Takes what node code throws and nobody catches: a bug.</param>
    /// <param name="delays">False to leave out all delays and losses: the nearest network there is, for benchmarks and fast tests.</param>
    public EmbeddedWorld(WanNetwork wan, string? folder, Action<Exception> unhandled, bool delays = true)
        : this(wan, folder, unhandled, delays, null)
    {
    }

    /// <summary>The same with settings of RocksDB. Apart, so that hosts which give none need not know the storage.</summary>
    public EmbeddedWorld(WanNetwork wan, string? folder, Action<Exception> unhandled, bool delays, RocksDbOptions? rocksDb)
    {
        _folder = folder;
        _rocksDb = rocksDb;
        _unhandled = unhandled;
        _prng = new(BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8)));
        _timers = delays ? new PreciseTimers(BootTimeProvider.Instance, unhandled) : null;
        Network = new(wan, _timers, _prng.Fork(1));
    }

    /// <summary>The network, for cuts.</summary>
    public EmbeddedNetwork Network { get; }

    /// <inheritdoc />
    public void AddNode(NodeRecord node) => Network.AddNode(new(node.Id, node.Region, node.Zone));

    /// <inheritdoc />
    public NodeScheduler CreateScheduler(NodeId node) => new SerialTaskScheduler(_unhandled);

    /// <inheritdoc />
    public Task HaltAsync(NodeScheduler scheduler)
    {
        var halted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        scheduler.Post(
            _ =>
            {
                scheduler.Stop();
                halted.SetResult();
            },
            null);
        return halted.Task;
    }

    /// <inheritdoc />
    public TimeProvider TimeOf(NodeId node)
    {
        lock (_lock)
        {
            return ClockOf(node);
        }
    }

    /// <summary>Moves a node's wall clock.</summary>
    public void JumpClock(NodeId node, TimeSpan by)
    {
        lock (_lock)
        {
            ClockOf(node).Jump(by);
        }
    }

    /// <inheritdoc />
    public IStorageEngine OpenStorage(NodeId node)
    {
        lock (_lock)
        {
            return _open[node] = _folder is null
                ? DiskOf(node).Open(TimeProvider.System)
                : NodeStorage.Open(Path.Combine(_folder, node.ToString()), _rocksDb);
        }
    }

    /// <inheritdoc />
    public void CrashStorage(NodeId node)
    {
        lock (_lock)
        {
            if (_folder is null)
            {
                DiskOf(node).Crash(_prng);
            }
            else if (_open.Remove(node, out var engine))
            {
                engine.Dispose();
            }
        }
    }

    /// <inheritdoc />
    public void WipeStorage(NodeId node)
    {
        lock (_lock)
        {
            if (_folder is null)
            {
                DiskOf(node).Wipe();
            }
            else
            {
                Directory.Delete(Path.Combine(_folder, node.ToString()), true);
            }
        }
    }

    /// <inheritdoc />
    public ITransport Connect(NodeId node, IEnvelopeReceiver receiver, NodeScheduler scheduler) =>
        Network.Connect(node, receiver, scheduler);

    /// <inheritdoc />
    public void Disconnect(NodeId node) => Network.Disconnect(node);

    /// <inheritdoc />
    public ulong NextSeed()
    {
        lock (_lock)
        {
            return _prng.NextUInt64();
        }
    }

    /// <inheritdoc />
    public void Dispose() => _timers?.Dispose();

    private MovableClock ClockOf(NodeId node)
    {
        if (!_clocks.TryGetValue(node, out var clock))
        {
            _clocks[node] = clock = new();
        }

        return clock;
    }

    private MemoryDisk DiskOf(NodeId node)
    {
        if (!_disks.TryGetValue(node, out var disk))
        {
            _disks[node] = disk = new();
        }

        return disk;
    }

    // A wall clock that can be set wrong; elapsed time and timers are the machine's.
    private sealed class MovableClock : TimeProvider
    {
        private readonly TimeProvider _boot = BootTimeProvider.Instance;
        private long _offsetTicks;

        public override long TimestampFrequency => _boot.TimestampFrequency;

        public override long GetTimestamp() => _boot.GetTimestamp();

        public override DateTimeOffset GetUtcNow() => _boot.GetUtcNow().AddTicks(Interlocked.Read(ref _offsetTicks));

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            _boot.CreateTimer(callback, state, dueTime, period);

        public void Jump(TimeSpan by) => Interlocked.Add(ref _offsetTicks, by.Ticks);
    }
}
