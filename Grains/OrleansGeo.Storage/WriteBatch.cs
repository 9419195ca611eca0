using System.Buffers.Binary;

namespace OrleansGeo.Storage;

/// <summary>What one entry of a <see cref="WriteBatch"/> does.</summary>
public enum WriteKind : byte
{
    /// <summary>Sets a key to a value.</summary>
    Put = 1,

    /// <summary>Removes a key; no effect when absent.</summary>
    Delete = 2,

    /// <summary>Removes every key from the first up to, not including, the second.</summary>
    DeleteRange = 3,
}

/// <summary>
/// Operations that are applied together or not at all, kept in one flat buffer so that a batch used again and again allocates nothing.
/// </summary>
public sealed class WriteBatch
{
    private const int HeaderBytes = 9;

    private byte[] _buffer = new byte[1024];
    private int _length;

    /// <summary>Number of operations.</summary>
    public int Count { get; private set; }

    /// <summary>Bytes of keys and values with their framing.</summary>
    public int Bytes => _length;

    /// <summary>True when nothing is in the batch.</summary>
    public bool IsEmpty => Count == 0;

    /// <summary>Sets a key to a value.</summary>
    public void Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => Add(WriteKind.Put, key, value);

    /// <summary>Removes a key.</summary>
    public void Delete(ReadOnlySpan<byte> key) => Add(WriteKind.Delete, key, default);

    /// <summary>Removes every key from start up to, not including, end.</summary>
    public void DeleteRange(ReadOnlySpan<byte> start, ReadOnlySpan<byte> end) => Add(WriteKind.DeleteRange, start, end);

    /// <summary>Adds all operations of another batch behind this one's.</summary>
    public void Append(WriteBatch other)
    {
        Reserve(other._length);
        other._buffer.AsSpan(0, other._length).CopyTo(_buffer.AsSpan(_length));
        _length += other._length;
        Count += other.Count;
    }

    /// <summary>The batch in its own encoding, which engines may store.</summary>
    internal ReadOnlySpan<byte> Encoded => _buffer.AsSpan(0, _length);

    /// <summary>Makes this the batch that was encoded. Throws <see cref="StorageCorruptException"/> when the bytes are none.</summary>
    internal void Load(ReadOnlySpan<byte> encoded)
    {
        Clear();
        Reserve(encoded.Length);
        encoded.CopyTo(_buffer);
        for (var rest = encoded; !rest.IsEmpty; Count++)
        {
            var keyLength = rest.Length < HeaderBytes ? -1 : BinaryPrimitives.ReadInt32LittleEndian(rest[1..]);
            var valueLength = rest.Length < HeaderBytes ? -1 : BinaryPrimitives.ReadInt32LittleEndian(rest[5..]);
            if (keyLength < 0 || valueLength < 0 || (long)keyLength + valueLength > rest.Length - HeaderBytes
                || rest[0] is < (byte)WriteKind.Put or > (byte)WriteKind.DeleteRange)
            {
                throw new StorageCorruptException("a stored batch has an operation that no version writes");
            }

            rest = rest[(HeaderBytes + keyLength + valueLength)..];
        }

        _length = encoded.Length;
    }

    /// <summary>Where the batch stands, for <see cref="RollBack"/>.</summary>
    public (int Bytes, int Count) Mark => (_length, Count);

    /// <summary>Forgets every operation added since a mark was taken.</summary>
    public void RollBack((int Bytes, int Count) mark)
    {
        _length = mark.Bytes;
        Count = mark.Count;
    }

    /// <summary>Empties the batch and keeps its buffer.</summary>
    public void Clear()
    {
        _length = 0;
        Count = 0;
    }

    /// <summary>The operations in order, as <c>foreach (var op in batch)</c>. Spans are valid until the batch changes.</summary>
    public Enumerator GetEnumerator() => new(_buffer.AsSpan(0, _length));

    private void Add(WriteKind kind, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second)
    {
        Reserve(HeaderBytes + first.Length + second.Length);
        var span = _buffer.AsSpan(_length);
        span[0] = (byte)kind;
        BinaryPrimitives.WriteInt32LittleEndian(span[1..], first.Length);
        BinaryPrimitives.WriteInt32LittleEndian(span[5..], second.Length);
        first.CopyTo(span[HeaderBytes..]);
        second.CopyTo(span[(HeaderBytes + first.Length)..]);
        _length += HeaderBytes + first.Length + second.Length;
        Count++;
    }

    private void Reserve(int count)
    {
        if (_buffer.Length - _length < count)
        {
            Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, _length + count));
        }
    }

    /// <summary>One operation: for a range delete, <see cref="Key"/> is the start and <see cref="Value"/> the end.</summary>
    public readonly ref struct Operation(WriteKind kind, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        /// <summary>What it does.</summary>
        public WriteKind Kind { get; } = kind;

        /// <summary>The key, or the start of the range.</summary>
        public ReadOnlySpan<byte> Key { get; } = key;

        /// <summary>The value, or the end of the range.</summary>
        public ReadOnlySpan<byte> Value { get; } = value;
    }

    /// <summary>Walks the operations without allocating.</summary>
    public ref struct Enumerator(ReadOnlySpan<byte> source)
    {
        private ReadOnlySpan<byte> _rest = source;

        /// <summary>The current operation.</summary>
        public Operation Current { get; private set; }

        /// <summary>Moves on; false at the end.</summary>
        public bool MoveNext()
        {
            if (_rest.IsEmpty)
            {
                return false;
            }

            var keyLength = BinaryPrimitives.ReadInt32LittleEndian(_rest[1..]);
            var valueLength = BinaryPrimitives.ReadInt32LittleEndian(_rest[5..]);
            Current = new((WriteKind)_rest[0], _rest.Slice(HeaderBytes, keyLength), _rest.Slice(HeaderBytes + keyLength, valueLength));
            _rest = _rest[(HeaderBytes + keyLength + valueLength)..];
            return true;
        }
    }
}
