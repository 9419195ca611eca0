using System.Numerics;

namespace OrleansGeo.Storage;

/// <summary>
/// Durations in microseconds, counted in buckets of at most an eighth of their value. One thread records; any thread may read, and sees
/// counts that lie a moment apart.
/// </summary>
public sealed class LatencyHistogram
{
    private const int StepsLog2 = 3;
    private const int Steps = 1 << StepsLog2;

    private readonly long[] _buckets = new long[64 * Steps];
    private long _count;
    private long _maxMicros;

    /// <summary>How many were recorded.</summary>
    public long Count => Volatile.Read(ref _count);

    /// <summary>The longest.</summary>
    public long MaxMicros => Volatile.Read(ref _maxMicros);

    /// <summary>The median.</summary>
    public long P50Micros => Percentile(0.50);

    /// <summary>The duration that one in a hundred exceeds.</summary>
    public long P99Micros => Percentile(0.99);

    /// <summary>
    /// What was recorded here and not in <paramref name="earlier"/>, an older copy of this one; the longest is that of both together.
    /// </summary>
    public LatencyHistogram Since(LatencyHistogram earlier)
    {
        var rest = new LatencyHistogram { _count = Count - earlier.Count, _maxMicros = MaxMicros };
        for (var i = 0; i < _buckets.Length; i++)
        {
            rest._buckets[i] = Volatile.Read(ref _buckets[i]) - Volatile.Read(ref earlier._buckets[i]);
        }

        return rest;
    }

    /// <summary>A copy as of now, for <see cref="Since"/>.</summary>
    public LatencyHistogram Copy() => Since(new());

    /// <summary>Adds what another one recorded.</summary>
    public void Add(LatencyHistogram other)
    {
        for (var i = 0; i < _buckets.Length; i++)
        {
            _buckets[i] += Volatile.Read(ref other._buckets[i]);
        }

        _count += other.Count;
        _maxMicros = Math.Max(_maxMicros, other.MaxMicros);
    }

    /// <summary>Records one duration.</summary>
    public void Record(long micros)
    {
        micros = Math.Max(0, micros);
        Volatile.Write(ref _buckets[BucketOf(micros)], _buckets[BucketOf(micros)] + 1);
        Volatile.Write(ref _maxMicros, Math.Max(_maxMicros, micros));
        Volatile.Write(ref _count, _count + 1);
    }

    /// <summary>
    /// The upper end of the bucket below which the given share, from 0 to 1, of the durations lies; 0 when there are none.
    /// </summary>
    public long Percentile(double share)
    {
        var rank = (long)Math.Ceiling(Count * share);
        if (rank == 0)
        {
            return 0;
        }

        long seen = 0;
        for (var i = 0; i < _buckets.Length; i++)
        {
            seen += Volatile.Read(ref _buckets[i]);
            if (seen >= rank)
            {
                return Math.Min(UpperEnd(i), MaxMicros);
            }
        }

        return MaxMicros;
    }

    /// <inheritdoc />
    public override string ToString() => $"p50 {P50Micros} us, p99 {P99Micros} us, max {MaxMicros} us over {Count}";

    private static int BucketOf(long micros)
    {
        if (micros < Steps)
        {
            return (int)micros;
        }

        var exponent = BitOperations.Log2((ulong)micros);
        return ((exponent - StepsLog2 + 1) << StepsLog2) + (int)((micros >> (exponent - StepsLog2)) & (Steps - 1));
    }

    private static long UpperEnd(int bucket)
    {
        if (bucket < Steps)
        {
            return bucket;
        }

        var shift = (bucket >> StepsLog2) - 1;
        return (((long)(bucket & (Steps - 1)) + Steps + 1) << shift) - 1;
    }
}
