using OrleansGeo.Primitives;

namespace OrleansGeo.Storage.Memory;

/// <summary>
/// The open handle of a <see cref="MemoryDisk"/>. Disposing it is a clean exit of the process: what was not synced stays visible to the
/// next engine, and stays at risk until a crash or a sync decides.
/// </summary>
public sealed class MemoryEngine : IStorageEngine
{
    private readonly MemoryDisk _disk;
    private readonly OrderedTree _tree;
    private readonly TimeProvider _time;
    private TaskCompletionSource? _running;
    private TaskCompletionSource? _next;
    private long _runningBatch;
    private bool _isDue;
    private ITimer? _timer;
    private volatile Exception? _failure;
    private volatile bool _disposed;

    internal MemoryEngine(MemoryDisk disk, OrderedTree tree, TimeProvider time)
    {
        _disk = disk;
        _tree = tree;
        _time = time;
    }

    /// <inheritdoc />
    public Exception? Failure => _failure;

    /// <inheritdoc />
    public bool TryGet(ReadOnlySpan<byte> key, out byte[] value)
    {
        ThrowIfUnusable();
        return TryGet(_tree.Root, key, out value);
    }

    /// <inheritdoc />
    public IOrderedCursor OpenCursor(ReadOnlySpan<byte> start, ReadOnlySpan<byte> end)
    {
        var root = Capture(out var generation);
        return new MemoryCursor(this, root, generation, start.ToArray(), end.ToArray());
    }

    /// <inheritdoc />
    public IStorageSnapshot OpenSnapshot(ReadOnlySpan<byte> start, ReadOnlySpan<byte> end)
    {
        var root = Capture(out var generation);
        return new MemorySnapshot(this, root, generation);
    }

    /// <inheritdoc />
    public void Write(WriteBatch batch)
    {
        lock (_disk.Gate)
        {
            ThrowIfUnusable();
            if (_tree.Bytes + batch.Bytes > _disk.CapacityBytes)
            {
                Fail(new StorageFailedException($"The disk is full: {_disk.CapacityBytes} bytes."));
                ThrowIfUnusable();
            }

            foreach (var operation in batch)
            {
                Apply(operation);
            }

            _disk.Undo.EndBatch();
        }
    }

    /// <inheritdoc />
    public ValueTask SyncAsync()
    {
        lock (_disk.Gate)
        {
            if (Unusable() is { } problem)
            {
                return ValueTask.FromException(problem);
            }

            if (_running is not null)
            {
                _next ??= NewSource();
                return new(_next.Task);
            }

            var source = NewSource();
            Begin(source);
            return new(source.Task);
        }
    }

    /// <summary>Not possible: there are no files.</summary>
    public void Checkpoint(string folder) => throw new NotSupportedException("A store in memory keeps no files to copy.");

    /// <inheritdoc />
    public long EstimateBytes(ReadOnlySpan<byte> start, ReadOnlySpan<byte> end)
    {
        ThrowIfUnusable();
        var root = _tree.Root;
        return Math.Max(0, OrderedTree.BytesBelow(root, end) - OrderedTree.BytesBelow(root, start));
    }

    /// <inheritdoc />
    public void Dispose()
    {
        lock (_disk.Gate)
        {
            if (_disposed)
            {
                return;
            }

            FailSyncs(new ObjectDisposedException(nameof(MemoryEngine)));
            _disposed = true;
        }

        _disk.Closed(this);
    }

    internal void ResumeSyncs()
    {
        lock (_disk.Gate)
        {
            if (_isDue && !_disk.StallSyncs)
            {
                Complete();
            }
        }
    }

    /// <summary>Ends the engine for good. Called under the disk's gate.</summary>
    internal void Fail(StorageFailedException reason)
    {
        _failure ??= reason;
        FailSyncs(reason);
    }

    internal void ThrowIfUnusable()
    {
        if (Unusable() is { } problem)
        {
            throw problem;
        }
    }

    internal bool TryGet(TreeNode root, ReadOnlySpan<byte> key, out byte[] value)
    {
        if (OrderedTree.Find(root, key) is not { } stored)
        {
            value = [];
            return false;
        }

        _disk.ThrowIfCorrupt(key, stored);
        value = stored.AsSpan().ToArray();
        return true;
    }

    internal void ThrowIfCorrupt(byte[] key, byte[] value) => _disk.ThrowIfCorrupt(key, value);

    /// <summary>Adds a reader to a root captured before.</summary>
    internal void CaptureAgain(long generation)
    {
        lock (_disk.Gate)
        {
            _tree.CaptureAgain(generation);
        }
    }

    internal void Release(long generation)
    {
        lock (_disk.Gate)
        {
            _tree.Release(generation);
        }
    }

    private TreeNode Capture(out long generation)
    {
        lock (_disk.Gate)
        {
            ThrowIfUnusable();
            return _tree.Capture(out generation);
        }
    }

