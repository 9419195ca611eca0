using System.Diagnostics.CodeAnalysis;

namespace OrleansGeo.Storage.RocksDb;

/// <summary>
/// Lists the keys of a span that is to be deleted, when they are few. RocksDB's own range deletes are meant for large spans: each one makes
/// the next read sort all that are in memory anew, and a log that is truncated again and again from its start makes that quadratic
/// (measured: 29 gets/s after 500 such truncations). Few keys are therefore deleted one by one.
/// </summary>
internal sealed unsafe class RangeDeletes
{
    private const int KeysMax = 4096;

    // Keys deleted before and not yet compacted away are passed over one by one; past this many, one range delete is cheaper.
    private const ulong SkippedMax = 16384;

    private readonly NativeHandle _db;
    private readonly HandleCount _count;

    internal RangeDeletes(NativeHandle db, HandleCount count)
    {
        _db = db;
        _count = count;
    }

    /// <summary>The stored keys from start up to, not including, end; false when there are too many to list, or listing fails.</summary>
    internal bool TryList(ReadOnlySpan<byte> start, ReadOnlySpan<byte> end, [NotNullWhen(true)] out List<byte[]>? keys)
    {
        using var bounds = new NativeBytes(start, end, _count);
        using var options = new NativeHandle(
            RocksDbNative.ReadOptionsCreate(), static (_, value) => RocksDbNative.ReadOptionsDestroy(value), _count, bounds);
        RocksDbNative.ReadOptionsUpperBound(options.Value, (byte*)bounds.Value + start.Length, (nuint)end.Length);
        RocksDbNative.ReadOptionsMaxSkipped(options.Value, SkippedMax);
        using var iterator = new NativeHandle(
            RocksDbNative.CreateIterator(_db.Value, options.Value), static (_, value) => RocksDbNative.IteratorDestroy(value), _count, _db);
        keys = [];
        RocksDbNative.IteratorSeek(iterator.Value, (byte*)bounds.Value, (nuint)start.Length);
        while (RocksDbNative.IteratorValid(iterator.Value) != 0 && keys.Count < KeysMax)
        {
            nuint length;
            var bytes = RocksDbNative.IteratorKey(iterator.Value, &length);
            keys.Add(new ReadOnlySpan<byte>(bytes, (int)length).ToArray());
            RocksDbNative.IteratorNext(iterator.Value);
        }

        byte* error = null;
        RocksDbNative.IteratorError(iterator.Value, &error);
        if (RocksDbError.Take(error) is null && keys.Count < KeysMax)
        {
            return true;
        }

        keys = null;
        return false;
    }
}
