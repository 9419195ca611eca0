using System.Collections.Immutable;
using OrleansGeo.Primitives;
using OrleansGeo.Transactions;

namespace OrleansGeo.Engine;

/// <summary>
/// What is left to do once a client has its answer: the record of a committed transaction, its intents, and the record again. Nothing
/// depends on it being done here; whoever meets what is left does the same. Beyond a bound clients wait for it.
/// <para>
/// Each step of a transaction waits for the answer to the one before. What is due at one range, of any transactions, goes together: with
/// little to do everything goes at once; with much of it, what becomes due while requests to the range are on their way goes with the next.
/// A record that may go locks nothing and goes with whatever is sent next, or after a while.
/// </para>
/// </summary>
internal sealed class TransactionFinisher(GatewayCore core, TransactionRecovery recovery)
{
    /// <summary>Test builds only: intents become visible before the record says that they may.</summary>
    public const string BugResolvesEarly = "transactions.resolves-early";

    private const int RunningMax = 1_024;
    private const int UnwaitedMax = 4 * RunningMax;
    private const int BatchMax = 128;
    private const int ForgottenMax = 64;

    // With one, whatever becomes due behind a request waits for its whole round trip, and the keys it locks stay locked as long; with many
    // nothing ever goes together.
    private const int OnTheirWayMax = 2;
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_forgetAfter = TimeSpan.FromMilliseconds(200);

    // By range, because all that waits is sent in an order, and the same one each time.
    private readonly SortedDictionary<RangeId, FinishQueue> _queues = [];
    private readonly List<FinishQueue> _touched = [];
    private int _running;
    private bool _sends;
    private bool _forgetsSoon;

    public TransactionRecovery Recovery => recovery;

    /// <summary>Every intent lies at or below the staged timestamp: says so in the record, then resolves the intents.</summary>
    public Task CommitAsync(TransactionAttempt attempt, HlcTimestamp at, RequestName request)
    {
        var due = Begin(attempt, at, request);
        if (PlantedBug.Is(BugResolvesEarly))
        {
            return ResolveEarlyAsync(due);
        }

        due.Ended = _running > RunningMax ? new() : null;
        QueueOf(due.Tag.Anchor).Commit(due);
        Send();
        return due.Ended?.Task ?? Task.CompletedTask;
    }

    /// <summary>The record says committed: resolves the intents.</summary>
    public void Resolve(TransactionAttempt attempt, HlcTimestamp at)
    {
        if (_running < UnwaitedMax)
        {
            ResolveAll(Begin(attempt, at, RequestName.None));
        }
    }

    /// <summary>The attempt is not to be committed, if it is not yet: takes its intents away.</summary>
    public void Abandon(TransactionAttempt attempt)
    {
        if (_running < UnwaitedMax)
        {
            _ = AbandonAsync(Begin(attempt, null, RequestName.None));
        }
    }

    private UnfinishedTransaction Begin(TransactionAttempt attempt, HlcTimestamp? at, RequestName request)
    {
        _running++;
        return new(attempt.Tag, attempt.Keys, request, core.Host.Time.GetTimestamp()) { Commit = at };
    }

    private void End(UnfinishedTransaction due)
    {
        _running--;
        due.Ended?.SetResult();
    }

    private async Task ResolveEarlyAsync(UnfinishedTransaction due)
    {
        foreach (var key in due.Keys)
        {
            await core.AskAsync(recovery.Scope(s_timeout), key, TransactionRecovery.Resolving(due.Tag.Id, [key], due.Commit));
        }

        QueueOf(due.Tag.Anchor).Commit(due);
        Send();
    }

    private async Task AbandonAsync(UnfinishedTransaction due)
    {
        var record = await recovery.DecideAsync(due.Tag, mustEnd: true, s_timeout);
        if (record is { Status: TransactionStatus.Committed or TransactionStatus.Aborted })
        {
            due.Commit = TransactionRecovery.CommitOf(record);
            ResolveAll(due);
        }
        else
        {
            End(due);
        }
    }

    private void ResolveAll(UnfinishedTransaction due)
    {
        due.Open = due.Keys.Length;
        foreach (var key in due.Keys)
        {
            QueueOf(key).Resolve(due, key);
        }

        Send();
    }

