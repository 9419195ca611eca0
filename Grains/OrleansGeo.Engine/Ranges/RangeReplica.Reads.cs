using System.Collections.Immutable;
using OrleansGeo.Primitives;
using OrleansGeo.Transactions;

namespace OrleansGeo.Engine;

// Reads. Strong ones at the leaseholder, at a timestamp it chooses; others at a given timestamp on any replica that is resolved that far.
//
// A strong read of one key never waits for a write of that key: the newest applied version is the newest acknowledged one, and reading at
// just below the undecided write's timestamp makes what is answered true in every later look at that timestamp. A read of several keys
// takes one timestamp for all, so it waits for undecided writes on them.
internal sealed partial class RangeReplica
{
    private readonly List<MvccRow> _rows = [];
    private HlcTimestamp _resolved;

    private void HandleGet(Caller caller, RangeOperation.Get get)
    {
        if (get.At is { } at && TryServeLocally(caller, get, at, get.LocalOnly))
        {
            return;
        }

        if (MustGoElsewhere(caller, get))
        {
            return;
        }

        if (get.At is null && get.Keys.Length == 1)
        {
            ReadOne(caller, get);
            return;
        }

        var pending = new PendingRead(caller, get);
        foreach (var key in get.Keys)
        {
            pending.Latch.Add(key, LatchAccess.Read);
        }

        pending.Latch.ReadAtOrBelow = get.At;
        Acquire(pending);
    }

    private void HandleScan(Caller caller, RangeOperation.Scan scan)
    {
        if (scan.At is { } at && TryServeLocally(caller, scan, at, scan.LocalOnly))
        {
            return;
        }

        if (MustGoElsewhere(caller, scan))
        {
            return;
        }

        var pending = new PendingRead(caller, scan);
        pending.Latch.Add(scan.Span, LatchAccess.Read);
        pending.Latch.ReadAtOrBelow = scan.At;
        Acquire(pending);
    }

    private void ReadOne(Caller caller, RangeOperation.Get get)
    {
        var key = get.Keys[0];
        if (!Descriptor!.Span.Contains(key))
        {
            _node.Reply(caller, _node.MovedFrom(this, key));
            return;
        }

        var at = _node.Clock.Now();
        if (_inFlight.TryGetValue(key, out var undecided))
        {
            at = HlcTimestamp.Earlier(at, undecided.Previous);
        }

        if (at > _core.Bound)
        {
            Park(caller, get, at);
            return;
        }

        if (_intents.Count > 0 && FirstLock(get, at) is { } intent)
        {
            var pending = new PendingRead(caller, get);
            PlaceInLine(pending);
            pending.Latch.Add(key, LatchAccess.Read);
            AwaitLock(pending, intent.Key);
            return;
        }

        RangeOutcome outcome = IsTooOld(at)
            ? new RangeOutcome.TooOld(_threshold)
            : new RangeOutcome.Found([Find(key, at)], at, true, _node.Id);
        _reads.Record(key, at);
        _node.Reply(
            caller,
            _core.MayServe(_node.Clock.Mono()) ? outcome : NotLeaseholder(false));
    }

    public void Evaluate(PendingRead pending)
    {
        if (!_core.MayServe(_node.Clock.Mono()))
        {
            Finish(pending, NotLeaseholder(false));
            return;
        }

        if (OutOfRange(pending.Operation) is { } moved)
        {
            Finish(pending, moved);
            return;
        }

        var given = pending.Operation switch
        {
            RangeOperation.Get get => get.At,
            RangeOperation.Scan scan => scan.At,
            RangeOperation.Look look => TimeOf(look),
            RangeOperation.LookOver look => TimeOf(look),
            RangeOperation.Refresh refresh => refresh.To,
            RangeOperation.FindIntents find => find.At,
            _ => null,
        };
        var at = given ?? _node.Clock.Now();
        if (_intents.Count > 0 && FirstLock(pending.Operation, at) is { } intent)
        {
            AwaitLock(pending, intent.Key);
        }
        else if (at > _core.Bound)
        {
            Release(pending);
            Park(pending.Caller, pending.Operation, at);
        }
        else
        {
            var isRead = pending.Operation is not (RangeOperation.Refresh or RangeOperation.FindIntents);
            FinishIfLeased(
                pending, isRead && IsTooOld(at) ? new RangeOutcome.TooOld(_threshold) : Read(pending.Operation, at, given is null, true));
        }
    }

