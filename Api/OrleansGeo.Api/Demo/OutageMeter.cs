namespace OrleansGeo.Api.Demo;

/// <summary>
/// Measures an outage (DESIGN §10): the longest time without an acknowledgement, from the last one before the fault on; a gap that is still
/// open counts. Times are of one clock, in any order of threads.
/// </summary>
public sealed class OutageMeter
{
    private readonly Lock _lock = new();
    private TimeSpan? _last;
    private TimeSpan? _watchedFrom;
    private TimeSpan _longest;

    /// <summary>True once anything was acknowledged.</summary>
    public bool HasAcknowledged
    {
        get
        {
            lock (_lock)
            {
                return _last is not null;
            }
        }
    }

    /// <summary>Takes note of an acknowledgement.</summary>
    public void Acknowledged(TimeSpan now)
    {
        lock (_lock)
        {
            _longest = Max(_longest, Open(now));
            _last = _last is { } last ? Max(last, now) : now;
        }
    }

    /// <summary>Begins to look for the longest gap; the one that is open now counts from its beginning.</summary>
    public void Watch(TimeSpan now)
    {
        lock (_lock)
        {
            _watchedFrom = now;
            _longest = TimeSpan.Zero;
        }
    }

    /// <summary>The longest gap since <see cref="Watch"/>, and whether it is the one that is open.</summary>
    public (TimeSpan Longest, bool IsOpen) Read(TimeSpan now)
    {
        lock (_lock)
        {
            var open = Open(now);
            return open > _longest ? (open, true) : (_longest, false);
        }
    }

    /// <summary>True when something was acknowledged after a moment.</summary>
    public bool HasAcknowledgedSince(TimeSpan moment)
    {
        lock (_lock)
        {
            return _last > moment;
        }
    }

    private TimeSpan Open(TimeSpan now) => now - (_last ?? _watchedFrom ?? now);

    private static TimeSpan Max(TimeSpan one, TimeSpan other) => one > other ? one : other;
}
