using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// When calls of a node are given up. Nearly every call is answered long before, so what is kept of it until then is a number: the call
/// itself and its answer would otherwise stay in memory, by the thousand, for as long as an attempt may take.
/// </summary>
internal sealed class CallTimeouts(NodeClock clock, NodeTimers timers, Func<long, bool> isOpen, Action<long> giveUp)
{
    private readonly PriorityQueue<long, (MonoTime Due, long Call)> _due = new();
    private MonoTime _armedFor = MonoTime.Forever;

    /// <summary>Gives a call up when the time comes, if it is still open then.</summary>
    public void Add(long call, long micros)
    {
        var due = clock.Mono().AddMicros(micros);
        _due.Enqueue(call, (due, call));
        Arm();
    }

    private void Arm()
    {
        if (!_due.TryPeek(out _, out var first) || first.Due >= _armedFor)
        {
            return;
        }

        _armedFor = first.Due;
        timers.At(first.Due, Fire);
    }

    // An earlier timer than the one armed for may still come; it finds nothing due.
    private void Fire()
    {
        var now = clock.Mono();
        while (_due.TryPeek(out var call, out var first) && (first.Due <= now || !isOpen(call)))
        {
            _due.Dequeue();
            if (first.Due <= now)
            {
                giveUp(call);
            }
        }

        if (now >= _armedFor)
        {
            _armedFor = MonoTime.Forever;
        }

        Arm();
    }
}