    // A leader reads only as far as a quorum has reserved; after a jump of its clock that takes a round of heartbeats.
    private void Park(Caller caller, RangeOperation operation, HlcTimestamp at)
    {
        if (_parked.Count < _node.Options.ParkedMax)
        {
            _parked.Add((caller, operation));
            _node.AwaitBound(this, at);
        }
        else
        {
            _node.Reply(caller, new RangeOutcome.Overloaded("requests waiting for the bound"));
        }
    }

    private bool TryServeLocally(Caller caller, RangeOperation operation, HlcTimestamp at, bool localOnly)
    {
        if (Descriptor is null)
        {
            _node.Reply(caller, new RangeOutcome.NoReplica());
            return true;
        }

        if (IsTooOld(at))
        {
            _node.Reply(caller, new RangeOutcome.TooOld(_threshold));
            return true;
        }

        var (resolved, _) = Resolved();
        if (at <= resolved && (_intents.Count == 0 || FirstLock(operation, at) is null))
        {
            _node.Reply(caller, OutOfRange(operation) ?? Read(operation, at, false, false));
            return true;
        }

        if (localOnly)
        {
            _node.Reply(caller, new RangeOutcome.TooFresh(BelowIntents(resolved)));
            return true;
        }

        return false;
    }

    private RangeOutcome Read(RangeOperation operation, HlcTimestamp at, bool strong, bool record)
    {
        switch (operation)
        {
            case RangeOperation.Get get:
                var values = ImmutableArray.CreateBuilder<FoundValue>(get.Keys.Length);
                foreach (var key in get.Keys)
                {
                    values.Add(Find(key, at));
                    Record(record, KeySpan.Of(key), at);
                }

                return new RangeOutcome.Found(values.MoveToImmutable(), at, strong, _core.Leader);
            case RangeOperation.Scan scan:
                return Scan(scan, at, strong, record);
            case RangeOperation.Look look:
                return new RangeOutcome.Looked([.. look.Keys.Select(key => Look(key, at))], null, at, Descriptor!.Span);
            case RangeOperation.LookOver look:
                return LookOver(look, at);
            case RangeOperation.Refresh refresh:
                return HoldsAt(refresh);
            case RangeOperation.FindIntents find:
                return new RangeOutcome.Holding(HasIntents(find));
            default:
                Invariant.Fail($"{operation.GetType().Name} is not a read");
                return null;
        }
    }

    private void HandleTransactionRead(Caller caller, RangeOperation operation)
    {
        if (MustGoElsewhere(caller, operation))
        {
            return;
        }

        var pending = new PendingRead(caller, operation);
        foreach (var key in KeysOf(operation))
        {
            pending.Latch.Add(key, LatchAccess.Read);
        }

        foreach (var span in SpansOf(operation))
        {
            pending.Latch.Add(span, LatchAccess.Read);
        }

        Acquire(pending);
    }

    private static ImmutableArray<KeySpan> SpansOf(RangeOperation operation) => operation switch
    {
        RangeOperation.LookOver look => [look.Span],
        RangeOperation.Refresh refresh => refresh.Spans,
        _ => [],
    };

    private static ImmutableArray<Key> KeysOf(RangeOperation operation) => operation switch
    {
        RangeOperation.Get get => get.Keys,
        RangeOperation.Look look => look.Keys,
        RangeOperation.Refresh refresh => refresh.Keys,
        RangeOperation.FindIntents find => find.Keys,
        _ => [],
    };

    private RangeOutcome.Moved? OutOfRange(RangeOperation operation)
    {
        foreach (var key in KeysOf(operation))
        {
            if (!Descriptor!.Span.Contains(key))
            {
                return _node.MovedFrom(this, key);
            }
        }

        // What is refreshed was parted by ranges; a scan says itself where it goes on.
        if (operation is RangeOperation.Refresh refresh)
        {
            foreach (var span in refresh.Spans)
            {
                if (span.Intersect(Descriptor!.Span) != span)
                {
                    return _node.MovedFrom(this, Descriptor.Span.Contains(span.Start) ? Descriptor.Span.End : span.Start);
                }
            }
        }

        return null;
    }

