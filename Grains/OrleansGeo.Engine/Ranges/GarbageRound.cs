using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// What is known of one kind of garbage in a replica, in memory: whether there may be some, how much the round that is under way has found,
/// and when the next begins.
/// </summary>
internal sealed class GarbageRound
{
    private const int DoublingsMax = 6;

    // Where less than one in so many was garbage, the next round comes twice as late.
    private const int WorthwhileShare = 4;

    // Zero: not known.
    private HlcTimestamp _first = HlcTimestamp.Zero;
    private HlcTimestamp _firstMeanwhile = HlcTimestamp.Max;
    private MonoTime _notBefore = MonoTime.Never;
    private MonoTime _notAtAllBefore = MonoTime.Never;
    private long _looked;
    private long _found;
    private long _left;
    private long _added;
    private int _doublings;

    public bool IsRunning { get; private set; }

    /// <summary>The newest that the round has seen.</summary>
    public HlcTimestamp Newest { get; private set; }

    /// <summary>True when there may be something from a time or before, and its turn has come.</summary>
    public bool IsDue(HlcTimestamp upTo, MonoTime now) =>
        _first <= upTo && (now >= _notBefore || (_added > _left && now >= _notAtAllBefore));

    /// <summary>Something of a time was added.</summary>
    public void Note(HlcTimestamp at)
    {
        Keep(at);
        _added++;
    }

    /// <summary>Something of a time is there and stays.</summary>
    public void Keep(HlcTimestamp at)
    {
        _first = HlcTimestamp.Earlier(_first, at);
        _firstMeanwhile = HlcTimestamp.Earlier(_firstMeanwhile, at);
    }

    public void Begin()
    {
        (IsRunning, _firstMeanwhile, Newest) = (true, HlcTimestamp.Max, HlcTimestamp.Zero);
        (_looked, _found, _added) = (0, 0, 0);
    }

    public void Count(int looked, int found, HlcTimestamp newest)
    {
        (_looked, _found) = (_looked + looked, _found + found);
        Newest = HlcTimestamp.Later(Newest, newest);
    }

    /// <summary>The round has seen everything.</summary>
    /// <param name="left">A time that is not later than the first of what was there from its beginning and stays.</param>
    /// <param name="now">When it ended.</param>
    /// <param name="intervalMicros">How soon the next may begin when this one was worth its while.</param>
    public void End(HlcTimestamp left, MonoTime now, long intervalMicros)
    {
        IsRunning = false;
        _first = HlcTimestamp.Earlier(left, _firstMeanwhile);
        _doublings = _found * WorthwhileShare >= _looked ? 0 : Math.Min(DoublingsMax, _doublings + 1);
        _left = _looked - _found;
        _notBefore = now.AddMicros(intervalMicros << _doublings);
        _notAtAllBefore = now.AddMicros(intervalMicros);
    }

    /// <summary>The round ends without a result.</summary>
    public void Abandon() => IsRunning = false;

    public void PutOff(MonoTime until) => _notBefore = _notAtAllBefore = until;

    /// <summary>What is there is not known any more.</summary>
    public void Forget()
    {
        IsRunning = false;
        _first = HlcTimestamp.Zero;
    }
}
