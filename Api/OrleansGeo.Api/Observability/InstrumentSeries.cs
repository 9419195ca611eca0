using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace OrleansGeo.Api.Observability;

/// <summary>What one instrument reported, by its tags.</summary>
public sealed class InstrumentSeries(Instrument instrument, int seriesMax)
{
    private static readonly double[] s_defaultBounds = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

    private readonly ConcurrentDictionary<TagSet, Series> _series = new();

    /// <summary>The instrument.</summary>
    public Instrument Instrument { get; } = instrument;

    /// <summary>True for a distribution; otherwise the series is one number.</summary>
    public bool IsHistogram { get; } = IsGeneric(instrument, typeof(Histogram<>));

    /// <summary>True when the number only grows.</summary>
    public bool IsCounter { get; } = IsGeneric(instrument, typeof(Counter<>)) || IsGeneric(instrument, typeof(ObservableCounter<>));

    /// <summary>Upper bounds of the buckets.</summary>
    public IReadOnlyList<double> Bounds { get; } = BoundsOf(instrument);

    /// <summary>The series so far.</summary>
    public IEnumerable<KeyValuePair<TagSet, Series>> All => _series;

    // An observable instrument reports totals; the others report what is to be added, gauges apart.
    private bool Adds { get; } = IsGeneric(instrument, typeof(Counter<>)) || IsGeneric(instrument, typeof(UpDownCounter<>));

    /// <summary>Takes a measurement; one with new tags beyond the most that are kept is dropped.</summary>
    public void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var key = new TagSet(tags.ToArray());
        if (!_series.TryGetValue(key, out var series))
        {
            if (_series.Count >= seriesMax)
            {
                return;
            }

            series = _series.GetOrAdd(key, new Series(IsHistogram ? Bounds.Count + 1 : 0));
        }

        lock (series)
        {
            series.Total = Adds || IsHistogram ? series.Total + value : value;
            if (IsHistogram)
            {
                series.Buckets[BucketOf(value)]++;
            }
        }
    }

    private int BucketOf(double value)
    {
        for (var i = 0; i < Bounds.Count; i++)
        {
            if (value <= Bounds[i])
            {
                return i;
            }
        }

        return Bounds.Count;
    }

    private static IReadOnlyList<double> BoundsOf(Instrument instrument) => instrument switch
    {
        Histogram<double> { Advice.HistogramBucketBoundaries: { } bounds } => bounds,
        Histogram<long> { Advice.HistogramBucketBoundaries: { } bounds } => [.. bounds.Select(static bound => (double)bound)],
        Histogram<int> { Advice.HistogramBucketBoundaries: { } bounds } => [.. bounds.Select(static bound => (double)bound)],
        _ => s_defaultBounds,
    };

    private static bool IsGeneric(Instrument instrument, Type kind) =>
        instrument.GetType() is { IsGenericType: true } type && type.GetGenericTypeDefinition() == kind;

    /// <summary>The numbers of one series; its lock guards them.</summary>
    public sealed class Series(int buckets)
    {
        /// <summary>The value, or the sum of a distribution.</summary>
        public double Total { get; set; }

        /// <summary>Measurements by bucket, the last for those above all bounds.</summary>
        public long[] Buckets { get; } = new long[buckets];
    }
}

/// <summary>Tags as a key: equal when they are given in the same order, as one instrument's are.</summary>
public readonly struct TagSet(KeyValuePair<string, object?>[] tags) : IEquatable<TagSet>
{
    /// <summary>The tags.</summary>
    public IReadOnlyList<KeyValuePair<string, object?>> Tags => tags;

    /// <inheritdoc />
    public bool Equals(TagSet other) => tags.AsSpan().SequenceEqual(((KeyValuePair<string, object?>[])other.Tags).AsSpan());

    /// <inheritdoc />
    public override bool Equals(object? obj) => obj is TagSet other && Equals(other);

    /// <inheritdoc />
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        foreach (var (name, value) in tags)
        {
            hash.Add(name, StringComparer.Ordinal);
            hash.Add(value);
        }

        return hash.ToHashCode();
    }

    /// <summary>Equality of names and values.</summary>
    public static bool operator ==(TagSet a, TagSet b) => a.Equals(b);

    /// <summary>Inequality of names or values.</summary>
    public static bool operator !=(TagSet a, TagSet b) => !a.Equals(b);
}