    // The intent that a read at a timestamp has to wait for. Who looks at what is newest minds every intent. Who looks for intents minds
    // none, because it may be there to decide about them. Who refreshes waits for none either: it may hold intents itself, that the other
    // refreshes, and the two would wait for each other.
    private Intent? FirstLock(RangeOperation operation, HlcTimestamp at)
    {
        if (operation is RangeOperation.FindIntents or RangeOperation.Refresh || PlantedBug.Is(BugReadsIgnoreIntents))
        {
            return null;
        }

        if (operation is RangeOperation.Scan scan)
        {
            return _intents.FirstLocked(scan.Span, at);
        }

        if (operation is RangeOperation.LookOver over)
        {
            return _intents.FirstLocked(over.Span, HlcTimestamp.Later(over.UpTo, at));
        }

        var upTo = operation is RangeOperation.Look look ? HlcTimestamp.Later(look.UpTo, at) : at;
        foreach (var key in KeysOf(operation))
        {
            if (_intents.TryGet(key, out var intent) && intent.Timestamp <= upTo)
            {
                return intent;
            }
        }

        return null;
    }

    private HlcTimestamp TimeOf(RangeOperation.Look look)
    {
        var at = look.AtLeast;
        foreach (var key in look.Keys)
        {
            at = HlcTimestamp.Later(
                at, _node.Mvcc.TryGet(_node.Storage, key, look.UpTo, out var newest) ? newest.Timestamp : HlcTimestamp.Zero);
        }

        return at;
    }

    // A later version of a row that is answered, or would be, moves the whole look to now: this node's clock is past all that it applied.
    private HlcTimestamp TimeOf(RangeOperation.LookOver look)
    {
        _rows.Clear();
        var limits = new MvccScanLimits(look.RowsMax, look.BytesMax);
        var span = look.Span.Intersect(Descriptor!.Span);
        var read = _node.Mvcc.Scan(_node.Storage, span, look.AtLeast, limits, look.Descending, _rows).Read;
        return _node.Mvcc.HasVersion(_node.Storage, read, look.AtLeast, look.UpTo)
            ? HlcTimestamp.Earlier(_node.Clock.Now(), look.UpTo)
            : look.AtLeast;
    }

    private RangeOutcome LookOver(RangeOperation.LookOver look, HlcTimestamp at)
    {
        var scan = new RangeOperation.Scan(look.Span, at, look.Descending, look.RowsMax, look.BytesMax);
        return Scan(scan, at, strong: true, record: true) is RangeOutcome.Scanned scanned
            ? new RangeOutcome.Looked(scanned.Rows, scanned.Resume, at, Descriptor!.Span)
            : _node.MovedFrom(this, look.Descending ? look.Span.End : look.Span.Start);
    }

    private FoundValue Look(Key key, HlcTimestamp at)
    {
        _reads.Record(key, at);
        return Find(key, at);
    }

    private RangeOutcome.Holding HoldsAt(RangeOperation.Refresh refresh)
    {
        if (PlantedBug.Is(BugNoRefresh))
        {
            return new(true);
        }

        // What came after it, and made it untrue, may have been collected.
        if (IsTooOld(refresh.From))
        {
            return new(false);
        }

        var upTo = refresh.IsNewest ? HlcTimestamp.Max : refresh.To;
        var isLocked = false;
        foreach (var key in refresh.Keys)
        {
            if (_node.Mvcc.HasVersion(_node.Storage, KeySpan.Of(key), refresh.From, upTo))
            {
                return new(false);
            }

            isLocked |= _intents.TryGet(key, out var intent) && IsInTheWay(intent);
        }

        foreach (var span in PlantedBug.Is(BugNoSpans) ? [] : refresh.Spans)
        {
            if (_node.Mvcc.HasVersion(_node.Storage, span, refresh.From, upTo))
            {
                return new(false);
            }

            isLocked |= _intents.In(span).Any(IsInTheWay);
        }

        if (isLocked)
        {
            return new(false, MayYet: true);
        }

        foreach (var span in refresh.Spans)
        {
            _reads.Record(span, refresh.To);
        }

        foreach (var key in refresh.Keys)
        {
            _reads.Record(key, refresh.To);
        }

        return new(true);

        // What the transaction itself is about to write changes nothing of what it has read.
        bool IsInTheWay(Intent intent) => intent.By.Id != refresh.By && intent.Timestamp <= upTo;
    }

