using System.Collections.Immutable;
using OrleansGeo.Primitives;
using OrleansGeo.Transactions;

namespace OrleansGeo.Engine;

/// <summary>
/// What is left to do once a client has its answer: the record of a committed transaction, its intents, and the record again. Nothing
/// depends on it being done here; whoever meets what is left does the same. Beyond a bound clients wait for it.
/// </summary>
internal sealed class TransactionFinisher(GatewayCore core, TransactionRecovery recovery)
{
    /// <summary>Test builds only: intents become visible before the record says that they may.</summary>
    public const string BugResolvesEarly = "transactions.resolves-early";

    private const int RunningMax = 1_024;
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(10);
    private int _running;

    public TransactionRecovery Recovery => recovery;

    /// <summary>Every intent lies at or below the staged timestamp: says so in the record, then resolves the intents.</summary>
    public Task CommitAsync(TransactionAttempt attempt, HlcTimestamp at, RequestName request)
    {
        var work = RunAsync(() => CommitAndResolveAsync(attempt, at, request));
        return _running > RunningMax ? work : Task.CompletedTask;
    }

    /// <summary>The record says committed: resolves the intents.</summary>
    public void Resolve(TransactionAttempt attempt, HlcTimestamp at) =>
        _ = RunAsync(() => ResolveAsync(attempt.Tag, attempt.Keys, at));

    /// <summary>The attempt is not to be committed, if it is not yet: takes its intents away.</summary>
    public void Abandon(TransactionAttempt attempt) => _ = RunAsync(() => AbandonAsync(attempt));

    private async Task CommitAndResolveAsync(TransactionAttempt attempt, HlcTimestamp at, RequestName request)
    {
        if (PlantedBug.Is(BugResolvesEarly))
        {
            await ResolveAsync(attempt.Tag, attempt.Keys, at);
        }

        var record = await recovery.ConcludeAsync(
            recovery.Scope(s_timeout), new(attempt.Tag, TransactionVerdict.Commit, at, attempt.Keys, request));
        if (record is { Status: TransactionStatus.Committed })
        {
            await ResolveAsync(attempt.Tag, attempt.Keys, record.Timestamp);
        }
    }

    private async Task AbandonAsync(TransactionAttempt attempt)
    {
        var record = await recovery.DecideAsync(attempt.Tag, mustEnd: true, s_timeout);
        if (record is { Status: TransactionStatus.Aborted })
        {
            await recovery.ResolveAsync(recovery.Scope(s_timeout), attempt.Tag.Id, attempt.Keys, null);
        }
        else if (record is { Status: TransactionStatus.Committed })
        {
            await ResolveAsync(attempt.Tag, attempt.Keys, record.Timestamp);
        }
    }

    // The record goes with the intents beside it when there are no others.
    private async Task ResolveAsync(TransactionTag tag, ImmutableArray<Key> keys, HlcTimestamp at)
    {
        var scope = recovery.Scope(s_timeout);
        if (await recovery.ResolveAsync(scope, tag.Id, keys, at))
        {
            await core.AskAsync(scope, tag.Anchor, new RangeOperation.Forget(tag.Anchor, tag.Id));
        }
    }

    private async Task RunAsync(Func<Task> work)
    {
        _running++;
        try
        {
            await work();
        }
        finally
        {
            _running--;
        }
    }
}
