using System.Globalization;
using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Checkers.Transactions;
using Xunit;

namespace OrleansGeo.Tests.Simulation.Checkers.Transactions;

/// <summary>Histories of tens of thousands of transactions: nothing in the checker goes with their square, nothing recurses.</summary>
public sealed class LargeHistoryTests
{
    private const int Transactions = 50_000;
    private const int Clients = 20;
    private const int TransactionsPerKey = 200;

    [Theory]
    [InlineData(TransactionLevel.Serializable)]
    [InlineData(TransactionLevel.LinearizablePerKey)]
    [InlineData(TransactionLevel.StrictSerializable)]
    public void Fifty_thousand_transactions_on_lists_are_checked(TransactionLevel level)
    {
        var history = Lists(new Prng(1));
        Assert.Empty(SerializabilityChecker.Check(history, new(level, true)).Anomalies);
    }

    [Fact]
    public void One_wrong_read_among_them_is_found()
    {
        var transactions = Lists(new Prng(2)).Transactions.ToArray();
        var at = Array.FindIndex(transactions, Transactions / 2, transaction =>
            transaction is { Outcome: TransactionOutcome.Committed, Operations: [MicroOperation.ReadList { Elements.Count: > 20 }, ..] });
        var read = (MicroOperation.ReadList)transactions[at].Operations[0];
        var old = read with { Elements = [.. read.Elements!.Take(3)] };
        var appends = transactions[at].Operations.Where(operation => operation is MicroOperation.Append);
        transactions[at] = transactions[at] with { Operations = [old, .. appends] };
        var anomalies = SerializabilityChecker.Check(new(transactions)).Anomalies;
        Assert.All(anomalies, anomaly => Assert.Contains(at, anomaly.Transactions));
        Assert.Contains("G-single", Assert.Single(anomalies).Name, StringComparison.Ordinal);
    }

    // Everyone reads the first state of every other's key: one tangle of all of them, with the square of them in missed writes.
    [Fact]
    public void A_tangle_of_all_transactions_gives_a_cycle()
    {
        var history = new TransactionHistory();
        for (var i = 0; i < Transactions; i++)
        {
            history.Committed(
                history.Begin(i, 0),
                [new MicroOperation.ReadList("x", []), new MicroOperation.Append("x", i.ToString(CultureInfo.InvariantCulture))], 10);
        }

        Assert.Equal("G2", Assert.Single(SerializabilityChecker.Check(history).Anomalies).Name);
    }

    [Fact]
    public void A_chain_of_all_transactions_that_closes_at_the_end_is_one_cycle()
    {
        var history = new TransactionHistory();
        for (var i = 0; i < Transactions; i++)
        {
            var (own, before) = (i, (i + Transactions - 1) % Transactions);
            history.Committed(
                history.Begin(i, 0), [new MicroOperation.Write($"k{own}", "1"), new MicroOperation.Read($"k{before}", "1")], 10);
        }

        var cycle = Assert.Single(SerializabilityChecker.Check(history).Anomalies);
        Assert.Equal("G1c", cycle.Name);
        Assert.Equal(Transactions, cycle.Transactions.Length);
        Assert.True(cycle.Explanation.Length < 10_000, "nobody reads that");
    }

    private static TransactionHistory Lists(Prng prng)
    {
        var history = new TransactionHistory();
        var lists = new Dictionary<string, List<string>>();
        var open = new (int Id, long At)[Clients];
        Array.Fill(open, (-1, 0));
        for (var now = 1L; history.Transactions.Count < Transactions; now++)
        {
            var client = prng.Below(Clients);
            if (open[client].Id < 0)
            {
                open[client] = (history.Begin(client, now), now);
                continue;
            }

            var id = open[client].Id;
            open[client] = (-1, 0);
            var operations = new List<MicroOperation>();
            for (var i = prng.Between(1, 4); i > 0; i--)
            {
                var key = $"k{(id / TransactionsPerKey * 4) + prng.Below(4)}";
                var list = lists.TryGetValue(key, out var known) ? known : lists[key] = [];
                if (prng.Chance(0.5))
                {
                    operations.Add(new MicroOperation.ReadList(key, [.. list]));
                }
                else
                {
                    list.Add($"{id}.{i}");
                    operations.Add(new MicroOperation.Append(key, list[^1]));
                }
            }

            if (prng.Chance(0.05))
            {
                history.Unknown(id, operations, now);
            }
            else
            {
                history.Committed(id, operations, now);
            }
        }

        return history;
    }
}
