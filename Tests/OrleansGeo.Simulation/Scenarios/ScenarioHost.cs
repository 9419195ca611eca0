using System.Collections.Immutable;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;

namespace OrleansGeo.Simulation.Scenarios;

/// <summary>
/// A cluster that a test leads by hand through one story: the demo's nine nodes, ready, with a database over its three regions and, at home
/// in us-east1, a table with the zone goal and one with the region goal. Made and used on one thread.
/// </summary>
public sealed class ScenarioHost
{
    /// <summary>The home region of both tables.</summary>
    public const string Home = "us-east1";

    /// <summary>Survives a zone; three voters at home.</summary>
    public static readonly TableRef Zonal = new("geo", "zonal");

    /// <summary>Survives a region; two voters at home, two in europe-west1, one in us-west1.</summary>
    public static readonly TableRef Regional = new("geo", "regional");

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    /// <summary>Starts a cluster and makes the tables.</summary>
    /// <param name="seed">What chance follows from.</param>
    /// <param name="tune">Changes to the nodes' settings.</param>
    /// <param name="syncMicros">How long a sync takes; null for the simulator's own draw of up to 3 ms.</param>
    public ScenarioHost(ulong seed, Func<NodeOptions, NodeOptions>? tune = null, long? syncMicros = null)
    {
        World = new(seed);
        Cluster = new(World, WanTopology.Demo, tune);
        Time = new SimTimeProvider(World, new(World, 0), Cluster.Driver);
        if (syncMicros is { } sync)
        {
            foreach (var node in Nodes)
            {
                Cluster.DiskOf(node).SyncLatency = () => TimeSpan.FromMicroseconds(sync);
            }
        }

        Cluster.Start();
        AwaitReady();
        var options = new RequestOptions(s_patience);
        ImmutableArray<string> regions = [.. WanTopology.Demo.Nodes.Select(node => node.Region).Distinct()];
        Expect(Ask(1, store => store.CreateDatabaseAsync(new("geo", Home, regions), options, CancellationToken.None)));
        CreateTable(Zonal, SurvivalGoal.Zone);
        CreateTable(Regional, SurvivalGoal.Region);

        // Measured round trips and leases settle.
        RunFor(3_000);
    }

    /// <summary>The world.</summary>
    public SimWorld World { get; }

    /// <summary>The cluster.</summary>
    public SimCluster Cluster { get; }

    /// <summary>Time of clients.</summary>
    public TimeProvider Time { get; }

    /// <summary>All nodes.</summary>
    public IReadOnlyList<NodeId> Nodes => [.. WanTopology.Demo.Nodes.Select(node => node.Id)];

    /// <summary>The nodes of a region.</summary>
    public static IReadOnlyList<NodeId> NodesOf(string region) =>
        [.. WanTopology.Demo.Nodes.Where(node => node.Region == region).Select(node => node.Id)];

    /// <summary>The region of a node.</summary>
    public static string RegionOf(NodeId node) => WanTopology.Demo.Nodes.First(known => known.Id == node).Region;

    /// <summary>The key of a row.</summary>
    public static ImmutableArray<Datum> Key(string key) => [Datum.FromString(key)];

    /// <summary>A put of a row.</summary>
    public static RowWrite Put(string key, string value) =>
        new(WriteKind.Put, Key(key), [new("v", Datum.FromString(value))], Precondition.None);

    /// <summary>Makes a table of strings in <see cref="Home"/>.</summary>
    public void CreateTable(TableRef table, SurvivalGoal goal) => Expect(Ask(1, store => store.CreateTableAsync(
        table.Database,
        new(
            table.Table,
            [new("k", DatumType.String, Nullable: false), new("v", DatumType.String)],
            ["k"],
            new TableLocality.Regional(),
            goal),
        new(s_patience),
        CancellationToken.None)));

    /// <summary>The store of a node; null when the node is down.</summary>
    public IGeoStore? StoreOf(NodeId node) => Cluster.Cluster.Nodes[node].Front;

    /// <summary>The engine of a node that runs.</summary>
    public Node NodeOf(NodeId node) => Cluster.Cluster.Nodes[node].Node ?? throw new InvalidOperationException($"{node} is down");

