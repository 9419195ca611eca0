using System.Collections.Immutable;
using OrleansGeo.Primitives;
using OrleansGeo.Transactions;

namespace OrleansGeo.Engine;

/// <summary>
/// Finishes transactions, whoever began them: their coordinator, or anybody who meets what they left behind. Why that is safe stands at
/// <see cref="RecordRules"/>.
/// </summary>
internal sealed class TransactionRecovery(GatewayCore core)
{
    /// <summary>Test builds only: whoever recovers does not look for the intents, and takes what is staged for complete.</summary>
    public const string BugTakesStagedForComplete = "transactions.staged-is-complete";

    /// <summary>
    /// How a transaction stands. With <paramref name="mustEnd"/> it is decided, if all its ranges can be reached: what has not staged is
    /// aborted, what is staged is committed if it is complete and aborted otherwise. Null when its record cannot be reached or says
    /// nothing.
    /// </summary>
    /// <remarks>
    /// For whoever knows of intents that are left. A record goes only when no intent is left; so where the anchor cannot tell any more what
    /// became of a transaction, and will do nothing for it ever again, intents that are left are those of one that was not made.
    /// </remarks>
    public async Task<TransactionRecord?> DecideAsync(TransactionTag tag, bool mustEnd, TimeSpan timeout)
    {
        var scope = Scope(timeout);
        var end = await AskAsync(scope, tag, mustEnd);
        return end.Outcome is RangeOutcome.TooOld
            ? new(tag, TransactionStatus.Aborted, HlcTimestamp.Zero, [], RequestName.None)
            : await DecideAsync(scope, tag, mustEnd, end);
    }

    /// <summary>The same, for whoever knows of no intents: null as well when the anchor cannot tell any more.</summary>
    public async Task<TransactionRecord?> DecideAsync(RequestScope scope, TransactionTag tag, bool mustEnd) =>
        await DecideAsync(scope, tag, mustEnd, await AskAsync(scope, tag, mustEnd));

    private Task<CallEnd> AskAsync(RequestScope scope, TransactionTag tag, bool mustEnd)
    {
        var verdict = mustEnd ? TransactionVerdict.AbortAbsent : TransactionVerdict.Ask;
        return core.AskAsync(
            scope, tag.Anchor, new RangeOperation.Conclude(tag, verdict, HlcTimestamp.Zero, [], RequestName.None));
    }

    private async Task<TransactionRecord?> DecideAsync(RequestScope scope, TransactionTag tag, bool mustEnd, CallEnd asked)
    {
        var record = (asked.Outcome as RangeOutcome.Standing)?.Record;
        if (!mustEnd || record is not { Status: TransactionStatus.Staging })
        {
            return record;
        }

        // Half of the time is left for saying what is found, when a range does not answer.
        var look = scope.Fork(scope.Remaining / 2);
        var found = await IsCompleteAsync(look, record);
        look.Finish();
        scope.Join([look]);
        if (found is not { } isComplete)
        {
            return record;
        }

        var verdict = isComplete ? TransactionVerdict.ConfirmStaged : TransactionVerdict.RefuteStaged;
        return await ConcludeAsync(scope, new(tag, verdict, record.Timestamp, [], RequestName.None)) ?? record;
    }

    /// <summary>Decides a transaction, resolves its intents and lets its record go.</summary>
    public async Task FinishAsync(TransactionTag tag, TimeSpan timeout)
    {
        var scope = Scope(timeout);
        if (await DecideAsync(scope, tag, mustEnd: true) is { Status: TransactionStatus.Committed or TransactionStatus.Aborted } record
            && await ResolveAsync(scope, tag.Id, record.Keys, CommitOf(record)) && record.Status == TransactionStatus.Committed)
        {
            await core.AskAsync(scope, tag.Anchor, new RangeOperation.Finish([], [], [new(tag.Anchor, tag.Id)]));
        }
    }

    /// <summary>Asks something of a record; null when it cannot be reached, or there is none.</summary>
    public async Task<TransactionRecord?> ConcludeAsync(RequestScope scope, RangeOperation.Conclude conclude)
    {
        var end = await core.AskAsync(scope, conclude.Transaction.Anchor, conclude);
        return (end.Outcome as RangeOutcome.Standing)?.Record;
    }

    // True when every intent on the keys is resolved.
    private async Task<bool> ResolveAsync(RequestScope scope, TransactionId id, ImmutableArray<Key> keys, HlcTimestamp? commit)
    {
        var all = true;
        var error = await KeyParts.AskAsync(
            core,
            scope,
            keys,
            part => Resolving(id, part.Of(keys), commit),
            (_, end) => all &= end.Outcome is RangeOutcome.Finished);
        return error is null && all;
    }

    /// <summary>What asks a range to resolve intents on keys of it.</summary>
    public static RangeOperation.Finish Resolving(TransactionId id, ImmutableArray<Key> keys, HlcTimestamp? commit) =>
        new([], [.. keys.Select(key => new Resolution(key, id, commit))], []);

    /// <summary>When a decided transaction's intents become visible; null when they never do.</summary>
    public static HlcTimestamp? CommitOf(TransactionRecord record) =>
        record.Status == TransactionStatus.Committed ? record.Timestamp : null;

    /// <summary>A scope for work that no client waits for.</summary>
    public RequestScope Scope(TimeSpan timeout) => new(core.Host, timeout, HlcTimestamp.Zero, CancellationToken.None);

    // Null when no intent is known to be missing, and not every range could be asked.
    private async Task<bool?> IsCompleteAsync(RequestScope scope, TransactionRecord record)
    {
        if (PlantedBug.Is(BugTakesStagedForComplete))
        {
            return true;
        }

        var (isMissing, isKnown) = (false, true);
        var error = await KeyParts.AskAsync(
            core,
            scope,
            record.Keys,
            part => new RangeOperation.FindIntents(part.Of(record.Keys), record.Tag.Id, record.Timestamp),
            (_, end) =>
            {
                isKnown &= end.Outcome is RangeOutcome.Holding;
                isMissing |= end.Outcome is RangeOutcome.Holding { Holds: false };
            });

        // One that is missing is missing for good, whatever the others would say.
        return isMissing ? false : error is null && isKnown ? true : null;
    }
}
