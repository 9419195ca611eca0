namespace OrleansGeo.Primitives;

/// <summary>
/// A node's hybrid logical clock. Readings only go up. They follow the wall clock when it is ahead, and the node's own monotonic clock
/// when the wall clock stands still or jumps back, so a reading never advances slower than elapsed time.
/// Safety rests on nothing here but monotonicity; the wall clock decides how fresh a stale read can be, and nothing else.
/// </summary>
public sealed class HlcClock(HlcTimestamp floor, long maxAheadMillis = HlcClock.DefaultMaxAheadMillis)
{
    /// <summary>How far ahead of this node a remote timestamp may be before it is refused: 10 minutes.</summary>
    public const long DefaultMaxAheadMillis = 600_000;

    private HlcTimestamp _last = floor;
    private MonoTime _anchor = MonoTime.Never;
    private long _anchorWallMillis;

    /// <summary>The largest reading given or observed so far.</summary>
    public HlcTimestamp Last => _last;

    /// <summary>A reading above every earlier one, given the node's own wall and monotonic clocks.</summary>
    public HlcTimestamp Now(long wallMillis, MonoTime now)
    {
        Invariant.Holds(_last < HlcTimestamp.Max);
        var physical = HlcTimestamp.FromMillis(Physical(wallMillis, now));
        _last = physical > _last ? physical : _last.Next;
        return _last;
    }

    /// <summary>
    /// Wall time as this node knows it: never back, and without what other nodes and bounds pushed the readings ahead by.
    /// </summary>
    public long PhysicalMillis(long wallMillis, MonoTime now) => Physical(wallMillis, now);

    /// <summary>Where the clock stands, without giving out a reading.</summary>
    public HlcTimestamp Peek(long wallMillis, MonoTime now) =>
        HlcTimestamp.Later(HlcTimestamp.FromMillis(Physical(wallMillis, now)), _last);

    /// <summary>
    /// Takes note of a timestamp from another node, so that later readings are above it. False, and nothing is noted, when it is more than
    /// the allowed distance ahead of this node.
    /// </summary>
    public bool TryObserve(HlcTimestamp remote, long wallMillis, MonoTime now)
    {
        if (remote.WallMillis > Peek(wallMillis, now).WallMillis + maxAheadMillis)
        {
            return false;
        }

        _last = HlcTimestamp.Later(_last, remote);
        return true;
    }

    /// <summary>Raises the clock unconditionally: for limits this node itself made durable, and for its own log.</summary>
    public void Raise(HlcTimestamp limit) => _last = HlcTimestamp.Later(_last, limit);

    // The anchor is the highest (wall, mono) pair seen: the wall clock going back or standing still leaves the anchor, and time runs on
    // from it. Only a wall clock that is truly ahead moves it: moving it at a tie would drop the microseconds since the anchor, and a clock
    // that is asked often would never advance.
    private long Physical(long wallMillis, MonoTime now)
    {
        var carried = _anchor == MonoTime.Never ? long.MinValue : _anchorWallMillis + (now.MicrosSince(_anchor) / 1000);
        if (wallMillis > carried)
        {
            _anchor = now;
            _anchorWallMillis = wallMillis;
            return wallMillis;
        }

        return carried;
    }
}
