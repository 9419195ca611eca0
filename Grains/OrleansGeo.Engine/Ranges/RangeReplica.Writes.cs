using System.Collections.Immutable;
using System.Diagnostics;
using OrleansGeo.Consensus;
using OrleansGeo.Primitives;
using OrleansGeo.Transactions;

namespace OrleansGeo.Engine;

// Writes: latched, evaluated against the newest versions, proposed as their result, answered when applied.
internal sealed partial class RangeReplica
{
    private void HandleWrite(Caller caller, RangeOperation.Write write)
    {
        if (MustGoElsewhere(caller, write))
        {
            return;
        }

        var pending = new PendingWrite(caller, write);
        foreach (var check in write.Checks)
        {
            pending.Latch.Add(check.Key, LatchAccess.Read);
        }

        Admit(pending);
    }

    private void Admit(PendingChange pending)
    {
        if (_proposed.Count >= _node.Options.ProposalsMax)
        {
            _node.Reply(pending.Caller, new RangeOutcome.Overloaded("proposals of the range"));
            return;
        }

        if (!TakesPlace(pending.Caller, pending))
        {
            Acquire(pending);
        }
    }

    public void Evaluate(PendingWrite pending)
    {
        var write = pending.Write;
        if (OutOfRange(write.Writes, write.Checks) is { } moved)
        {
            Finish(pending, moved);
            return;
        }

        if (!_core.MayServe(_node.Clock.Mono()))
        {
            Finish(pending, NotLeaseholder(false));
            return;
        }

        var known = Remembered(write);
        if (known is not null)
        {
            FinishIfLeased(pending, known);
            return;
        }

        if (LockAgainst(pending, write.Writes, write.Checks, null) is { } locked)
        {
            AwaitLock(pending, locked);
            return;
        }

        pending.Made = EvaluateWrites(write.Writes, write.Checks);
        pending.Timestamp = WriteTimestamps.Choose(
            pending.Made.Newest, NewestRead(write.Writes), _node.Closed.Floor, _node.Clock.Now());
        if (pending.Made.Refusal is { } refusal)
        {
            if (!write.MayRepeat)
            {
                FinishIfLeased(pending, refusal);
                return;
            }

            // An earlier attempt may still arrive. The refusal is the request's outcome only once that attempt would meet it.
            pending.Refusal = refusal;
        }
        else if (!write.Checks.IsEmpty)
        {
            if (pending.Timestamp > _core.Bound)
            {
                Release(pending);
                Park(pending.Caller, write, pending.Timestamp);
                return;
            }

            RecordChecks(write.Checks, pending.Timestamp);
        }

        Propose(pending);
    }

    private RangeOutcome.Moved? OutOfRange(ImmutableArray<KeyWrite> writes, ImmutableArray<KeyCheck> checks)
    {
        foreach (var check in checks)
        {
            if (!Descriptor!.Span.Contains(check.Key))
            {
                return _node.MovedFrom(this, check.Key);
            }
        }

        foreach (var write in writes)
        {
            if (!Descriptor!.Span.Contains(write.Key))
            {
                return _node.MovedFrom(this, write.Key);
            }
        }

        return null;
    }

    // The lease is checked after the evaluation: a process paused in the middle of it answers nothing.
    private void FinishIfLeased(LatchedRequest request, RangeOutcome outcome) =>
        Finish(
            request,
            _core.MayServe(_node.Clock.Mono()) ? outcome : NotLeaseholder(false));

    private RangeOutcome? Remembered(RangeOperation.Write write)
    {
        return RecordOf(write.Writes[0].Key, write.RequestId.AsSpan(), write.BodyHash.AsSpan()) switch
        {
            RequestDecision.Replay replay => Replayed(write, RecordedOutcome.Read(replay.Outcome)),
            RequestDecision.Mismatch => new RangeOutcome.RequestMismatch(),
            _ => null,
        };
    }

    // Null when nothing is remembered of the request.
    private RequestDecision? RecordOf(Key anchor, ReadOnlySpan<byte> request, ReadOnlySpan<byte> bodyHash)
    {
        RequestRecordKey.Encode(_node.Scratch, anchor, request);
        return _node.Storage.TryGet(_node.Scratch.Written, out var stored) && !PlantedBug.Is("engine.no-dedupe")
            ? RequestDecision.Decide(RequestRecord.Decode(stored), bodyHash)
            : null;
    }

