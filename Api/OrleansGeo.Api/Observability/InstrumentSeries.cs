using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Metrics;
using Tag = System.Collections.Generic.KeyValuePair<string, object?>;

namespace OrleansGeo.Api.Observability;

/// <summary>What one instrument reported, by its tags.</summary>
public sealed class InstrumentSeries(Instrument instrument, int seriesMax)
{
    /// <summary>The instrument of the web server that counts requests.</summary>
    public const string RequestDuration = "http.server.request.duration";

    // The usual advice steps from 100 ms to 250 ms; a wide-area round trip lies between, so the steps here are fine from 1 to 300 ms.
    private static readonly double[] s_secondsBounds =
        [0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.035, 0.05, 0.065, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.5, 1, 2.5, 5, 10, 60];

    private readonly ConcurrentDictionary<Tag[], Series> _series = new(TagComparer.Instance);

    /// <summary>Bounds for durations of requests.</summary>
    public static IReadOnlyList<double> SecondsBounds => s_secondsBounds;

    /// <summary>The instrument.</summary>
    public Instrument Instrument { get; } = instrument;

    /// <summary>True for a distribution; otherwise the series is one number.</summary>
    public bool IsHistogram { get; } = IsGeneric(instrument, typeof(Histogram<>));

    /// <summary>True when the number only grows.</summary>
    public bool IsCounter { get; } = IsGeneric(instrument, typeof(Counter<>)) || IsGeneric(instrument, typeof(ObservableCounter<>));

    /// <summary>Upper bounds of the buckets.</summary>
    public IReadOnlyList<double> Bounds { get; } = BoundsOf(instrument);

    /// <summary>The series so far.</summary>
    public IEnumerable<Series> All => _series.Values;

    // An observable instrument reports totals; the others report what is to be added, gauges apart.
    private bool Adds { get; } = IsGeneric(instrument, typeof(Counter<>)) || IsGeneric(instrument, typeof(UpDownCounter<>));

    /// <summary>Forgets what an observable instrument said before: what it does not say again is not so any more.</summary>
    public void BeginCollection()
    {
        if (Instrument.IsObservable)
        {
            _series.Clear();
        }
    }

    /// <summary>Takes a measurement; one with new tags beyond the most that are kept is dropped.</summary>
    public void Record(double value, ReadOnlySpan<Tag> tags)
    {
        if (!_series.GetAlternateLookup<ReadOnlySpan<Tag>>().TryGetValue(tags, out var series))
        {
            if (_series.Count >= seriesMax)
            {
                return;
            }

            var key = tags.ToArray();
            var labels = PrometheusText.Labels(Instrument.Meter.Tags, key);
            series = _series.GetOrAdd(key, new Series(labels, IsHistogram ? Bounds.Count + 1 : 0));
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

    // Requests of the web server get the steps of a wide area too.
    private static IReadOnlyList<double> BoundsOf(Instrument instrument) => instrument switch
    {
        { Name: RequestDuration } => s_secondsBounds,
        Histogram<double> { Advice.HistogramBucketBoundaries: { } bounds } => bounds,
        Histogram<long> { Advice.HistogramBucketBoundaries: { } bounds } => [.. bounds.Select(static bound => (double)bound)],
        Histogram<int> { Advice.HistogramBucketBoundaries: { } bounds } => [.. bounds.Select(static bound => (double)bound)],
        _ => s_secondsBounds,
    };

    private static bool IsGeneric(Instrument instrument, Type kind) =>
        instrument.GetType() is { IsGenericType: true } type && type.GetGenericTypeDefinition() == kind;

    /// <summary>The numbers of one series; its lock guards them.</summary>
    public sealed class Series(string labels, int buckets)
    {
        /// <summary>Its labels as they are written, without braces.</summary>
        public string Labels => labels;

        /// <summary>The value, or the sum of a distribution.</summary>
        public double Total { get; set; }

        /// <summary>Measurements by bucket, the last for those above all bounds.</summary>
        public long[] Buckets { get; } = new long[buckets];
    }

    // Tags as a key: equal when they are given in the same order, as one instrument's are. A series that is known is found without a copy.
    private sealed class TagComparer : IEqualityComparer<Tag[]>, IAlternateEqualityComparer<ReadOnlySpan<Tag>, Tag[]>
    {
        public static TagComparer Instance { get; } = new();

        public bool Equals(Tag[]? x, Tag[]? y) => Equals((ReadOnlySpan<Tag>)x, y!);

        // One by one: a pair's own comparison goes by reflection.
        public bool Equals(ReadOnlySpan<Tag> alternate, Tag[] other)
        {
            if (alternate.Length != other.Length)
            {
                return false;
            }

            for (var i = 0; i < other.Length; i++)
            {
                if (!string.Equals(alternate[i].Key, other[i].Key, StringComparison.Ordinal) || !Equals(alternate[i].Value, other[i].Value))
                {
                    return false;
                }
            }

            return true;
        }

        public int GetHashCode([DisallowNull] Tag[] obj) => GetHashCode((ReadOnlySpan<Tag>)obj);

        public int GetHashCode(ReadOnlySpan<Tag> alternate)
        {
            var hash = default(HashCode);
            foreach (var (_, value) in alternate)
            {
                hash.Add(value);
            }

            return hash.ToHashCode();
        }

        public Tag[] Create(ReadOnlySpan<Tag> alternate) => alternate.ToArray();
    }
}
