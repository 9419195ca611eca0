using OrleansGeo.Simulation;
using Xunit;

namespace OrleansGeo.Tests.Simulation.Seeds;

/// <summary>
/// Transactions on whole clusters under drawn trouble: whatever dies, they can be put into one order that explains every answer. The seed
/// says which workload runs, at which isolation.
/// </summary>
public sealed class TransactionSeedTests(ITestOutputHelper output)
{
    // Of 600 seeds the first half takes whole requests, the other open transactions.
    [Theory]
    [InlineData(1, 220)]
    [InlineData(301, 120)]
    public void Hundreds_of_seeds_of_transactions_break_no_promise(int from, int seeds)
    {
        var (transactions, committed) = (0L, 0L);
        var failures = new List<string>();
        SeedRunner.Run(
            (ulong)from,
            seeds,
            null,
            result =>
            {
                transactions += result.Operations;
                committed += result.Served;
                SeedTests.Note(result, failures, transactions: true);
            },
            transactions: true);
        output.WriteLine($"{seeds} seeds from {from}, {transactions} transactions, {committed} committed");
        Assert.True(failures.Count == 0, string.Join("\n\n", failures));
        Assert.True(committed > 0);
    }

    [Fact]
    public void Seeds_of_transactions_that_once_found_a_bug_stay_good()
    {
        var failures = new List<string>();
        foreach (var seed in SeedTests.Kept("kept-transactions.txt"))
        {
            SeedRunner.Run(seed, 1, null, result => SeedTests.Note(result, failures, transactions: true), transactions: true);
        }

        Assert.True(failures.Count == 0, string.Join("\n\n", failures));
    }
}