    private RangeOutcome? Replayed(RangeOperation.Write write, RecordedOutcome recorded)
    {
        switch (recorded)
        {
            case RecordedOutcome.Refused refused:
                return refused.Refusal;
            case RecordedOutcome.Claimed claimed:
                return IsOver(claimed.By.Id) ? null : new RangeOutcome.Claimed(claimed.By);
            default:
                var (version, created) = (RecordedOutcome.Made)recorded;
                var keys = ImmutableArray.CreateBuilder<KeyWritten>(created.Length);
                for (var i = 0; i < created.Length; i++)
                {
                    // Its own version and no older one: what it wrote may have been written over and collected since.
                    var found = _node.Mvcc.TryGet(_node.Storage, write.Writes[i].Key, version, out var value)
                        && value.Timestamp == version && !value.IsTombstone;
                    keys.Add(new(created[i], found ? value.Bytes : null));
                }

                return new RangeOutcome.Written(version, keys.MoveToImmutable(), true, _applied, null);
        }
    }

    // What each key will hold, or why the write is refused.
    private Evaluation EvaluateWrites(ImmutableArray<KeyWrite> writes, ImmutableArray<KeyCheck> checks)
    {
        var newest = HlcTimestamp.Zero;
        var found = ImmutableArray.CreateBuilder<FoundValue>(checks.Length);
        for (var i = 0; i < checks.Length; i++)
        {
            var check = checks[i];
            var (version, row) = NewestRow(check.Key, ref newest);
            if (!WriteRules.Holds(check, version, row))
            {
                return Evaluation.Nothing with { Refusal = new(i, RefusalReason.Check, version), Newest = newest };
            }

            found.Add(check.IsWanted ? new(check.Key, version, row) : new(check.Key, version, null));
        }

        var values = new byte[]?[writes.Length];
        var created = new bool[writes.Length];
        for (var i = 0; i < writes.Length; i++)
        {
            var write = writes[i];
            var (version, row) = NewestRow(write.Key, ref newest);
            var reason = WriteRules.Refuses(write, row is not null, version);
            if (reason is null)
            {
                created[i] = row is null;
                (values[i], reason) = WriteRules.Result(write, row);
            }

            if (reason is { } refused)
            {
                return Evaluation.Nothing with { Refusal = new(i, refused, version), Newest = newest };
            }
        }

        return new(null, values, created, found.MoveToImmutable(), newest);
    }

    // The version is zero where there is no row; what the key's newest version is, tombstones included, goes into the newest of all.
    private (HlcTimestamp Version, byte[]? Row) NewestRow(Key key, ref HlcTimestamp newest)
    {
        if (!_node.Mvcc.TryGetNewest(_node.Storage, key, out var current))
        {
            return (HlcTimestamp.Zero, null);
        }

        newest = HlcTimestamp.Later(newest, current.Timestamp);
        return current.IsTombstone ? (HlcTimestamp.Zero, null) : (current.Timestamp, current.Bytes);
    }

    private HlcTimestamp NewestRead(ImmutableArray<KeyWrite> writes)
    {
        var read = HlcTimestamp.Zero;
        foreach (var write in writes)
        {
            read = HlcTimestamp.Later(read, _reads.MaxRead(write.Key));
        }

        return read;
    }

    private void RecordChecks(ImmutableArray<KeyCheck> checks, HlcTimestamp at)
    {
        foreach (var check in checks)
        {
            _reads.Record(check.Key, at);
        }
    }

    private void Propose(PendingWrite pending)
    {
        var write = pending.Write;
        if (pending.Refusal is not null)
        {
            pending.Timestamp = _node.Clock.Now();
        }

        RecordedOutcome outcome = pending.Refusal is { } refusal
            ? new RecordedOutcome.Refused(refusal)
            : new RecordedOutcome.Made(pending.Timestamp, pending.Made.Created);
        var stamp = new RequestStamp(
            write.Writes[0].Key, write.RequestId, write.BodyHash, pending.Timestamp.AddMillis(write.RetainMs), outcome.Encode());
        var operations = pending.Refusal is null ? write.Writes.Length : 0;
        RangeCommand.BeginWrite(_node.Scratch, pending.Timestamp, stamp, operations);
        for (var i = 0; i < operations; i++)
        {
            RangeCommand.AddOperation(_node.Scratch, write.Writes[i].Key, pending.Made.Values[i]);
        }

        pending.ProposedAt = _node.Clock.Mono();
        if (!Propose(pending, _node.Scratch.ToArray()))
        {
            return;
        }

        if (pending.Caller.Span is { } span)
        {
            pending.Replication = NodeTraces.Begin("replicate", ActivityKind.Internal, span.Context, _node).About(Id);
        }

        Undecided(pending, operations);
    }

