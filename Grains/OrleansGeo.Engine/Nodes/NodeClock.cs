using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>A node's three clocks, all read through the one <see cref="TimeProvider"/> it was given: monotonic, wall, and hybrid.</summary>
internal sealed class NodeClock(TimeProvider time, HlcTimestamp floor)
{
    private readonly HlcClock _hlc = new(floor);
    private readonly double _ticksToMicros = 1e6 / time.TimestampFrequency;
    private readonly long _origin = time.GetTimestamp();

    public TimeProvider Time => time;

    /// <summary>Microseconds since this clock was made.</summary>
    public MonoTime Mono() => new((long)((time.GetTimestamp() - _origin) * _ticksToMicros));

    /// <summary>A reading above every earlier one.</summary>
    public HlcTimestamp Now() => _hlc.Now(WallMillis(), Mono());

    /// <summary>Where the clock stands.</summary>
    public HlcTimestamp Peek() => _hlc.Peek(WallMillis(), Mono());

    /// <summary>Wall time as this node knows it, which readings may run ahead of.</summary>
    public long PhysicalMillis() => _hlc.PhysicalMillis(WallMillis(), Mono());

    public bool TryObserve(HlcTimestamp remote) => remote <= _hlc.Last || _hlc.TryObserve(remote, WallMillis(), Mono());

    public void Raise(HlcTimestamp limit) => _hlc.Raise(limit);

    private long WallMillis() => time.GetUtcNow().ToUnixTimeMilliseconds();
}
