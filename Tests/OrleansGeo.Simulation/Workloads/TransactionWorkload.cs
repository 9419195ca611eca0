using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Checkers;
using OrleansGeo.Simulation.Checkers.Transactions;

namespace OrleansGeo.Simulation.Workloads;

/// <summary>
/// Transactions that show one kind of mistake well, drawn from a seeded generator, and the check that sees it. One instance is one run; its
/// keys are rows of text, and nothing else writes them.
/// </summary>
public abstract class TransactionWorkload(TransactionCheckOptions options)
{
    private int _tokens;

    /// <summary>A short name, as in <c>bank</c>.</summary>
    public abstract string Name { get; }

    /// <summary>What the history is held to.</summary>
    public TransactionCheckOptions Options => options;

    /// <summary>Run one after another before all else; each has to commit.</summary>
    public virtual IReadOnlyList<AbstractTransaction> Setup => [];

    /// <summary>Run one after another when everything is healed and all else is over.</summary>
    public virtual IReadOnlyList<AbstractTransaction> Final => [];

    /// <summary>What a client does next.</summary>
    public abstract AbstractTransaction Next(int client, Prng prng);

    /// <summary>The workload's own look at what committed, and then the look for cycles.</summary>
    public Verdict Check(TransactionHistory history) => Verdict.Of(
        FindingsIn(history).Concat(SerializabilityChecker.Check(history, options).Anomalies.Select(anomaly => anomaly.ToString())));

    /// <summary>What the workload's own look finds wrong.</summary>
    public IEnumerable<string> FindingsIn(TransactionHistory history) => Findings(history.Transactions);

    /// <summary>The same, of all transactions of the history.</summary>
    protected abstract IEnumerable<string> Findings(IReadOnlyList<Transaction> transactions);

    /// <summary>A transaction with a token of its own.</summary>
    protected AbstractTransaction Make(params IReadOnlyList<AbstractStep> steps) => new($"t{++_tokens}", steps);

    /// <summary>A value that no other call returns.</summary>
    protected string NewValue() => $"v{++_tokens}";

    /// <summary>Those that certainly committed.</summary>
    protected static IEnumerable<Transaction> Committed(IEnumerable<Transaction> transactions) =>
        transactions.Where(transaction => transaction.Outcome == TransactionOutcome.Committed);

    /// <summary>What a transaction read of registers before it wrote them, by key, spans included; absent keys of spans are not.</summary>
    protected static SortedDictionary<string, string?> ReadsOf(Transaction transaction)
    {
        var reads = new SortedDictionary<string, string?>(StringComparer.Ordinal);
        var written = new HashSet<string>(StringComparer.Ordinal);
        foreach (var operation in transaction.Operations)
        {
            switch (operation)
            {
                case MicroOperation.Write write:
                    written.Add(write.Key);
                    break;
                case MicroOperation.Read { IsAnswered: true } read when !written.Contains(read.Key):
                    reads.TryAdd(read.Key, read.Value);
                    break;
                case MicroOperation.Scan { Rows: { } rows }:
                    foreach (var row in rows.OfType<MicroOperation.Read>().Where(row => !written.Contains(row.Key)))
                    {
                        reads.TryAdd(row.Key, row.Value);
                    }

                    break;
                default:
                    break;
            }
        }

        return reads;
    }
}
