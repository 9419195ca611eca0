using System.Runtime.InteropServices;
using OrleansGeo.Primitives;

namespace OrleansGeo.Transactions;

/// <summary>
/// What a leader has served reads of: keys, whether they were there or not, and spans, each with the highest timestamp at which it was
/// read. A write must lie above. What it tells is never below the truth and may be above.
/// <para>
/// Memory is bounded: entries live in two generations; when the younger is full the older is dropped and the low-water mark rises to the
/// highest timestamp that was in it, so forgetting costs some writes a higher timestamp and no read its truth.
/// </para>
/// </summary>
public sealed class TimestampCache
{
    /// <summary>Test builds only: what is forgotten does not raise the low-water mark.</summary>
    public const string BugForgetsReads = "timestamp-cache-forgets-reads";

    private readonly int _entriesMax;
    private readonly long _keyBytesMax;
    private Generation _young = new();
    private Generation _old = new();

    /// <summary>Makes an empty cache of at most so many entries and so many bytes of keys.</summary>
    public TimestampCache(int entriesMax, long keyBytesMax, HlcTimestamp lowWater)
    {
        Invariant.Holds(entriesMax >= 4);
        _entriesMax = entriesMax;
        _keyBytesMax = keyBytesMax;
        LowWater = lowWater;
    }

    /// <summary>Every key is deemed read up to here.</summary>
    public HlcTimestamp LowWater { get; private set; }

    /// <summary>Entries held, of the bound.</summary>
    public int Entries => _young.Entries + _old.Entries;

    /// <summary>Deems everything read up to a timestamp: a new leader starts above what its predecessors may have served.</summary>
    public void RaiseLowWater(HlcTimestamp to) => LowWater = HlcTimestamp.Later(LowWater, to);

    /// <summary>Notes that a key was read at a timestamp, whether it was there or not.</summary>
    public void Record(Key key, HlcTimestamp at)
    {
        if (at > LowWater)
        {
            _young.Record(key, at);
            RotateWhenFull();
        }
    }

    /// <summary>Notes that a span was read at a timestamp, with all that was absent from it.</summary>
    public void Record(KeySpan span, HlcTimestamp at)
    {
        if (at > LowWater && !span.IsEmpty)
        {
            _young.Record(span, at);
            RotateWhenFull();
        }
    }

    /// <summary>The highest timestamp at which a key may have been read.</summary>
    public HlcTimestamp MaxRead(Key key) => HlcTimestamp.Later(LowWater, HlcTimestamp.Later(_young.MaxRead(key), _old.MaxRead(key)));

    /// <summary>The highest timestamp at which some key of a span may have been read. Looks at every entry.</summary>
    public HlcTimestamp MaxRead(KeySpan span) => span.IsEmpty
        ? LowWater
        : HlcTimestamp.Later(LowWater, HlcTimestamp.Later(_young.MaxRead(span), _old.MaxRead(span)));

    /// <summary>
    /// Takes what concerns the keys from <paramref name="key"/> on out of this cache and into a new one: the right half of a split.
    /// </summary>
    public TimestampCache SplitAt(Key key)
    {
        var right = new TimestampCache(_entriesMax, _keyBytesMax, LowWater);
        (_young, right._young) = _young.SplitAt(key);
        (_old, right._old) = _old.SplitAt(key);
        return right;
    }

    // A span adds up to two bounds, hence the two: entries never exceed the bound. Bytes may, by the keys of one record.
    private void RotateWhenFull()
    {
        if (_young.Entries + 2 <= _entriesMax / 2 && _young.KeyBytes <= _keyBytesMax / 2)
        {
            return;
        }

        if (!PlantedBug.Is(BugForgetsReads))
        {
            RaiseLowWater(_old.Highest);
        }

        (_young, _old) = (_old, _young);
        _young.Clear();
    }

    private sealed class Generation
    {
        private readonly Dictionary<Key, int> _index = [];
        private readonly List<(Key Key, HlcTimestamp At)> _points = [];
        private readonly SpanTimestamps _spans = new();
        private long _pointBytes;

        public int Entries => _points.Count + _spans.Count;

        public long KeyBytes => _pointBytes + _spans.KeyBytes;

        public HlcTimestamp Highest { get; private set; }

        public void Record(Key key, HlcTimestamp at)
        {
            Highest = HlcTimestamp.Later(Highest, at);
            ref var index = ref CollectionsMarshal.GetValueRefOrAddDefault(_index, key, out var known);
            if (!known)
            {
                index = _points.Count;
                _points.Add((key, at));
                _pointBytes += key.Length;
                return;
            }

            ref var point = ref CollectionsMarshal.AsSpan(_points)[index];
            point.At = HlcTimestamp.Later(point.At, at);
        }

        public void Record(KeySpan span, HlcTimestamp at)
        {
            Highest = HlcTimestamp.Later(Highest, at);
            _spans.Raise(span, at);
        }

        public HlcTimestamp MaxRead(Key key)
        {
            var inSpans = _spans.At(key);
            return _index.TryGetValue(key, out var index) ? HlcTimestamp.Later(inSpans, _points[index].At) : inSpans;
        }

        public HlcTimestamp MaxRead(KeySpan span)
        {
            var max = _spans.Max(span);
            foreach (var (key, at) in CollectionsMarshal.AsSpan(_points))
            {
                if (at > max && span.Contains(key))
                {
                    max = at;
                }
            }

            return max;
        }

        public void Clear()
        {
            _index.Clear();
            _points.Clear();
            _spans.Clear();
            _pointBytes = 0;
            Highest = HlcTimestamp.Zero;
        }

        public (Generation Left, Generation Right) SplitAt(Key key)
        {
            var (left, right) = (new Generation(), new Generation());
            foreach (var (point, at) in _points)
            {
                (point < key ? left : right).Record(point, at);
            }

            foreach (var (span, at) in _spans.Steps())
            {
                var before = new KeySpan(span.Start, span.End < key ? span.End : key);
                var after = new KeySpan(span.Start > key ? span.Start : key, span.End);
                if (!before.IsEmpty)
                {
                    left.Record(before, at);
                }

                if (!after.IsEmpty)
                {
                    right.Record(after, at);
                }
            }

            return (left, right);
        }
    }
}
