using OrleansGeo.Primitives;

namespace OrleansGeo.Storage.RocksDb;

/// <summary>
/// <see cref="IStorageEngine"/> on the system's RocksDB: one column family, behind a write-ahead log of our own. A write reaches the page
/// cache before it returns, so it survives the death of the process; a sync takes it to the disk.
/// </summary>
public sealed unsafe partial class RocksDbEngine : IStorageEngine
{
    private readonly HandleCount _count;
    private readonly NativeHandle _db;
    private readonly NativeHandle _readOptions;
    private readonly NativeHandle _writeOptions;
    private readonly NativeHandle _flushOptions;
    private readonly SyncedMark _mark;
    private readonly SyncThread _syncs;
    private readonly RocksDbBatchEncoder _encoder;
    private readonly RecentWriteSample _recent;
    // Only added to and removed from, never iterated for a decision: whatever is left when the engine is disposed is disposed with it.
    private readonly HashSet<IDisposable> _children = new(ReferenceEqualityComparer.Instance);
    private Exception? _failure;
    private bool _disposed;

    private RocksDbEngine(string folder, RocksDbOptions options, NativeHandle db, OpenLog log, HandleCount count)
    {
        Folder = folder;
        _count = count;
        _db = db;
        _log = log.Log;
        _mark = log.Mark;
        _options = options;
        _readOptions = new(RocksDbNative.ReadOptionsCreate(), static (_, value) => RocksDbNative.ReadOptionsDestroy(value), count);
        RocksDbNative.ReadOptionsVerifyChecksums(_readOptions.Value, 1);
        _writeOptions = new(RocksDbNative.WriteOptionsCreate(), static (_, value) => RocksDbNative.WriteOptionsDestroy(value), count);
        RocksDbNative.WriteOptionsDisableLog(_writeOptions.Value, 1);
        _flushOptions = new(RocksDbNative.FlushOptionsCreate(), static (_, value) => RocksDbNative.FlushOptionsDestroy(value), count);
        _encoder = new(new RangeDeletes(db, count));
        _recent = new(options.WriteBufferBytes * 3);
        _young = options.LogKeys is { } keys ? new(keys, HighestStored, _log.AddYoung) : null;
        _syncs = new("storage sync", SyncNow);
    }

    /// <summary>Where the files are.</summary>
    public string Folder { get; }

    /// <inheritdoc />
    public Exception? Failure => Volatile.Read(ref _failure);

    /// <summary>How long the syncs took.</summary>
    public LatencyHistogram SyncLatencies => _syncs.Latencies;

    /// <summary>Segments of the write-ahead log that may not be written over yet.</summary>
    public int LogSegments => _log.UsedCount;

    /// <summary>Bytes written in them.</summary>
    public long LogBytes => _log.UsedBytes;

    /// <summary>Native objects of this engine that are alive; 0 after it was disposed.</summary>
    public int OpenHandles => _count.Open;

    /// <summary>
    /// Opens or creates the store in a folder and locks it. Throws <see cref="StorageUnavailableException"/> when the library is missing,
    /// the folder is in use or cannot be used, and <see cref="StorageCorruptException"/> when what is there is damaged or lacks synced
    /// writes.
    /// </summary>
    public static RocksDbEngine Open(string folder, RocksDbOptions? options = null)
    {
        options ??= new();
        RocksDbLibrary.Load(options.LibraryNames);
        var full = Path.GetFullPath(folder);
        DurableFolder.Create(full);
        var count = new HandleCount();
        var db = OpenDatabase(full, options, count);
        try
        {
            var engine = new RocksDbEngine(full, options, db, OpenLog.Of(full, options, db), count);
            try
            {
                engine.Recover();
                return engine;
            }
            catch
            {
                engine.Dispose();
                throw;
            }
        }
        catch (Exception reason) when (reason is IOException or UnauthorizedAccessException)
        {
            db.Dispose();
            throw new StorageUnavailableException($"The folder {full} cannot be opened as a store: {reason.Message}", reason);
        }
        catch
        {
            db.Dispose();
            throw;
        }
    }

    /// <inheritdoc />
    public bool TryGet(ReadOnlySpan<byte> key, out byte[] value)
    {
        ThrowIfUnusable();
        if (_young?.Holds(key) == true)
        {
            StoreYoung();
        }

        return TryGet(_readOptions, key, out value);
    }

    /// <inheritdoc />
    public IOrderedCursor OpenCursor(ReadOnlySpan<byte> start, ReadOnlySpan<byte> end)
    {
        ThrowIfUnusable();
        StoreYoungOf(start, end);
        return OpenCursor(0, start, end);
    }

    /// <inheritdoc />
    public IStorageSnapshot OpenSnapshot(ReadOnlySpan<byte> start, ReadOnlySpan<byte> end)
    {
        ThrowIfUnusable();
        StoreYoungOf(start, end);
        var snapshot = new RocksDbSnapshot(this, _db, _count);
        _children.Add(snapshot);
        return snapshot;
    }

    /// <inheritdoc />
    public void Write(WriteBatch batch)
    {
        ThrowIfUnusable();
        if (batch.IsEmpty)
        {
            return;
        }

        Log(batch);
        Apply(batch, _log.ActiveNumber);
    }

    /// <inheritdoc />
    public ValueTask SyncAsync() =>
        Unusable() is { } problem ? ValueTask.FromException(problem) : new(_syncs.SyncAsync());

