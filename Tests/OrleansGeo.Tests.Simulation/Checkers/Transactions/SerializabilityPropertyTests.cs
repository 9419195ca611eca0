using FsCheck;
using FsCheck.Fluent;
using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Checkers;
using OrleansGeo.Simulation.Checkers.Transactions;
using Xunit;

namespace OrleansGeo.Tests.Simulation.Checkers.Transactions;

public sealed class SerializabilityPropertyTests
{
    private static readonly TransactionCheckOptions[] s_options =
    [
        .. Enum.GetValues<TransactionLevel>().SelectMany(level => new TransactionCheckOptions[] { new(level), new(level, true) }),
    ];

    [Theory]
    [InlineData(KeyStyle.Lists)]
    [InlineData(KeyStyle.Registers)]
    [InlineData(KeyStyle.VersionedRegisters)]
    public void Histories_of_a_store_that_runs_one_transaction_at_a_time_are_accepted(KeyStyle style) => Prop.ForAll(
        ArbMap.Default.ArbFor<byte[]>(),
        steps =>
        {
            var history = SerialStore.Run(steps, style);
            foreach (var options in s_options)
            {
                var report = SerializabilityChecker.Check(history, options);
                Assert.True(report.Anomalies.Count == 0, $"{options}: {report.Verdict} of\n{Text(history)}");
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(500).WithEndSize(400));

    [Theory]
    [InlineData(KeyStyle.Lists, true)]
    [InlineData(KeyStyle.VersionedRegisters, true)]
    [InlineData(KeyStyle.Registers, false)]
    public void Small_histories_with_some_changes_get_the_verdict_of_a_search_through_all_orders(KeyStyle style, bool isExact)
    {
        var (good, bad, missed) = (0, 0, 0);
        for (var seed = 0; seed < 6_000; seed++)
        {
            var prng = new Prng((ulong)seed);
            var transactions = SerialStore.Run(prng, 20 + prng.Below(50), style).Transactions.Take(7).ToArray();
            for (var changes = prng.Below(8); changes > 0; changes--)
            {
                Mutation.Change(transactions, prng);
            }

            var history = new TransactionHistory(transactions);
            var options = s_options[seed % s_options.Length];
            var report = SerializabilityChecker.Check(history, options);
            var expected = SerialOrderSearch.Exists(history, options.Level, options.Sessions);
            Assert.True(
                expected == (report.Anomalies.Count == 0) || (!expected && !isExact),
                $"seed {seed}, {options}: trying every order says {expected}, the checker says {report.Verdict} of\n{Text(history)}");
            good += expected ? 1 : 0;
            bad += expected ? 0 : 1;
            missed += !expected && report.Anomalies.Count == 0 ? 1 : 0;
        }

        Assert.True(good > 1_500 && bad > 1_000, $"{good} good and {bad} bad histories are too one-sided to compare on");
        Assert.True(missed <= bad / 4, $"{missed} of {bad} bad histories were not found");
    }

    private static string Text(TransactionHistory history) => string.Join('\n', history.Transactions);
}