    // Where an intent is missing, what was asked about stays true: a read at the timestamp stays behind, and an intent that comes later
    // lies above it.
    private bool HasIntents(RangeOperation.FindIntents find)
    {
        var all = true;
        foreach (var key in find.Keys)
        {
            if (_intents.TryGet(key, out var intent) && intent.By.Id == find.Id && intent.Timestamp <= find.At)
            {
                continue;
            }

            all = false;
            if (!PlantedBug.Is(BugNoFence))
            {
                _reads.Record(key, find.At);
            }
        }

        return all;
    }

    private RangeOutcome Scan(RangeOperation.Scan scan, HlcTimestamp at, bool strong, bool record)
    {
        var span = scan.Span.Intersect(Descriptor!.Span);
        if (span.IsEmpty || (scan.Descending ? scan.Span.End > Descriptor.Span.End : scan.Span.Start < Descriptor.Span.Start))
        {
            return _node.MovedFrom(this, scan.Descending ? scan.Span.End : scan.Span.Start);
        }

        _rows.Clear();
        var end = _node.Mvcc.Scan(_node.Storage, span, at, new(scan.RowsMax, scan.BytesMax), scan.Descending, _rows);
        Record(record, end.Read, at);
        var rows = ImmutableArray.CreateBuilder<FoundValue>(_rows.Count);
        foreach (var row in _rows)
        {
            rows.Add(new(row.Key, row.Timestamp, row.Value));
        }

        var rest = scan.Descending
            ? new KeySpan(scan.Span.Start, end.Rest?.End ?? span.Start)
            : new KeySpan(end.Rest?.Start ?? span.End, scan.Span.End);
        return new RangeOutcome.Scanned(rows.MoveToImmutable(), rest.IsEmpty ? null : rest, at, strong, _core.Leader);
    }

    private void Record(bool record, KeySpan span, HlcTimestamp at)
    {
        if (record)
        {
            _reads.Record(span, at);
        }
    }

    private FoundValue Find(Key key, HlcTimestamp at) =>
        _node.Mvcc.TryGet(_node.Storage, key, at, out var value) && !value.IsTombstone
            ? new(key, value.Timestamp, value.Bytes)
            : new(key, HlcTimestamp.Zero, null);

    /// <summary>
    /// The newest timestamp this replica can serve with no contact to anyone, and how long ago its leader spoke. It never goes back: once a
    /// leader has closed a time and this replica has applied what lay before it, nothing changes below it.
    /// </summary>
    public (HlcTimestamp Resolved, long AgeMicros) Resolved()
    {
        if (Descriptor is null)
        {
            return (HlcTimestamp.Zero, 0);
        }

        var now = _node.Clock.Mono();
        if (_core.MayServe(now))
        {
            var earliest = HlcTimestamp.Earlier(_core.Bound, EarliestInFlight().Previous);
            _resolved = HlcTimestamp.Later(_resolved, HlcTimestamp.Earlier(earliest, _node.Closed.Floor));
            return (_resolved, 0);
        }

        var (closed, age) = _node.Closed.Lookup(_core.Leader, Id, _applied, now);
        _resolved = HlcTimestamp.Later(_resolved, closed);
        return (_resolved, age);
    }

    /// <summary>
    /// The newest timestamp at which every key can be read here: <see cref="Resolved"/>, and below every intent that is not resolved yet.
    /// </summary>
    public HlcTimestamp BelowIntents(HlcTimestamp resolved) => HlcTimestamp.Earlier(resolved, _intents.Earliest.Previous);
}
