using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Checkers.Transactions;

namespace OrleansGeo.Simulation.Workloads;

/// <summary>
/// Counters that only go up: a read that began when another had returned shows no less, and numbers go up together with the versions of
/// the writes that made them.
/// </summary>
public sealed class MonotonicWorkload(TransactionCheckOptions options, int counters = 2) : TransactionWorkload(options)
{
    /// <inheritdoc />
    public override string Name => "monotonic";

    /// <inheritdoc />
    public override AbstractTransaction Next(int client, Prng prng)
    {
        var key = $"monotonic/{prng.Below(counters)}";
        return prng.Chance(0.5) ? Make(new AbstractStep.Add(key, 1)) : Make(new AbstractStep.Get(key));
    }

    /// <inheritdoc />
    protected override IEnumerable<string> Findings(IReadOnlyList<Transaction> transactions) =>
        Counts.ByKey(Committed(transactions)).SelectMany(key => Versions(key.Key, key.Value).Concat(Times(key.Key, key.Value)));

    private static IEnumerable<string> Versions(string key, List<Count> counts)
    {
        var written = counts.Where(count => count.Written is not null).OrderBy(count => count.Written).ToList();
        for (var i = 1; i < written.Count; i++)
        {
            if (written[i].Of.CommitTimestamp <= written[i - 1].Of.CommitTimestamp)
            {
                yield return $"monotonic: {key} went up and the version did not:\n  {written[i - 1].Of}\n  {written[i].Of}";
            }
        }
    }

    private static IEnumerable<string> Times(string key, List<Count> counts)
    {
        var returned = counts.OrderBy(count => count.Of.ReturnedAtMicros).ToList();
        var (next, most) = (0, default(Count));
        foreach (var count in counts.OrderBy(count => count.Of.InvokedAtMicros))
        {
            for (; next < returned.Count && returned[next].Of.ReturnedAtMicros < count.Of.InvokedAtMicros; next++)
            {
                most = most is null || returned[next].Last > most.Last ? returned[next] : most;
            }

            if (most is not null && count.Read < most.Last)
            {
                yield return $"monotonic: {key} went back to {count.Read} from {most.Last}:\n  {most.Of}\n  {count.Of}";
            }
        }
    }
}

/// <summary>
/// Counters that everyone adds one to: no two who committed added to the same number, and what is read lies between what was acknowledged
/// when the read began and what was begun when it returned.
/// </summary>
public sealed class LostUpdateWorkload(TransactionCheckOptions options, int counters = 2) : TransactionWorkload(options)
{
    /// <inheritdoc />
    public override string Name => "lost-update";

    /// <inheritdoc />
    public override IReadOnlyList<AbstractTransaction> Final =>
        [.. Enumerable.Range(0, counters).Select(i => Make(new AbstractStep.Get(Key(i))))];

    /// <inheritdoc />
    public override AbstractTransaction Next(int client, Prng prng)
    {
        var key = Key(prng.Below(counters));
        return prng.Chance(0.7) ? Make(new AbstractStep.Add(key, 1)) : Make(new AbstractStep.Get(key));
    }

    /// <inheritdoc />
    protected override IEnumerable<string> Findings(IReadOnlyList<Transaction> transactions)
    {
        var committed = Counts.ByKey(Committed(transactions));
        var possible = Counts.ByKey(transactions.Where(transaction => transaction.Outcome != TransactionOutcome.Aborted));
        foreach (var (key, counts) in committed)
        {
            var added = counts.Where(count => count.Written is not null).ToList();
            foreach (var same in added.GroupBy(count => count.Written).Where(group => group.Count() > 1))
            {
                var lines = string.Concat(same.Select(count => $"\n  {count.Of}"));
                yield return $"lost update: {same.Count()} transactions made {key} {same.Key}:{lines}";
            }

            var acknowledged = added.Select(count => count.Of.ReturnedAtMicros).Order().ToArray();
            var begun = possible[key].Where(count => count.Written is not null).Select(count => count.Of.InvokedAtMicros).Order().ToArray();
            foreach (var count in counts.Where(count => count is { Read: not null, Written: null }))
            {
                var least = Below(acknowledged, count.Of.InvokedAtMicros);
                var most = Below(begun, count.Of.ReturnedAtMicros + 1);
                if (count.Read < least || count.Read > most)
                {
                    yield return $"lost update: {key} is {count.Read}, and what was added allows {least} to {most}:\n  {count.Of}";
                }
            }
        }
    }

    // How many of the sorted numbers are below a bound.
    private static int Below(long[] sorted, long bound)
    {
        var (low, high) = (0, sorted.Length);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = sorted[middle] < bound ? (middle + 1, high) : (low, middle);
        }

        return low;
    }

    private static string Key(int counter) => $"count/{counter}";
}

/// <summary>What a transaction read of a counter, and what it made it.</summary>
internal sealed record Count(Transaction Of, long? Read, long? Written)
{
    /// <summary>The number when the transaction was over.</summary>
    public long Last => Written ?? Read ?? 0;
}

/// <summary>Finds the counters in a history.</summary>
internal static class Counts
{
    /// <summary>What transactions did to each counter, keys in ordinal order.</summary>
    public static SortedDictionary<string, List<Count>> ByKey(IEnumerable<Transaction> transactions)
    {
        var counts = new SortedDictionary<string, List<Count>>(StringComparer.Ordinal);
        foreach (var transaction in transactions)
        {
            var read = transaction.Operations.OfType<MicroOperation.Read>().FirstOrDefault();
            var write = transaction.Operations.OfType<MicroOperation.Write>().FirstOrDefault();
            if ((read?.Key ?? write?.Key) is { } key)
            {
                var known = counts.TryGetValue(key, out var list) ? list : counts[key] = [];
                known.Add(new(
                    transaction,
                    read is { IsAnswered: true } ? TaggedNumber.Of(read.Value) : null,
                    write is null ? null : TaggedNumber.Of(write.Value)));
            }
        }

        return counts;
    }
}
