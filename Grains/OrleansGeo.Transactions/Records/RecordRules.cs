using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Transactions;

/// <summary>What is to happen to a record. The answer to whoever asked is the record that stands afterwards.</summary>
/// <param name="Record">The record that stands; null when there is none.</param>
/// <param name="IsNew">True when it has to be written first.</param>
public readonly record struct RecordDecision(TransactionRecord? Record, bool IsNew);

/// <summary>
/// How the record of an attempt changes. It lies beside the attempt's anchor, and the leaseholder there decides one change after the other.
/// <para>
/// <b>When is an attempt committed?</b> When its record says so; or when its record is staged at S and every key it lists has the attempt's
/// intent at or below S. The second becomes true by writes in several ranges, in no order, and needs no further message: so one round of
/// consensus is enough, and whoever sees it may say so to the client.
/// </para>
/// <para>
/// <b>Why does nobody decide otherwise?</b> The record goes from nothing to staged to committed or aborted, or from nothing to aborted or
/// committed, and never back. Committed is written by the coordinator, who has been told of every intent; or by whoever recovers, who has
/// found every intent at or below S. Aborted is written over nothing, and then no staging ever follows; or over a staged record by whoever
/// recovers and found an intent missing. Who looks for an intent at S and does not find it leaves a read at S behind on that key, under the
/// latch of the key and within the bound that survives the leaseholder; an intent that comes later lies above S, and the condition above
/// can never come true. While a record is staged no intent of the attempt is taken away: intents are resolved only once it is
/// decided. So an attempt that is committed without anybody's word can only be recovered as committed.
/// </para>
/// <para>
/// The coordinator may learn that an intent lies above S. Then the attempt is not committed and, with every intent in place and its reads
/// refreshed, it asks for Committed at a later time; if a recovery was quicker it finds Aborted and tries anew under another id.
/// </para>
/// </summary>
public static class RecordRules
{
    /// <summary>Test builds only: whoever recovers aborts what is staged without looking for its intents.</summary>
    public const string BugAbortsStaged = "transactions.recovery-aborts-staged";

    /// <summary>Test builds only: a staging that comes after its attempt was aborted is taken all the same.</summary>
    public const string BugStagesAborted = "transactions.stages-aborted";

    /// <summary>The attempt's writes beside the anchor are laid, and those elsewhere are on their way.</summary>
    public static RecordDecision Stage(TransactionRecord? known, TransactionRecord staged)
    {
        Invariant.Holds(staged.Status == TransactionStatus.Staging);
        return known is null || (PlantedBug.Is(BugStagesAborted) && known.Status == TransactionStatus.Aborted)
            ? new(staged, true)
            : new(known, false);
    }

    /// <summary>The coordinator knows that every intent is in place, and that all it read holds at the timestamp.</summary>
    public static RecordDecision Commit(
        TransactionRecord? known, TransactionTag tag, HlcTimestamp at, ImmutableArray<Key> keys, RequestName request)
    {
        Invariant.Holds(known is not { Status: TransactionStatus.Staging } || known.Timestamp <= at);
        return known is null or { Status: TransactionStatus.Staging }
            ? new(new(tag, TransactionStatus.Committed, at, keys, request), true)
            : new(known, false);
    }

    /// <summary>Whoever recovers has looked for every intent of what was staged at a timestamp.</summary>
    /// <param name="known">The record now.</param>
    /// <param name="stagedAt">When it was staged for as the recovery found it.</param>
    /// <param name="isComplete">Every intent was found at or below that; otherwise one was missing, and stays so.</param>
    /// <param name="keepUntil">How long an aborted record is kept, for messages on their way.</param>
    public static RecordDecision Recover(TransactionRecord? known, HlcTimestamp stagedAt, bool isComplete, HlcTimestamp keepUntil)
    {
        if (known is not { Status: TransactionStatus.Staging } || known.Timestamp != stagedAt)
        {
            return new(known, false);
        }

        return new(
            isComplete
                ? known with { Status = TransactionStatus.Committed }
                : known with { Status = TransactionStatus.Aborted, Timestamp = keepUntil },
            true);
    }

    /// <summary>Nobody is to wait for an attempt that has not staged.</summary>
    public static RecordDecision AbortAbsent(TransactionRecord? known, TransactionTag tag, HlcTimestamp keepUntil)
    {
        if (PlantedBug.Is(BugAbortsStaged) && known is { Status: TransactionStatus.Staging })
        {
            return new(known with { Status = TransactionStatus.Aborted, Timestamp = keepUntil }, true);
        }

        return known is null
            ? new(new(tag, TransactionStatus.Aborted, keepUntil, [], RequestName.None), true)
            : new(known, false);
    }
}
