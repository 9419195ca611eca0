using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace OrleansGeo.Primitives;

/// <summary>The bytes are not what the format says. The text names what was read and why it is refused.</summary>
public sealed class CodecException(string message) : Exception(message);

/// <summary>
/// Writes the product's own encoding, which serves wire, disk and simulator alike: unsigned integers as LEB128, signed ones zig-zagged
/// first, bytes and strings behind their length. A top-level value begins with a format version byte.
/// </summary>
public sealed class CodecWriter
{
    private byte[] _buffer;
    private int _length;

    /// <summary>Makes an empty writer.</summary>
    public CodecWriter(int capacity = 256) => _buffer = new byte[capacity];

    /// <summary>Bytes written so far.</summary>
    public int Length => _length;

    /// <summary>What was written; valid until the next write.</summary>
    public ReadOnlySpan<byte> Written => _buffer.AsSpan(0, _length);

    /// <summary>Forgets what was written and keeps the buffer.</summary>
    public void Clear() => _length = 0;

    /// <summary>A copy of what was written.</summary>
    public byte[] ToArray() => Written.ToArray();

    /// <summary>One byte.</summary>
    public void WriteByte(byte value) => Grow(1)[0] = value;

    /// <summary>One byte, 1 or 0.</summary>
    public void WriteBool(bool value) => WriteByte(value ? (byte)1 : (byte)0);

    /// <summary>An unsigned integer, 1 to 10 bytes.</summary>
    public void WriteUInt64(ulong value)
    {
        while (value >= 0x80)
        {
            WriteByte((byte)(value | 0x80));
            value >>= 7;
        }

        WriteByte((byte)value);
    }

    /// <summary>A signed integer, zig-zag.</summary>
    public void WriteInt64(long value) => WriteUInt64(((ulong)value << 1) ^ (ulong)(value >> 63));

    /// <summary>A signed integer, zig-zag.</summary>
    public void WriteInt32(int value) => WriteInt64(value);

    /// <summary>Eight bytes, big endian.</summary>
    public void WriteFixed64(ulong value) => BinaryPrimitives.WriteUInt64BigEndian(Grow(8), value);

    /// <summary>Length, then bytes.</summary>
    public void WriteBytes(ReadOnlySpan<byte> value)
    {
        WriteUInt64((ulong)value.Length);
        value.CopyTo(Grow(value.Length));
    }

    /// <summary>Bytes without their length.</summary>
    public void WriteRaw(ReadOnlySpan<byte> value) => value.CopyTo(Grow(value.Length));

    /// <summary>Length in bytes, then UTF-8.</summary>
    public void WriteString(string value)
    {
        var count = Encoding.UTF8.GetByteCount(value);
        WriteUInt64((ulong)count);
        Encoding.UTF8.GetBytes(value, Grow(count));
    }

    /// <summary>A timestamp, eight bytes.</summary>
    public void WriteTimestamp(HlcTimestamp value) => WriteFixed64(value.Value);

    /// <summary>A key, as bytes.</summary>
    public void WriteKey(Key value) => WriteBytes(value.Span);

    private Span<byte> Grow(int count)
    {
        if (_buffer.Length - _length < count)
        {
            Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, _length + count));
        }

        var span = _buffer.AsSpan(_length, count);
        _length += count;
        return span;
    }
}

/// <summary>Reads what <see cref="CodecWriter"/> wrote. Every read checks its bounds and throws <see cref="CodecException"/>.</summary>
public ref struct CodecReader(ReadOnlySpan<byte> source)
{
    private ReadOnlySpan<byte> _rest = source;

    /// <summary>Bytes not read yet.</summary>
    public readonly int Remaining => _rest.Length;

    /// <summary>One byte.</summary>
    public byte ReadByte()
    {
        Need(1);
        var value = _rest[0];
        _rest = _rest[1..];
        return value;
    }

    /// <summary>One byte that is 1 or 0.</summary>
    public bool ReadBool() => ReadByte() switch
    {
        0 => false,
        1 => true,
        var other => throw new CodecException($"a boolean is 0 or 1, not {other}"),
    };

    /// <summary>An unsigned integer.</summary>
    public ulong ReadUInt64()
    {
        ulong value = 0;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var b = ReadByte();
            if (shift == 63 && b > 1)
            {
                break;
            }

            value |= (ulong)(b & 0x7F) << shift;
            if ((b & 0x80) == 0)
            {
                return value;
            }
        }

        throw new CodecException("an integer is longer than 64 bits");
    }

    /// <summary>A signed integer.</summary>
    public long ReadInt64()
    {
        var raw = ReadUInt64();
        return (long)(raw >> 1) ^ -(long)(raw & 1);
    }

    /// <summary>A signed integer of 32 bits.</summary>
    public int ReadInt32()
    {
        var value = ReadInt64();
        return value is >= int.MinValue and <= int.MaxValue ? (int)value : throw new CodecException($"{value} does not fit 32 bits");
    }

    /// <summary>A count of things of at least one byte each: never more than what remains.</summary>
    public int ReadCount()
    {
        var count = ReadUInt64();
        return count <= (ulong)_rest.Length ? (int)count : throw new CodecException($"a count of {count} with {_rest.Length} bytes left");
    }

    /// <summary>Eight bytes, big endian.</summary>
    public ulong ReadFixed64()
    {
        Need(8);
        var value = BinaryPrimitives.ReadUInt64BigEndian(_rest);
        _rest = _rest[8..];
        return value;
    }

    /// <summary>Bytes behind their length; a view of the source.</summary>
    public ReadOnlySpan<byte> ReadBytes() => ReadRaw(ReadCount());

    /// <summary>That many bytes; a view of the source.</summary>
    public ReadOnlySpan<byte> ReadRaw(int count)
    {
        Need(count);
        var value = _rest[..count];
        _rest = _rest[count..];
        return value;
    }

    /// <summary>A string behind its length in bytes.</summary>
    public string ReadString()
    {
        try
        {
            return s_strictUtf8.GetString(ReadBytes());
        }
        catch (DecoderFallbackException)
        {
            throw new CodecException("a string is not UTF-8");
        }
    }

    /// <summary>A timestamp.</summary>
    public HlcTimestamp ReadTimestamp() => new(ReadFixed64());

    /// <summary>A key, copied.</summary>
    public Key ReadKey() => new(ReadBytes().ToArray());

    /// <summary>Checks the version byte that begins a top-level value.</summary>
    public byte ReadVersion(string what, byte newest)
    {
        var version = ReadByte();
        return version >= 1 && version <= newest
            ? version
            : throw new CodecException($"{what} has format version {version}; this build reads 1 to {newest}");
    }

    /// <summary>Throws unless everything was read.</summary>
    public readonly void ExpectEnd(string what)
    {
        if (_rest.Length != 0)
        {
            throw new CodecException($"{what} has {_rest.Length} bytes too many");
        }
    }

    private static readonly UTF8Encoding s_strictUtf8 = new(false, true);

    private readonly void Need(int count)
    {
        // A negative count, read from the same bytes, is refused like one that is too large.
        if ((uint)count > (uint)_rest.Length)
        {
            throw new CodecException($"{count} bytes are needed and {_rest.Length} are left");
        }
    }
}
