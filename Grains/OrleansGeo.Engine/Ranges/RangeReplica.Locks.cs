using System.Collections.Immutable;
using OrleansGeo.Primitives;
using OrleansGeo.Transactions;

namespace OrleansGeo.Engine;

// Requests that meet intents of others. They give their latches back and wait in line for the key; when its intent is resolved the first in
// line goes on, and once it knows what it does to the key, the next. A key with a line has an intent, or somebody on the way from the line
// through the latches: so every line moves.
//
// A line may be longer than its members' callers wait for one answer. A copy of a request that stands in line takes its place there, and
// one whose caller has just given up keeps it for a while: so asking again costs nobody the place.
//
// Whoever waits has the transaction looked after: what is decided is resolved here, what its coordinator left behind is finished, and what
// began later than one that waits for it gives way (wound-wait on the first timestamps): so no ring of transactions waits for itself.
internal sealed partial class RangeReplica
{
    /// <summary>Test builds only: what began later does not give way to what began earlier.</summary>
    public const string BugNobodyGivesWay = "transactions.nobody-gives-way";

    private const long PatienceMs = 20;
    private const long PatienceMsMax = 320;
    private const long WatchTimeoutMs = 3_000;

    // A coordinator that lives finishes what it began, however long it stands in line elsewhere. One that cannot, because it is cut off
    // from a range that others reach, is not waited for longer than this.
    private const long LongestLockMs = 10_000;
    private const long AbandonedMs = 1_000;

    // A ring of transactions costs its members this long. Giving way sooner costs those who only stand in line, with no ring at all.
    private const long WoundAfterMs = 150;
    private const long PlaceKeptMs = 2_000;

    private readonly LockQueues<LatchedRequest> _locks;
    private readonly Dictionary<Key, LatchedRequest> _inLine = [];
    private readonly HashSet<TransactionId> _watched = [];
    private readonly Queue<Key> _toLetGo = new();
    private bool _lettingGo;
    private bool _letsAllGo;
    private long _arrivals;

    /// <summary>After a turn: storage shows what was applied, so whoever waited for it may look.</summary>
    public void ServeAfterTurn()
    {
        if (_letsAllGo)
        {
            _letsAllGo = false;
            LetAllGo();
        }

        LetGo();
        ServeParked();
    }

    // The first key that another transaction holds, or for which somebody waits who came before.
    private Key? LockAgainst(
        LatchedRequest request, ImmutableArray<KeyWrite> writes, ImmutableArray<KeyCheck> checks, TransactionId? self)
    {
        if (_intents.Count == 0 && _locks.Waiting == 0)
        {
            return null;
        }

        foreach (var write in writes)
        {
            // Who holds the key already asks again, and stands behind nobody who waits for it.
            if (_intents.TryGet(write.Key, out var intent) ? intent.By.Id != self : _locks.IsBehind(write.Key, request.Place))
            {
                return write.Key;
            }
        }

        foreach (var check in checks)
        {
            if (_intents.TryGet(check.Key, out var intent) && intent.By.Id != self)
            {
                return check.Key;
            }
        }

        return null;
    }

    private void PlaceInLine(LatchedRequest request)
    {
        if (request.Place.Arrival == 0)
        {
            var since = request is PendingLay lay ? lay.Lay.Transaction.Priority : _node.Clock.Peek();
            request.Place = new(since, ++_arrivals);
        }
    }

    private void AwaitLock(LatchedRequest request, Key key)
    {
        _intents.TryGet(key, out var intent);

        // Coming back to the line of a key that is locked anew lets nobody else go: they would only do the same.
        if (request.LetGoFor == key && intent is not null)
        {
            request.LetGoFor = null;
        }

        if (!_locks.TryWait(key, request.Place, request))
        {
            Finish(request, new RangeOutcome.Overloaded("requests waiting for locks of the range"));
            return;
        }

        if (request.Identity is { } identity)
        {
            _inLine[identity] = request;
        }

        Release(request);
        _node.Stir(this);
        if (intent is not null)
        {
            Watch(intent.By);
        }
    }

    // True when a copy of the request stands in line, and answers this caller in its turn.
    private bool TakesPlace(Caller caller, LatchedRequest request)
    {
        if (_inLine.Count == 0 || request.Identity is not { } identity || !_inLine.TryGetValue(identity, out var waiting))
        {
            return false;
        }

        waiting.Caller = caller;
        return true;
    }

