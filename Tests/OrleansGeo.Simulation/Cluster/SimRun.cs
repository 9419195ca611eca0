using System.Collections.Immutable;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Checkers;
using OrleansGeo.Simulation.Checkers.Transactions;
using OrleansGeo.Simulation.Workloads;
using OrleansGeo.Transactions;

namespace OrleansGeo.Simulation;

/// <summary>What one simulated run consists of, besides its seed.</summary>
public sealed record SimRunOptions
{
    /// <summary>Three regions with three zones each, or one region with three zones.</summary>
    public bool ThreeRegions { get; init; }

    /// <summary>Clients at work.</summary>
    public int Clients { get; init; } = 6;

    /// <summary>Keys in each table.</summary>
    public int KeysPerTable { get; init; } = 4;

    /// <summary>The longest pause of a client between two requests.</summary>
    public int ThinkMsMax { get; init; } = 150;

    /// <summary>Trouble; null for none.</summary>
    public FaultSettings? Faults { get; init; } = new();

    /// <summary>Virtual time at which clients stop; trouble is over before.</summary>
    public long EndMicros { get; init; } = 34_000_000;

    /// <summary>How far behind now timestamps are closed.</summary>
    public long ClosedTargetMs { get; init; } = 500;

    /// <summary>Whether ranges are split and leaders moved meanwhile.</summary>
    public bool Churn { get; init; } = true;

    /// <summary>Nodes that join meanwhile.</summary>
    public int Joins { get; init; }

    /// <summary>Makes the workload of transactions that clients run; null for single rows.</summary>
    public Func<TransactionWorkload>? Transactions { get; init; }

    /// <summary>The isolation they ask for.</summary>
    public TransactionIsolation Isolation { get; init; } = TransactionIsolation.Serializable;

    /// <summary>Whether clients keep transactions open and take them step by step; else each is a request.</summary>
    public bool Open { get; init; }

    /// <summary>How much of a log is kept: little brings snapshots, much brings long replays after a crash.</summary>
    public int LogKeepBytes { get; init; } = 4 << 10;

    /// <summary>
    /// The options that a seed draws for transactions: the seed says which workload, and at which isolation. Of 600 seeds the first half
    /// takes whole requests, the other open transactions.
    /// </summary>
    public static SimRunOptions DrawTransactions(ulong seed)
    {
        var isolation = seed / 8 % 3 == 0 ? TransactionIsolation.Strict : TransactionIsolation.Serializable;
        var check = isolation == TransactionIsolation.Strict
            ? TransactionCheckOptions.Strict
            : TransactionCheckOptions.Default with { Sessions = true };
        var open = (seed - 1) / 300 % 2 == 1;
        return Draw(seed) with
        {
            Transactions = () => open && seed % 8 == 1 ? new PhantomWorkload(check) : WorkloadOf(seed, check),
            Isolation = isolation,
            Joins = 0,
            Open = open,
        };
    }

    private static TransactionWorkload WorkloadOf(ulong seed, TransactionCheckOptions check) => (seed % 8) switch
    {
        0 or 1 => new BankWorkload(check),
        2 => new RegisterWorkload(check),
        3 => new LostUpdateWorkload(check),
        4 => new WriteSkewWorkload(check),
        5 => new LongForkWorkload(check),
        6 when seed / 24 % 2 == 0 => new MonotonicWorkload(check),
        7 when check == TransactionCheckOptions.Strict && seed / 24 % 2 == 0 => new CausalReverseWorkload(check),
        _ => new ListAppendWorkload(check),
    };

    /// <summary>The options that a seed draws.</summary>
    public static SimRunOptions Draw(ulong seed)
    {
        var prng = new Prng(seed ^ 0x5EED);

        // By the seed's number: all others mean what they meant before there were such.
        var relays = seed % 16 == 5;
        var threeRegions = prng.Chance(0.3) && !relays;
        return new()
        {
            ThreeRegions = threeRegions,
            Clients = (int)prng.Between(3, 8),
            KeysPerTable = (int)prng.Between(1, 6),
            ThinkMsMax = (int)prng.Between(20, 300),
            Churn = prng.Chance(0.7),
            LogKeepBytes = seed % 16 == 8 ? 4 << 20 : 4 << 10,
            Joins = seed % 8 == 0 ? 1 + (int)(seed / 8 % 3) : 0,
            ClosedTargetMs = prng.Chance(0.5) ? 500 : prng.Between(20, 200),
            Faults = relays ? new() { Relays = true } : prng.Chance(0.05)
                ? null
                : new()
                {
                    Allowed = [.. FaultSettings.AllThatHeal.Where(_ => prng.Chance(0.6))],
                    GapMicrosMean = prng.Between(500_000, 4_000_000),
                    KeepQuorum = prng.Chance(0.3) ? (threeRegions ? SurvivalGoal.Region : SurvivalGoal.Zone) : null,
                },
        };
    }
}

