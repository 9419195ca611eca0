using System.Runtime.InteropServices;

namespace OrleansGeo.Storage.RocksDb;

/// <summary>
/// The part of RocksDB's C API (rocksdb/c.h) that is used. Handles are bare here; <see cref="NativeHandle"/> owns them.
/// Calls that only read a field skip the transition of the garbage collector; nothing that can block or do I/O may.
/// </summary>
internal static unsafe partial class RocksDbNative
{
    internal const string Library = "rocksdb";

    [LibraryImport(Library, EntryPoint = "rocksdb_open", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint Open(nint options, string folder, byte** error);

    [LibraryImport(Library, EntryPoint = "rocksdb_close")]
    internal static partial void Close(nint db);

    [LibraryImport(Library, EntryPoint = "rocksdb_write")]
    internal static partial void Write(nint db, nint writeOptions, nint batch, byte** error);

    [LibraryImport(Library, EntryPoint = "rocksdb_flush")]
    internal static partial void Flush(nint db, nint flushOptions, byte** error);

    [LibraryImport(Library, EntryPoint = "rocksdb_flushoptions_create")]
    internal static partial nint FlushOptionsCreate();

    [LibraryImport(Library, EntryPoint = "rocksdb_flushoptions_destroy")]
    internal static partial void FlushOptionsDestroy(nint options);

    [LibraryImport(Library, EntryPoint = "rocksdb_flushoptions_set_wait")]
    internal static partial void FlushOptionsWait(nint options, byte value);

    [LibraryImport(Library, EntryPoint = "rocksdb_get_latest_sequence_number")]
    internal static partial ulong LatestSequenceNumber(nint db);

    [LibraryImport(Library, EntryPoint = "rocksdb_get_pinned")]
    internal static partial nint GetPinned(nint db, nint readOptions, byte* key, nuint keyLength, byte** error);

    [LibraryImport(Library, EntryPoint = "rocksdb_pinnableslice_value")]
    [SuppressGCTransition]
    internal static partial byte* PinnedValue(nint slice, nuint* length);

    [LibraryImport(Library, EntryPoint = "rocksdb_pinnableslice_destroy")]
    internal static partial void PinnedDestroy(nint slice);

    [LibraryImport(Library, EntryPoint = "rocksdb_free")]
    internal static partial void Free(void* memory);

    [LibraryImport(Library, EntryPoint = "rocksdb_property_int", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int PropertyInt(nint db, string name, ulong* value);

    [LibraryImport(Library, EntryPoint = "rocksdb_approximate_sizes")]
    internal static partial void ApproximateSizes(
        nint db, int count, byte** starts, nuint* startLengths, byte** ends, nuint* endLengths, ulong* sizes, byte** error);

    [LibraryImport(Library, EntryPoint = "rocksdb_writebatch_create_from")]
    internal static partial nint BatchCreateFrom(byte* representation, nuint length);

    [LibraryImport(Library, EntryPoint = "rocksdb_writebatch_destroy")]
    internal static partial void BatchDestroy(nint batch);

    [LibraryImport(Library, EntryPoint = "rocksdb_create_snapshot")]
    internal static partial nint CreateSnapshot(nint db);

    [LibraryImport(Library, EntryPoint = "rocksdb_release_snapshot")]
    internal static partial void ReleaseSnapshot(nint db, nint snapshot);

    [LibraryImport(Library, EntryPoint = "rocksdb_checkpoint_object_create")]
    internal static partial nint CheckpointCreate(nint db, byte** error);

    [LibraryImport(Library, EntryPoint = "rocksdb_checkpoint_create", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial void CheckpointWrite(nint checkpoint, string folder, ulong logSizeForFlush, byte** error);

    [LibraryImport(Library, EntryPoint = "rocksdb_checkpoint_object_destroy")]
    internal static partial void CheckpointDestroy(nint checkpoint);

    [LibraryImport(Library, EntryPoint = "rocksdb_create_iterator")]
    internal static partial nint CreateIterator(nint db, nint readOptions);

    [LibraryImport(Library, EntryPoint = "rocksdb_iter_destroy")]
    internal static partial void IteratorDestroy(nint iterator);

    [LibraryImport(Library, EntryPoint = "rocksdb_iter_valid")]
    [SuppressGCTransition]
    internal static partial byte IteratorValid(nint iterator);

    [LibraryImport(Library, EntryPoint = "rocksdb_iter_key")]
    [SuppressGCTransition]
    internal static partial byte* IteratorKey(nint iterator, nuint* length);

    [LibraryImport(Library, EntryPoint = "rocksdb_iter_value")]
    [SuppressGCTransition]
    internal static partial byte* IteratorValue(nint iterator, nuint* length);

    [LibraryImport(Library, EntryPoint = "rocksdb_iter_seek")]
    internal static partial void IteratorSeek(nint iterator, byte* key, nuint length);

    [LibraryImport(Library, EntryPoint = "rocksdb_iter_seek_for_prev")]
    internal static partial void IteratorSeekForPrevious(nint iterator, byte* key, nuint length);

    [LibraryImport(Library, EntryPoint = "rocksdb_iter_next")]
    internal static partial void IteratorNext(nint iterator);

    [LibraryImport(Library, EntryPoint = "rocksdb_iter_prev")]
    internal static partial void IteratorPrevious(nint iterator);

    [LibraryImport(Library, EntryPoint = "rocksdb_iter_get_error")]
    internal static partial void IteratorError(nint iterator, byte** error);

    [LibraryImport(Library, EntryPoint = "rocksdb_readoptions_create")]
    internal static partial nint ReadOptionsCreate();

    [LibraryImport(Library, EntryPoint = "rocksdb_readoptions_destroy")]
    internal static partial void ReadOptionsDestroy(nint options);

    [LibraryImport(Library, EntryPoint = "rocksdb_readoptions_set_verify_checksums")]
    internal static partial void ReadOptionsVerifyChecksums(nint options, byte value);

    [LibraryImport(Library, EntryPoint = "rocksdb_readoptions_set_snapshot")]
    internal static partial void ReadOptionsSnapshot(nint options, nint snapshot);

    [LibraryImport(Library, EntryPoint = "rocksdb_readoptions_set_iterate_lower_bound")]
    internal static partial void ReadOptionsLowerBound(nint options, byte* key, nuint length);

    [LibraryImport(Library, EntryPoint = "rocksdb_readoptions_set_iterate_upper_bound")]
    internal static partial void ReadOptionsUpperBound(nint options, byte* key, nuint length);

    [LibraryImport(Library, EntryPoint = "rocksdb_readoptions_set_max_skippable_internal_keys")]
    internal static partial void ReadOptionsMaxSkipped(nint options, ulong count);

    [LibraryImport(Library, EntryPoint = "rocksdb_writeoptions_create")]
    internal static partial nint WriteOptionsCreate();

    [LibraryImport(Library, EntryPoint = "rocksdb_writeoptions_destroy")]
    internal static partial void WriteOptionsDestroy(nint options);

    [LibraryImport(Library, EntryPoint = "rocksdb_writeoptions_disable_WAL")]
    internal static partial void WriteOptionsDisableLog(nint options, int value);

    [LibraryImport(Library, EntryPoint = "rocksdb_options_create")]
    internal static partial nint OptionsCreate();

    [LibraryImport(Library, EntryPoint = "rocksdb_options_destroy")]
    internal static partial void OptionsDestroy(nint options);

    [LibraryImport(Library, EntryPoint = "rocksdb_options_set_create_if_missing")]
    internal static partial void OptionsCreateIfMissing(nint options, byte value);

    [LibraryImport(Library, EntryPoint = "rocksdb_options_set_paranoid_checks")]
    internal static partial void OptionsParanoidChecks(nint options, byte value);

    [LibraryImport(Library, EntryPoint = "rocksdb_options_set_wal_recovery_mode")]
    internal static partial void OptionsWalRecoveryMode(nint options, int mode);

    [LibraryImport(Library, EntryPoint = "rocksdb_options_increase_parallelism")]
    internal static partial void OptionsParallelism(nint options, int threads);

    [LibraryImport(Library, EntryPoint = "rocksdb_options_set_write_buffer_size")]
    internal static partial void OptionsWriteBuffer(nint options, nuint bytes);

    [LibraryImport(Library, EntryPoint = "rocksdb_options_set_max_write_buffer_number")]
    internal static partial void OptionsWriteBuffers(nint options, int count);

    [LibraryImport(Library, EntryPoint = "rocksdb_options_set_level_compaction_dynamic_level_bytes")]
    internal static partial void OptionsDynamicLevels(nint options, byte value);

    [LibraryImport(Library, EntryPoint = "rocksdb_options_set_compression")]
    internal static partial void OptionsCompression(nint options, int kind);

    [LibraryImport(Library, EntryPoint = "rocksdb_options_set_max_open_files")]
    internal static partial void OptionsMaxOpenFiles(nint options, int count);

    [LibraryImport(Library, EntryPoint = "rocksdb_options_set_bytes_per_sync")]
    internal static partial void OptionsBytesPerSync(nint options, ulong bytes);

    [LibraryImport(Library, EntryPoint = "rocksdb_options_set_keep_log_file_num")]
    internal static partial void OptionsKeepInfoLogs(nint options, nuint count);

    [LibraryImport(Library, EntryPoint = "rocksdb_options_set_max_log_file_size")]
    internal static partial void OptionsInfoLogBytes(nint options, nuint bytes);

    [LibraryImport(Library, EntryPoint = "rocksdb_options_set_info_log_level")]
    internal static partial void OptionsInfoLogLevel(nint options, int level);

    [LibraryImport(Library, EntryPoint = "rocksdb_options_set_stats_dump_period_sec")]
    internal static partial void OptionsStatsDumpSeconds(nint options, uint seconds);

    [LibraryImport(Library, EntryPoint = "rocksdb_options_set_stats_persist_period_sec")]
    internal static partial void OptionsStatsPersistSeconds(nint options, uint seconds);

    [LibraryImport(Library, EntryPoint = "rocksdb_options_set_memtable_prefix_bloom_size_ratio")]
    internal static partial void OptionsMemtableBloomRatio(nint options, double ratio);

    [LibraryImport(Library, EntryPoint = "rocksdb_options_set_memtable_whole_key_filtering")]
    internal static partial void OptionsMemtableWholeKeys(nint options, byte value);

    [LibraryImport(Library, EntryPoint = "rocksdb_get_options_from_string", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial void OptionsFromString(nint from, string text, nint to, byte** error);

    [LibraryImport(Library, EntryPoint = "rocksdb_options_set_block_based_table_factory")]
    internal static partial void OptionsTable(nint options, nint tableOptions);

    [LibraryImport(Library, EntryPoint = "rocksdb_block_based_options_create")]
    internal static partial nint TableOptionsCreate();

    [LibraryImport(Library, EntryPoint = "rocksdb_block_based_options_destroy")]
    internal static partial void TableOptionsDestroy(nint options);

    [LibraryImport(Library, EntryPoint = "rocksdb_block_based_options_set_block_cache")]
    internal static partial void TableBlockCache(nint options, nint cache);

    // The table options take the policy over and free it.
    [LibraryImport(Library, EntryPoint = "rocksdb_block_based_options_set_filter_policy")]
    internal static partial void TableFilter(nint options, nint filter);

    [LibraryImport(Library, EntryPoint = "rocksdb_filterpolicy_create_bloom_full")]
    internal static partial nint FilterCreateBloom(double bitsPerKey);

    [LibraryImport(Library, EntryPoint = "rocksdb_cache_create_lru")]
    internal static partial nint CacheCreate(nuint bytes);

    [LibraryImport(Library, EntryPoint = "rocksdb_cache_destroy")]
    internal static partial void CacheDestroy(nint cache);
}
