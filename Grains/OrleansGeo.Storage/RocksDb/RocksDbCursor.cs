using OrleansGeo.Primitives;

namespace OrleansGeo.Storage.RocksDb;

/// <summary>A native iterator kept inside its bounds.</summary>
internal sealed unsafe class RocksDbCursor : IOrderedCursor
{
    private readonly RocksDbEngine _engine;
    private readonly byte[] _end;
    private readonly bool _isEmpty;
    private readonly NativeHandle _bounds;
    private readonly NativeHandle _options;
    private readonly NativeHandle _iterator;
    private bool _isValid;

    internal RocksDbCursor(
        RocksDbEngine engine, NativeHandle db, nint snapshot, ReadOnlySpan<byte> start, ReadOnlySpan<byte> end, HandleCount count)
    {
        _engine = engine;
        _end = end.ToArray();
        _isEmpty = start.SequenceCompareTo(end) >= 0;
        // The options refer to the bounds and the iterator to the options, until each is freed.
        _bounds = new NativeBytes(start, end, count);
        _options = new(RocksDbNative.ReadOptionsCreate(), static (_, value) => RocksDbNative.ReadOptionsDestroy(value), count, _bounds);
        RocksDbNative.ReadOptionsVerifyChecksums(_options.Value, 1);
        RocksDbNative.ReadOptionsLowerBound(_options.Value, (byte*)_bounds.Value, (nuint)start.Length);
        RocksDbNative.ReadOptionsUpperBound(_options.Value, (byte*)_bounds.Value + start.Length, (nuint)end.Length);
        if (snapshot != 0)
        {
            RocksDbNative.ReadOptionsSnapshot(_options.Value, snapshot);
        }

        _iterator = new IteratorHandle(RocksDbNative.CreateIterator(db.Value, _options.Value), count, db, _options);
    }

    public bool IsValid => _isValid;

    public ReadOnlySpan<byte> Key
    {
        get
        {
            ThrowIfNotPositioned();
            nuint length;
            var bytes = RocksDbNative.IteratorKey(_iterator.Value, &length);
            return new(bytes, (int)length);
        }
    }

    public ReadOnlySpan<byte> Value
    {
        get
        {
            ThrowIfNotPositioned();
            nuint length;
            var bytes = RocksDbNative.IteratorValue(_iterator.Value, &length);
            return new(bytes, (int)length);
        }
    }

    public bool SeekAtOrAfter(ReadOnlySpan<byte> key)
    {
        if (IsOutOfUse())
        {
            return false;
        }

        fixed (byte* bytes = Pinnable(key))
        {
            RocksDbNative.IteratorSeek(_iterator.Value, bytes, (nuint)key.Length);
        }

        return Land();
    }

    public bool SeekBefore(ReadOnlySpan<byte> key)
    {
        if (IsOutOfUse())
        {
            return false;
        }

        var target = key.SequenceCompareTo(_end) > 0 ? _end : key;
        fixed (byte* bytes = Pinnable(target))
        {
            RocksDbNative.IteratorSeekForPrevious(_iterator.Value, bytes, (nuint)target.Length);
        }

        return Land() && (!Key.SequenceEqual(target) || MovePrevious());
    }

    public bool MoveNext()
    {
        if (IsOutOfUse() || !_isValid)
        {
            return false;
        }

        RocksDbNative.IteratorNext(_iterator.Value);
        return Land();
    }

    public bool MovePrevious()
    {
        if (IsOutOfUse() || !_isValid)
        {
            return false;
        }

        RocksDbNative.IteratorPrevious(_iterator.Value);
        return Land();
    }

    public void Dispose()
    {
        _isValid = false;
        _iterator.Dispose();
        _options.Dispose();
        _bounds.Dispose();
        _engine.Forget(this);
    }

    // A null pointer with length zero is not a valid slice everywhere in RocksDB.
    private static ReadOnlySpan<byte> Pinnable(ReadOnlySpan<byte> bytes) => bytes.IsEmpty ? s_nothing : bytes;

    private static readonly byte[] s_nothing = [0];

    private bool Land()
    {
        _isValid = RocksDbNative.IteratorValid(_iterator.Value) != 0;
        if (!_isValid)
        {
            byte* error = null;
            RocksDbNative.IteratorError(_iterator.Value, &error);
            _engine.ThrowOnRead(error);
        }

        return _isValid;
    }

    private bool IsOutOfUse()
    {
        _engine.ThrowIfUnusable();
        ObjectDisposedException.ThrowIf(_iterator.IsClosed, this);
        return _isEmpty;
    }

    private void ThrowIfNotPositioned()
    {
        if (!_isValid)
        {
            throw new InvalidOperationException("The cursor stands on no pair.");
        }
    }

    // Two objects must outlive an iterator: its database, which the base holds, and its options.
    private sealed class IteratorHandle : NativeHandle
    {
        private readonly NativeHandle _options;

        internal IteratorHandle(nint value, HandleCount count, NativeHandle db, NativeHandle options)
            : base(value, static (_, iterator) => RocksDbNative.IteratorDestroy(iterator), count, db)
        {
            var added = false;
            options.DangerousAddRef(ref added);
            _options = options;
        }

        protected override bool ReleaseHandle()
        {
            var released = base.ReleaseHandle();
            _options.DangerousRelease();
            return released;
        }
    }
}
