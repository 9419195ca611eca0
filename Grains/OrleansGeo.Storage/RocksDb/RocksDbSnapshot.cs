using OrleansGeo.Primitives;

namespace OrleansGeo.Storage.RocksDb;

/// <summary>A native snapshot and the read options that name it.</summary>
internal sealed class RocksDbSnapshot : IStorageSnapshot
{
    private readonly RocksDbEngine _engine;
    private readonly NativeHandle _snapshot;
    private readonly NativeHandle _options;

    internal RocksDbSnapshot(RocksDbEngine engine, NativeHandle db, HandleCount count)
    {
        _engine = engine;
        _snapshot = new(
            RocksDbNative.CreateSnapshot(db.Value), static (owner, value) => RocksDbNative.ReleaseSnapshot(owner, value), count, db);
        _options = new(RocksDbNative.ReadOptionsCreate(), static (_, value) => RocksDbNative.ReadOptionsDestroy(value), count, _snapshot);
        RocksDbNative.ReadOptionsVerifyChecksums(_options.Value, 1);
        RocksDbNative.ReadOptionsSnapshot(_options.Value, _snapshot.Value);
    }

    public bool TryGet(ReadOnlySpan<byte> key, out byte[] value)
    {
        ThrowIfUnusable();
        return _engine.TryGet(_options, key, out value);
    }

    public IOrderedCursor OpenCursor(ReadOnlySpan<byte> start, ReadOnlySpan<byte> end)
    {
        ThrowIfUnusable();
        return _engine.OpenCursor(_snapshot.Value, start, end);
    }

    public void Dispose()
    {
        _options.Dispose();
        _snapshot.Dispose();
        _engine.Forget(this);
    }

    private void ThrowIfUnusable()
    {
        _engine.ThrowIfUnusable();
        ObjectDisposedException.ThrowIf(_snapshot.IsClosed, this);
    }
}
