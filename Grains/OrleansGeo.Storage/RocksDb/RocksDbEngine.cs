using OrleansGeo.Primitives;

namespace OrleansGeo.Storage.RocksDb;

/// <summary>
/// <see cref="IStorageEngine"/> on the system's RocksDB: one column family, every write through its write-ahead log. A write reaches the
/// page cache before it returns, so it survives the death of the process; a sync takes it to the disk.
/// </summary>
public sealed unsafe class RocksDbEngine : IStorageEngine
{
    private readonly HandleCount _count;
    private readonly NativeHandle _db;
    private readonly NativeHandle _readOptions;
    private readonly NativeHandle _writeOptions;
    private readonly SyncedMark _mark;
    private readonly SyncThread _syncs;
    private readonly RocksDbBatchEncoder _encoder;
    private readonly RecentWriteSample _recent;
    // Only added to and removed from, never iterated for a decision: whatever is left when the engine is disposed is disposed with it.
    private readonly HashSet<IDisposable> _children = new(ReferenceEqualityComparer.Instance);
    private Exception? _failure;
    private bool _disposed;

    private RocksDbEngine(string folder, RocksDbOptions options, NativeHandle db, SyncedMark mark, HandleCount count)
    {
        Folder = folder;
        _count = count;
        _db = db;
        _mark = mark;
        _readOptions = new(RocksDbNative.ReadOptionsCreate(), static (_, value) => RocksDbNative.ReadOptionsDestroy(value), count);
        RocksDbNative.ReadOptionsVerifyChecksums(_readOptions.Value, 1);
        _writeOptions = new(RocksDbNative.WriteOptionsCreate(), static (_, value) => RocksDbNative.WriteOptionsDestroy(value), count);
        RocksDbNative.WriteOptionsSync(_writeOptions.Value, 0);
        _encoder = new(new RangeDeletes(db, count));
        _recent = new(options.WriteBufferBytes * 3);
        _syncs = new("storage sync", SyncNow);
    }

    /// <summary>Where the files are.</summary>
    public string Folder { get; }

    /// <inheritdoc />
    public Exception? Failure => Volatile.Read(ref _failure);

    /// <summary>How long the syncs took.</summary>
    public LatencyHistogram SyncLatencies => _syncs.Latencies;

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
        SyncedMark? mark = null;
        try
        {
            mark = new SyncedMark(full);
            var recovered = RocksDbNative.LatestSequenceNumber(db.Value);
            if (recovered < mark.Sequence)
            {
                throw new StorageCorruptException(
                    $"The store in {full} lost writes that were durable (recovered up to {recovered}, synced up to {mark.Sequence}): "
                    + "remove the folder and let the node join anew.");
            }

            return new(full, options, db, mark, count);
        }
        catch
        {
            mark?.Dispose();
            db.Dispose();
            throw;
        }
    }

    /// <inheritdoc />
    public bool TryGet(ReadOnlySpan<byte> key, out byte[] value)
    {
        ThrowIfUnusable();
        return TryGet(_readOptions, key, out value);
    }

    /// <inheritdoc />
    public IOrderedCursor OpenCursor(ReadOnlySpan<byte> start, ReadOnlySpan<byte> end)
    {
        ThrowIfUnusable();
        return OpenCursor(0, start, end);
    }

    /// <inheritdoc />
    public IStorageSnapshot OpenSnapshot()
    {
        ThrowIfUnusable();
        var snapshot = new RocksDbSnapshot(this, _db, _count);
        _children.Add(snapshot);
        return snapshot;
    }

    /// <inheritdoc />
    public void Write(WriteBatch batch)
    {
        ThrowIfUnusable();
        var encoded = _encoder.Encode(batch);
        if (encoded.IsEmpty)
        {
            return;
        }

        byte* error = null;
        fixed (byte* bytes = encoded)
        {
            var native = RocksDbNative.BatchCreateFrom(bytes, (nuint)encoded.Length);
            _count.Add(1);
            RocksDbNative.Write(_db.Value, _writeOptions.Value, native, &error);
            RocksDbNative.BatchDestroy(native);
            _count.Add(-1);
        }

        if (RocksDbError.Take(error) is { } text)
        {
            throw Fail($"A write to the store in {Folder} failed: {text}");
        }

        _recent.Add(batch);
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

        byte* error = null;
        using var checkpoint = new NativeHandle(
            RocksDbNative.CheckpointCreate(_db.Value, &error), static (_, value) => RocksDbNative.CheckpointDestroy(value), _count, _db);
        ThrowOnCheckpoint(folder, error);
        // Zero: flush what is in memory first, so that the copy needs no log.
        RocksDbNative.CheckpointWrite(checkpoint.Value, Path.GetFullPath(folder), 0, &error);
        ThrowOnCheckpoint(folder, error);
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

        _writeOptions.Dispose();
        _readOptions.Dispose();
        _db.Dispose();
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

    // On the sync thread. The number is read first: what is written meanwhile may or may not be covered.
    private void SyncNow()
    {
        if (Failure is { } failure)
        {
            throw new StorageFailedException(failure.Message, failure);
        }

        var sequence = RocksDbNative.LatestSequenceNumber(_db.Value);
        byte* error = null;
        RocksDbNative.FlushWal(_db.Value, 1, &error);
        if (RocksDbError.Take(error) is { } text)
        {
            throw Fail($"A sync of the store in {Folder} failed: {text}");
        }

        try
        {
            _mark.Write(sequence);
        }
        catch (IOException reason)
        {
            throw Fail($"The sync mark of the store in {Folder} cannot be written: {reason.Message}");
        }
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
