using System.Collections.Immutable;
using OrleansGeo.Consensus;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Unit.Nodes;

/// <summary>
/// Four nodes in three zones on RocksDB below a folder, with wall clocks set to a moment that is given: what is written does not depend on
/// the day it was written, and is in the past of whoever reads it.
/// </summary>
internal sealed class GoldenCluster : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);
    private static readonly RequestOptions s_options = new(TimeSpan.FromSeconds(30));
    private static readonly WanTopology s_topology = new(
        [.. "abca".Select((zone, i) => new WanNode(new(i + 1), "us-east1", $"us-east1-{zone}"))], []);

    private readonly List<string> _failures = [];
    private readonly EmbeddedWorld _world;
    private readonly EmbeddedCluster _cluster;

    private GoldenCluster(string folder, DateTimeOffset now)
    {
        _world = new(new(s_topology), folder, bug => Note(bug.ToString()), delays: false);
        foreach (var node in s_topology.Nodes)
        {
            _world.JumpClock(node.Id, now - TimeProvider.System.GetUtcNow());
        }

        _cluster = new(
            new()
            {
                Nodes = [.. s_topology.Nodes.Select(node => new NodeRecord(node.Id, node.Id.ToString(), node.Region, node.Zone, null))],
                // So little log is kept that a replica which joins late needs a snapshot.
                OptionsOf = static node => new()
                {
                    Name = node.Name,
                    Region = node.Region,
                    Zone = node.Zone,
                    LogKeepBytes = 256,
                    SnapshotChunkBytes = 256,
                },
                ClusterId = "golden",
                TokenSecret = new byte[32],
                Events = new Watch(this),
            },
            _world);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private IEnumerable<EmbeddedNode> Nodes => _cluster.Nodes.Values;

    /// <summary>Starts every node on what is in its folder, and waits until all of them can serve.</summary>
    public static async Task<GoldenCluster> StartAsync(string folder, DateTimeOffset now)
    {
        var cluster = new GoldenCluster(folder, now);
        try
        {
            await cluster._cluster.StartAsync();
            foreach (var node in cluster.Nodes)
            {
                await cluster.UntilAsync("every node is ready", () => cluster.IsReadyAsync(node.Front!));
            }

            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Asks one node's gateway, again while the answer is one that passes.</summary>
    public async Task<T> AskAsync<T>(int node, Func<IGeoStore, RequestOptions, Task<GeoResult<T>>> ask)
        where T : class
    {
        GeoResult<T>? result = null;
        await UntilAsync("an answer", async () =>
        {
            result = await ask(_cluster.Nodes[new(node)].Front!, s_options);
            return result.IsOk || !MayPass(result.Error)
                ? null
                : result.Error.ToString();
        });
        return result!.Value ?? throw new InvalidOperationException(result.Error!.ToString());
    }

    /// <summary>Moves a table's first range to the node that has no replica of it, away from the first that has one.</summary>
    public async Task MoveAsync(TableRef table)
    {
        var range = await FirstAsync(table);
        var voters = range.Replicas.Select(replica => _cluster[replica.Node].Record.Id).ToArray();
        var added = Nodes.Select(node => node.Record.Id).Single(node => !voters.Contains(node));

        // A voter must have caught up, so it joins without a vote first.
        await ReconfigureAsync(table, new(range.Id), Configuration.Of(voters, [added]));
        await ReconfigureAsync(table, new(range.Id), Configuration.Of([.. voters.Skip(1), added], []));
    }

    public async ValueTask DisposeAsync()
    {
        await _cluster.StopAsync();
        _world.Dispose();
        Assert.Empty(_failures);
    }

    private static bool MayPass(GeoError error) =>
        error.Code is "unsuitable" or "range-not-found"
        || error.Kind is GeoErrorKind.QuorumUnavailable or GeoErrorKind.RegionUnavailable or GeoErrorKind.Overloaded;

    private async Task ReconfigureAsync(TableRef table, RangeId range, Configuration target)
    {
        await UntilAsync("the change was accepted", async () =>
        {
            var outcome = await AskLeaderAsync(range, generation => new RangeOperation.Reconfigure(target, generation));
            return outcome is RangeOutcome.Described ? null : outcome?.ToString() ?? "no leader";
        });
        var wanted = string.Join(',', target.Voters.Concat(target.NonVoters).Order());
        await UntilAsync("the change came to its end", async () =>
        {
            var listed = string.Join(',', (await FirstAsync(table)).Replicas.Select(replica => _cluster[replica.Node].Record.Id).Order());
            var found = string.Join(',', await HoldersAsync(range));
            return listed == wanted && found == wanted ? null : $"listed {listed}, found {found}";
        });
    }

    private async Task<List<NodeId>> HoldersAsync(RangeId range)
    {
        var holders = new List<NodeId>();
        foreach (var node in Nodes)
        {
            if (await OnNodeAsync(node, engine => Task.FromResult(engine.LocalReplica(range))) is not null)
            {
                holders.Add(node.Record.Id);
            }
        }

        return holders;
    }

    private async Task<RangeInfo> FirstAsync(TableRef table) =>
        (await AskAsync(1, (store, options) => store.ListRangesAsync(table, options, Cancellation))).Items[0];

    private async Task<RangeOutcome?> AskLeaderAsync(RangeId range, Func<long, RangeOperation> make)
    {
        foreach (var node in Nodes)
        {
            var outcome = await OnNodeAsync(node, async engine => engine.LocalReplica(range) is { HasLease: true } here
                ? (await engine.CallAsync(engine.Id, range, make(here.Descriptor.Generation), s_options.Timeout, Cancellation)).Outcome
                : null);
            if (outcome is not null)
            {
                return outcome;
            }
        }

        return null;
    }

    // A node is touched on its own scheduler only.
    private static async Task<T> OnNodeAsync<T>(EmbeddedNode node, Func<Node, Task<T>> ask)
    {
        var answer = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        node.Scheduler!.Post(_ => _ = AskAsync(), null);
        return await answer.Task;

        async Task AskAsync()
        {
            try
            {
                answer.SetResult(await ask(node.Node!));
            }
            catch (Exception failure)
            {
                answer.SetException(failure);
            }
        }
    }

    private async Task<string?> IsReadyAsync(NodeFront front)
    {
        var nodes = await front.ListNodesAsync(s_options, Cancellation);
        var ready = await front.GetReadinessAsync(s_options, Cancellation);
        return nodes.Value?.Items.All(node => node.Live) == true && ready.Value?.Ready == true
            ? null
            : string.Join("; ", ready.Value?.Reasons ?? [ready.Error!.ToString()]);
    }

    // Null ends the wait; anything else says what is missing.
    private async Task UntilAsync(string what, Func<Task<string?>> missing)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        deadline.CancelAfter(s_patience);
        while (await missing() is { } reason)
        {
            Assert.Empty(_failures);
            Assert.False(deadline.IsCancellationRequested, $"not in {s_patience.TotalSeconds} s: {what}; {reason}");
            await Task.Yield();
        }
    }

    private void Note(string failure)
    {
        lock (_failures)
        {
            _failures.Add(failure);
        }
    }

    private sealed class Watch(GoldenCluster cluster) : INodeEvents
    {
        public void NodeFailed(Node node, Exception reason) => cluster.Note($"{node.Id} stopped itself: {reason}");

        public void ReplicaStopped(Node node, RangeId range, Exception reason) => cluster.Note($"{node.Id} stopped {range}: {reason}");

        public void ClockRefused(Node node, NodeId peer, TimeSpan ahead) => cluster.Note($"{node.Id} refused the clock of {peer}");
    }
}
