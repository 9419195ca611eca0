using OrleansGeo.Primitives;

namespace OrleansGeo.Transactions;

/// <summary>
/// What a transaction will have written to a key if it commits: replicated, and not visible to anyone else. It is a lock from
/// <see cref="Timestamp"/> on: nobody reads the key at or above it, and nobody writes it, until the transaction is decided. So whatever
/// timestamp at or above it the transaction commits at, what the write was evaluated on is still the newest then.
/// </summary>
/// <param name="Key">The key.</param>
/// <param name="By">Whose.</param>
/// <param name="Timestamp">From when on the key is locked.</param>
/// <param name="Value">The value; null for a deletion.</param>
public sealed record Intent(Key Key, TransactionTag By, HlcTimestamp Timestamp, byte[]? Value)
{
    private const byte Version = 1;

    /// <summary>Appends the stored form, key included.</summary>
    public void Write(CodecWriter writer)
    {
        writer.WriteByte(Version);
        writer.WriteKey(Key);
        By.Write(writer);
        writer.WriteTimestamp(Timestamp);
        writer.WriteOptional(Value);
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    /// <exception cref="CodecException">The version is unknown or the bytes are not an intent's.</exception>
    public static Intent Read(ref CodecReader reader)
    {
        reader.ReadVersion("an intent", Version);
        return new(reader.ReadKey(), TransactionTag.Read(ref reader), reader.ReadTimestamp(), reader.ReadOptionalBytes());
    }

    /// <summary>Reads the stored form.</summary>
    /// <exception cref="CodecException">The version is unknown or the bytes are not an intent's.</exception>
    public static Intent Decode(ReadOnlySpan<byte> stored)
    {
        var reader = new CodecReader(stored);
        var intent = Read(ref reader);
        reader.ExpectEnd("an intent");
        return intent;
    }
}

/// <summary>The storage key of an intent: 0x05 and the escaped key. A key has at most one.</summary>
public static class IntentKey
{
    /// <summary>The byte that begins every intent's storage key.</summary>
    public const byte Prefix = 0x05;

    /// <summary>The storage key of a key's intent; the buffer is cleared first.</summary>
    public static void Encode(CodecWriter into, Key key) => EscapedKey.Begin(into, Prefix, key);

    /// <summary>Bounds of the intents of all keys in a span.</summary>
    public static StorageBounds SpanBounds(KeySpan span) => EscapedKey.SpanBounds(Prefix, span);
}
