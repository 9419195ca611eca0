using System.Diagnostics.CodeAnalysis;

namespace OrleansGeo.Engine;

/// <summary>
/// Runs callbacks at due times that need better than the millisecond of the system's timers: what a modelled network of 0.5 ms round trips
/// is made of. One background thread sleeps until the earliest; with nothing due it sleeps without end and costs nothing. Never early.
/// Equal due times run in the order given. Callbacks run on that thread: they hand over and return. All members from any thread.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "The sleeper is disposed by the thread that sleeps in it, when it ends.")]
public sealed class PreciseTimers : IDisposable
{
    private readonly Lock _gate = new();
    private readonly PriorityQueue<NodeWork, (long Due, long Order)> _pending = new();
    private readonly TimeProvider _time;
    private readonly long _ticksPerMilli;
    private readonly Action<Exception> _unhandled;
    private readonly PreciseSleeper _sleeper = PreciseSleeper.Create();
    private long _order;
    private long _sleepsUntil = long.MaxValue;
    private bool _disposed;

    /// <summary>Starts the thread. The callback takes what a due action throws.</summary>
    public PreciseTimers(TimeProvider time, Action<Exception> unhandled)
    {
        _time = time;
        _unhandled = unhandled;
        _ticksPerMilli = time.TimestampFrequency / 1000;
#pragma warning disable RS0030 // The pool's timers tick in milliseconds and its threads must not block; this one waits for the kernel.
        new Thread(Loop) { IsBackground = true, Name = "precise timers", Priority = ThreadPriority.AboveNormal }.Start();
#pragma warning restore RS0030
    }

    /// <summary>Callbacks that wait.</summary>
    public int Pending
    {
        get
        {
            lock (_gate)
            {
                return _pending.Count;
            }
        }
    }

    /// <summary>Now, in microseconds of the provider's timestamps.</summary>
    public long NowMicros => (long)((Int128)_time.GetTimestamp() * 1000 / _ticksPerMilli);

    /// <summary>
    /// Runs the action at or soon after a time, in microseconds as <see cref="NowMicros"/> counts. Dropped after disposal.
    /// </summary>
    public void At(long dueMicros, Action<object?> action, object? state)
    {
        var due = (long)((Int128)dueMicros * _ticksPerMilli / 1000);
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            _pending.Enqueue(new(action, state), (due, _order++));
            if (due < _sleepsUntil)
            {
                _sleepsUntil = due;
                _sleeper.Wake();
            }
        }
    }

    /// <summary>Drops what waits and ends the thread.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (!_disposed)
            {
                _disposed = true;
                _pending.Clear();
                _sleeper.Wake();
            }
        }
    }

    private void Loop()
    {
        _sleeper.Begin();
        while (true)
        {
            NodeWork work = default;
            long wait;
            lock (_gate)
            {
                if (_disposed)
                {
                    // Under the gate: nobody wakes a sleeper that is gone.
                    _sleeper.Dispose();
                    return;
                }

                wait = TakeDue(ref work);
            }

            if (work.Body is Action<object?> action)
            {
                Run(action, work.State);
            }
            else
            {
                _sleeper.Sleep(wait);
            }
        }
    }

    // Takes what is due; otherwise says how many nanoseconds to sleep, negative for without end.
    private long TakeDue(ref NodeWork work)
    {
        if (!_pending.TryPeek(out var first, out var at))
        {
            _sleepsUntil = long.MaxValue;
            return -1;
        }

        var left = at.Due - _time.GetTimestamp();
        if (left <= 0)
        {
            _pending.Dequeue();
            work = first;
            _sleepsUntil = long.MinValue;
            return 0;
        }

        _sleepsUntil = at.Due;
        return (long)((Int128)left * 1_000_000 / _ticksPerMilli);
    }

    private void Run(Action<object?> action, object? state)
    {
        try
        {
            action(state);
        }
        catch (Exception e)
        {
            _unhandled(e);
        }
    }
}