/// <summary>What a run came to.</summary>
/// <param name="Seed">Its seed.</param>
/// <param name="Failure">What is wrong, or null.</param>
/// <param name="Digest">Equal for runs that went alike.</param>
/// <param name="Operations">Operations in the history.</param>
/// <param name="Served">Requests that were served.</param>
/// <param name="Events">Events of the world.</param>
/// <param name="VirtualMicros">Virtual time the run took.</param>
/// <param name="Run">The run, for a closer look.</param>
public sealed record SimResult(
    ulong Seed, string? Failure, ulong Digest, int Operations, int Served, long Events, long VirtualMicros, SimRun Run);

/// <summary>
/// One run of the rows workload on a simulated cluster: clients, trouble, healing, and then the question whether everything they were told
/// can be true.
/// </summary>
public sealed class SimRun
{
    // Many times what a run takes: nodes that talk without end, and get nowhere, fail the run instead of holding it.
    private const long EventsMax = 10_000_000;
    /// <summary>The database that clients work on.</summary>
    public const string Database = "sim";

    private readonly List<RowClient> _clients = [];
    private readonly List<WorkloadClient> _transactors = [];
    // Where the keys of workloads are parted, so that most transactions are over several ranges.
    private static readonly ImmutableArray<string> s_splits =
    [
        "account/001", "account/003", "count/1", "fork/00000/1", "fork/00001/1", "fork/00002/2", "list/00001", "list/00002",
        "monotonic/1", "register/1", "register/3", "reverse/00000/3", "reverse/00001/3", "reverse/00002/5",
        "skew/00000/b", "skew/00001/b", "skew/00002/b", "skew/00004/b",
    ];

    private readonly SimWatch _watch;
    private readonly TransactionWorkload? _workload;
    private readonly List<string> _tables = [];
    private int _working;

    private SimRun(ulong seed, SimRunOptions options)
    {
        Options = options;
        World = new(seed, EventsMax);
        var topology = options.ThreeRegions ? WanTopology.Demo : OneRegion();
        Cluster = new(World, topology with { JitterFraction = 0.1 }, Tune);
        _watch = new(Cluster);
        _workload = options.Transactions?.Invoke();
        Time = new SimTimeProvider(World, new(World, 0), Cluster.Driver);
    }

    /// <summary>Settings of the run.</summary>
    public SimRunOptions Options { get; }

    /// <summary>The world.</summary>
    public SimWorld World { get; }

    /// <summary>The cluster.</summary>
    public SimCluster Cluster { get; }

    /// <summary>Time of the clients.</summary>
    public TimeProvider Time { get; }

    /// <summary>What clients asked and heard.</summary>
    public History History { get; } = new();

    /// <summary>What clients of transactions asked and heard.</summary>
    public TransactionHistory Transactions { get; } = new();

    /// <summary>The isolation that they ask for.</summary>
    public TransactionIsolation Isolation => Options.Isolation;

    /// <summary>Reads at a timestamp.</summary>
    public List<StaleRead> StaleReads { get; } = [];

    /// <summary>The keys clients work on.</summary>
    public ImmutableArray<(TableRef Table, string Key)> Keys { get; private set; } = [];

    /// <summary>True once clients must stop.</summary>
    public bool IsOver { get; private set; }

    /// <summary>The trouble that was drawn.</summary>
    public FaultPlan? Plan { get; private set; }

    /// <summary>Runs a seed with options, all on the calling thread.</summary>
    public static SimResult Execute(ulong seed, SimRunOptions options)
    {
        var run = new SimRun(seed, options);
        string? failure;
        try
        {
            failure = run.Execute();
        }
        catch (SimFailureException broken)
        {
            failure = broken.Message + (broken.InnerException is { } inner ? "\n" + inner : string.Empty);
        }

        return new(
            seed, failure, run.World.Digest, run.History.Operations.Count + run.Transactions.Transactions.Count,
            run._clients.Sum(client => client.Served) + run._transactors.Sum(client => client.Committed), run.World.Events,
            run.World.NowMicros, run);
    }

    private NodeOptions Tune(NodeOptions options) => options with
    {
        ClosedTargetMs = Options.ClosedTargetMs,
        ClosedPublishMicros = Options.ClosedTargetMs * 200,
        SplitBytes = 64 << 10,
        LogKeepBytes = Options.LogKeepBytes,
        SnapshotChunkBytes = 2 << 10,
    };

