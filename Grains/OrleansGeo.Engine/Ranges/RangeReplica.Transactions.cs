using System.Collections.Immutable;
using OrleansGeo.Consensus;
using OrleansGeo.Primitives;
using OrleansGeo.Transactions;

namespace OrleansGeo.Engine;

// What the ranges of a transaction do for it. The argument why it is one transaction stands at RecordRules; here is what it needs of a
// range:
//
// - A lay is evaluated under latches on its keys, which it keeps until it is applied, on the newest versions, with no other's intent on
//   them. From then on the intent keeps everybody off the key at and above its timestamp.
// - A lay takes a timestamp as a write does: above every version, every read and the closed time. It would like the transaction's.
// - What comes twice, or late, changes nothing: it meets its own intent, its record, or the version it became.
internal sealed partial class RangeReplica
{
    /// <summary>Test builds only: a fence is not left behind where an intent is missing.</summary>
    public const string BugNoFence = "transactions.no-fence";

    /// <summary>Test builds only: a late copy of a transaction's write is made again.</summary>
    public const string BugLaysTwice = "transactions.lays-twice";

    /// <summary>Test builds only: a record is staged although what the transaction read may have changed.</summary>
    public const string BugStagesMoved = "transactions.stages-moved";

    /// <summary>Test builds only: what was read is held to be true later without looking.</summary>
    public const string BugNoRefresh = "transactions.no-refresh";

    /// <summary>Test builds only: what was added to a span that was read does not count.</summary>
    public const string BugNoSpans = "transactions.no-spans";

    /// <summary>Test builds only: reads do not mind intents.</summary>
    public const string BugReadsIgnoreIntents = "transactions.reads-ignore-intents";

    /// <summary>Test builds only: the right half of a split knows nothing of the transactions under way in it.</summary>
    public const string BugForgottenOnSplit = "transactions.forgotten-on-split";

    private readonly IntentTable _intents = new();
    private readonly RecordTable _records = new();

    private void HandleLay(Caller caller, RangeOperation.Lay lay)
    {
        if (MustGoElsewhere(caller, lay))
        {
            return;
        }

        if (Id == SystemKeys.RangeId)
        {
            _node.Reply(caller, new RangeOutcome.Unsuitable("the system range takes part in no transaction"));
            return;
        }

        if (_intents.Bytes > _node.Options.IntentBytesMax)
        {
            _node.Reply(caller, new RangeOutcome.Overloaded("intents of the range"));
            return;
        }

        var pending = new PendingLay(caller, lay);
        if (lay.Stage is not null)
        {
            pending.Latch.Add(RecordLatch(lay.Transaction), LatchAccess.Write);
        }

        Admit(pending);
    }

    public void Evaluate(PendingLay pending)
    {
        var lay = pending.Lay;
        if (OutOfRange(lay.Writes, []) is { } moved)
        {
            Finish(pending, moved);
        }
        else if (!_core.MayServe(_node.Clock.Mono()))
        {
            Finish(pending, NotLeaseholder(false));
        }
        else if (WhatBecameOf(lay) is { } known)
        {
            FinishIfLeased(pending, known);
        }
        else if (IsTooOldToTell(lay.Transaction) && !IsLaid(lay))
        {
            FinishIfLeased(pending, MadeBy(lay) as RangeOutcome ?? new RangeOutcome.TooOld(_threshold));
        }
        else if (LockAgainst(pending, lay.Writes, lay.Checks, lay.Transaction.Id) is not { } locked)
        {
            LayOrRefuse(pending);
        }
        else if (MadeBy(lay) is { } made)
        {
            FinishIfLeased(pending, made);
        }
        else
        {
            AwaitLock(pending, locked);
        }
    }

    // The answer when this attempt was decided, or its request settled by another; null when there is something to do.
    private RangeOutcome? WhatBecameOf(RangeOperation.Lay lay)
    {
        var tag = lay.Transaction;
        if (lay.Stage is not { } stage)
        {
            return null;
        }

        if (_records.TryGet(tag.Id, out var record) && record.Status != TransactionStatus.Staging)
        {
            return PlantedBug.Is(RecordRules.BugStagesAborted) ? null : new RangeOutcome.Standing(record, null);
        }

        return RecordedOf(tag.Anchor, stage.Request, tag.Id);
    }

    private bool IsLaid(RangeOperation.Lay lay) =>
        _intents.TryGet(lay.Writes[0].Key, out var intent) && intent.By.Id == lay.Transaction.Id;

    // What it made may have been collected: nothing is done for it here any more, and nothing said of it. None of its versions lies below
    // its beginning, so all of them are there while that lies above the threshold.
    private bool IsTooOldToTell(TransactionTag tag) => tag.Priority <= _threshold && !PlantedBug.Is(BugLaysTwice);

