using System.Buffers.Binary;
using System.Numerics;
using System.Text;

namespace OrleansGeo.Primitives;

/// <summary>
/// Values as bytes that compare, unsigned, as the values do (<see cref="Datum.CompareTo"/>). Every encoding ends itself, and none is the
/// beginning of another, so a tuple is its elements one after the other: tuples compare as their bytes, and the tuples that begin with some
/// elements are exactly the keys that begin with those elements' bytes.
/// <para>
/// The first byte is a tag, which says type, sign and length, so the order of tags is part of the order of values. Tags never change;
/// none is above 0x5F. One value has one encoding: <see cref="Decode"/> refuses every other form with <see cref="CodecException"/>.
/// </para>
/// <para>
/// int64: the tag carries the length, then the fewest big-endian bytes (zero needs none; a negative number's bytes are its two's
/// complement, and longer means smaller). float64: eight bytes, sign bit flipped, all bits flipped when negative. Decimals and JSON
/// numbers: see <see cref="EncodeNumber"/>. Strings are UTF-8; strings and bytes write 0x00 as 0x00 0xFF and end with 0x00 0x01. Times:
/// five bytes of seconds since year 1, four of nanoseconds. JSON: elements and members behind their tags, closed by 0x00, which is below
/// every tag.
/// </para>
/// </summary>
public static partial class KeyEncoding
{
    private const byte TagNull = 0x02;
    private const byte TagString = 0x10;
    private const byte TagInt64Zero = 0x28;
    private const byte TagFloat64 = 0x34;
    private const byte TagDecimal = 0x39;
    private const byte TagFalse = 0x3C;
    private const byte TagTrue = 0x3D;
    private const byte TagUuid = 0x40;
    private const byte TagTimestamp = 0x44;
    private const byte TagBytes = 0x48;

    private const byte Escape = 0x00;
    private const byte EscapedZero = 0xFF;
    private const byte EndOfBytes = 0x01;
    private const byte UnsignedDirectMax = 240;
    private const int StackBytesMax = 512;

    private static readonly UTF8Encoding s_strictUtf8 = new(false, true);

    /// <summary>The bytes of a tuple.</summary>
    public static byte[] EncodeTuple(params ReadOnlySpan<Datum> tuple)
    {
        var output = new CodecWriter(16 * Math.Max(1, tuple.Length));
        foreach (var value in tuple)
        {
            Encode(output, value);
        }

        return output.ToArray();
    }

    /// <summary>Appends the encoding of a value.</summary>
    public static void Encode(CodecWriter output, Datum value)
    {
        switch (value.Type)
        {
            case DatumType.None:
                output.WriteByte(TagNull);
                break;
            case DatumType.String:
                output.WriteByte(TagString);
                EncodeText(output, value.AsString());
                break;
            case DatumType.Int64:
                EncodeInt64(output, value.AsInt64());
                break;
            case DatumType.Float64:
                output.WriteByte(TagFloat64);
                output.WriteFixed64(SortableBits(BitConverter.DoubleToUInt64Bits(value.AsFloat64())));
                break;
            case DatumType.Decimal:
                EncodeNumber(output, TagDecimal, DatumNumber.FromDecimal(value.AsDecimal()));
                break;
            case DatumType.Bool:
                output.WriteByte(value.AsBool() ? TagTrue : TagFalse);
                break;
            case DatumType.Uuid:
                EncodeUuid(output, value.AsUuid());
                break;
            case DatumType.Timestamp:
                EncodeTimestamp(output, value);
                break;
            case DatumType.Bytes:
                output.WriteByte(TagBytes);
                EncodeBytes(output, value.AsBytes());
                break;
            case DatumType.Json:
                EncodeJson(output, value.AsJson());
                break;
            default:
                Invariant.Fail($"no encoding of type {value.Type}");
                break;
        }
    }

