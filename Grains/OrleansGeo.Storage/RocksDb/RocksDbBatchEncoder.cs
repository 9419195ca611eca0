using System.Buffers.Binary;

namespace OrleansGeo.Storage.RocksDb;

/// <summary>
/// Writes a batch in RocksDB's own representation (db/write_batch.cc): a sequence number that the database fills in, a count, then tagged
/// records with varint lengths. One call hands over the whole batch instead of one call for each operation.
/// </summary>
internal sealed class RocksDbBatchEncoder
{
    private const int HeaderBytes = 12;
    private const int VarintBytesMax = 5;
    private const byte TagDeletion = 0x0;
    private const byte TagValue = 0x1;
    private const byte TagRangeDeletion = 0xF;

    private readonly RangeDeletes _ranges;
    private byte[] _buffer = new byte[4096];
    private int _length;

    internal RocksDbBatchEncoder(RangeDeletes ranges) => _ranges = ranges;

    /// <summary>Operations in what was encoded last.</summary>
    internal int Count { get; private set; }

    /// <summary>
    /// What a batch in a segment of the write-ahead log does to RocksDB, as bytes valid until the next call; empty when that is nothing.
    /// What young logs take is left out.
    /// </summary>
    internal ReadOnlySpan<byte> Encode(WriteBatch batch, YoungLogs? young, long segment)
    {
        _length = HeaderBytes;
        Count = 0;
        foreach (var operation in batch)
        {
            switch (operation.Kind)
            {
                case WriteKind.Put when young?.TakePut(operation.Key, segment) != true:
                    Add(TagValue, operation.Key);
                    Append(operation.Value);
                    break;
                case WriteKind.Delete when young?.TakeDelete(operation.Key) != true:
                    Add(TagDeletion, operation.Key);
                    break;
                // RocksDB refuses a range whose end comes before its start; here it holds no key, and removing it does nothing.
                case WriteKind.DeleteRange when operation.Key.SequenceCompareTo(operation.Value) < 0:
                    young?.DeleteRange(operation.Key, operation.Value);
                    AddRange(batch, operation);
                    break;
                default:
                    break;
            }
        }

        _buffer.AsSpan(0, 8).Clear();
        BinaryPrimitives.WriteInt32LittleEndian(_buffer.AsSpan(8), Count);
        return Count == 0 ? default : _buffer.AsSpan(0, _length);
    }

    private void AddRange(WriteBatch batch, WriteBatch.Operation range)
    {
        if (!_ranges.TryList(range.Key, range.Value, out var keys))
        {
            Add(TagRangeDeletion, range.Key);
            Append(range.Value);
            return;
        }

        foreach (var key in keys)
        {
            Add(TagDeletion, key);
        }

        // The list shows the store as it is before the batch: what the batch itself put into the range must go too.
        foreach (var earlier in batch)
        {
            // Each operation is a view of its own place in the batch, so the same place is the same operation.
            if (earlier.Key == range.Key && earlier.Value == range.Value)
            {
                break;
            }

            if (earlier.Kind == WriteKind.Put
                && earlier.Key.SequenceCompareTo(range.Key) >= 0 && earlier.Key.SequenceCompareTo(range.Value) < 0)
            {
                Add(TagDeletion, earlier.Key);
            }
        }
    }

    private void Add(byte tag, ReadOnlySpan<byte> key)
    {
        Reserve(1);
        _buffer[_length++] = tag;
        Append(key);
        Count++;
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        Reserve(VarintBytesMax + bytes.Length);
        var rest = (uint)bytes.Length;
        for (; rest >= 0x80; rest >>= 7)
        {
            _buffer[_length++] = (byte)(rest | 0x80);
        }

        _buffer[_length++] = (byte)rest;
        bytes.CopyTo(_buffer.AsSpan(_length));
        _length += bytes.Length;
    }

    private void Reserve(int count)
    {
        if (_buffer.Length - _length < count)
        {
            Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, _length + count));
        }
    }
}