    // The answer to a late copy: what it lays was laid, and became what it says.
    private RangeOutcome.Standing? MadeBy(RangeOperation.Lay lay) =>
        MadeBy(lay.Writes[0].Key, lay.Transaction) is { } made ? new(made, null) : null;

    // A transaction whose record is gone has left its id with what it wrote.
    private TransactionRecord? MadeBy(Key key, TransactionTag tag) =>
        !PlantedBug.Is(BugLaysTwice) && _node.Mvcc.MadeBy(_node.Storage, key, tag.Id, tag.Priority) is { } at
            ? new(tag, TransactionStatus.Committed, at, [], RequestName.None)
            : null;

    private RangeOutcome? RecordedOf(Key anchor, RequestName request, TransactionId self)
    {
        if (!request.IsSome)
        {
            return null;
        }

        return RecordOf(anchor, request.Id.AsSpan(), request.BodyHash.AsSpan()) switch
        {
            RequestDecision.Mismatch => new RangeOutcome.RequestMismatch(),
            RequestDecision.Replay replay => RecordedOutcome.Read(replay.Outcome) switch
            {
                RecordedOutcome.Refused refused => refused.Refusal with { IsRecorded = true },
                RecordedOutcome.Made made => new RangeOutcome.Written(made.Version, [], true, _applied, null),
                RecordedOutcome.Claimed claimed => claimed.By.Id == self || IsOver(claimed.By.Id)
                    ? null
                    : new RangeOutcome.Claimed(claimed.By),
                _ => null,
            },
            _ => null,
        };
    }

    // Its claim names an attempt that was aborted; one that committed would have left the outcome instead.
    private bool IsOver(TransactionId id) => _records.Find(id) is null or { Status: TransactionStatus.Aborted };

    private void LayOrRefuse(PendingLay pending)
    {
        var lay = pending.Lay;
        pending.Made = EvaluateWrites(lay.Writes, lay.Checks);
        var isLaid = _intents.TryGet(lay.Writes[0].Key, out var laid);

        // What the transaction made would not be older than the transaction. A refusal has not looked at every key.
        if (!isLaid && (pending.Made.Refusal is not null || pending.Made.Newest >= lay.Transaction.Priority) && MadeBy(lay) is { } made)
        {
            FinishIfLeased(pending, made);
            return;
        }

        if (pending.Made.Refusal is { } refusal)
        {
            FinishIfLeased(pending, refusal);
            return;
        }

        if (isLaid)
        {
            pending.Timestamp = laid!.Timestamp;
            pending.Staged = _records.TryGet(lay.Transaction.Id, out var record) && record.Status == TransactionStatus.Staging;
            FinishIfLeased(pending, pending.Outcome(null));
            return;
        }

        pending.Timestamp = WriteTimestamps.Choose(pending.Made.Newest, NewestRead(lay.Writes), _node.Closed.Floor, lay.At);
        pending.Staged = lay.Stage is { } stage && (stage.MayMove || pending.Timestamp <= lay.At || PlantedBug.Is(BugStagesMoved));
        if (Propose(pending, CommandOf(pending).Encode(_node.Scratch)))
        {
            Undecided(pending, lay.Writes.Length);
        }
    }

    private TransactCommand CommandOf(PendingLay pending)
    {
        var (lay, command) = (pending.Lay, _node.ScratchCommand.Clear());
        for (var i = 0; i < lay.Writes.Length; i++)
        {
            command.Intents.Add(new(lay.Writes[i].Key, lay.Transaction, pending.Timestamp, pending.Made.Values[i]));
        }

        if (pending.Staged)
        {
            var staged = new TransactionRecord(
                lay.Transaction, TransactionStatus.Staging, pending.Timestamp, lay.Stage!.Keys, lay.Stage.Request);
            var decision = RecordRules.Stage(_records.Find(lay.Transaction.Id), staged);
            Invariant.Holds(decision.IsNew);
            command.Records.Add(new(lay.Transaction.Anchor, lay.Transaction.Id, staged));
            Remember(command, lay.Transaction.Anchor, lay.Stage.Request, pending.Timestamp, new RecordedOutcome.Claimed(lay.Transaction));
        }

        return command;
    }

    private static void Remember(TransactCommand command, Key anchor, RequestName request, HlcTimestamp at, RecordedOutcome outcome)
    {
        if (request.IsSome)
        {
            command.Requests.Add(new(anchor, request.Id, request.BodyHash, at.AddMillis(request.RetainMs), outcome.Encode()));
        }
    }

    private void Propose(PendingDecision pending, TransactCommand command)
    {
        if (Propose(pending, command.Encode(_node.Scratch)))
        {
            LetNextGo(pending);
        }
    }

