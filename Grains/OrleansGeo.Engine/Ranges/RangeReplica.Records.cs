using System.Collections.Immutable;
using OrleansGeo.Consensus;
using OrleansGeo.Primitives;
using OrleansGeo.Transactions;

namespace OrleansGeo.Engine;

// Records of transactions at their anchors, and what follows from them: decided by RecordRules, made durable here.
internal sealed partial class RangeReplica
{
    // A message that is older than this is not on its way any more; see RowWrites.
    private const long AbortedKeptMs = 10 * 60_000;
    private const long RecordAgeMs = 5_000;
    private const int FinishingMax = 16;
    private const int ForgetMax = 256;

    private readonly List<RecordPlace> _toForget = [];
    private readonly HashSet<TransactionId> _finishing = [];

    private void HandleDecision(Caller caller, RangeOperation operation)
    {
        if (MustGoElsewhere(caller, operation))
        {
            return;
        }

        var pending = new PendingDecision(caller, operation);
        switch (operation)
        {
            case RangeOperation.Conclude conclude:
                LatchFor(pending, conclude);
                break;
            case RangeOperation.Finish finish:
                foreach (var commit in finish.Commits)
                {
                    LatchFor(pending, commit);
                }

                break;
            case RangeOperation.RefuseRequest refuse:
                pending.Latch.Add(refuse.Anchor, LatchAccess.Write);
                pending.Latch.Add(NameLatch(refuse.Anchor, refuse.Request), LatchAccess.Write);
                break;
            default:
                // Nothing but the range as it is: no split comes between the look at it and what is proposed.
                break;
        }

        Acquire(pending);
    }

    private void LatchFor(PendingDecision pending, RangeOperation.Conclude conclude)
    {
        pending.Latch.Add(RecordLatch(conclude.Transaction), LatchAccess.Write);
        if (conclude.Request.IsSome)
        {
            pending.Latch.Add(NameLatch(conclude.Transaction.Anchor, conclude.Request), LatchAccess.Write);
        }
    }

    public void Evaluate(PendingDecision pending)
    {
        if (!_core.MayServe(_node.Clock.Mono()))
        {
            Finish(pending, NotLeaseholder(false));
            return;
        }

        switch (pending.Operation)
        {
            case RangeOperation.Conclude conclude:
                Evaluate(pending, conclude);
                break;
            case RangeOperation.Finish finish:
                Evaluate(pending, finish);
                break;
            case RangeOperation.RefuseRequest refuse:
                Evaluate(pending, refuse);
                break;
            default:
                Invariant.Fail($"{pending.Operation.GetType().Name} decides nothing");
                break;
        }
    }

    private void Evaluate(PendingDecision pending, RangeOperation.Conclude conclude)
    {
        var tag = conclude.Transaction;
        if (!Descriptor!.Span.Contains(tag.Anchor))
        {
            Finish(pending, _node.MovedFrom(this, tag.Anchor));
            return;
        }

        if (DecisionOn(conclude) is not { } decision)
        {
            FinishIfLeased(pending, new RangeOutcome.TooOld(_threshold));
            return;
        }

        if (!decision.IsNew)
        {
            FinishIfLeased(pending, new RangeOutcome.Standing(decision.Record, null));
            return;
        }

        var command = _node.ScratchCommand.Clear();
        Add(command, decision.Record!);
        pending.Outcome = path => new RangeOutcome.Standing(decision.Record, path);
        Propose(pending, command);
    }

    // Null when the transaction is too old for this range to tell what became of it.
    private RecordDecision? DecisionOn(RangeOperation.Conclude conclude)
    {
        var tag = conclude.Transaction;
        var known = _records.Find(tag.Id) ?? MadeBy(tag.Anchor, tag);
        if (known is null && IsTooOldToTell(tag))
        {
            return null;
        }

        var keepUntil = _node.Clock.Peek().AddMillis(AbortedKeptMs);
        return conclude.Verdict switch
        {
            TransactionVerdict.Commit when known is null && RecordedOf(tag.Anchor, conclude.Request, tag.Id) is not null =>
                RecordRules.AbortAbsent(known, tag, keepUntil),
            TransactionVerdict.Commit => RecordRules.Commit(known, tag, conclude.At, conclude.Keys, conclude.Request),
            TransactionVerdict.ConfirmStaged => RecordRules.Recover(known, conclude.At, true, keepUntil),
            TransactionVerdict.RefuteStaged => RecordRules.Recover(known, conclude.At, false, keepUntil),
            TransactionVerdict.AbortAbsent => RecordRules.AbortAbsent(known, tag, keepUntil),
            _ => new(known, false),
        };
    }

