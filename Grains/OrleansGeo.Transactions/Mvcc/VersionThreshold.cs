using OrleansGeo.Primitives;

namespace OrleansGeo.Transactions;

/// <summary>
/// The oldest timestamp at which a range can be read: at and above it every read finds what it would have found if nothing had ever been
/// collected; below it versions may be gone. Stored as 0x07 and the escaped first key of the range, so that it goes with the range's data.
/// </summary>
public static class VersionThreshold
{
    /// <summary>The byte that begins every threshold's storage key.</summary>
    public const byte Prefix = 0x07;

    private const byte Version = 1;

    /// <summary>The storage key of the threshold of a range that begins at a key; the buffer is cleared first.</summary>
    public static void EncodeKey(CodecWriter into, Key start) => EscapedKey.Begin(into, Prefix, start);

    /// <summary>The stored form; the buffer is cleared first.</summary>
    public static void Encode(CodecWriter into, HlcTimestamp threshold)
    {
        into.Clear();
        into.WriteByte(Version);
        into.WriteTimestamp(threshold);
    }

    /// <summary>Reads the stored form.</summary>
    /// <exception cref="CodecException">The version is unknown or the bytes are not a threshold's.</exception>
    public static HlcTimestamp Decode(ReadOnlySpan<byte> stored)
    {
        var reader = new CodecReader(stored);
        reader.ReadVersion("a threshold of versions", Version);
        var threshold = reader.ReadTimestamp();
        reader.ExpectEnd("a threshold of versions");
        return threshold;
    }

    /// <summary>The threshold of the range with a span, as storage has it; zero when nothing was ever collected.</summary>
    public static HlcTimestamp Load(IOrderedReader reader, KeySpan span)
    {
        var bounds = SpanBounds(span);
        using var cursor = reader.OpenCursor(bounds.Start, bounds.End);
        return cursor.SeekAtOrAfter(bounds.Start) ? Decode(cursor.Value) : HlcTimestamp.Zero;
    }

    /// <summary>Bounds of the thresholds of ranges that begin in a span.</summary>
    public static StorageBounds SpanBounds(KeySpan span) => EscapedKey.SpanBounds(Prefix, span);
}
