using System.Buffers.Binary;
using OrleansGeo.Primitives;

namespace OrleansGeo.Transactions;

/// <summary>
/// The storage key of one version: 0x04, the escaped user key, then the complement of the timestamp in eight bytes, big endian. So
/// storage order is user keys ascending and, within a key, newest first: the newest version at or below a time is one seek away.
/// Encoders clear the buffer they are given and allocate nothing once it has grown.
/// </summary>
public static class MvccKey
{
    /// <summary>The byte that begins every version's storage key.</summary>
    public const byte Prefix = 0x04;

    /// <summary>Bytes behind the escaped user key.</summary>
    public const int TimestampLength = 8;

    /// <summary>The storage key of a version.</summary>
    public static void Encode(CodecWriter into, Key key, HlcTimestamp timestamp)
    {
        EncodePrefix(into, key);
        into.WriteFixed64(~timestamp.Value);
    }

    /// <summary>
    /// What every version of a key begins with; also the first storage key at or after which versions of it and later keys lie.
    /// </summary>
    public static void EncodePrefix(CodecWriter into, Key key) => EscapedKey.Begin(into, Prefix, key);

    /// <summary>The first storage key after every version of a key.</summary>
    public static void EncodeEnd(CodecWriter into, Key key)
    {
        into.Clear();
        into.WriteByte(Prefix);
        EscapedKey.WriteEnd(into, key.Span);
    }

    /// <summary>The user key and timestamp of a version's storage key.</summary>
    /// <exception cref="CodecException">The bytes are not a version's storage key.</exception>
    public static (Key Key, HlcTimestamp Timestamp) Decode(ReadOnlySpan<byte> storageKey)
    {
        var key = DecodeKey(PrefixOf(storageKey));
        return (key, TimestampOf(storageKey));
    }

    /// <summary>The user key in a storage key without its timestamp.</summary>
    public static Key DecodeKey(ReadOnlySpan<byte> prefix)
    {
        if (prefix.IsEmpty || prefix[0] != Prefix)
        {
            throw new CodecException("a version's storage key does not begin with 0x04");
        }

        var key = EscapedKey.Read(prefix[1..], out var length);
        return length == prefix.Length - 1
            ? key
            : throw new CodecException($"a version's storage key has {prefix.Length - 1 - length} bytes too many");
    }

    /// <summary>A version's storage key without its timestamp.</summary>
    public static ReadOnlySpan<byte> PrefixOf(ReadOnlySpan<byte> storageKey) => storageKey.Length > TimestampLength
        ? storageKey[..^TimestampLength]
        : throw new CodecException("a version's storage key is too short");

    /// <summary>The timestamp in a version's storage key.</summary>
    public static HlcTimestamp TimestampOf(ReadOnlySpan<byte> storageKey) =>
        new(~BinaryPrimitives.ReadUInt64BigEndian(storageKey[^TimestampLength..]));

    /// <summary>Bounds of all versions of one key.</summary>
    public static StorageBounds VersionsOf(Key key)
    {
        var buffer = new CodecWriter();
        EncodePrefix(buffer, key);
        var start = buffer.ToArray();
        EncodeEnd(buffer, key);
        return new(start, buffer.ToArray());
    }

    /// <summary>Bounds of all versions of the keys in a span.</summary>
    public static StorageBounds SpanBounds(KeySpan span) => EscapedKey.SpanBounds(Prefix, span);
}