    private void Apply(WriteBatch.Operation operation)
    {
        var undo = _disk.Undo.Entries;
        switch (operation.Kind)
        {
            case WriteKind.Put:
                var stored = _tree.Put(operation.Key, operation.Value.ToArray(), out var previous);
                undo.Add(new(stored, previous));
                break;
            case WriteKind.Delete:
                _tree.Remove(operation.Key, undo);
                break;
            case WriteKind.DeleteRange when operation.Key.SequenceCompareTo(operation.Value) < 0:
                _tree.RemoveRange(operation.Key, operation.Value, undo);
                break;
            default:
                break;
        }
    }

    private static TaskCompletionSource NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Begin(TaskCompletionSource source)
    {
        _running = source;
        _runningBatch = _disk.Undo.LastBatch;
        _isDue = false;
        var latency = _disk.SyncLatency();
        if (latency <= TimeSpan.Zero)
        {
            OnDue();
            return;
        }

        _timer = _time.CreateTimer(static state => ((MemoryEngine)state!).OnTimer(), this, latency, Timeout.InfiniteTimeSpan);
    }

    private void OnTimer()
    {
        lock (_disk.Gate)
        {
            OnDue();
        }
    }

    private void OnDue()
    {
        if (_running is null)
        {
            return;
        }

        _isDue = true;
        if (!_disk.StallSyncs)
        {
            Complete();
        }
    }

    private void Complete()
    {
        StopTimer();
        _isDue = false;
        if (_disk.FailNextSync)
        {
            _disk.FailNextSync = false;
            Fail(new StorageFailedException("A sync failed."));
            return;
        }

        _disk.Undo.Forget(_runningBatch);
        var done = _running!;
        _running = null;
        done.SetResult();
        if (_next is { } next)
        {
            _next = null;
            Begin(next);
        }
    }

    private void FailSyncs(Exception reason)
    {
        StopTimer();
        _isDue = false;
        var (running, next) = (_running, _next);
        (_running, _next) = (null, null);
        running?.SetException(reason);
        next?.SetException(reason);
    }

    private void StopTimer()
    {
        _timer?.Dispose();
        _timer = null;
    }

    private Exception? Unusable() =>
        _failure is { } failure ? new StorageFailedException(failure.Message, failure)
        : _disposed ? new ObjectDisposedException(nameof(MemoryEngine))
        : null;
}

/// <summary>A captured root.</summary>
internal sealed class MemorySnapshot(MemoryEngine engine, TreeNode root, long generation) : IStorageSnapshot
{
    private bool _disposed;

    public bool TryGet(ReadOnlySpan<byte> key, out byte[] value)
    {
        ThrowIfUnusable();
        return engine.TryGet(root, key, out value);
    }

    public IOrderedCursor OpenCursor(ReadOnlySpan<byte> start, ReadOnlySpan<byte> end)
    {
        ThrowIfUnusable();
        engine.CaptureAgain(generation);
        return new MemoryCursor(engine, root, generation, start.ToArray(), end.ToArray());
    }

    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            engine.Release(generation);
        }
    }

    private void ThrowIfUnusable()
    {
        engine.ThrowIfUnusable();
        ObjectDisposedException.ThrowIf(_disposed, this);
    }
}

/// <summary>A cursor over a captured root, kept inside its bounds.</summary>
internal sealed class MemoryCursor(MemoryEngine engine, TreeNode root, long generation, byte[] start, byte[] end) : IOrderedCursor
{
    private readonly TreeCursor _cursor = new(root);
    private bool _disposed;

    public bool IsValid { get; private set; }

    public ReadOnlySpan<byte> Key => IsValid ? _cursor.Key : throw NotPositioned();

    public ReadOnlySpan<byte> Value => IsValid ? _cursor.Value : throw NotPositioned();

    public bool SeekAtOrAfter(ReadOnlySpan<byte> key)
    {
        ThrowIfUnusable();
        return Land(_cursor.SeekAtOrAfter(key.SequenceCompareTo(start) < 0 ? start : key));
    }

    public bool SeekBefore(ReadOnlySpan<byte> key)
    {
        ThrowIfUnusable();
        return Land(_cursor.SeekBefore(key.SequenceCompareTo(end) > 0 ? end : key));
    }

    public bool MoveNext()
    {
        ThrowIfUnusable();
        return IsValid && Land(_cursor.MoveNext());
    }

    public bool MovePrevious()
    {
        ThrowIfUnusable();
        return IsValid && Land(_cursor.MovePrevious());
    }

    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            IsValid = false;
            engine.Release(generation);
        }
    }

    private bool Land(bool found)
    {
        IsValid = false;
        if (!found)
        {
            return false;
        }

        var key = _cursor.Key.AsSpan();
        if (key.SequenceCompareTo(start) < 0 || key.SequenceCompareTo(end) >= 0)
        {
            return false;
        }

        engine.ThrowIfCorrupt(_cursor.Key, _cursor.Value);
        IsValid = true;
        return true;
    }

    private void ThrowIfUnusable()
    {
        engine.ThrowIfUnusable();
        ObjectDisposedException.ThrowIf(_disposed, this);
    }

    private static InvalidOperationException NotPositioned() => new("The cursor stands on no pair.");
}
