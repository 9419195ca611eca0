using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// All timers of a node behind one timer of its <see cref="TimeProvider"/>. Callbacks run on the node's scheduler, never early, in the
/// order of their due times and, within one, of their scheduling.
/// </summary>
internal sealed class NodeTimers : IDisposable
{
    private readonly PriorityQueue<Action, (MonoTime Due, long Sequence)> _due = new();
    private readonly NodeClock _clock;
    private readonly ITimer _timer;
    private MonoTime _armedFor = MonoTime.Forever;
    private long _sequence;
    private bool _disposed;

    public NodeTimers(NodeClock clock, NodeScheduler scheduler)
    {
        _clock = clock;
        _timer = clock.Time.CreateTimer(
            _ => scheduler.Post(static self => ((NodeTimers)self!).Fire(), this), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Calls back once at or after the given time.</summary>
    public void At(MonoTime due, Action callback)
    {
        _due.Enqueue(callback, (due, _sequence++));
        Arm();
    }

    public void Dispose()
    {
        _disposed = true;
        _due.Clear();
        _timer.Dispose();
    }

    private void Fire()
    {
        _armedFor = MonoTime.Forever;

        // What is scheduled meanwhile waits for the next firing, so that a callback that asks to be called at once cannot hold the node.
        var last = _sequence;
        while (!_disposed && _due.TryPeek(out _, out var at) && at.Due <= _clock.Mono() && at.Sequence < last)
        {
            _due.Dequeue()();
        }

        Arm();
    }

    private void Arm()
    {
        if (_disposed || !_due.TryPeek(out _, out var at) || at.Due >= _armedFor)
        {
            return;
        }

        _armedFor = at.Due;
        var micros = Math.Max(0, at.Due.MicrosSince(_clock.Mono()));

        // Timers of the runtime count whole milliseconds; rounding up keeps them from firing early and being armed again.
        _timer.Change(TimeSpan.FromMilliseconds((micros + 999) / 1000), Timeout.InfiniteTimeSpan);
    }
}