    /// <summary>Reads one value and moves past it. Throws <see cref="CodecException"/> unless the bytes begin with an encoding.</summary>
    public static void Decode(ref ReadOnlySpan<byte> source, out Datum value)
    {
        var tag = TakeByte(ref source);
        value = tag switch
        {
            TagNull => Datum.Null,
            TagString => Datum.FromString(DecodeText(ref source)),
            >= TagInt64Zero - 8 and <= TagInt64Zero + 8 => Datum.FromInt64(DecodeInt64(ref source, tag - TagInt64Zero)),
            TagFloat64 => DecodeFloat64(ref source),
            >= TagDecimal - 1 and <= TagDecimal + 1 => DecodeDecimal(ref source, tag),
            TagFalse or TagTrue => Datum.FromBool(tag == TagTrue),
            TagUuid => Datum.FromUuid(new Guid(Take(ref source, 16), bigEndian: true)),
            TagTimestamp => DecodeTimestamp(ref source),
            TagBytes => Datum.FromBytes(DecodeBytes(ref source)),
            >= TagJsonNull and <= TagJsonObject => Datum.FromJson(DecodeJson(ref source, tag)),
            _ => throw new CodecException($"no value of a key begins with byte 0x{tag:x2}"),
        };
    }

    /// <summary>
    /// Appends a number that is not negative so that bytes compare as numbers: up to 240 one byte, else 240 plus the count of the
    /// big-endian bytes that follow. For ids inside keys.
    /// </summary>
    public static void EncodeUnsigned(CodecWriter output, long value)
    {
        Invariant.Holds(value >= 0);
        if (value <= UnsignedDirectMax)
        {
            output.WriteByte((byte)value);
            return;
        }

        var count = ByteCount((ulong)value);
        output.WriteByte((byte)(UnsignedDirectMax + count));
        WriteBigEndian(output, (ulong)value, count);
    }

    /// <summary>Reads what <see cref="EncodeUnsigned"/> wrote and moves past it; else <see cref="CodecException"/>.</summary>
    public static void DecodeUnsigned(ref ReadOnlySpan<byte> source, out long value)
    {
        var first = TakeByte(ref source);
        var count = first - UnsignedDirectMax;
        value = count <= 0 ? first : count <= 8 ? (long)ReadBigEndian(Take(ref source, count)) : -1;
        if (value < 0 || (count > 0 && (value <= UnsignedDirectMax || ByteCount((ulong)value) != count)))
        {
            throw new CodecException("an id in a key is not in its one form");
        }
    }

    private static void EncodeInt64(CodecWriter output, long value)
    {
        var count = value < 0 ? Math.Max(1, ByteCount((ulong)~value)) : ByteCount((ulong)value);
        output.WriteByte((byte)(value < 0 ? TagInt64Zero - count : TagInt64Zero + count));
        WriteBigEndian(output, (ulong)value, count);
    }

    private static long DecodeInt64(ref ReadOnlySpan<byte> source, int signedCount)
    {
        var count = Math.Abs(signedCount);
        var raw = ReadBigEndian(Take(ref source, count));
        if (signedCount < 0 && count < 8)
        {
            raw |= ulong.MaxValue << (8 * count);
        }

        var value = (long)raw;
        var expected = value < 0 ? -Math.Max(1, ByteCount((ulong)~value)) : ByteCount(raw);
        return expected == signedCount ? value : throw new CodecException("an int64 in a key is not in its one form");
    }

    private static Datum DecodeFloat64(ref ReadOnlySpan<byte> source)
    {
        var sortable = BinaryPrimitives.ReadUInt64BigEndian(Take(ref source, 8));
        var value = BitConverter.UInt64BitsToDouble((sortable >> 63) != 0 ? sortable ^ (1UL << 63) : ~sortable);
        return double.IsFinite(value) && !(value == 0 && double.IsNegative(value))
            ? Datum.FromFloat64(value)
            : throw new CodecException("a float64 in a key is minus zero or not finite");
    }

    private static Datum DecodeDecimal(ref ReadOnlySpan<byte> source, byte tag) =>
        DecodeNumber(ref source, tag - TagDecimal).TryToDecimal(out var value)
            ? Datum.FromDecimal(value)
            : throw new CodecException("a decimal in a key does not fit a decimal");

    private static void EncodeUuid(CodecWriter output, Guid value)
    {
        Span<byte> bytes = stackalloc byte[16];
        value.TryWriteBytes(bytes, bigEndian: true, out _);
        output.WriteByte(TagUuid);
        output.WriteRaw(bytes);
    }

