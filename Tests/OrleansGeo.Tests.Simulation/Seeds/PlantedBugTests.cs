using OrleansGeo.Simulation;
using Xunit;

namespace OrleansGeo.Tests.Simulation.Seeds;

/// <summary>The tests are tested: each bug of the bank is switched on alone, and some seed must show it.</summary>
public sealed class PlantedBugTests(ITestOutputHelper output)
{
    private const int SeedsMax = 160;

    public static TheoryData<string> Bank() => [.. PlantedBugs.All];

    public static TheoryData<string> BankOfTransactions() => [.. PlantedBugs.OfTransactions];

    public static TheoryData<string> BankOfOpenTransactions() => [.. PlantedBugs.OfOpenTransactions];

    [Theory]
    [MemberData(nameof(Bank))]
    public void A_planted_bug_is_caught(string bug) => AssertCaught(bug, transactions: false);

    [Theory]
    [MemberData(nameof(BankOfTransactions))]
    public void A_planted_bug_is_caught_by_transactions(string bug) => AssertCaught(bug, transactions: true);

    [Theory]
    [MemberData(nameof(BankOfOpenTransactions))]
    public void A_planted_bug_is_caught_by_open_transactions(string bug) => AssertCaught(bug, transactions: true, from: 301);

    private void AssertCaught(string bug, bool transactions, ulong from = 1)
    {
        var caught = SeedRunner.FirstFailure(from, SeedsMax, bug, transactions);
        Assert.True(caught is not null, $"{bug} went through {SeedsMax} seeds unseen");
        output.WriteLine($"{bug}: seed {caught.Seed}: {caught.Failure!.Split('\n')[0]}");
    }
}
