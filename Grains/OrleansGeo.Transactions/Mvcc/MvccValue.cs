using OrleansGeo.Primitives;

namespace OrleansGeo.Transactions;

/// <summary>
/// What a version says: a value, or that the key was deleted. Stored as a kind byte (0 a tombstone, 1 a value, 2 and 3 the same by a
/// transaction, whose id follows) and the value's bytes; other kinds are refused.
/// <para>
/// The id makes a range remember what a transaction did to a key for as long as the version is there: a copy of the transaction's write
/// that comes late finds it and is not made again (<see cref="MvccReader.MadeBy"/>).
/// </para>
/// </summary>
public readonly record struct MvccValue(HlcTimestamp Timestamp, bool IsTombstone, byte[] Bytes)
{
    private const byte TombstoneKind = 0;
    private const byte ValueKind = 1;
    private const byte TransactionValueKind = 2;
    private const byte TransactionTombstoneKind = 3;

    /// <summary>The stored form of a tombstone.</summary>
    public static ReadOnlySpan<byte> EncodedTombstone => [TombstoneKind];

    /// <summary>The stored form of a value; the buffer is cleared first.</summary>
    public static void Encode(CodecWriter into, ReadOnlySpan<byte> value)
    {
        into.Clear();
        into.WriteByte(ValueKind);
        into.WriteRaw(value);
    }

    /// <summary>The stored form of what a transaction left: a value, or a tombstone when null. The buffer is cleared first.</summary>
    public static void Encode(CodecWriter into, TransactionId by, byte[]? value)
    {
        into.Clear();
        into.WriteByte(value is null ? TransactionTombstoneKind : TransactionValueKind);
        by.Write(into);
        into.WriteRaw(value);
    }

    /// <summary>Reads the stored form and copies the value.</summary>
    /// <exception cref="CodecException">The kind is unknown, or a tombstone carries bytes.</exception>
    public static MvccValue Decode(HlcTimestamp timestamp, ReadOnlySpan<byte> stored) => IsStoredTombstone(stored)
        ? new(timestamp, true, [])
        : new(timestamp, false, StoredBytes(stored).ToArray());

    /// <summary>True when the stored form is a tombstone's, false when it is a value's.</summary>
    /// <exception cref="CodecException">It is neither.</exception>
    public static bool IsStoredTombstone(ReadOnlySpan<byte> stored) => stored.IsEmpty
        ? throw new CodecException("a version is empty")
        : (stored[0], stored.Length) switch
        {
            (ValueKind, _) => false,
            (TombstoneKind, 1) => true,
            (TransactionValueKind, > TransactionId.Length) => false,
            (TransactionTombstoneKind, TransactionId.Length + 1) => true,
            _ => throw new CodecException($"a version of kind {stored[0]} and {stored.Length} bytes"),
        };

    /// <summary>The value's bytes in the stored form of a value.</summary>
    public static ReadOnlySpan<byte> StoredBytes(ReadOnlySpan<byte> stored) =>
        stored[(stored[0] == TransactionValueKind ? TransactionId.Length + 1 : 1)..];

    /// <summary>True when the stored form names a transaction as its maker.</summary>
    public static bool IsBy(ReadOnlySpan<byte> stored, TransactionId id) =>
        stored.Length > TransactionId.Length && stored[0] is TransactionValueKind or TransactionTombstoneKind
        && TransactionId.Read(stored[1..]) == id;
}
