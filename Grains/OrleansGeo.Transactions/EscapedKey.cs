using OrleansGeo.Primitives;

namespace OrleansGeo.Transactions;

/// <summary>
/// A user key inside a storage key: 0x00 becomes 0x00 0xFF, and 0x00 0x01 ends it. Escaped keys sort as the keys do and none is a prefix
/// of another, so whatever follows one (a timestamp, a request id) never mixes with the next key.
/// </summary>
public static class EscapedKey
{
    private const byte Escape = 0x00;
    private const byte EscapedZero = 0xFF;
    private const byte Terminator = 0x01;

    // One above the terminator and below every escaped zero: the end of everything that begins with the terminated key.
    private const byte AfterTerminator = 0x02;

    /// <summary>Appends the key with its terminator.</summary>
    public static void Write(CodecWriter into, ReadOnlySpan<byte> key) => Write(into, key, Terminator);

    /// <summary>Appends the first bytes after everything that begins with the key and its terminator.</summary>
    public static void WriteEnd(CodecWriter into, ReadOnlySpan<byte> key) => Write(into, key, AfterTerminator);

    /// <summary>Fills a buffer with what begins a storage key: the byte of its space, and the key with its terminator.</summary>
    public static void Begin(CodecWriter into, byte space, Key key)
    {
        into.Clear();
        into.WriteByte(space);
        Write(into, key.Span);
    }

    /// <summary>
    /// Bounds of what a space holds of the keys in a span. <see cref="Key.Max"/> as the end takes in every stored key.
    /// </summary>
    public static StorageBounds SpanBounds(byte space, KeySpan span)
    {
        var buffer = new CodecWriter();
        Begin(buffer, space, span.Start);
        var start = buffer.ToArray();
        Begin(buffer, space, span.End);
        return new(start, buffer.ToArray());
    }

    /// <summary>Reads a key from the beginning of the source and tells how many bytes it took, terminator included.</summary>
    /// <exception cref="CodecException">An escape is unknown or the terminator is missing.</exception>
    public static Key Read(ReadOnlySpan<byte> source, out int length)
    {
        var (bytes, zeros) = Measure(source);
        length = bytes + zeros + 2;
        var key = new byte[bytes];
        var rest = key.AsSpan();
        var from = source[..(length - 2)];
        for (var zero = from.IndexOf(Escape); zero >= 0; zero = from.IndexOf(Escape))
        {
            from[..(zero + 1)].CopyTo(rest);
            rest = rest[(zero + 1)..];
            from = from[(zero + 2)..];
        }

        from.CopyTo(rest);
        return new(key);
    }

    private static (int Bytes, int Zeros) Measure(ReadOnlySpan<byte> source)
    {
        for (int position = 0, zeros = 0; ; zeros++)
        {
            var zero = source[position..].IndexOf(Escape);
            if (zero < 0 || position + zero + 1 >= source.Length)
            {
                throw new CodecException("an escaped key has no terminator");
            }

            position += zero + 2;
            switch (source[position - 1])
            {
                case Terminator: return (position - 2 - zeros, zeros);
                case EscapedZero: break;
                case var other: throw new CodecException($"an escaped key holds 0x00 0x{other:X2}");
            }
        }
    }

    private static void Write(CodecWriter into, ReadOnlySpan<byte> key, byte last)
    {
        for (var zero = key.IndexOf(Escape); zero >= 0; zero = key.IndexOf(Escape))
        {
            into.WriteRaw(key[..(zero + 1)]);
            into.WriteByte(EscapedZero);
            key = key[(zero + 1)..];
        }

        into.WriteRaw(key);
        into.WriteByte(Escape);
        into.WriteByte(last);
    }
}

/// <summary>Storage keys from <see cref="Start"/> up to, not including, <see cref="End"/>.</summary>
public readonly record struct StorageBounds(byte[] Start, byte[] End);
