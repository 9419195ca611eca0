using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Checkers.Transactions;

namespace OrleansGeo.Simulation.Workloads;

/// <summary>
/// Pairs of rows of which at most one may be taken: everyone reads both and takes one of them. When each of two takes the row that the
/// other only read, both are taken.
/// </summary>
public sealed class WriteSkewWorkload(TransactionCheckOptions options, int drawsPerPair = 10) : TransactionWorkload(options)
{
    private int _draws;

    /// <inheritdoc />
    public override string Name => "write-skew";

    /// <inheritdoc />
    public override AbstractTransaction Next(int client, Prng prng)
    {
        var pair = _draws++ / drawsPerPair;
        string[] rows = [$"skew/{pair:D5}/a", $"skew/{pair:D5}/b"];
        return prng.Chance(0.3)
            ? Make([.. rows.Select(row => new AbstractStep.Get(row))])
            : Make(new AbstractStep.RequireSum(rows, 0, 0), new AbstractStep.Add(rows[prng.Below(2)], 1));
    }

    /// <inheritdoc />
    protected override IEnumerable<string> Findings(IReadOnlyList<Transaction> transactions) =>
        Committed(transactions)
            .Where(transaction => ReadsOf(transaction).Values.Sum(TaggedNumber.Of) > 1)
            .Select(transaction => $"write skew: both rows are taken:\n  {transaction}");
}

/// <summary>
/// Spans that have room for so many rows: everyone counts the rows of a span and adds one of its own when there is room. When two do not
/// see each other's row, the span is too full.
/// </summary>
public sealed class PhantomWorkload(TransactionCheckOptions options, int room = 2, int drawsPerSpan = 12) : TransactionWorkload(options)
{
    private int _draws;

    /// <inheritdoc />
    public override string Name => "phantom";

    /// <inheritdoc />
    public override AbstractTransaction Next(int client, Prng prng)
    {
        var span = $"slot/{_draws++ / drawsPerSpan:D5}/";
        var value = NewValue();
        return prng.Chance(0.3)
            ? Make(new AbstractStep.Span(span, span + "~"))
            : Make(new AbstractStep.RequireFewer(span, span + "~", room), new AbstractStep.Put(span + value, value));
    }

    /// <inheritdoc />
    protected override IEnumerable<string> Findings(IReadOnlyList<Transaction> transactions) =>
        Committed(transactions)
            .Where(transaction => ReadsOf(transaction).Count > room)
            .Select(transaction => $"phantom: a span with room for {room} rows has more:\n  {transaction}");
}
