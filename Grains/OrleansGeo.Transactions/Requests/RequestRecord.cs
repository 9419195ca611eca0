using OrleansGeo.Primitives;

namespace OrleansGeo.Transactions;

/// <summary>
/// What a range remembers of a request it has done, so that a retry is answered and not done again. Stored in the same batch as the
/// request's writes and looked up again when a batch is applied.
/// </summary>
/// <param name="KeepUntil">Until when it is kept: the time it was done and as long as its asker may retry.</param>
/// <param name="BodyHash">A hash of the request's body, given by the caller: 16 to 32 bytes.</param>
/// <param name="Outcome">The answer, as the caller encoded it.</param>
public sealed record RequestRecord(HlcTimestamp KeepUntil, byte[] BodyHash, byte[] Outcome)
{
    private const byte Version = 1;
    private const int HashLengthMin = 16;
    private const int HashLengthMax = 32;

    /// <summary>The stored form; the buffer is cleared first.</summary>
    public void Encode(CodecWriter into)
    {
        Invariant.Holds(BodyHash.Length is >= HashLengthMin and <= HashLengthMax);
        into.Clear();
        into.WriteByte(Version);
        into.WriteTimestamp(KeepUntil);
        into.WriteBytes(BodyHash);
        into.WriteBytes(Outcome);
    }

    /// <summary>Reads the stored form.</summary>
    /// <exception cref="CodecException">The version is unknown or the bytes are not a record's.</exception>
    public static RequestRecord Decode(ReadOnlySpan<byte> stored)
    {
        var reader = new CodecReader(stored);
        var keepUntil = ReadKeepUntil(ref reader);
        var hash = reader.ReadBytes();
        if (hash.Length is < HashLengthMin or > HashLengthMax)
        {
            throw new CodecException($"a request record has a hash of {hash.Length} bytes");
        }

        var record = new RequestRecord(keepUntil, hash.ToArray(), reader.ReadBytes().ToArray());
        reader.ExpectEnd("a request record");
        return record;
    }

    /// <summary>Until when the stored record is kept, without reading the rest.</summary>
    internal static HlcTimestamp KeepUntilOf(ReadOnlySpan<byte> stored)
    {
        var reader = new CodecReader(stored);
        return ReadKeepUntil(ref reader);
    }

    private static HlcTimestamp ReadKeepUntil(ref CodecReader reader)
    {
        reader.ReadVersion("a request record", Version);
        return reader.ReadTimestamp();
    }
}

/// <summary>
/// The storage key of a request record: 0x03, the escaped anchor key, then the request id's bytes. The anchor is a user key that the
/// request itself fixes, so every retry looks in the same place and the record goes where that key goes when the range splits.
/// </summary>
public static class RequestRecordKey
{
    /// <summary>The byte that begins every record's storage key.</summary>
    public const byte Prefix = 0x03;

    /// <summary>The storage key of a request's record; the buffer is cleared first.</summary>
    public static void Encode(CodecWriter into, Key anchor, ReadOnlySpan<byte> requestId)
    {
        Invariant.Holds(requestId.Length > 0);
        EscapedKey.Begin(into, Prefix, anchor);
        into.WriteRaw(requestId);
    }

    /// <summary>The anchor key and request id in a record's storage key.</summary>
    /// <exception cref="CodecException">The bytes are not a record's storage key.</exception>
    public static (Key Anchor, byte[] RequestId) Decode(ReadOnlySpan<byte> storageKey)
    {
        if (storageKey.IsEmpty || storageKey[0] != Prefix)
        {
            throw new CodecException("a request record's storage key does not begin with 0x03");
        }

        var anchor = EscapedKey.Read(storageKey[1..], out var length);
        var id = storageKey[(1 + length)..];
        return id.IsEmpty ? throw new CodecException("a request record's storage key has no request id") : (anchor, id.ToArray());
    }

    /// <summary>Bounds of all records anchored in a key span: they follow a split.</summary>
    public static StorageBounds SpanBounds(KeySpan span) => EscapedKey.SpanBounds(Prefix, span);
}