    /// <summary>Asks one node and runs the world until it answers.</summary>
    public T Ask<T>(int node, Func<IGeoStore, Task<T>> ask, long timeoutMs = 70_000) =>
        World.RunTask(
            Cluster.Driver, () => ask(StoreOf(new(node)) ?? throw new InvalidOperationException($"n{node} is down")), timeoutMs * 1000);

    /// <summary>Writes a row through a node.</summary>
    public GeoResult<WriteResult> Write(int node, TableRef table, string key, string value, RequestOptions? options = null) =>
        Ask(node, store => store.WriteRowAsync(table, Put(key, value), options ?? RequestOptions.Default, CancellationToken.None));

    /// <summary>Reads a row through a node.</summary>
    public GeoResult<VersionedRow> Read(int node, TableRef table, string key, ReadBound? bound = null, RequestOptions? options = null) =>
        Ask(
            node,
            store => store.ReadRowAsync(
                table, Key(key), bound ?? ReadBound.Strong, options ?? RequestOptions.Default, CancellationToken.None));

    /// <summary>Lets virtual time pass.</summary>
    public void RunFor(long ms) => World.RunFor(ms * 1000);

    /// <summary>How long something takes, in virtual milliseconds.</summary>
    public (T Value, double Ms) Measure<T>(Func<T> action)
    {
        var start = World.NowMicros;
        var value = action();
        return (value, (World.NowMicros - start) / 1000.0);
    }

    /// <summary>The range of a table that was not split, as a running node knows it.</summary>
    public RangeDescriptor RangeOf(TableRef table)
    {
        var view = Cluster.Cluster.Nodes.Values.First(node => node.Node is not null).Node!.System;
        var id = view.Tables[(table.Database, table.Table)].Info.Id;
        return view.RangesByStart.Values.First(range => range.TableId == id);
    }

    /// <summary>Who holds the lease of a table's range now; none when nobody does.</summary>
    public NodeId LeaseholderOf(TableRef table)
    {
        var range = RangeOf(table).Id;
        foreach (var node in Cluster.Cluster.Nodes.Values)
        {
            if (node.Node?.LocalReplica(range) is { HasLease: true })
            {
                return node.Record.Id;
            }
        }

        return NodeId.None;
    }

    /// <summary>Crashes nodes at once.</summary>
    public void Crash(IEnumerable<NodeId> nodes)
    {
        foreach (var node in nodes)
        {
            Cluster.Crash(node);
        }
    }

    /// <summary>Starts nodes that are down.</summary>
    public void Restart(IEnumerable<NodeId> nodes)
    {
        foreach (var node in nodes)
        {
            Cluster.Restart(node);
        }
    }

    /// <summary>Runs until every node that runs is ready and sees all nodes alive; throws after a minute.</summary>
    public void AwaitReady() => RunUntil(() => Nodes.All(node => StoreOf(node) is not null) && Nodes.All(IsReady), 60_000, "not ready");

    /// <summary>Runs until a condition holds, looked at every 50 ms; throws when it does not within the time.</summary>
    public void RunUntil(Func<bool> condition, long timeoutMs, string otherwise)
    {
        var until = World.NowMicros + (timeoutMs * 1000);
        while (!condition())
        {
            if (World.NowMicros >= until)
            {
                throw new SimFailureException($"seed {World.Seed}, {World.NowMicros} us: {otherwise}");
            }

            RunFor(50);
        }
    }

    /// <summary>Starts a client on the driver; what it throws fails the run.</summary>
    public void Begin(Func<Task> client) => Cluster.Driver.Post(_ => _ = GuardAsync(client()), null);

    private async Task GuardAsync(Task client)
    {
        try
        {
            await client;
        }
        catch (Exception bug)
        {
            World.Fail("a client met an exception", bug);
        }
    }

    private bool IsReady(NodeId node)
    {
        var options = new RequestOptions(TimeSpan.FromSeconds(2));
        var nodes = Ask(node.Value, store => store.ListNodesAsync(options, CancellationToken.None));
        var ready = Ask(node.Value, store => store.GetReadinessAsync(options, CancellationToken.None));
        return ready.Value is { Ready: true } && nodes.Value is { } listing && listing.Items.All(known => known.Live);
    }

    private void Expect<T>(GeoResult<T> result)
        where T : class
    {
        if (!result.IsOk)
        {
            throw new SimFailureException($"seed {World.Seed}: the set-up was refused: {result.Error}");
        }
    }
}
