namespace OrleansGeo.Primitives;

/// <summary>
/// An ordered set of key-value pairs that can be read: what a storage engine shows of one moment, and all that PURE code knows of storage.
/// Keys compare as unsigned bytes.
/// </summary>
public interface IOrderedReader
{
    /// <summary>The value of a key; false when the key is absent. The memory is the caller's to keep.</summary>
    bool TryGet(ReadOnlySpan<byte> key, out byte[] value);

    /// <summary>
    /// A cursor over keys from <paramref name="start"/> up to, not including, <paramref name="end"/>. It is not positioned yet.
    /// </summary>
    IOrderedCursor OpenCursor(ReadOnlySpan<byte> start, ReadOnlySpan<byte> end);
}

/// <summary>
/// A position in an <see cref="IOrderedReader"/> between two bounds. It sees the moment at which it was opened, whatever is written after.
/// Spans are valid until the next move.
/// </summary>
public interface IOrderedCursor : IDisposable
{
    /// <summary>True while the cursor stands on a pair inside its bounds.</summary>
    bool IsValid { get; }

    /// <summary>The key the cursor stands on.</summary>
    ReadOnlySpan<byte> Key { get; }

    /// <summary>The value the cursor stands on.</summary>
    ReadOnlySpan<byte> Value { get; }

    /// <summary>Moves to the first key at or after the given one, or to the start bound when that is later.</summary>
    bool SeekAtOrAfter(ReadOnlySpan<byte> key);

    /// <summary>Moves to the last key before the given one, or before the end bound when that is earlier.</summary>
    bool SeekBefore(ReadOnlySpan<byte> key);

    /// <summary>Moves to the next key.</summary>
    bool MoveNext();

    /// <summary>Moves to the previous key.</summary>
    bool MovePrevious();
}
