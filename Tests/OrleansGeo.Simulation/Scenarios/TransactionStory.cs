using System.Collections.Immutable;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using OrleansGeo.Transactions;

namespace OrleansGeo.Simulation.Scenarios;

/// <summary>
/// A <see cref="ScenarioHost"/> with tables of numbers in ranges with different leaseholders, and a hand in its network: a test says what
/// happens when a certain message of a transaction passes, so that it strikes at a step and not at a time.
/// </summary>
public sealed class TransactionStory
{
    /// <summary>Survives a zone, at home.</summary>
    public static readonly TableRef Near = new("geo", "near");

    /// <summary>Survives a region, at home.</summary>
    public static readonly TableRef Wide = new("geo", "wide");

    /// <summary>Survives a zone, in europe-west1.</summary>
    public static readonly TableRef Far = new("geo", "far");

    private readonly List<(Func<Passing, bool> IsIt, Action Then)> _once = [];
    private readonly List<Func<Passing, bool>> _lost = [];

    /// <summary>Starts the cluster, makes the tables, and puts the number 0 at the key "k" of each.</summary>
    public TransactionStory(ulong seed, Func<NodeOptions, NodeOptions>? tune = null)
    {
        Host = new(seed, tune, syncMicros: 200);
        Create(Near, SurvivalGoal.Zone, null);
        Create(Wide, SurvivalGoal.Region, null);
        Create(Far, SurvivalGoal.Zone, "europe-west1");
        Host.RunFor(3_000);
        foreach (var table in Tables)
        {
            Expect(Put(1, table, "k", 0));
        }

        // Everybody knows who leads what.
        foreach (var node in Host.Nodes)
        {
            Values(node.Value);
        }

        Host.RunFor(1_000);
        Host.Cluster.Net.Loses = (envelope, message) => IsLost(new(envelope.From, envelope.To, message));
    }

    /// <summary>A message of the engine on the network.</summary>
    public sealed record Passing(NodeId From, NodeId To, NodeMessage Message)
    {
        /// <summary>What it asks of a range; null for all else.</summary>
        public RangeOperation? Operation => (Message as RangeRequest)?.Operation;

        /// <summary>What a range answers; null for all else.</summary>
        public RangeOutcome? Outcome => (Message as RangeReply)?.Outcome;

        /// <summary>The range that is asked.</summary>
        public RangeId? Range => (Message as RangeRequest)?.Range;
    }

    /// <summary>The tables of numbers.</summary>
    public static IReadOnlyList<TableRef> Tables { get; } = [Near, Wide, Far];

    /// <summary>The cluster.</summary>
    public ScenarioHost Host { get; }

    /// <summary>Ids of the attempts whose intents were sent over the network.</summary>
    public HashSet<TransactionId> Attempts { get; } = [];

    /// <summary>Does something at the moment in which the first message of a kind has been sent.</summary>
    public void Once(Func<Passing, bool> isIt, Action then) => _once.Add((isIt, then));

    /// <summary>Loses every message of a kind.</summary>
    public void Lose(Func<Passing, bool> isIt) => _lost.Add(isIt);

    /// <summary>Loses nothing any more.</summary>
    public void LoseNothing() => _lost.Clear();

    /// <summary>A transaction that adds 1 to the same key of tables.</summary>
    public static TransactionRequest AddOne(string key, params IEnumerable<TableRef> tables) => new(
        TransactionIsolation.Serializable, [], [], [.. tables.Select(table => Add(table, key))]);

    /// <summary>An increment by one.</summary>
    public static TransactionWrite Add(TableRef table, string key) =>
        new(table.Table, new(WriteKind.Increment, ScenarioHost.Key(key), Number(1), Precondition.None));

    /// <summary>A put of a number.</summary>
    public static RowWrite PutOf(string key, long value) => new(WriteKind.Put, ScenarioHost.Key(key), Number(value), Precondition.None);

    /// <summary>That a row's number is what it is.</summary>
    public static TransactionCondition Is(TableRef table, string key, long value) =>
        new TransactionCondition.Field(table.Table, ScenarioHost.Key(key), new("v", ScanOperator.Equal, Datum.FromInt64(value)));