    private static WanTopology OneRegion() => new(
        [new(new(1), "us-east1", "a"), new(new(2), "us-east1", "b"), new(new(3), "us-east1", "c")], []);

    private string? Execute()
    {
        Cluster.Start();
        World.RunTask(Cluster.Driver, SetUpAsync, 60_000_000);
        if (_workload is not null)
        {
            World.RunTask(Cluster.Driver, () => SetUpWorkloadAsync(_workload), 60_000_000);
        }

        var start = World.NowMicros;
        if (Options.Faults is { } faults)
        {
            Plan = FaultPlan.Draw(
                World.Prng.Fork(5),
                Cluster.Network.Topology,
                faults with { StartMicros = start + 500_000, HealMicros = start + Options.EndMicros - 4_000_000 });
            Plan.Schedule(World, Cluster);
        }

        var nodes = Cluster.Cluster.Nodes.Keys.ToArray();
        for (var i = 0; i < Options.Clients; i++)
        {
            var work = ClientAsync(i, nodes[i % nodes.Length]);
            Cluster.Driver.Post(_ => _ = Guard(work()), null);
        }

        if (Options.Churn)
        {
            Cluster.Driver.Post(_ => _ = Guard(new RangeChurn(this).RunAsync()), null);
        }

        for (var i = 1; i <= Options.Joins; i++)
        {
            var joiner = new NodeJoiner(this, i);
            Cluster.Driver.Post(_ => _ = Guard(joiner.RunAsync()), null);
        }

        World.RunFor(Options.EndMicros);
        IsOver = true;

        // Requests that are still under way end by their own deadlines.
        if (!World.RunUntil(() => _working == 0, World.NowMicros + 70_000_000))
        {
            return "a client still waits for an answer long after its deadline";
        }

        return Recovered() ?? Judge();
    }