    private void ApplyTransact(TransactCommand command, NodeTurn turn)
    {
        foreach (var intent in command.Intents)
        {
            _node.Clock.Raise(intent.Timestamp);
            _intents.Put(intent);
            IntentKey.Encode(turn.Key, intent.Key);
            turn.Buffer.Clear();
            intent.Write(turn.Buffer);
            turn.Batch.Put(turn.Key.Written, turn.Buffer.Written);
        }

        foreach (var resolution in command.Resolutions)
        {
            ApplyResolution(resolution, turn);
        }

        foreach (var (anchor, id, record) in command.Records)
        {
            TransactionRecordKey.Encode(turn.Key, anchor, id);
            if (record is null)
            {
                _records.Remove(id);
                turn.Batch.Delete(turn.Key.Written);
                continue;
            }

            _records.Put(record);
            turn.Buffer.Clear();
            record.Write(turn.Buffer);
            turn.Batch.Put(turn.Key.Written, turn.Buffer.Written);
        }

        foreach (var request in command.Requests)
        {
            _requests.Note(request.KeepUntil);
            EncodeRecord(request, turn);
            turn.Batch.Put(turn.Key.Written, turn.Buffer.Written);
        }
    }

    private void ApplyResolution(Resolution resolution, NodeTurn turn)
    {
        if (!_intents.TryRemove(resolution.Key, resolution.Id, out var intent))
        {
            return;
        }

        IntentKey.Encode(turn.Key, resolution.Key);
        turn.Batch.Delete(turn.Key.Written);
        if (resolution.Commit is { } at)
        {
            Invariant.Holds(at >= intent.Timestamp);
            NoteVersion(at);
            _node.Clock.Raise(at);
            MvccKey.Encode(turn.Key, resolution.Key, at);
            MvccValue.Encode(turn.Buffer, resolution.Id, intent.Value);
            turn.Batch.Put(turn.Key.Written, turn.Buffer.Written);
            _bytesWritten += resolution.Key.Length + (intent.Value?.Length ?? 0) + 40;
        }

        _toLetGo.Enqueue(resolution.Key);
        turn.ServeAfterwards(this);
    }

    // Rows and records are latched apart: who asks for a record waits for no row.
    private Key RecordLatch(TransactionTag tag)
    {
        TransactionRecordKey.Encode(_node.Scratch, tag.Anchor, tag.Id);
        return new(_node.Scratch.ToArray());
    }

    // What is remembered of a request changes with a lay, which holds the anchor's own latch, with a record, and with a refusal.
    private Key NameLatch(Key anchor, RequestName request)
    {
        RequestRecordKey.Encode(_node.Scratch, anchor, request.Id.AsSpan());
        return new(_node.Scratch.ToArray());
    }

    private void LoadTransactions(HlcTimestamp swept)
    {
        _intents.Clear();
        _records.Clear();
        if (Descriptor is { } descriptor)
        {
            _intents.Load(_node.Storage, descriptor.Span);
            _records.Load(_node.Storage, descriptor.Span);
            TakeGarbage(VersionThreshold.Load(_node.Storage, descriptor.Span), swept);
        }
    }

    // What this replica was given with a snapshot, of which storage shows nothing yet.
    private void TakeTransactions(IEnumerable<(byte[] Key, byte[] Value)> pairs)
    {
        _intents.Clear();
        _records.Clear();
        var threshold = HlcTimestamp.Zero;
        foreach (var (key, value) in pairs)
        {
            if (key[0] == IntentKey.Prefix)
            {
                _intents.Put(Intent.Decode(value));
            }
            else if (key[0] == TransactionRecordKey.Prefix)
            {
                _records.Put(TransactionRecord.Decode(value));
            }
            else if (key[0] == VersionThreshold.Prefix)
            {
                threshold = VersionThreshold.Decode(value);
            }
        }

        TakeGarbage(threshold, HlcTimestamp.Zero);
    }

    /// <summary>Takes over what the left half of a split holds of this range, of which storage may not show all yet.</summary>
    private void Inherit(RangeReplica left, NodeTurn turn)
    {
        TakeGarbage(left._threshold, left.IsSwept ? left._threshold : HlcTimestamp.Zero);
        PutThreshold(Descriptor!.Span.Start, turn);
        _intents.Clear();
        _records.Clear();
        if (PlantedBug.Is(BugForgottenOnSplit))
        {
            return;
        }

        foreach (var intent in left._intents.All.Where(intent => Descriptor!.Span.Contains(intent.Key)))
        {
            _intents.Put(intent);
        }

        foreach (var record in left._records.All.Where(record => Descriptor!.Span.Contains(record.Tag.Anchor)))
        {
            _records.Put(record);
        }
    }
}
