namespace OrleansGeo.Simulation;

/// <summary>
/// The clocks of one machine, which outlive the processes on it: a monotonic one that runs at its own rate, and a wall clock that follows
/// it and can be set.
/// </summary>
public sealed class SimClock
{
    /// <summary>Wall time of a machine that is right when the world begins: 2026-01-01T00:00:00Z.</summary>
    public static DateTimeOffset Epoch { get; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly SimWorld _world;
    private readonly HashSet<SimTimer> _armed = [];
    private long _sinceMicros;
    private long _monoNanosThen;
    private TimeSpan _wallOffset;
    private long _timersMade;

    /// <summary>Makes a machine's clocks; the monotonic one starts anywhere, as on machines that were not booted together.</summary>
    public SimClock(SimWorld world, long monoStartNanos)
    {
        _world = world;
        _sinceMicros = world.NowMicros;
        _monoNanosThen = monoStartNanos;
        MonoStartNanos = monoStartNanos;
    }

    /// <summary>What the monotonic clock showed when the world began.</summary>
    public long MonoStartNanos { get; }

    /// <summary>By how many parts per million this machine's clocks run fast.</summary>
    public int DriftPpm { get; private set; }

    /// <summary>The monotonic clock, in nanoseconds.</summary>
    public long MonoNanos => _monoNanosThen + NanosIn(_world.NowMicros - _sinceMicros);

    /// <summary>The wall clock.</summary>
    public DateTimeOffset UtcNow => Epoch + TimeSpan.FromTicks((MonoNanos - MonoStartNanos) / 100) + _wallOffset;

    /// <summary>Sets the wall clock forward or back; the monotonic clock does not notice.</summary>
    public void JumpWall(TimeSpan by) => _wallOffset += by;

    /// <summary>Changes the rate from now on. Timers keep their time on this clock.</summary>
    public void SetDrift(int ppm)
    {
        _monoNanosThen = MonoNanos;
        _sinceMicros = _world.NowMicros;
        DriftPpm = ppm;

        // In the order of their making: a set's own order is chance.
        foreach (var timer in _armed.OrderBy(t => t.Order).ToArray())
        {
            timer.Rearm();
        }
    }

    /// <summary>The first world time at which the monotonic clock shows at least this.</summary>
    internal long WorldMicrosAt(long monoNanos)
    {
        var left = monoNanos - _monoNanosThen;
        if (left <= 0)
        {
            return _sinceMicros;
        }

        var micros = left / 1000 * 1_000_000 / (1_000_000 + DriftPpm);
        while (NanosIn(micros) < left)
        {
            micros++;
        }

        return _sinceMicros + micros;
    }

    internal long NextTimerOrder() => _timersMade++;

    internal void Track(SimTimer timer, bool armed)
    {
        if (armed)
        {
            _armed.Add(timer);
        }
        else
        {
            _armed.Remove(timer);
        }
    }

    private long NanosIn(long micros) => (micros * 1000) + (micros * DriftPpm / 1000);
}