    private void LeaveLine(LatchedRequest request)
    {
        if (request.Identity is { } identity && _inLine.TryGetValue(identity, out var waiting) && waiting == request)
        {
            _inLine.Remove(identity);
        }
    }

    private bool HasGivenUp(LatchedRequest request)
    {
        var kept = request.Identity is null ? 0 : PlaceKeptMs * 1_000;
        return request.Caller.Deadline.AddMicros(kept) < _node.Clock.Mono();
    }

    /// <summary>Once a request that waited knows what it does, the next in line finds its latches taken or free, and its turn
    /// come.</summary>
    private void LetNextGo(LatchedRequest request)
    {
        if (request.LetGoFor is { } key)
        {
            request.LetGoFor = null;
            _toLetGo.Enqueue(key);
            LetGo();
        }
    }

    // One loop however many go, and none of them nests.
    private void LetGo()
    {
        if (_lettingGo)
        {
            return;
        }

        _lettingGo = true;
        while (_toLetGo.TryDequeue(out var key))
        {
            while (_locks.TryTake(key, out var request))
            {
                LeaveLine(request);
                if (!HasGivenUp(request))
                {
                    request.LetGoFor = key;
                    Acquire(request);
                    break;
                }

                _node.Reply(request.Caller, new RangeOutcome.Expired(false));
            }
        }

        _lettingGo = false;
    }

    private void LetAllGo()
    {
        _inLine.Clear();
        foreach (var request in _locks.TakeAll())
        {
            Acquire(request);
        }
    }

    private void DropExpiredWaiters()
    {
        foreach (var request in _locks.TakeWhere(HasGivenUp))
        {
            LeaveLine(request);
            _node.Reply(request.Caller, new RangeOutcome.Expired(false));
        }
    }

    private void Watch(TransactionTag tag)
    {
        if (_watched.Add(tag.Id))
        {
            _ = WatchAsync(tag);
        }
    }

    // Ends when the transaction holds nothing here any more, or another replica leads.
    private async Task WatchAsync(TransactionTag tag)
    {
        var began = _node.Clock.Mono();
        var patienceMs = PatienceMs;
        try
        {
            while (true)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(patienceMs + _node.Prng.Below(patienceMs)), _node.Time);
                if (_stopped || _node.IsStopped || _leadingTerm == default || _intents.Of(tag.Id).Count == 0)
                {
                    return;
                }

                var waitedMs = _node.Clock.Mono().MicrosSince(began) / 1_000;
                var mustEnd = !_node.IsLive(tag.Coordinator) || waitedMs > LongestLockMs || (waitedMs > WoundAfterMs && IsWounded(tag));
                var record = await _node.Recovery.DecideAsync(tag, mustEnd, TimeSpan.FromMilliseconds(WatchTimeoutMs));
                if (record is { Status: TransactionStatus.Committed or TransactionStatus.Aborted })
                {
                    ResolveHere(record);
                }

                patienceMs = Math.Min(PatienceMsMax, patienceMs * 2);
            }
        }
        finally
        {
            _watched.Remove(tag.Id);
        }
    }

    private bool IsWounded(TransactionTag held)
    {
        foreach (var key in _intents.Of(held.Id))
        {
            foreach (var request in _locks.For(key))
            {
                if (request is PendingLay lay && lay.Lay.Transaction.GoesBefore(held) && !PlantedBug.Is(BugNobodyGivesWay))
                {
                    return true;
                }
            }
        }

        return false;
    }

    private void ResolveHere(TransactionRecord record)
    {
        if (!_stopped && _intents.Of(record.Tag.Id).Count > 0)
        {
            var (keys, commit) = (_intents.Of(record.Tag.Id), TransactionRecovery.CommitOf(record));
            var resolve = TransactionRecovery.Resolving(record.Tag.Id, [.. keys], commit);
            _ = _node.CallAsync(_node.Id, Id, resolve, TimeSpan.FromMilliseconds(WatchTimeoutMs), CancellationToken.None);
        }
    }

    // Intents that hold back what followers may serve, and for which nobody waits.
    private void WatchAbandoned()
    {
        var longAgo = _node.Clock.Peek().AddMillis(-LongestLockMs);
        foreach (var intent in _intents.LockedBefore(_node.Clock.Peek().AddMillis(-AbandonedMs)))
        {
            if (intent.Timestamp < longAgo || !_node.IsLive(intent.By.Coordinator))
            {
                Watch(intent.By);
            }
        }
    }
}
