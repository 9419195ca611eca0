using OrleansGeo.Engine;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tests.Api.Conformance;

/// <summary>The engine means what the port says: three nodes in three zones, in memory, with no network delay.</summary>
public sealed class EmbeddedStoreConformance : GeoStoreConformance
{
    private static readonly WanTopology s_topology = new(
        [new(new(1), "us-east1", "us-east1-a"), new(new(2), "us-east1", "us-east1-b"), new(new(3), "us-east1", "us-east1-c")], []);

    private readonly List<Exception> _bugs = [];
    private EmbeddedWorld _world = null!;
    private EmbeddedCluster _cluster = null!;

    protected override async Task<IGeoStore> CreateAsync()
    {
        _world = new(new(s_topology), null, Note, delays: false);
        _cluster = new(
            new()
            {
                Nodes = [.. s_topology.Nodes.Select(node => new NodeRecord(node.Id, node.Id.ToString(), node.Region, node.Zone, null))],
                ClusterId = "conformance",
                TokenSecret = new byte[32],
            },
            _world);
        await _cluster.StartAsync();

        // Through a node that need not be the leaseholder of anything.
        var store = _cluster["n2"].Front!;
        while (await NotReadyAsync(store))
        {
            Cancellation.ThrowIfCancellationRequested();
        }

        return store;
    }

    // Wall clocks are set forward on every node. What a clock says is only how fresh a read is, so the store follows once its leaders have
    // closed the time that passed.
    protected override async Task AdvanceAsync(TimeSpan by)
    {
        foreach (var node in s_topology.Nodes)
        {
            _world.JumpClock(node.Id, by);
        }

        while (await IsBehindAsync())
        {
            Cancellation.ThrowIfCancellationRequested();
        }
    }

    protected override async ValueTask CloseAsync()
    {
        await _cluster.StopAsync();
        _world.Dispose();
        lock (_bugs)
        {
            Assert.Empty(_bugs);
        }
    }

    private static async Task<bool> NotReadyAsync(NodeFront store)
    {
        var nodes = await store.ListNodesAsync(Options, Cancellation);
        var ready = await store.GetReadinessAsync(Options, Cancellation);
        return nodes.Value?.Items.All(node => node.Live) != true || ready.Value?.Ready != true;
    }

    private async Task<bool> IsBehindAsync()
    {
        var ranges = await Store.ListRangesAsync(null, Options, Cancellation);
        return ranges.Value?.Items.Any(range => range.ClosedLagMs is not < 1_000) != false;
    }

    private void Note(Exception bug)
    {
        lock (_bugs)
        {
            _bugs.Add(bug);
        }
    }
}
