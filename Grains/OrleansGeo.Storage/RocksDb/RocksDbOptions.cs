namespace OrleansGeo.Storage.RocksDb;

/// <summary>What a <see cref="RocksDbEngine"/> may use. The defaults suit a node that shares a small machine.</summary>
public sealed record RocksDbOptions
{
    /// <summary>Size of one write buffer in memory, from which a table is made; up to three are held.</summary>
    public long WriteBufferBytes { get; init; } = 64L << 20;

    /// <summary>Size of one segment of the write-ahead log. Its blocks are taken when it is made.</summary>
    public long SegmentBytes { get; init; } = 32L << 20;

    /// <summary>Segments kept for young log entries and open write buffers; a crash is recovered from by reading them.</summary>
    public int SegmentsMax { get; init; } = 8;

    /// <summary>Which keys are those of logs, if any.</summary>
    public LogKeySpace? LogKeys { get; init; }

    /// <summary>Told of each file of the write-ahead log that was synced, for tests of what a power cut leaves.</summary>
    internal Action<string>? Synced { get; init; }

    /// <summary>Size of the cache of uncompressed blocks.</summary>
    public long BlockCacheBytes { get; init; } = 64L << 20;

    /// <summary>Background threads for flushing and compaction.</summary>
    public int BackgroundThreads { get; init; } = 2;

    /// <summary>Files held open at once.</summary>
    public int OpenFilesMax { get; init; } = 512;

    /// <summary>Names of the library to try, in order.</summary>
    public IReadOnlyList<string> LibraryNames { get; init; } = RocksDbLibrary.DefaultNames;
}

/// <summary>The native options of one database, and what they refer to.</summary>
internal sealed class RocksDbNativeOptions : IDisposable
{
    private const int NoCompression = 0;
    private const int Lz4Compression = 4;
    private const int PointInTimeRecovery = 2;
    private const int WarnLevel = 2;
    private const double BloomBitsPerKey = 10;

    private readonly NativeHandle _cache;
    private readonly NativeHandle _table;

    internal RocksDbNativeOptions(RocksDbOptions options, HandleCount count)
    {
        _cache = new(
            RocksDbNative.CacheCreate((nuint)options.BlockCacheBytes), static (_, value) => RocksDbNative.CacheDestroy(value), count);
        _table = new(RocksDbNative.TableOptionsCreate(), static (_, value) => RocksDbNative.TableOptionsDestroy(value), count);
        RocksDbNative.TableBlockCache(_table.Value, _cache.Value);
        RocksDbNative.TableFilter(_table.Value, RocksDbNative.FilterCreateBloom(BloomBitsPerKey));
        Handle = new(RocksDbNative.OptionsCreate(), static (_, value) => RocksDbNative.OptionsDestroy(value), count);
        Fill(Handle.Value, options);
        RocksDbNative.OptionsTable(Handle.Value, _table.Value);
    }

    internal NativeHandle Handle { get; }

    /// <summary>For a library built without LZ4.</summary>
    internal void TurnOffCompression() => RocksDbNative.OptionsCompression(Handle.Value, NoCompression);

    public void Dispose()
    {
        Handle.Dispose();
        _table.Dispose();
        _cache.Dispose();
    }

    private static unsafe void Fill(nint native, RocksDbOptions options)
    {
        // What is in memory when a database is closed, the write-ahead log has as well.
        byte* error = null;
        RocksDbNative.OptionsFromString(native, "avoid_flush_during_shutdown=true", native, &error);
        if (RocksDbError.Take(error) is { } text)
        {
            throw new StorageUnavailableException($"This version of RocksDB cannot be used: {text}");
        }

        RocksDbNative.OptionsCreateIfMissing(native, 1);
        RocksDbNative.OptionsParanoidChecks(native, 1);
        // A torn tail ends the recovery where it lies, and everything behind it is dropped, also in later logs: that is the prefix the
        // contract promises. Absolute consistency would refuse to open after every power cut. That synced batches may not be dropped so
        // is checked by SyncedMark.
        RocksDbNative.OptionsWalRecoveryMode(native, PointInTimeRecovery);
        RocksDbNative.OptionsParallelism(native, options.BackgroundThreads);
        // The engine closes a write buffer when it is full, having synced its log; RocksDB itself must not come first.
        RocksDbNative.OptionsWriteBuffer(native, (nuint)options.WriteBufferBytes * 4);
        RocksDbNative.OptionsWriteBuffers(native, 3);
        RocksDbNative.OptionsDynamicLevels(native, 1);
        RocksDbNative.OptionsCompression(native, Lz4Compression);
        RocksDbNative.OptionsMaxOpenFiles(native, options.OpenFilesMax);
        RocksDbNative.OptionsBytesPerSync(native, 1 << 20);
        RocksDbNative.OptionsKeepInfoLogs(native, 2);
        RocksDbNative.OptionsInfoLogBytes(native, 1 << 20);
        RocksDbNative.OptionsInfoLogLevel(native, WarnLevel);
        RocksDbNative.OptionsStatsDumpSeconds(native, 0);
        RocksDbNative.OptionsStatsPersistSeconds(native, 0);
        RocksDbNative.OptionsMemtableBloomRatio(native, 0.02);
        RocksDbNative.OptionsMemtableWholeKeys(native, 1);
    }
}