    private FinishQueue QueueOf(Key key)
    {
        var range = core.Router.Find(core.View, key)?.Id ?? default;
        if (!_queues.TryGetValue(range, out var queue))
        {
            _queues.Add(range, queue = new(range));
        }

        _touched.Add(queue);
        return queue;
    }

    // Once all is there that one event makes due.
    private void Send()
    {
        if (_sends)
        {
            return;
        }

        _sends = true;

        // By number: what is answered on the spot adds to the list.
        for (var i = 0; i < _touched.Count; i++)
        {
            var queue = _touched[i];
            if ((queue.IsUrgent || queue.Forgotten >= ForgottenMax) && queue.OnTheirWay < OnTheirWayMax)
            {
                _ = SendAsync(queue);
            }
        }

        _touched.Clear();
        _sends = false;
    }

    private async Task SendAsync(FinishQueue queue)
    {
        queue.OnTheirWay++;
        do
        {
            var batch = queue.Take(BatchMax);
            var end = await core.AskAsync(recovery.Scope(s_timeout), batch.Route, batch.Operation());
            switch (end.Outcome)
            {
                case RangeOutcome.Finished finished:
                    Note(batch, finished);
                    break;
                case RangeOutcome.Moved:
                    Again(batch);
                    break;
                default:
                    Leave(batch);
                    break;
            }

            Send();
        }
        while (queue.IsUrgent);

        queue.OnTheirWay--;
        DropIfEmpty(queue);
    }

    private void Note(FinishBatch batch, RangeOutcome.Finished finished)
    {
        for (var i = 0; i < batch.Commits.Length; i++)
        {
            NoteCommit(batch.Commits[i], finished.CommittedAt[i], finished.Span);
        }

        foreach (var (of, _) in batch.Resolutions)
        {
            OneLess(of, true);
        }
    }

    // Nothing is left of what lies beside its record, and there is no record when that is all.
    private void NoteCommit(UnfinishedTransaction due, HlcTimestamp? committedAt, KeySpan there)
    {
        due.Commit = committedAt;
        if (committedAt is not null)
        {
            foreach (var key in due.Keys)
            {
                if (!there.Contains(key))
                {
                    due.Open++;
                    QueueOf(key).Resolve(due, key);
                }
            }
        }

        if (due.Open == 0)
        {
            End(due);
        }
    }

    private void OneLess(UnfinishedTransaction due, bool isDone)
    {
        due.IsLeft |= !isDone;
        if (--due.Open > 0)
        {
            return;
        }

        End(due);
        if (due is { IsLeft: false, Commit: not null })
        {
            QueueOf(due.Tag.Anchor).Forget(due);
            if (!_forgetsSoon)
            {
                _forgetsSoon = true;
                _ = ForgetSoonAsync();
            }
        }
    }

    // Keys went to a range of their own: each is looked up again.
    private void Again(FinishBatch batch)
    {
        foreach (var due in batch.Commits)
        {
            if (IsLate(due))
            {
                End(due);
            }
            else
            {
                QueueOf(due.Tag.Anchor).Commit(due);
            }
        }

        foreach (var (of, key) in batch.Resolutions)
        {
            if (IsLate(of))
            {
                OneLess(of, false);
            }
            else
            {
                QueueOf(key).Resolve(of, key);
            }
        }
    }

    private bool IsLate(UnfinishedTransaction due) => core.Host.Time.GetElapsedTime(due.Began) > s_timeout;

    private void Leave(FinishBatch batch)
    {
        foreach (var due in batch.Commits)
        {
            End(due);
        }

        foreach (var (of, _) in batch.Resolutions)
        {
            OneLess(of, false);
        }
    }

    private async Task ForgetSoonAsync()
    {
        while (_queues.Count > 0)
        {
            await Task.Delay(s_forgetAfter, core.Host.Time);
            foreach (var queue in _queues.Values.ToArray())
            {
                if (queue.Forgotten > 0 && queue.OnTheirWay == 0)
                {
                    _ = SendAsync(queue);
                }

                DropIfEmpty(queue);
            }
        }

        _forgetsSoon = false;
    }

    private void DropIfEmpty(FinishQueue queue)
    {
        if (queue is { OnTheirWay: 0, IsUrgent: false, Forgotten: 0 })
        {
            _queues.Remove(queue.Range);
        }
    }
}