    private Func<Task> ClientAsync(int id, NodeId home)
    {
        if (_workload is null)
        {
            var client = new RowClient(this, id, home);
            _clients.Add(client);
            return client.RunAsync;
        }

        var prng = World.Prng.Fork((ulong)(2000 + id));
        var transactor = new WorkloadClient(
            _workload, Transactions, Options.Open ? new OpenClient(this, id, home) : new OneShotClient(this, id, home), id, prng,
            () => World.NowMicros);
        _transactors.Add(transactor);
        return async () =>
        {
            while (!IsOver)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(prng.Between(1, Options.ThinkMsMax)), Time);
                if (!IsOver)
                {
                    await transactor.StepAsync(CancellationToken.None);
                }
            }
        };
    }

    /// <summary>The table of a key of a transaction: all keys of one kind are in one, so that a span of them is.</summary>
    public string TableOf(string key) => _tables[key[0] % _tables.Count];

    // The directory is behind the ranges for a moment; and which of them holds the key, they know best themselves.
    private async Task SplitAtAsync(NodeFront store, TableRef table, string key, RequestOptions options)
    {
        for (var attempt = 0; attempt < 50; attempt++)
        {
            foreach (var range in Expect(await store.ListRangesAsync(table, options, CancellationToken.None)).Items)
            {
                if ((await store.SplitRangeAsync(range.Id, [Datum.FromString(key)], options, CancellationToken.None)).IsOk)
                {
                    return;
                }
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), Time);
        }

        World.Fail($"no range of {table.Table} could be split at {key}");
    }

    private async Task<bool> SetUpWorkloadAsync(TransactionWorkload workload)
    {
        var options = new RequestOptions(TimeSpan.FromSeconds(30));
        var store = Cluster.Cluster.Nodes.Values.First().Front!;
        foreach (var (table, key) in Keys)
        {
            await SplitAtAsync(store, table, key, options);
        }

        var oneShot = new OneShotClient(this, 999, Cluster.Cluster.Nodes.Keys.First());
        var client = new WorkloadClient(workload, Transactions, oneShot, 999, World.Prng.Fork(999), () => World.NowMicros);
        foreach (var transaction in workload.Setup)
        {
            if (await client.RunAsync(transaction, CancellationToken.None) != TransactionOutcome.Committed)
            {
                World.Fail($"the set-up of {workload.Name} did not commit");
            }
        }

        return true;
    }

    private async Task Guard(Task work)
    {
        _working++;
        try
        {
            await work;
        }
        catch (Exception bug)
        {
            World.Fail("a client met an exception", bug);
        }

        _working--;
    }

    private async Task<bool> SetUpAsync()
    {
        var store = Cluster.Cluster.Nodes.Values.First().Front!;
        ImmutableArray<string> regions = [.. Cluster.Network.Topology.Nodes.Select(node => node.Region).Distinct()];
        var options = new RequestOptions(TimeSpan.FromSeconds(30));
        while ((await store.ListNodesAsync(options, CancellationToken.None)).Value!.Items.Any(node => !node.Live)
            || !(await store.GetReadinessAsync(options, CancellationToken.None)).Value!.Ready)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), Time);
        }

        Expect(await store.CreateDatabaseAsync(new(Database, regions[0], regions), options, CancellationToken.None));
        var names = new List<string> { "zonal" };
        Expect(await store.CreateTableAsync(Database, Table("zonal", SurvivalGoal.Zone), options, CancellationToken.None));
        if (regions.Length >= 3)
        {
            Expect(await store.CreateTableAsync(Database, Table("regional", SurvivalGoal.Region), options, CancellationToken.None));
            names.Add("regional");
        }

        _tables.AddRange(names);
        Keys = _workload is null
            ? [.. names.SelectMany(
                name => Enumerable.Range(0, Options.KeysPerTable).Select(i => (new TableRef(Database, name), $"k{i}")))]
            : [.. s_splits.Select(key => (new TableRef(Database, TableOf(key)), key))];
        return true;
    }

    private static TableSpec Table(string name, SurvivalGoal goal) => new(
        name,
        [new("k", DatumType.String, Nullable: false), new("v", DatumType.String)],
        ["k"],
        new TableLocality.Regional(),
        goal);

    private T Expect<T>(GeoResult<T> result)
        where T : class
    {
        if (!result.IsOk)
        {
            World.Fail($"set-up was refused: {result.Error}");
        }

        return result.Value!;
    }

    // Once all trouble is over every node serves every key again, by itself.
    private string? Recovered()
    {
        var until = World.NowMicros + 60_000_000;
        var waiting = "nothing was asked";
        while (World.NowMicros < until)
        {
            waiting = World.RunTask(Cluster.Driver, FirstUnservedAsync, 120_000_000);
            if (waiting.Length == 0)
            {
                return null;
            }

            World.RunFor(500_000);
        }

        var replicas = Cluster.Cluster.Nodes.Values.SelectMany(node => node.Node?.DescribeReplicas() ?? []);
        return $"a minute after everything healed, {waiting}\n{string.Join('\n', replicas)}";
    }

    private async Task<string> FirstUnservedAsync()
    {
        foreach (var node in Cluster.Cluster.Nodes.Values)
        {
            if (node.Front is null)
            {
                return $"{node.Record.Name} is not running ({node.Failure?.Message})";
            }

            if (Cluster.Cluster.Nodes.Keys.Any(member => !FollowsSystem(node, member)))
            {
                return $"{node.Record.Name} does not know that every node follows the system range";
            }

            foreach (var (table, key) in Keys)
            {
                var read = await node.Front.ReadRowAsync(
                    table, [Datum.FromString(key)], ReadBound.Strong, new(TimeSpan.FromSeconds(2)), CancellationToken.None);
                if (!read.IsOk && read.Error.Code != "row-not-found")
                {
                    return $"{node.Record.Name} answers {key} of {table.Table} with {read.Error}";
                }
            }
        }

        return string.Empty;
    }

    private static bool FollowsSystem(EmbeddedNode seenFrom, NodeId member) =>
        seenFrom.Node!.System.RangesByStart.Values.Any(
            range => range.Id == SystemKeys.RangeId && range.Configuration.IsMember(member));

    private string? Judge()
    {
        if (_workload is not null)
        {
            var workload = _workload.Check(Transactions);
            return _watch.CompareReplicas() ?? (workload.IsGood ? null : workload.ToString());
        }

        var final = new FinalState(ReadFinalState(), true);
        if (_watch.CompareReplicas() is { } apart)
        {
            return apart;
        }

        var verdict = Verdict.Worst(
        [
            LinearizabilityChecker.Check(History),
            LostWriteChecker.Check(History, final),
            ExactlyOnceChecker.CheckVersions(History, final),
            StalenessChecker.Check(History, StaleReads, final),
        ]);
        return verdict.IsGood ? null : verdict.ToString();
    }

    /// <summary>Every version of every key at the end, for a reader.</summary>
    public IEnumerable<string> DescribeFinalState() =>
        ReadFinalState().SelectMany(key => key.Value.Select(version => $"{key.Key} {version}"));

    private SortedDictionary<string, IReadOnlyList<KeyVersion>> ReadFinalState()
    {
        var state = new SortedDictionary<string, IReadOnlyList<KeyVersion>>(StringComparer.Ordinal);
        foreach (var (table, key) in Keys)
        {
            state[table.Table + "/" + key] = _watch.VersionsOf(table, key);
        }

        return state;
    }
}
