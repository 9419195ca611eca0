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

    private readonly List<(Key Anchor, TransactionId Id)> _toForget = [];
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
                pending.Latch.Add(RecordLatch(conclude.Transaction), LatchAccess.Write);
                if (conclude.Request.IsSome)
                {
                    pending.Latch.Add(NameLatch(conclude.Transaction.Anchor, conclude.Request), LatchAccess.Write);
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
            case RangeOperation.Resolve resolve:
                Evaluate(pending, resolve);
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

        var known = _records.Find(tag.Id) ?? MadeBy(tag.Anchor, tag);
        if (known is null && IsTooOldToTell(tag))
        {
            FinishIfLeased(pending, new RangeOutcome.TooOld(_threshold));
            return;
        }

        var keepUntil = _node.Clock.Peek().AddMillis(AbortedKeptMs);
        var decision = conclude.Verdict switch
        {
            TransactionVerdict.Commit when known is null && RecordedOf(tag.Anchor, conclude.Request, tag.Id) is not null =>
                RecordRules.AbortAbsent(known, tag, keepUntil),
            TransactionVerdict.Commit => RecordRules.Commit(known, tag, conclude.At, conclude.Keys, conclude.Request),
            TransactionVerdict.ConfirmStaged => RecordRules.Recover(known, conclude.At, true, keepUntil),
            TransactionVerdict.RefuteStaged => RecordRules.Recover(known, conclude.At, false, keepUntil),
            TransactionVerdict.AbortAbsent => RecordRules.AbortAbsent(known, tag, keepUntil),
            _ => new(known, false),
        };
        if (!decision.IsNew)
        {
            FinishIfLeased(pending, new RangeOutcome.Standing(decision.Record, null));
            return;
        }

        pending.Outcome = path => new RangeOutcome.Standing(decision.Record, path);
        Propose(pending, CommandOf(decision.Record!));
    }

    // The record, what follows for the intents beside it, and what is remembered of the request, in one entry.
    private TransactCommand CommandOf(TransactionRecord record)
    {
        var tag = record.Tag;
        var isCommitted = record.Status == TransactionStatus.Committed;
        var command = new TransactCommand();
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

        return command;
    }

    private void Evaluate(PendingDecision pending, RangeOperation.Resolve resolve)
    {
        var command = new TransactCommand();
        foreach (var key in resolve.Keys)
        {
            if (!Descriptor!.Span.Contains(key))
            {
                Finish(pending, _node.MovedFrom(this, key));
                return;
            }

            if (_intents.TryGet(key, out var intent) && intent.By.Id == resolve.Id)
            {
                command.Resolutions.Add(new(key, resolve.Id, resolve.Commit));
            }
        }

        if (command.IsEmpty)
        {
            FinishIfLeased(pending, new RangeOutcome.Holding(true));
            return;
        }

        pending.Outcome = static _ => new RangeOutcome.Holding(true);
        Propose(pending, command);
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

    private void HandleForget(Caller caller, RangeOperation.Forget forget)
    {
        if (!MustGoElsewhere(caller, forget))
        {
            _toForget.Add((forget.Anchor, forget.Id));
            _node.Reply(caller, new RangeOutcome.Holding(true));
            _node.Stir(this);
            if (_toForget.Count >= ForgetMax)
            {
                ForgetRecords();
            }
        }
    }

    private void ForgetRecords()
    {
        var command = new TransactCommand();
        foreach (var (anchor, id) in _toForget)
        {
            if (_records.TryGet(id, out _))
            {
                command.Records.Add(new(anchor, id, null));
            }
        }

        _toForget.Clear();
        ProposeUnasked(command);
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
        if (_toForget.Count > 0)
        {
            ForgetRecords();
        }

        var now = _node.Clock.Peek();
        if (!_records.HasWork(now))
        {
            return;
        }

        var gone = new TransactCommand();
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
