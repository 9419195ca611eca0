using OrleansGeo.Primitives;

namespace OrleansGeo.Transactions;

/// <summary>
/// What a version says: a value, or that the key was deleted. Stored as a kind byte (0 a tombstone, 1 a value) and the value's bytes;
/// other kinds are refused, so an older build never takes an intent for a value.
/// </summary>
public readonly record struct MvccValue(HlcTimestamp Timestamp, bool IsTombstone, byte[] Bytes)
{
    private const byte TombstoneKind = 0;
    private const byte ValueKind = 1;

    /// <summary>The stored form of a tombstone.</summary>
    public static ReadOnlySpan<byte> EncodedTombstone => [TombstoneKind];

    /// <summary>The stored form of a value; the buffer is cleared first.</summary>
    public static void Encode(CodecWriter into, ReadOnlySpan<byte> value)
    {
        into.Clear();
        into.WriteByte(ValueKind);
        into.WriteRaw(value);
    }

    /// <summary>Reads the stored form and copies the value.</summary>
    /// <exception cref="CodecException">The kind is unknown, or a tombstone carries bytes.</exception>
    public static MvccValue Decode(HlcTimestamp timestamp, ReadOnlySpan<byte> stored) => IsStoredTombstone(stored)
        ? new(timestamp, true, [])
        : new(timestamp, false, stored[1..].ToArray());

    /// <summary>True when the stored form is a tombstone's, false when it is a value's.</summary>
    /// <exception cref="CodecException">It is neither.</exception>
    public static bool IsStoredTombstone(ReadOnlySpan<byte> stored)
    {
        if (stored.Length > 0 && stored[0] == ValueKind)
        {
            return false;
        }

        return stored.SequenceEqual(EncodedTombstone)
            ? true
            : throw new CodecException(stored.IsEmpty ? "a version is empty" : $"a version of kind {stored[0]} and {stored.Length} bytes");
    }
}
