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

        if (_proposed.Count >= _node.Options.ProposalsMax)
        {
            _node.Reply(caller, new RangeOutcome.Overloaded("proposals of the range"));
            return;
        }

        var pending = new PendingWrite(caller, write);
        foreach (var key in write.Writes)
        {
            pending.Latch.Add(key.Key, LatchAccess.Write);
        }

        Acquire(pending);
    }

    public void Evaluate(PendingWrite pending)
    {
        var write = pending.Write;
        if (OutOfRange(write.Writes) is { } moved)
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

        if (Apply(pending) is { } refusal)
        {
            if (!write.MayRepeat)
            {
                FinishIfLeased(pending, refusal);
                return;
            }

            // An earlier attempt may still arrive. The refusal is the request's outcome only once that attempt would meet it.
            pending.Refusal = refusal;
        }

        Propose(pending);
    }

    private RangeOutcome.Moved? OutOfRange(ImmutableArray<KeyWrite> writes)
    {
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
        RequestRecordKey.Encode(_node.Scratch, write.Writes[0].Key, write.RequestId.AsSpan());
        if (!_node.Storage.TryGet(_node.Scratch.Written, out var stored) || PlantedBug.Is("engine.no-dedupe"))
        {
            return null;
        }

        return RequestDecision.Decide(RequestRecord.Decode(stored), write.BodyHash.AsSpan()) switch
        {
            RequestDecision.Replay replay => Replayed(write, replay.Outcome),
            RequestDecision.Mismatch => new RangeOutcome.RequestMismatch(),
            _ => null,
        };
    }

    private RangeOutcome Replayed(RangeOperation.Write write, byte[] outcome)
    {
        var (refusal, version, created) = RecordedOutcome.Read(outcome);
        if (refusal is not null)
        {
            return refusal;
        }

        var keys = ImmutableArray.CreateBuilder<KeyWritten>(created.Length);
        for (var i = 0; i < created.Length; i++)
        {
            var found = _node.Mvcc.TryGet(_node.Storage, write.Writes[i].Key, version, out var value) && !value.IsTombstone;
            keys.Add(new(created[i], found ? value.Bytes : null));
        }

        return new RangeOutcome.Written(version, keys.MoveToImmutable(), true, _applied, null);
    }

    // Fills in what each key will hold, or says why the write is refused. Chooses the timestamp.
    private RangeOutcome.Refused? Apply(PendingWrite pending)
    {
        var writes = pending.Write.Writes;
        var newest = HlcTimestamp.Zero;
        var read = HlcTimestamp.Zero;
        pending.Values = new byte[]?[writes.Length];
        pending.Created = new bool[writes.Length];
        for (var i = 0; i < writes.Length; i++)
        {
            var write = writes[i];
            var found = _node.Mvcc.TryGetNewest(_node.Storage, write.Key, out var current);
            var existing = found && !current.IsTombstone ? current.Bytes : null;
            if (WriteRules.Refuses(write, existing is not null, current.Timestamp) is { } reason)
            {
                return new(i, reason, existing is null ? HlcTimestamp.Zero : current.Timestamp);
            }

            pending.Created[i] = existing is null;
            pending.Values[i] = WriteRules.Result(write, existing);
            if (pending.Values[i]?.Length > GeoLimits.RowBytesMax)
            {
                return new(i, RefusalReason.TooLarge, existing is null ? HlcTimestamp.Zero : current.Timestamp);
            }

            newest = found ? HlcTimestamp.Later(newest, current.Timestamp) : newest;
            read = HlcTimestamp.Later(read, _reads.MaxRead(write.Key));
        }

        pending.Timestamp = WriteTimestamps.Choose(newest, read, _node.Closed.Floor, _node.Clock.Now());
        return null;
    }

    private void Propose(PendingWrite pending)
    {
        var write = pending.Write;
        if (pending.Refusal is not null)
        {
            pending.Timestamp = _node.Clock.Now();
        }

        var outcome = pending.Refusal is { } refusal
            ? RecordedOutcome.Refused(refusal)
            : RecordedOutcome.Made(pending.Timestamp, pending.Created);
        var stamp = new RequestStamp(
            write.Writes[0].Key, write.RequestId, write.BodyHash, pending.Timestamp.AddMillis(write.RetainMs), outcome);
        var operations = pending.Refusal is null ? write.Writes.Length : 0;
        RangeCommand.BeginWrite(_node.Scratch, pending.Timestamp, stamp, operations);
        for (var i = 0; i < operations; i++)
        {
            RangeCommand.AddOperation(_node.Scratch, write.Writes[i].Key, pending.Values[i]);
        }

        // Followers need a commit when they may serve it, which they are told by closed timestamps; the system range they follow at once.
        var mayLag = Id != SystemKeys.RangeId;
        pending.ProposedAt = _node.Clock.Mono();
        var proposed = _core.Propose(_node.Scratch.ToArray(), pending.ProposedAt, out var index, mayLag);
        if (proposed != ProposeOutcome.Accepted)
        {
            Finish(pending, proposed == ProposeOutcome.TooMuchInFlight
                ? new RangeOutcome.Overloaded("bytes in flight of the range")
                : NotLeaseholder(false));
            return;
        }

        _node.Counters.Proposals++;
        pending.Term = _core.Term;
        if (pending.Caller.Span is { } span)
        {
            pending.Replication = NodeTraces.Begin("replicate", ActivityKind.Internal, span.Context, _node).About(Id);
        }

        _proposed.Add(index.Value, pending);
        for (var i = 0; i < operations; i++)
        {
            _inFlight[write.Writes[i].Key] = pending.Timestamp;
        }

        _latches.Assign(pending.Latch, pending.Timestamp, _granted);
        RunGranted();
        _node.Closed.Touch(this);
        _node.MarkDirty(this);
    }

    // An entry was applied at an index: whatever was proposed there is decided.
    private void Decide(in LogEntry entry, WanPath? path, MonoTime now, NodeTurn turn)
    {
        if (!_proposed.Remove(entry.Index.Value, out var request))
        {
            return;
        }

        switch (request)
        {
            case PendingWrite write:
                foreach (var key in write.Write.Writes)
                {
                    _inFlight.Remove(key.Key);
                }

                var isMine = write.Term == entry.Term;
                write.Replication.End(_node.Time, isMine ? "applied" : "lost", !isMine, CausalPath.RoundTrips(path));
                if (isMine)
                {
                    _node.Counters.Commits++;
                    _node.Metrics?.Committed(now.MicrosSince(write.ProposedAt));
                }

                turn.AfterWrite(this, write, isMine ? Made(write, entry.Index, path) : NotLeaseholder(false));
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

        var keys = ImmutableArray.CreateBuilder<KeyWritten>(write.Values.Length);
        for (var i = 0; i < write.Values.Length; i++)
        {
            keys.Add(new(write.Created[i], write.Values[i]));
        }

        return new RangeOutcome.Written(write.Timestamp, keys.MoveToImmutable(), false, index, path);
    }

    /// <summary>Answers a decided request once its changes can be read, and lets go of its latches.</summary>
    public void Answer(LatchedRequest request, RangeOutcome outcome) => Finish(request, outcome);

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

/// <summary>Whether a write may be made on what is there, and what it leaves behind. Pure.</summary>
internal static class WriteRules
{
    public static RefusalReason? Refuses(KeyWrite write, bool exists, HlcTimestamp version)
    {
        var condition = write.Precondition;
        if ((condition.IfExists && !exists)
            || (condition.IfAbsent && exists)
            || (!condition.IfMatch.IsEmpty && !(exists && condition.IfMatch.Contains(version)))
            || (exists && condition.IfNoneMatch.Contains(version)))
        {
            return RefusalReason.Precondition;
        }

        return write.Kind switch
        {
            WriteKind.Insert when exists => RefusalReason.Exists,
            WriteKind.Merge or WriteKind.Delete when !exists => RefusalReason.Missing,
            _ => null,
        };
    }

    public static byte[]? Result(KeyWrite write, byte[]? existing) => write.Kind switch
    {
        WriteKind.Delete => null,
        WriteKind.Merge => RowPatch.Apply(existing!, write.Value.Span),
        _ => write.Value.ToArray(),
    };
}
