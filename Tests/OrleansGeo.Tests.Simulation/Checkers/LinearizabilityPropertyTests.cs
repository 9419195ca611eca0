using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Checkers;
using Xunit;

namespace OrleansGeo.Tests.Simulation.Checkers;

public sealed class LinearizabilityPropertyTests
{
    [Theory]
    [InlineData(300, 30, 4, 3, 0.0, false)]
    [InlineData(300, 30, 4, 3, 0.2, false)]
    [InlineData(300, 40, 6, 0, 0.3, true)]
    public void Histories_of_a_register_are_accepted(int seeds, int operations, int clients, int values, double unknown, bool versioned)
    {
        for (var seed = 0; seed < seeds; seed++)
        {
            var history = SimulatedRegister.Make(new Prng((ulong)seed), operations, clients, values, unknown, versioned);
            Assert.True(LinearizabilityChecker.Check(history) is Verdict.Good, $"seed {seed}: {LinearizabilityChecker.Check(history)}");
        }
    }

    [Fact]
    public void Thousands_of_operations_on_one_key_with_hundreds_unknown_are_decided()
    {
        var history = SimulatedRegister.Make(new Prng(7), 5_000, 12, 0, 0.08, versioned: true);
        Assert.True(history.Operations.Count(operation => operation.Outcome == OperationOutcome.Unknown) > 300);
        Assert.Equal("good", LinearizabilityChecker.Check(history).ToString());
    }

    [Fact]
    public void One_wrong_read_among_thousands_is_found()
    {
        var operations = SimulatedRegister.Make(new Prng(8), 4_000, 10, 0, 0.05, versioned: true).Operations.ToList();
        var first = operations.First(operation => operation.IsAcknowledgedWrite && operation.WritesValue);
        var read = operations.FindLastIndex(operation => operation is { Kind: OperationKind.Read, Value: not null });
        operations[read] = operations[read] with { Value = first.Value, Version = first.Version };
        var verdict = Assert.IsType<Verdict.Violated>(LinearizabilityChecker.CheckKey(operations));
        Assert.Contains(operations[read].ToString(), verdict.Explanation, StringComparison.Ordinal);
        Assert.True(verdict.Explanation.Length < 4_000, verdict.Explanation);
    }

    [Fact]
    public void Small_histories_with_one_change_get_the_verdict_of_a_checker_that_tries_every_order()
    {
        var (good, bad) = (0, 0);
        for (var seed = 0; seed < 20_000; seed++)
        {
            var prng = new Prng((ulong)seed);
            var history = SimulatedRegister.Make(prng, 2 + prng.Below(6), 3, prng.Below(3), 0.25);
            var operations = history.Operations.ToList();
            for (var changes = prng.Below(3); changes > 0; changes--)
            {
                Change(operations, prng);
            }

            var expected = BruteForce.IsLinearizable(operations);
            foreach (var verdict in new[] { LinearizabilityChecker.Search(operations), LinearizabilityChecker.CheckKey(operations) })
            {
                Assert.True(
                    expected == verdict.IsGood && verdict is not Verdict.Inconclusive,
                    $"seed {seed}: trying every order says {expected}, the checker says {verdict} of\n{string.Join('\n', operations)}");
            }

            good += expected ? 1 : 0;
            bad += expected ? 0 : 1;
        }

        Assert.True(good > 5_000 && bad > 2_500, $"{good} good and {bad} bad histories are too one-sided to compare on");
    }

    // With values of either kind that the register made up.
    private static string Some(Prng prng) => (prng.Chance(0.5) ? "v" : "u") + prng.Below(4);

    private static void Change(List<Operation> operations, Prng prng)
    {
        var at = prng.Below(operations.Count);
        var operation = operations[at];
        operations[at] = prng.Below(4) switch
        {
            0 when operation.Kind == OperationKind.Read => operation with { Value = prng.Chance(0.3) ? null : Some(prng) },
            0 => operation with { Value = operation.WritesValue ? Some(prng) : null },
            1 when operation.Outcome == OperationOutcome.Ok => operation with { Outcome = OperationOutcome.Unknown, Applied = null },
            1 => operation with { Outcome = OperationOutcome.Ok, Applied = operation.Kind == OperationKind.Read ? null : true },
            2 when operation.Kind != OperationKind.Put => operation with { Applied = !operation.Applied },
            2 => operation with { Outcome = OperationOutcome.Failed },
            _ => operation with { InvokedAtMicros = operation.InvokedAtMicros + 40, ReturnedAtMicros = operation.ReturnedAtMicros + 40 },
        };
    }
}
