using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Checkers.Transactions;

namespace OrleansGeo.Simulation.Workloads;

/// <summary>
/// Rows that are each written once, by transactions of their own, and reads of small groups of them: of two reads of a group one has seen
/// all that the other has, or writes came in two orders at once.
/// </summary>
public sealed class LongForkWorkload(TransactionCheckOptions options, int rowsPerGroup = 3) : TransactionWorkload(options)
{
    private readonly WrittenOnce _rows = new("fork", rowsPerGroup, 0.3);

    /// <inheritdoc />
    public override string Name => "long-fork";

    /// <inheritdoc />
    public override AbstractTransaction Next(int client, Prng prng) => _rows.Draw(prng) is { } key
        ? Make(new AbstractStep.Put(key, NewValue()))
        : Make([.. _rows.DrawGroup(prng).Select(row => new AbstractStep.Get(row))]);

    /// <inheritdoc />
    protected override IEnumerable<string> Findings(IReadOnlyList<Transaction> transactions)
    {
        var groups = _rows.ReadsByGroup(Committed(transactions));
        foreach (var (group, reads) in groups)
        {
            var ordered = reads.OrderBy(read => read.Seen.Count).ToList();
            for (var i = 1; i < ordered.Count; i++)
            {
                if (!ordered[i - 1].Seen.IsSubsetOf(ordered[i].Seen))
                {
                    yield return $"long fork: of two reads of {group} each saw a row that the other missed:\n"
                        + $"  {ordered[i - 1].Reader}\n  {ordered[i].Reader}";
                    break;
                }
            }
        }
    }
}

/// <summary>
/// Rows that are written one after another, each once, and reads of all of a group: who sees a row sees every row whose write was
/// acknowledged before that one's began. Held to only when strict: without it, rows that share no reader's key may be seen in any order.
/// </summary>
public sealed class CausalReverseWorkload(TransactionCheckOptions options, int rowsPerGroup = 8) : TransactionWorkload(options)
{
    private readonly WrittenOnce _rows = new("reverse", rowsPerGroup, 0.5);

    /// <inheritdoc />
    public override string Name => "causal-reverse";

    /// <inheritdoc />
    public override AbstractTransaction Next(int client, Prng prng) => _rows.Draw(prng) is { } key
        ? Make(new AbstractStep.Put(key, NewValue()))
        : Make([.. _rows.DrawGroup(prng).Select(row => new AbstractStep.Get(row))]);

    /// <inheritdoc />
    protected override IEnumerable<string> Findings(IReadOnlyList<Transaction> transactions)
    {
        if (Options.Level != TransactionLevel.StrictSerializable)
        {
            yield break;
        }

        var writers = Committed(transactions)
            .SelectMany(transaction => transaction.Operations.OfType<MicroOperation.Write>().Select(write => (write.Key, transaction)))
            .ToDictionary(entry => entry.Key, entry => entry.transaction);
        foreach (var (_, reads) in _rows.ReadsByGroup(Committed(transactions)))
        {
            foreach (var (reader, seen, missed) in reads)
            {
                var first = missed.Where(writers.ContainsKey).MinBy(key => writers[key].ReturnedAtMicros);
                var last = seen.Where(writers.ContainsKey).MaxBy(key => writers[key].InvokedAtMicros);
                if (first is not null && last is not null && writers[first].ReturnedAtMicros < writers[last].InvokedAtMicros)
                {
                    yield return $"causal reverse: {last} was seen without {first}, which was there before it was begun:\n"
                        + $"  {writers[first]}\n  {writers[last]}\n  {reader}";
                }
            }
        }
    }
}

/// <summary>Groups of rows that are each written once; a new group follows when one is written.</summary>
internal sealed class WrittenOnce(string prefix, int rowsPerGroup, double shareOfWrites)
{
    private const int GroupsRead = 2;
    private int _written;

    /// <summary>The next row to write, or null for a read.</summary>
    public string? Draw(Prng prng)
    {
        if (!prng.Chance(shareOfWrites))
        {
            return null;
        }

        var row = _written++;
        return Row(row / rowsPerGroup, row % rowsPerGroup);
    }

    /// <summary>The rows of a group that is being written, or was a moment ago, in any order.</summary>
    public string[] DrawGroup(Prng prng)
    {
        var group = Math.Max(0, (_written / rowsPerGroup) - prng.Below(GroupsRead));
        string[] rows = [.. Enumerable.Range(0, rowsPerGroup).Select(row => Row(group, row))];
        prng.Shuffle(rows.AsSpan());
        return rows;
    }

    /// <summary>For each group who read all of it, and which rows were there and which were not.</summary>
    public IEnumerable<(string Group, List<(Transaction Reader, HashSet<string> Seen, HashSet<string> Missed)> Reads)> ReadsByGroup(
        IEnumerable<Transaction> transactions) => transactions
        .Select(transaction => (transaction, reads: transaction.Operations.OfType<MicroOperation.Read>().ToList()))
        .Where(entry => entry.reads.Count == rowsPerGroup)
        .GroupBy(entry => entry.reads[0].Key[..entry.reads[0].Key.LastIndexOf('/')])
        .Select(group => (group.Key, group.Select(entry => (
            entry.transaction,
            entry.reads.Where(read => read.Value is not null).Select(read => read.Key).ToHashSet(),
            entry.reads.Where(read => read.Value is null).Select(read => read.Key).ToHashSet())).ToList()));

    private string Row(int group, int row) => $"{prefix}/{group:D5}/{row}";
}
