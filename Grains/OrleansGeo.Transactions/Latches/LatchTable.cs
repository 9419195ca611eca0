using System.Runtime.InteropServices;
using OrleansGeo.Primitives;

namespace OrleansGeo.Transactions;

/// <summary>
/// The latches of one range at its leaseholder: in memory, for as long as one evaluation and its proposal take.
/// <para>
/// Order is arrival order. A request waits for every earlier request it conflicts with, held or waiting, and for nothing else; so nobody is
/// overtaken by a conflicting request, and since all of a request's keys take their places at once there is no deadlock.
/// </para>
/// <para>
/// Keys are the hot path: each key in use has its queue, found by one look-up, whatever else is latched. Spans are compared with the
/// requests that are active, of which there are at most those held plus the waiting bound.
/// </para>
/// </summary>
public sealed class LatchTable(int waitingMax)
{
    private const int PooledQueuesMax = 1024;

    private readonly Dictionary<Key, PointQueue> _points = [];
    private readonly Stack<PointQueue> _pool = [];
    private readonly List<LatchRequest> _withSpans = [];
    private LatchRequest? _first;
    private LatchRequest? _last;
    private long _sequence;

    /// <summary>Requests that wait.</summary>
    public int Waiting { get; private set; }

    /// <summary>Requests that wait or are held.</summary>
    public int Active { get; private set; }

    /// <summary>
    /// Asks for latches. A request for the whole range is queued even beyond the bound: it is what takes load off a range, and there is
    /// one at a time.
    /// </summary>
    public LatchOutcome Acquire(LatchRequest request)
    {
        Invariant.Holds(request.State == LatchState.Idle);
        request.Sequence = ++_sequence;
        request.Waits = 0;
        EnterPoints(request);
        WaitForSpans(request);
        Append(request);
        if (request.Waits == 0)
        {
            request.State = LatchState.Held;
            return LatchOutcome.Granted;
        }

        request.State = LatchState.Waiting;
        Waiting++;
        if (Waiting > waitingMax && !request.IsWholeRange)
        {
            Remove(request, []);
            return LatchOutcome.Overloaded;
        }

        return LatchOutcome.Queued;
    }

    /// <summary>Gives latches back and adds the requests that hold theirs from now on, in the order of their arrival.</summary>
    public void Release(LatchRequest request, List<LatchRequest> granted)
    {
        Invariant.Holds(request.State == LatchState.Held);
        RemoveAndGrant(request, granted);
    }

    /// <summary>
    /// Withdraws a waiting request and adds the requests that hold their latches from now on, in the order of their arrival.
    /// </summary>
    public void Cancel(LatchRequest request, List<LatchRequest> granted)
    {
        Invariant.Holds(request.State == LatchState.Waiting);
        RemoveAndGrant(request, granted);
    }

    /// <summary>
    /// Withdraws every waiting request, granting none, and adds them in the order of their arrival: for a leader that steps down.
    /// </summary>
    public void CancelWaiting(List<LatchRequest> cancelled)
    {
        var from = cancelled.Count;
        var none = new List<LatchRequest>();
        for (var request = _last; request is not null;)
        {
            // From the newest on, because a withdrawal frees only later requests.
            var earlier = request.Previous;
            if (request.State == LatchState.Waiting)
            {
                Remove(request, none);
                cancelled.Add(request);
            }

            request = earlier;
        }

        Invariant.Holds(none.Count == 0);
        cancelled.Reverse(from, cancelled.Count - from);
    }

    /// <summary>
    /// Makes the timestamp of a held request's writes known, or raises it, and adds the reads below it that hold their latches from now on.
    /// </summary>
    public void Assign(LatchRequest request, HlcTimestamp timestamp, List<LatchRequest> granted)
    {
        Invariant.Holds(request.State == LatchState.Held);
        Invariant.Holds(request.WriteTimestamp is not { } known || timestamp >= known);
        request.WriteTimestamp = timestamp;
        var from = granted.Count;
        foreach (var spot in request.Points)
        {
            if (spot.Queue is { HasWaiting: true } queue)
            {
                queue.Advance(this, granted);
            }
        }

        for (var i = request.Dependents.Count - 1; i >= 0; i--)
        {
            var dependent = request.Dependents[i];
            if (!request.ConflictsThroughSpans(dependent))
            {
                request.Dependents.RemoveAt(i);
                dependent.Blockers.Remove(request);
                OneWaitLess(dependent, granted);
            }
        }

        SortByArrival(granted, from);
    }

