using OrleansGeo.Primitives;

namespace OrleansGeo.Transactions;

/// <summary>
/// A step function from keys to timestamps: each bound begins a step that reaches to the next one. Spans that lie over each other become
/// steps, and equal neighbours one step, so scanning the same span again and again takes no more room.
/// </summary>
internal sealed class SpanTimestamps
{
    private readonly List<Key> _bounds = [];
    private readonly List<HlcTimestamp> _values = [];

    /// <summary>Number of bounds.</summary>
    public int Count => _bounds.Count;

    /// <summary>Bytes in the bounds' keys.</summary>
    public long KeyBytes { get; private set; }

    /// <summary>The function's value at a key; zero before the first bound.</summary>
    public HlcTimestamp At(Key key)
    {
        if (_bounds.Count == 0)
        {
            return HlcTimestamp.Zero;
        }

        var step = StepOf(key);
        return step < 0 ? HlcTimestamp.Zero : _values[step];
    }

    /// <summary>The highest value in a span that is not empty.</summary>
    public HlcTimestamp Max(KeySpan span)
    {
        var max = HlcTimestamp.Zero;
        for (var step = Math.Max(0, StepOf(span.Start)); step < _bounds.Count && _bounds[step] < span.End; step++)
        {
            max = HlcTimestamp.Later(max, _values[step]);
        }

        return max;
    }

    /// <summary>Makes the function at least this high over a span that is not empty.</summary>
    public void Raise(KeySpan span, HlcTimestamp to)
    {
        var first = BoundAt(span.Start);
        var end = BoundAt(span.End);
        for (var step = first; step < end; step++)
        {
            _values[step] = HlcTimestamp.Later(_values[step], to);
        }

        MergeEqualSteps(first, end);
    }

    /// <summary>The steps above zero, in key order.</summary>
    public IEnumerable<(KeySpan Span, HlcTimestamp At)> Steps()
    {
        // The last bound always begins a step of zero: every span that was raised has an end.
        for (var step = 0; step + 1 < _bounds.Count; step++)
        {
            if (_values[step] > HlcTimestamp.Zero)
            {
                yield return (new(_bounds[step], _bounds[step + 1]), _values[step]);
            }
        }
    }

    /// <summary>Makes the function zero everywhere.</summary>
    public void Clear()
    {
        _bounds.Clear();
        _values.Clear();
        KeyBytes = 0;
    }

    // The last step that begins at or before the key; -1 before the first.
    private int StepOf(Key key)
    {
        var found = _bounds.BinarySearch(key);
        return found >= 0 ? found : ~found - 1;
    }

    private int BoundAt(Key key)
    {
        var step = StepOf(key);
        if (step >= 0 && _bounds[step] == key)
        {
            return step;
        }

        _bounds.Insert(step + 1, key);
        _values.Insert(step + 1, step < 0 ? HlcTimestamp.Zero : _values[step]);
        KeyBytes += key.Length;
        return step + 1;
    }

    private void MergeEqualSteps(int first, int end)
    {
        var kept = Math.Max(first, 1) - 1;
        var last = Math.Min(end, _bounds.Count - 1);
        for (var step = kept + 1; step <= last; step++)
        {
            if (_values[step] == _values[kept])
            {
                KeyBytes -= _bounds[step].Length;
                continue;
            }

            kept++;
            _bounds[kept] = _bounds[step];
            _values[kept] = _values[step];
        }

        _bounds.RemoveRange(kept + 1, last - kept);
        _values.RemoveRange(kept + 1, last - kept);
    }
}
