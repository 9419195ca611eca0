using OrleansGeo.Primitives;

namespace OrleansGeo.Transactions;

/// <summary>A request's place in the queue of one key.</summary>
internal sealed class LatchSpot(LatchRequest request)
{
    public LatchRequest Request { get; } = request;

    public Key Key { get; set; }

    public LatchAccess Access { get; set; }

    // Null while in no queue, also for a second mention of a key, which shares the first one's place.
    public PointQueue? Queue { get; set; }

    // True once nothing earlier in this queue stands in the way. It never becomes false again: earlier ones only leave.
    public bool Passed { get; set; }

    public LatchSpot? Previous { get; set; }

    public LatchSpot? Next { get; set; }
}

/// <summary>All requests, held and waiting, for one key in the order of their arrival.</summary>
internal sealed class PointQueue
{
    private LatchSpot? _head;
    private LatchSpot? _tail;
    private int _waiting;

    public bool IsEmpty => _head is null;

    public bool HasWaiting => _waiting > 0;

    public void Enter(LatchSpot spot)
    {
        spot.Passed = false;
        if (_tail?.Request == spot.Request)
        {
            // A request never waits for itself: the key is latched once, for the stronger of the two.
            _tail.Access = spot.Access == LatchAccess.Write ? LatchAccess.Write : _tail.Access;
            spot.Queue = null;
            return;
        }

        spot.Queue = this;
        spot.Previous = _tail;
        spot.Next = null;
        _ = _tail is null ? _head = spot : _tail.Next = spot;
        _tail = spot;
    }

    /// <summary>Decides about a spot that has just entered; true when it has to wait here.</summary>
    public bool MustWait(LatchSpot spot)
    {
        var ahead = default(Ahead);
        for (var earlier = _head; earlier != spot && !ahead.BarsAll; earlier = earlier!.Next)
        {
            ahead.Add(earlier!);
        }

        spot.Passed = !ahead.Bars(spot);
        _waiting += spot.Passed ? 0 : 1;
        return !spot.Passed;
    }

    public void Leave(LatchSpot spot)
    {
        _ = spot.Previous is null ? _head = spot.Next : spot.Previous.Next = spot.Next;
        _ = spot.Next is null ? _tail = spot.Previous : spot.Next.Previous = spot.Previous;
        _waiting -= spot.Passed ? 0 : 1;
        spot.Queue = null;
        spot.Previous = null;
        spot.Next = null;
    }

    /// <summary>Passes every spot that nothing earlier bars any more, and calls back for each.</summary>
    public void Advance(LatchTable table, List<LatchRequest> granted)
    {
        var ahead = default(Ahead);
        for (var spot = _head; spot is not null && _waiting > 0 && !ahead.BarsAll; spot = spot.Next)
        {
            if (!spot.Passed && !ahead.Bars(spot))
            {
                spot.Passed = true;
                _waiting--;
                table.OneWaitLess(spot.Request, granted);
            }

            ahead.Add(spot);
        }
    }

    /// <summary>What of the queue lies before a spot, summed up so that a walk costs one step a spot.</summary>
    private struct Ahead
    {
        private bool _anyWrite;
        private bool _anyRead;
        private bool _anyNewestRead;
        private HlcTimestamp _lowestWrite;
        private HlcTimestamp _highestRead;

        /// <summary>True when nothing behind can pass: a write of unknown timestamp.</summary>
        public bool BarsAll { get; private set; }

        public void Add(LatchSpot spot)
        {
            if (spot.Access == LatchAccess.Read)
            {
                _anyRead = true;
                _anyNewestRead |= spot.Request.ReadAtOrBelow is null;
                _highestRead = HlcTimestamp.Later(_highestRead, spot.Request.ReadAtOrBelow ?? default);
                return;
            }

            BarsAll |= spot.Request.WriteTimestamp is null;
            var timestamp = spot.Request.WriteTimestamp ?? default;
            _lowestWrite = _anyWrite ? HlcTimestamp.Earlier(_lowestWrite, timestamp) : timestamp;
            _anyWrite = true;
        }

        public readonly bool Bars(LatchSpot spot)
        {
            if (BarsAll)
            {
                return true;
            }

            return spot.Access == LatchAccess.Read
                ? _anyWrite && !(spot.Request.ReadAtOrBelow is { } read && read < _lowestWrite)
                : _anyWrite || _anyNewestRead || (_anyRead && !(spot.Request.WriteTimestamp is { } write && _highestRead < write));
        }
    }
}
