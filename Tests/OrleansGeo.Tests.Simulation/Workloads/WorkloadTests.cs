using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Checkers;
using OrleansGeo.Simulation.Checkers.Transactions;
using OrleansGeo.Simulation.Workloads;
using Xunit;

namespace OrleansGeo.Tests.Simulation.Workloads;

/// <summary>Every workload accepts a store that does everything right, and sees the mistake it is made for.</summary>
public sealed class WorkloadTests
{
    private const int Seeds = 10;
    private const int Clients = 6;
    private const int TransactionsPerClient = 40;

    private static readonly Dictionary<string, Func<TransactionCheckOptions, TransactionWorkload>> s_workloads = new()
    {
        ["list-append"] = options => new ListAppendWorkload(options, appendsPerList: 15),
        ["register"] = options => new RegisterWorkload(options),
        ["bank"] = options => new BankWorkload(options),
        ["bank-with-debts"] = options => new BankWorkload(options, mayBeNegative: true),
        ["long-fork"] = options => new LongForkWorkload(options),
        ["causal-reverse"] = options => new CausalReverseWorkload(options),
        ["monotonic"] = options => new MonotonicWorkload(options),
        ["lost-update"] = options => new LostUpdateWorkload(options),
        ["write-skew"] = options => new WriteSkewWorkload(options),
        ["phantom"] = options => new PhantomWorkload(options),
    };