    internal void OneWaitLess(LatchRequest request, List<LatchRequest> granted)
    {
        request.Waits--;
        if (request.Waits == 0)
        {
            Waiting--;
            request.State = LatchState.Held;
            granted.Add(request);
        }
    }

    private static void SortByArrival(List<LatchRequest> granted, int from)
    {
        if (granted.Count - from > 1)
        {
            CollectionsMarshal.AsSpan(granted)[from..].Sort(static (a, b) => a.Sequence.CompareTo(b.Sequence));
        }
    }

    private void EnterPoints(LatchRequest request)
    {
        foreach (var spot in request.Points)
        {
            ref var queue = ref CollectionsMarshal.GetValueRefOrAddDefault(_points, spot.Key, out _);
            queue ??= _pool.TryPop(out var pooled) ? pooled : new();
            queue.Enter(spot);
        }

        // Only now, because a second mention of a key may have made the first one stronger.
        foreach (var spot in request.Points)
        {
            if (spot.Queue is { } queue && queue.MustWait(spot))
            {
                request.Waits++;
            }
        }
    }

    private void WaitForSpans(LatchRequest request)
    {
        if (request.HasSpans)
        {
            for (var earlier = _first; earlier is not null; earlier = earlier.Next)
            {
                WaitForSpans(request, earlier);
            }
        }
        else
        {
            foreach (var earlier in _withSpans)
            {
                WaitForSpans(request, earlier);
            }
        }
    }

    private static void WaitForSpans(LatchRequest request, LatchRequest earlier)
    {
        if (request.ConflictsThroughSpans(earlier))
        {
            request.Waits++;
            request.Blockers.Add(earlier);
            earlier.Dependents.Add(request);
        }
    }

    private void Append(LatchRequest request)
    {
        request.Previous = _last;
        request.Next = null;
        _ = _last is null ? _first = request : _last.Next = request;
        _last = request;
        Active++;
        if (request.HasSpans)
        {
            _withSpans.Add(request);
        }
    }

    private void RemoveAndGrant(LatchRequest request, List<LatchRequest> granted)
    {
        var from = granted.Count;
        Remove(request, granted);
        SortByArrival(granted, from);
    }

    private void Remove(LatchRequest request, List<LatchRequest> granted)
    {
        Unlink(request);
        foreach (var spot in request.Points)
        {
            if (spot.Queue is not { } queue)
            {
                continue;
            }

            queue.Leave(spot);
            if (queue.IsEmpty)
            {
                _points.Remove(spot.Key);
                if (_pool.Count < PooledQueuesMax)
                {
                    _pool.Push(queue);
                }
            }
            else if (queue.HasWaiting)
            {
                queue.Advance(this, granted);
            }
        }

        foreach (var dependent in request.Dependents)
        {
            dependent.Blockers.Remove(request);
            OneWaitLess(dependent, granted);
        }

        foreach (var blocker in request.Blockers)
        {
            blocker.Dependents.Remove(request);
        }

        request.Dependents.Clear();
        request.Blockers.Clear();
    }

    private void Unlink(LatchRequest request)
    {
        _ = request.Previous is null ? _first = request.Next : request.Previous.Next = request.Next;
        _ = request.Next is null ? _last = request.Previous : request.Next.Previous = request.Previous;
        request.Previous = null;
        request.Next = null;
        Active--;
        if (request.HasSpans)
        {
            _withSpans.Remove(request);
        }

        if (request.State == LatchState.Waiting)
        {
            Waiting--;
        }

        request.State = LatchState.Idle;
    }
}
