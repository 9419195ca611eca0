using OrleansGeo.Engine;
using OrleansGeo.Primitives;

namespace OrleansGeo.Simulation;

/// <summary>
/// The time of one life of one node: its machine's clocks, and timers that fire on the node's scheduler, so that a pause holds them and a
/// crash ends them. Timers count whole milliseconds and are up to one late, as the runtime's do. Read from another node's work, or from
/// outside the world, it fails the run.
/// </summary>
public sealed class SimTimeProvider : TimeProvider
{
    private readonly SimNodeScheduler _scheduler;

    /// <summary>Makes the time of a process on a machine.</summary>
    public SimTimeProvider(SimWorld world, SimClock clock, SimNodeScheduler scheduler)
    {
        World = world;
        Clock = clock;
        _scheduler = scheduler;
        Label = scheduler.Name + "'s time";
        Prng = world.Prng.Fork(2);
    }

    /// <summary>The machine's clocks.</summary>
    public SimClock Clock { get; }

    /// <inheritdoc />
    public override long TimestampFrequency => 1_000_000_000;

    /// <inheritdoc />
    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    internal SimWorld World { get; }

    internal string Label { get; }

    internal Prng Prng { get; }

    /// <inheritdoc />
    public override long GetTimestamp()
    {
        AssertOwn();
        return Clock.MonoNanos;
    }

    /// <inheritdoc />
    public override DateTimeOffset GetUtcNow()
    {
        AssertOwn();
        return Clock.UtcNow;
    }

    /// <inheritdoc />
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        AssertOwn();
        var timer = new SimTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    internal void Post(Action<object?> action, SimTimer timer) => _scheduler.Post(action, timer);

    internal bool IsStopped => _scheduler.IsStopped;

    internal void AssertOwn()
    {
        World.AssertInside(Label);
        if (NodeScheduler.Running is { } running && !ReferenceEquals(running, _scheduler))
        {
            World.Fail(
                $"{Label} was used by {((running as SimNodeScheduler)?.Name) ?? "another scheduler"}: nodes share nothing but messages",
                new InvalidOperationException(Environment.StackTrace));
        }
    }
}

/// <summary>A timer with the semantics of <see cref="ITimer"/>.</summary>
internal sealed class SimTimer(SimTimeProvider time, TimerCallback callback, object? state) : ITimer
{
    private const long NeverFires = -1;
    private static readonly Action<object?> s_due = static timer => ((SimTimer)timer!).Due();
    private static readonly Action<object?> s_fire = static timer => ((SimTimer)timer!).Fire();

    private readonly ExecutionContext? _context = ExecutionContext.Capture();
    private SimEvent? _event;
    private long _dueNanos;
    private long _periodMillis = NeverFires;
    private int _posted;
    private bool _disposed;

    public long Order { get; } = time.Clock.NextTimerOrder();

    public bool Change(TimeSpan dueTime, TimeSpan period)
    {
        time.AssertOwn();
        var due = Millis(dueTime, nameof(dueTime));
        var every = Millis(period, nameof(period));
        if (_disposed)
        {
            return false;
        }

        // A period of zero means once, as the runtime has it.
        _periodMillis = every == 0 ? NeverFires : every;
        Disarm();
        if (due != NeverFires)
        {
            Arm(time.Clock.MonoNanos + (due * 1_000_000));
        }

        return true;
    }

    public void Dispose()
    {
        _disposed = true;
        Disarm();
    }

    public ValueTask DisposeAsync()
    {
        Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>Called when the clock's rate changed.</summary>
    public void Rearm()
    {
        Disarm();
        Arm(_dueNanos);
    }

    private static long Millis(TimeSpan span, string name)
    {
        var millis = (long)span.TotalMilliseconds;
        return millis is >= -1 and <= 0xFFFFFFFE ? millis : throw new ArgumentOutOfRangeException(name);
    }

    private void Arm(long dueNanos)
    {
        _dueNanos = dueNanos;
        var late = time.Prng.Between(0, 1000);
        _event = time.World.At(time.Clock.WorldMicrosAt(dueNanos) + late, time.Label, s_due, this);
        time.Clock.Track(this, true);
    }

    private void Disarm()
    {
        _event?.Cancel();
        _event = null;
        time.Clock.Track(this, false);
    }

    private void Due()
    {
        Disarm();
        if (time.IsStopped)
        {
            return;
        }

        if (_periodMillis != NeverFires)
        {
            Arm(time.Clock.MonoNanos + (_periodMillis * 1_000_000));
        }

        // A process that is paused does not pile up ticks.
        if (_posted == 0)
        {
            _posted++;
            time.Post(s_fire, this);
        }
    }

    private void Fire()
    {
        _posted--;
        if (_disposed)
        {
            return;
        }

        if (_context is null)
        {
            callback(state);
        }
        else
        {
            ExecutionContext.Run(_context, static timer => ((SimTimer)timer!).Call(), this);
        }
    }

    private void Call() => callback(state);
}