    private static void EncodeTimestamp(CodecWriter output, Datum value)
    {
        var (seconds, nanos) = value.AsTimestamp();
        output.WriteByte(TagTimestamp);
        WriteBigEndian(output, (ulong)(seconds - Datum.UnixSecondsMin), 5);
        WriteBigEndian(output, (ulong)nanos, 4);
    }

    private static Datum DecodeTimestamp(ref ReadOnlySpan<byte> source)
    {
        var seconds = (long)ReadBigEndian(Take(ref source, 5)) + Datum.UnixSecondsMin;
        var nanos = (long)ReadBigEndian(Take(ref source, 4));
        return seconds <= Datum.UnixSecondsMax && nanos <= 999_999_999
            ? Datum.FromTimestamp(seconds, (int)nanos)
            : throw new CodecException("a timestamp in a key is outside its range");
    }

    // The length in UTF-16 bounds the stack; three bytes hold any UTF-16 unit's share of UTF-8.
    private static void EncodeText(CodecWriter output, string text)
    {
        var bytes = text.Length * 3 <= StackBytesMax ? stackalloc byte[StackBytesMax] : new byte[Encoding.UTF8.GetByteCount(text)];
        EncodeBytes(output, bytes[..Encoding.UTF8.GetBytes(text, bytes)]);
    }

    private static void EncodeBytes(CodecWriter output, ReadOnlySpan<byte> bytes)
    {
        for (var zero = bytes.IndexOf(Escape); zero >= 0; zero = bytes.IndexOf(Escape))
        {
            output.WriteRaw(bytes[..(zero + 1)]);
            output.WriteByte(EscapedZero);
            bytes = bytes[(zero + 1)..];
        }

        output.WriteRaw(bytes);
        output.WriteByte(Escape);
        output.WriteByte(EndOfBytes);
    }

    private static string DecodeText(ref ReadOnlySpan<byte> source)
    {
        try
        {
            return s_strictUtf8.GetString(DecodeBytes(ref source));
        }
        catch (DecoderFallbackException)
        {
            throw new CodecException("a string in a key is not UTF-8");
        }
    }

    private static byte[] DecodeBytes(ref ReadOnlySpan<byte> source)
    {
        var (length, zeros) = (0, 0);
        while (true)
        {
            var run = source[length..].IndexOf(Escape);
            if (run < 0 || length + run + 1 >= source.Length)
            {
                throw new CodecException("bytes in a key do not end");
            }

            length += run + 2;
            var follower = source[length - 1];
            if (follower == EndOfBytes)
            {
                break;
            }

            zeros += follower == EscapedZero ? 1 : throw new CodecException($"bytes in a key have 0x00 before 0x{follower:x2}");
        }

        var escaped = Take(ref source, length)[..^2];
        var bytes = new byte[escaped.Length - zeros];
        for (var (from, to) = (0, 0); from < escaped.Length; from++, to++)
        {
            bytes[to] = escaped[from];
            from += escaped[from] == Escape ? 1 : 0;
        }

        return bytes;
    }

    private static ulong SortableBits(ulong bits) => (bits >> 63) != 0 ? ~bits : bits | (1UL << 63);

    private static int ByteCount(ulong value) => (64 - BitOperations.LeadingZeroCount(value) + 7) / 8;

    private static void WriteBigEndian(CodecWriter output, ulong value, int count)
    {
        for (var shift = 8 * (count - 1); shift >= 0; shift -= 8)
        {
            output.WriteByte((byte)(value >> shift));
        }
    }

    private static ulong ReadBigEndian(ReadOnlySpan<byte> bytes)
    {
        ulong value = 0;
        foreach (var b in bytes)
        {
            value = (value << 8) | b;
        }

        return value;
    }

    private static byte TakeByte(ref ReadOnlySpan<byte> source) => Take(ref source, 1)[0];

    private static ReadOnlySpan<byte> Take(scoped ref ReadOnlySpan<byte> source, int count)
    {
        if (source.Length < count)
        {
            throw new CodecException($"a key needs {count} more bytes and has {source.Length}");
        }

        var taken = source[..count];
        source = source[count..];
        return taken;
    }
}