    public static TheoryData<string> Names => [.. s_workloads.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_strict_store_is_good(string name)
    {
        for (var seed = 1; seed <= Seeds; seed++)
        {
            var (workload, history) = Run(name, Isolation.Strict, seed, new(TransactionLevel.StrictSerializable, true));
            Assert.Equal("good", workload.Check(history).ToString());
            Assert.True(
                history.Transactions.Count(transaction => transaction.Outcome == TransactionOutcome.Committed) > Clients * 8,
                "hardly anything was committed");
        }
    }

    [Theory]
    [InlineData("bank", Isolation.ReadCommitted, "bank: the accounts hold")]
    [InlineData("bank-with-debts", Isolation.ReadCommitted, "bank: the accounts hold")]
    [InlineData("long-fork", Isolation.TwoHalves, "long fork: ")]
    [InlineData("causal-reverse", Isolation.SkewedClocks, "causal reverse: ")]
    [InlineData("monotonic", Isolation.StaleReads, "monotonic: ")]
    [InlineData("lost-update", Isolation.ReadCommitted, "lost update: ")]
    [InlineData("write-skew", Isolation.Snapshot, "write skew: ")]
    [InlineData("phantom", Isolation.Snapshot, "phantom: ")]
    public void The_mistake_a_workload_is_made_for_is_found_by_its_own_look(string name, Isolation isolation, string finding)
    {
        var found = Enumerable.Range(1, Seeds).Count(seed =>
        {
            var (workload, history) = Run(name, isolation, seed, TransactionCheckOptions.Strict);
            return workload.FindingsIn(history).Any(text => text.StartsWith(finding, StringComparison.Ordinal));
        });
        Assert.True(found >= Seeds / 2, $"found in {found} of {Seeds} seeds");
    }

    [Theory]
    [InlineData("list-append", Isolation.ReadCommitted, TransactionLevel.Serializable)]
    [InlineData("list-append", Isolation.Snapshot, TransactionLevel.Serializable)]
    [InlineData("list-append", Isolation.TwoHalves, TransactionLevel.Serializable)]
    [InlineData("list-append", Isolation.StaleReads, TransactionLevel.LinearizablePerKey)]
    [InlineData("register", Isolation.ReadCommitted, TransactionLevel.Serializable)]
    [InlineData("register", Isolation.Snapshot, TransactionLevel.Serializable)]
    [InlineData("register", Isolation.TwoHalves, TransactionLevel.Serializable)]
    [InlineData("register", Isolation.StaleReads, TransactionLevel.LinearizablePerKey)]
    [InlineData("bank", Isolation.ReadCommitted, TransactionLevel.Serializable)]
    [InlineData("long-fork", Isolation.TwoHalves, TransactionLevel.Serializable)]
    [InlineData("causal-reverse", Isolation.SkewedClocks, TransactionLevel.StrictSerializable)]
    [InlineData("monotonic", Isolation.StaleReads, TransactionLevel.LinearizablePerKey)]
    [InlineData("lost-update", Isolation.ReadCommitted, TransactionLevel.Serializable)]
    [InlineData("write-skew", Isolation.Snapshot, TransactionLevel.Serializable)]
    [InlineData("phantom", Isolation.Snapshot, TransactionLevel.Serializable)]
    public void The_look_for_cycles_finds_it_too(string name, Isolation isolation, TransactionLevel level)
    {
        var found = Enumerable.Range(1, Seeds).Count(seed =>
        {
            var (_, history) = Run(name, isolation, seed, new(level));
            return SerializabilityChecker.Check(history, new(level)).Anomalies.Count > 0;
        });
        Assert.True(found >= Seeds / 2, $"found in {found} of {Seeds} seeds");
    }

    [Theory]
    [InlineData("causal-reverse", Isolation.SkewedClocks, TransactionLevel.LinearizablePerKey)]
    [InlineData("long-fork", Isolation.SkewedClocks, TransactionLevel.LinearizablePerKey)]
    [InlineData("list-append", Isolation.StaleReads, TransactionLevel.Serializable)]
    [InlineData("monotonic", Isolation.SkewedClocks, TransactionLevel.LinearizablePerKey)]
    public void What_a_level_allows_is_no_mistake(string name, Isolation isolation, TransactionLevel level)
    {
        for (var seed = 1; seed <= Seeds; seed++)
        {
            var (workload, history) = Run(name, isolation, seed, new(level));
            Assert.Equal("good", workload.Check(history).ToString());
        }
    }

    [Fact]
    public void The_same_seed_gives_the_same_history() =>
        Assert.Equal(
            Run("bank", Isolation.Snapshot, 7, TransactionCheckOptions.Default).History.Transactions.Select(entry => entry.ToString()),
            Run("bank", Isolation.Snapshot, 7, TransactionCheckOptions.Default).History.Transactions.Select(entry => entry.ToString()));

    private static (TransactionWorkload Workload, TransactionHistory History) Run(
        string name, Isolation isolation, int seed, TransactionCheckOptions options)
    {
        var prng = new Prng((ulong)seed);
        var turns = new Turns(prng.Fork(1));
        var store = new WeakStore(isolation, turns, prng.Fork(2));
        var history = new TransactionHistory();
        var workload = s_workloads[name](options);
        var clients = Enumerable.Range(0, Clients)
            .Select(id => new WorkloadClient(workload, history, store, id, prng.Fork((ulong)(10 + id)), () => turns.Now)).ToArray();
        Complete(clients[0], workload.Setup, turns);
        store.LosesAnswers = true;
        var running = clients.Select(LoopAsync).ToArray();
        turns.Run();
        Assert.All(running, task => Assert.True(task.IsCompletedSuccessfully, task.Exception?.ToString()));
        store.LosesAnswers = false;
        Complete(clients[0], workload.Final, turns);
        return (workload, history);
    }

    private static void Complete(WorkloadClient client, IReadOnlyList<AbstractTransaction> transactions, Turns turns)
    {
        foreach (var transaction in transactions)
        {
            var ended = client.RunAsync(transaction, CancellationToken.None);
            turns.Run();
            Assert.True(ended.IsCompletedSuccessfully, ended.Exception?.ToString());
        }
    }

    private static async Task LoopAsync(WorkloadClient client)
    {
        for (var i = 0; i < TransactionsPerClient; i++)
        {
            await client.StepAsync(CancellationToken.None);
        }
    }
}