    /// <inheritdoc />
    public void Checkpoint(string folder)
    {
        ThrowIfUnusable();
        if (Path.Exists(folder))
        {
            throw new IOException($"A checkpoint needs a folder that does not exist yet; {folder} does.");
        }

        SyncLog();
        StoreYoung();
        byte* error = null;
        using var checkpoint = new NativeHandle(
            RocksDbNative.CheckpointCreate(_db.Value, &error), static (_, value) => RocksDbNative.CheckpointDestroy(value), _count, _db);
        ThrowOnCheckpoint(folder, error);
        // Zero: flush what is in memory first, so that the copy needs no log.
        RocksDbNative.CheckpointWrite(checkpoint.Value, Path.GetFullPath(folder), 0, &error);
        ThrowOnCheckpoint(folder, error);
        DurableFolder.Create(Path.Combine(Path.GetFullPath(folder), LogFolder));
    }

    /// <inheritdoc />
    public long EstimateBytes(ReadOnlySpan<byte> start, ReadOnlySpan<byte> end)
    {
        ThrowIfUnusable();
        if (start.SequenceCompareTo(end) >= 0)
        {
            return 0;
        }

        byte* error = null;
        ulong inFiles = 0;
        ulong inMemory = 0;
        fixed (byte* startBytes = start, endBytes = end)
        {
            byte* first = startBytes, last = endBytes;
            nuint firstLength = (nuint)start.Length, lastLength = (nuint)end.Length;
            RocksDbNative.ApproximateSizes(_db.Value, 1, &first, &firstLength, &last, &lastLength, &inFiles, &error);
        }

        ThrowOnRead(error);
        // What is in memory now was written last, so the latest samples tell how it is spread.
        _ = RocksDbNative.PropertyInt(_db.Value, "rocksdb.cur-size-all-mem-tables", &inMemory);
        GC.KeepAlive(this);
        return (long)inFiles + _recent.Estimate(start, end, (long)inMemory);
    }

    /// <inheritdoc />
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _syncs.Dispose();
        foreach (var child in _children.ToArray())
        {
            child.Dispose();
        }

        _flushOptions.Dispose();
        _writeOptions.Dispose();
        _readOptions.Dispose();
        _db.Dispose();
        _log.Dispose();
        _mark.Dispose();
    }

    internal bool TryGet(NativeHandle readOptions, ReadOnlySpan<byte> key, out byte[] value)
    {
        byte* error = null;
        nint slice;
        fixed (byte* bytes = key)
        {
            slice = RocksDbNative.GetPinned(_db.Value, readOptions.Value, bytes, (nuint)key.Length, &error);
        }

        if (slice == 0)
        {
            ThrowOnRead(error);
            GC.KeepAlive(this);
            value = [];
            return false;
        }

        _count.Add(1);
        nuint length;
        var source = RocksDbNative.PinnedValue(slice, &length);
        value = new ReadOnlySpan<byte>(source, (int)length).ToArray();
        RocksDbNative.PinnedDestroy(slice);
        _count.Add(-1);
        GC.KeepAlive(this);
        return true;
    }

    internal RocksDbCursor OpenCursor(nint snapshot, ReadOnlySpan<byte> start, ReadOnlySpan<byte> end)
    {
        var cursor = new RocksDbCursor(this, _db, snapshot, start, end, _count);
        _children.Add(cursor);
        return cursor;
    }

    internal void Forget(IDisposable child) => _children.Remove(child);

    internal void ThrowIfUnusable()
    {
        if (Unusable() is { } problem)
        {
            throw problem;
        }
    }

    internal void ThrowOnRead(byte* error)
    {
        if (RocksDbError.Take(error) is not { } text)
        {
            return;
        }

        throw RocksDbError.IsCorruption(text)
            ? new StorageCorruptException($"The store in {Folder} is damaged: {text}")
            : Fail($"A read from the store in {Folder} failed: {text}");
    }

    private static NativeHandle OpenDatabase(string folder, RocksDbOptions options, HandleCount count)
    {
        using var native = new RocksDbNativeOptions(options, count);
        byte* error = null;
        var db = RocksDbNative.Open(native.Handle.Value, folder, &error);
        var text = RocksDbError.Take(error);
        if (text is not null && RocksDbError.IsUnknownCompression(text))
        {
            native.TurnOffCompression();
            error = null;
            db = RocksDbNative.Open(native.Handle.Value, folder, &error);
            text = RocksDbError.Take(error);
        }

        return text switch
        {
            null => new(db, static (_, value) => RocksDbNative.Close(value), count),
            _ when RocksDbError.IsLocked(text) => throw new StorageUnavailableException(
                $"The folder {folder} is in use by another node: stop that node or choose another folder ({text})."),
            _ when RocksDbError.IsCorruption(text) => throw new StorageCorruptException($"The store in {folder} is damaged: {text}"),
            _ => throw new StorageUnavailableException($"The folder {folder} cannot be opened as a store: {text}"),
        };
    }

    private StorageFailedException Fail(string message)
    {
        var failure = new StorageFailedException(message);
        Interlocked.CompareExchange(ref _failure, failure, null);
        return failure;
    }

    private static void ThrowOnCheckpoint(string folder, byte* error)
    {
        if (RocksDbError.Take(error) is { } text)
        {
            throw new IOException($"The checkpoint into {folder} failed: {text}");
        }
    }

    private Exception? Unusable() =>
        Failure is { } failure ? new StorageFailedException(failure.Message, failure)
        : _disposed ? new ObjectDisposedException(nameof(RocksDbEngine))
        : null;
}