    // False when it was refused, and answered so.
    private bool Propose(LatchedRequest pending, byte[] command)
    {
        // Followers need a commit when they may serve it, which they are told by closed timestamps; the system range they follow at once.
        var mayLag = Id != SystemKeys.RangeId;
        var proposed = _core.Propose(command, _node.Clock.Mono(), out var index, mayLag);
        if (proposed != ProposeOutcome.Accepted)
        {
            Finish(pending, proposed == ProposeOutcome.TooMuchInFlight
                ? new RangeOutcome.Overloaded("bytes in flight of the range")
                : NotLeaseholder(false));
            return false;
        }

        _node.Counters.Proposals++;
        pending.Term = _core.Term;
        _proposed.Add(index.Value, pending);
        _node.Closed.Touch(this);
        _node.MarkDirty(this);
        return true;
    }

    // Until it is decided nobody reads at or above its timestamp; below it everybody may.
    private void Undecided(PendingChange pending, int writes)
    {
        for (var i = 0; i < writes; i++)
        {
            _inFlight[pending.Writes[i].Key] = pending.Timestamp;
        }

        _latches.Assign(pending.Latch, pending.Timestamp, _granted);
        RunGranted();
        LetNextGo(pending);
    }

    // An entry was applied at an index: whatever was proposed there is decided.
    private void Decide(in LogEntry entry, WanPath? path, MonoTime now, NodeTurn turn)
    {
        if (!_proposed.Remove(entry.Index.Value, out var request))
        {
            return;
        }

        if (request is PendingChange change)
        {
            foreach (var write in change.Writes)
            {
                _inFlight.Remove(write.Key);
            }
        }

        switch (request)
        {
            case PendingWrite write:
                var isMine = write.Term == entry.Term;
                write.Replication.End(_node.Time, isMine ? "applied" : "lost", !isMine, CausalPath.RoundTrips(path));
                if (isMine)
                {
                    _node.Counters.Commits++;
                    _node.Metrics?.Committed(now.MicrosSince(write.ProposedAt));
                }

                turn.AfterWrite(this, write, isMine ? Made(write, entry.Index, path) : NotLeaseholder(false));
                break;
            case PendingLay lay:
                turn.AfterWrite(this, lay, lay.Term == entry.Term ? lay.Outcome(path) : NotLeaseholder(false));
                break;
            case PendingDecision decision:
                turn.AfterWrite(this, decision, decision.Term == entry.Term ? decision.Outcome!(path) : NotLeaseholder(false));
                break;
            case PendingSplit split:
                turn.AfterWrite(this, split, split.Term == entry.Term ? Parted(split) : NotLeaseholder(false));
                break;
            default:
                turn.AfterWrite(this, request, Describe());
                break;
        }
    }

    private static RangeOutcome Made(PendingWrite write, LogIndex index, WanPath? path)
    {
        if (write.Refusal is not null)
        {
            return write.Refusal;
        }

        return new RangeOutcome.Written(write.Timestamp, write.Made.Written(), false, index, path) { Checked = write.Made.Checked };
    }

    /// <summary>Answers a decided request once its changes can be read, and lets go of its latches.</summary>
    public void Answer(LatchedRequest request, RangeOutcome outcome) => Finish(request, outcome);

    /// <summary>True while writes are proposed and undecided.</summary>
    public bool HasInFlight => _proposed.Count > 0;

    /// <summary>The highest time below every write in flight.</summary>
    public HlcTimestamp ClosedLimit() => EarliestInFlight().Previous;

    private HlcTimestamp EarliestInFlight()
    {
        var earliest = HlcTimestamp.Max;
        foreach (var timestamp in _inFlight.Values)
        {
            earliest = HlcTimestamp.Earlier(earliest, timestamp);
        }

        return earliest;
    }
}
