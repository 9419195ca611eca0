namespace OrleansGeo.Storage.RocksDb;

/// <summary>
/// Where the latest writes went: one key for every few kilobytes written. RocksDB's C API estimates what a span takes in files and says
/// nothing about memory, where all of a young range may be.
/// </summary>
internal sealed class RecentWriteSample
{
    private const int GranuleBytes = 32 << 10;

    private readonly byte[]?[] _keys;
    private long _samples;
    private long _bytes;

    /// <summary>Remembers at least the given number of written bytes.</summary>
    internal RecentWriteSample(long bytesMax) => _keys = new byte[(bytesMax / GranuleBytes) + 1][];

    /// <summary>Takes note of a batch of which the given number of bytes went into memtables, those of young logs excluded.</summary>
    internal void Add(WriteBatch batch, int bytes, YoungLogs? young)
    {
        if (_bytes + bytes < GranuleBytes)
        {
            _bytes += bytes;
            return;
        }

        foreach (var operation in batch)
        {
            if (young?.IsLogKey(operation.Key) == true)
            {
                continue;
            }

            _bytes += operation.Key.Length + operation.Value.Length;
            for (; _bytes >= GranuleBytes; _bytes -= GranuleBytes)
            {
                _keys[_samples++ % _keys.Length] = operation.Kind == WriteKind.Put ? operation.Key.ToArray() : null;
            }
        }
    }

    /// <summary>Bytes written into the span among the given number of latest bytes.</summary>
    internal long Estimate(ReadOnlySpan<byte> start, ReadOnlySpan<byte> end, long latestBytes)
    {
        var count = Math.Min(Math.Min(_samples, _keys.Length), latestBytes / GranuleBytes);
        long hits = 0;
        for (var i = _samples - count; i < _samples; i++)
        {
            if (_keys[i % _keys.Length] is { } key && key.AsSpan().SequenceCompareTo(start) >= 0 && key.AsSpan().SequenceCompareTo(end) < 0)
            {
                hits++;
            }
        }

        return hits * GranuleBytes;
    }
}