    // The record, what follows for the intents beside it, and what is remembered of the request, in one entry.
    private void Add(TransactCommand command, TransactionRecord record)
    {
        var tag = record.Tag;
        var isCommitted = record.Status == TransactionStatus.Committed;
        foreach (var key in _intents.Of(tag.Id))
        {
            command.Resolutions.Add(new(key, tag.Id, isCommitted ? record.Timestamp : null));
        }

        var isAllHere = isCommitted && record.Keys.All(Descriptor!.Span.Contains);
        command.Records.Add(new(tag.Anchor, tag.Id, isAllHere ? null : record));
        if (isCommitted)
        {
            Remember(command, tag.Anchor, record.Request, record.Timestamp, new RecordedOutcome.Made(record.Timestamp, []));
        }
    }

    private void Evaluate(PendingDecision pending, RangeOperation.Finish finish)
    {
        if (OutOfRange(finish) is { } moved)
        {
            Finish(pending, moved);
            return;
        }

        var command = _node.ScratchCommand.Clear();
        var committedAt = ImmutableArray.CreateBuilder<HlcTimestamp?>(finish.Commits.Length);
        foreach (var commit in finish.Commits)
        {
            var decision = DecisionOn(commit);
            if (decision is { IsNew: true })
            {
                Add(command, decision.Value.Record!);
            }

            committedAt.Add(decision?.Record is { } record ? TransactionRecovery.CommitOf(record) : null);
        }

        foreach (var resolution in finish.Resolutions)
        {
            if (_intents.TryGet(resolution.Key, out var intent) && intent.By.Id == resolution.Id)
            {
                command.Resolutions.Add(resolution);
            }
        }

        _toForget.AddRange(finish.Forgotten);
        var outcome = new RangeOutcome.Finished(committedAt.MoveToImmutable(), Descriptor!.Span);
        if (!command.IsEmpty || _toForget.Count >= ForgetMax)
        {
            TakeForgotten(command);
        }

        if (command.IsEmpty)
        {
            FinishIfLeased(pending, outcome);
            return;
        }

        pending.Outcome = _ => outcome;
        Propose(pending, command);
    }

    private RangeOutcome.Moved? OutOfRange(RangeOperation.Finish finish)
    {
        foreach (var commit in finish.Commits)
        {
            if (!Descriptor!.Span.Contains(commit.Transaction.Anchor))
            {
                return _node.MovedFrom(this, commit.Transaction.Anchor);
            }
        }

        foreach (var resolution in finish.Resolutions)
        {
            if (!Descriptor!.Span.Contains(resolution.Key))
            {
                return _node.MovedFrom(this, resolution.Key);
            }
        }

        foreach (var place in finish.Forgotten)
        {
            if (!Descriptor!.Span.Contains(place.Anchor))
            {
                return _node.MovedFrom(this, place.Anchor);
            }
        }

        return null;
    }

    private void Evaluate(PendingDecision pending, RangeOperation.RefuseRequest refuse)
    {
        if (!Descriptor!.Span.Contains(refuse.Anchor))
        {
            Finish(pending, _node.MovedFrom(this, refuse.Anchor));
            return;
        }

        if (RecordedOf(refuse.Anchor, refuse.Request, default) is { } settled)
        {
            FinishIfLeased(pending, settled);
            return;
        }

        var command = new TransactCommand();
        Remember(command, refuse.Anchor, refuse.Request, _node.Clock.Now(), new RecordedOutcome.Refused(refuse.Refusal));
        pending.Outcome = _ => refuse.Refusal;
        Propose(pending, command);
    }

    private void TakeForgotten(TransactCommand command)
    {
        foreach (var (anchor, id) in _toForget)
        {
            if (_records.TryGet(id, out _))
            {
                command.Records.Add(new(anchor, id, null));
            }
        }

        _toForget.Clear();
    }

    private void ProposeUnasked(TransactCommand command)
    {
        if (!command.IsEmpty
            && _core.Propose(command.Encode(_node.Scratch), _node.Clock.Mono(), out _, mayLag: true) == ProposeOutcome.Accepted)
        {
            _node.Closed.Touch(this);
            _node.MarkDirty(this);
        }
    }

    // What coordinators left behind: staged and committed records are finished, aborted ones go after their time.
    private void FinishRecords()
    {
        var now = _node.Clock.Peek();
        if (_toForget.Count == 0 && !_records.HasWork(now))
        {
            return;
        }

        var gone = new TransactCommand();
        TakeForgotten(gone);
        gone.Records.AddRange(
            _records.AbortedUntil(now).Take(ForgetMax).Select(record => new RecordChange(record.Tag.Anchor, record.Tag.Id, null)));
        ProposeUnasked(gone);
        TransactionRecord[] old = [.. _records.UnfinishedBefore(now.AddMillis(-RecordAgeMs)).Take(2 * FinishingMax)];
        foreach (var record in old)
        {
            if (_finishing.Count < FinishingMax && _finishing.Add(record.Tag.Id))
            {
                _ = FinishAsync(record);
            }
        }
    }

    private async Task FinishAsync(TransactionRecord record)
    {
        try
        {
            await _node.Recovery.FinishAsync(record.Tag, TimeSpan.FromMilliseconds(WatchTimeoutMs));
        }
        finally
        {
            _finishing.Remove(record.Tag.Id);
        }
    }
}
