using System.Buffers.Binary;

namespace OrleansGeo.Storage.RocksDb;

/// <summary>
/// Keys of logs: entries that are appended one behind the other and most often removed soon. A key is one when it lies from the start up
/// to, not including, the end, and has the length; its last eight bytes (all, when it is shorter) are the entry's index, big-endian, and
/// what is in front of them names the log. Nothing but speed follows from it.
/// </summary>
public sealed class LogKeySpace
{
    private const int IndexBytesMax = 8;

    private readonly byte[] _start;
    private readonly byte[] _end;
    private readonly int _length;

    /// <summary>A span, and the length of log keys in it.</summary>
    public LogKeySpace(ReadOnlySpan<byte> start, ReadOnlySpan<byte> end, int length)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        _start = start.ToArray();
        _end = end.ToArray();
        _length = length;
    }

    /// <summary>Length of a log's name.</summary>
    internal int NameLength => Math.Max(0, _length - IndexBytesMax);

    /// <summary>True for the key of a log entry.</summary>
    internal bool Contains(ReadOnlySpan<byte> key) =>
        key.Length == _length && key.SequenceCompareTo(_start) >= 0 && key.SequenceCompareTo(_end) < 0;

    /// <summary>True when a span may hold keys of log entries.</summary>
    internal bool Overlaps(ReadOnlySpan<byte> start, ReadOnlySpan<byte> end) =>
        start.SequenceCompareTo(_end) < 0 && end.SequenceCompareTo(_start) > 0;

    /// <summary>The log a key belongs to.</summary>
    internal ReadOnlySpan<byte> NameOf(ReadOnlySpan<byte> key) => key[..NameLength];

    /// <summary>The index a key ends with; order of indices is order of keys.</summary>
    internal ulong IndexOf(ReadOnlySpan<byte> key)
    {
        Span<byte> index = stackalloc byte[IndexBytesMax];
        index.Clear();
        key[NameLength..].CopyTo(index[(IndexBytesMax - (_length - NameLength))..]);
        return BinaryPrimitives.ReadUInt64BigEndian(index);
    }

    /// <summary>The key of a log's entry.</summary>
    internal byte[] KeyOf(ReadOnlySpan<byte> name, ulong index)
    {
        var key = new byte[_length];
        name.CopyTo(key);
        Span<byte> bytes = stackalloc byte[IndexBytesMax];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, index);
        bytes[(IndexBytesMax - (_length - NameLength))..].CopyTo(key.AsSpan(NameLength));
        return key;
    }

    /// <summary>The first key behind all of a log's.</summary>
    internal byte[] Above(ReadOnlySpan<byte> name) => [.. KeyOf(name, ulong.MaxValue), 0];
}
