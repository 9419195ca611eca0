using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Checkers.Transactions;

namespace OrleansGeo.Simulation.Workloads;

/// <summary>
/// Transfers between accounts: whoever reads all accounts sees the one total there ever is, and no account below zero where that is not
/// allowed.
/// </summary>
public sealed class BankWorkload : TransactionWorkload
{
    private readonly string[] _accounts;
    private readonly long _total;
    private readonly bool _mayBeNegative;

    /// <summary>Accounts that each begin with the same balance.</summary>
    public BankWorkload(TransactionCheckOptions options, int accounts = 5, long balance = 20, bool mayBeNegative = false)
        : base(options)
    {
        _accounts = [.. Enumerable.Range(0, accounts).Select(i => $"account/{i:D3}")];
        _total = accounts * balance;
        _mayBeNegative = mayBeNegative;
        Setup = [.. _accounts.Select(account => Make(new AbstractStep.Add(account, balance)))];
    }

    /// <inheritdoc />
    public override string Name => "bank";

    /// <inheritdoc />
    public override IReadOnlyList<AbstractTransaction> Setup { get; }

    /// <inheritdoc />
    public override IReadOnlyList<AbstractTransaction> Final => [ReadAll()];

    /// <inheritdoc />
    public override AbstractTransaction Next(int client, Prng prng)
    {
        if (prng.Chance(0.35))
        {
            return prng.Chance(0.5) ? ReadAll() : Make(new AbstractStep.Span("account/", "account/~"));
        }

        var from = prng.Below(_accounts.Length);
        var to = (from + 1 + prng.Below(_accounts.Length - 1)) % _accounts.Length;
        var amount = prng.Between(1, 10);
        AbstractStep[] transfer = [new AbstractStep.Add(_accounts[from], -amount), new AbstractStep.Add(_accounts[to], amount)];
        return _mayBeNegative ? Make(transfer) : Make([new AbstractStep.RequireSum([_accounts[from]], amount), .. transfer]);
    }

    /// <inheritdoc />
    protected override IEnumerable<string> Findings(IReadOnlyList<Transaction> transactions)
    {
        foreach (var transaction in Committed(transactions))
        {
            var reads = ReadsOf(transaction);
            var sum = _accounts.Sum(account => TaggedNumber.Of(reads.GetValueOrDefault(account)));
            var isOfAll = _accounts.All(reads.ContainsKey) || transaction.Operations.Any(operation => operation is MicroOperation.Scan);
            if (isOfAll && sum != _total)
            {
                yield return $"bank: the accounts hold {sum} and not {_total}:\n  {transaction}";
            }

            if (!_mayBeNegative && reads.FirstOrDefault(read => TaggedNumber.Of(read.Value) < 0) is { Key: not null } below)
            {
                yield return $"bank: {below.Key} is below zero:\n  {transaction}";
            }
        }
    }

    private AbstractTransaction ReadAll() => Make([.. _accounts.Select(account => new AbstractStep.Get(account))]);
}