    /// <summary>Runs a transaction through a node.</summary>
    public GeoResult<TransactionResult> Transact(int node, TransactionRequest request, string? name = null, int timeoutMs = 5_000) =>
        Host.Ask(node, store => store.TransactAsync(
            "geo", request, new(TimeSpan.FromMilliseconds(timeoutMs), name), CancellationToken.None));

    /// <summary>Begins a transaction; the answer comes to what is given back, unless the node dies.</summary>
    public Pending Begin(int node, TransactionRequest request, string? name = null, int timeoutMs = 5_000)
    {
        var pending = new Pending();
        Host.Begin(async () =>
        {
            pending.Answer = await Host.StoreOf(new(node))!.TransactAsync(
                "geo", request, new(TimeSpan.FromMilliseconds(timeoutMs), name), CancellationToken.None);
            pending.EndedMicros = Host.World.NowMicros;
        });
        return pending;
    }

    /// <summary>A transaction under way.</summary>
    public sealed class Pending
    {
        /// <summary>Its answer, once there is one.</summary>
        public GeoResult<TransactionResult>? Answer { get; set; }

        /// <summary>When it was answered.</summary>
        public long EndedMicros { get; set; }
    }

    /// <summary>Puts a number.</summary>
    public GeoResult<WriteResult> Put(int node, TableRef table, string key, long value) =>
        Host.Ask(node, store => store.WriteRowAsync(table, PutOf(key, value), RequestOptions.Default, CancellationToken.None));

    /// <summary>The numbers at "k" and their versions in all tables at one moment, by a transaction that reads.</summary>
    public (long[] Values, HlcTimestamp[] Versions) Values(int node)
    {
        var reads = Tables.Select(table => new TransactionRead(table.Table, ScenarioHost.Key("k")));
        var read = Transact(node, new(TransactionIsolation.Serializable, [.. reads], [], []));
        Expect(read);
        return (
            [.. read.Value!.Reads.Select(row => row!.Row["v"].AsInt64())], [.. read.Value.Reads.Select(row => row!.Version)]);
    }

    /// <summary>Makes a table of numbers.</summary>
    public void Create(TableRef table, SurvivalGoal goal, string? region) => Expect(Host.Ask(1, store => store.CreateTableAsync(
        table.Database,
        new(
            table.Table,
            [new("k", DatumType.String, Nullable: false), new("v", DatumType.Int64)],
            ["k"],
            new TableLocality.Regional(region),
            goal),
        new(TimeSpan.FromSeconds(30)),
        CancellationToken.None)));

    /// <summary>Gives an operation to the leaseholder of a table's range, as a message does that was long on its way.</summary>
    public void Deliver(TableRef table, RangeOperation operation)
    {
        var (range, node) = (Host.RangeOf(table).Id, Host.LeaseholderOf(table));
        Host.World.RunTask(
            Host.Cluster.Cluster.Nodes[node].Scheduler!,
            () => Host.NodeOf(node).CallAsync(node, range, operation, TimeSpan.FromSeconds(2), CancellationToken.None),
            3_000_000);
    }

    /// <summary>Intents in the storage of nodes that run.</summary>
    public int IntentsLeft()
    {
        var count = 0;
        var bounds = IntentKey.SpanBounds(new(Key.Min, Key.Max));
        foreach (var node in Host.Cluster.Cluster.Nodes.Values.Where(node => node.Node is not null))
        {
            using var cursor = node.Storage!.OpenCursor(bounds.Start, bounds.End);
            for (cursor.SeekAtOrAfter(bounds.Start); cursor.IsValid; cursor.MoveNext())
            {
                count++;
            }
        }

        return count;
    }

    private static ImmutableArray<KeyValuePair<string, Datum>> Number(long value) => [new("v", Datum.FromInt64(value))];

    private bool IsLost(Passing passing)
    {
        if (passing.Operation is RangeOperation.Lay lay)
        {
            Attempts.Add(lay.Transaction.Id);
        }

        for (var i = 0; i < _once.Count; i++)
        {
            var (isIt, then) = _once[i];
            if (isIt(passing))
            {
                _once.RemoveAt(i--);
                Host.World.After(0, "the story goes on", then);
            }
        }

        return _lost.Exists(isIt => isIt(passing));
    }

    private void Expect<T>(GeoResult<T> result)
        where T : class
    {
        if (!result.IsOk)
        {
            throw new SimFailureException($"seed {Host.World.Seed}, {Host.World.NowMicros} us: {result.Error}");
        }
    }
}
