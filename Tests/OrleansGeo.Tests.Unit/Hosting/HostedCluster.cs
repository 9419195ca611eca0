using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using OrleansGeo.Storage.Memory;
using Xunit;

namespace OrleansGeo.Tests.Unit.Hosting;

/// <summary>Five nodes in three regions, each in a host as in a process of its own; bytes go from one to another at once.</summary>
internal sealed class HostedCluster : IPeerCarrier, INodeEvents, IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, NodeHost> _hosts = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<Exception> _bugs = new();
    private int _asked;

    public static ClusterSeed Seed { get; } = new(
        "hosted",
        new byte[32],
        [
            new(new(1), "n1", "r1", "r1-a", null), new(new(2), "n2", "r1", "r1-b", null), new(new(3), "n3", "r2", "r2-a", null),
            new(new(4), "n4", "r2", "r2-b", null), new(new(5), "n5", "r3", "r3-a", null),
        ]);

    public IEnumerable<NodeHost> Hosts => _hosts.OrderBy(host => host.Key, StringComparer.Ordinal).Select(host => host.Value);

    public NodeHost this[string name] => _hosts[name];

    /// <summary>Requests that went from node to node.</summary>
    public int Asked => Volatile.Read(ref _asked);

    /// <summary>Breaks every request on its way back.</summary>
    public volatile bool LoseAnswers;

    public static async Task<HostedCluster> StartAsync()
    {
        var cluster = new HostedCluster();
        foreach (var node in Seed.Nodes)
        {
            await cluster.StartAsync(node);
        }

        return cluster;
    }

    public void Kill(string name)
    {
        if (_hosts.TryRemove(name, out var host))
        {
            host.Dispose();
        }
    }

    public bool TryCarry(NodeRecord to, Lane lane, byte[] envelope, [NotNullWhen(true)] out Task? carried)
    {
        carried = _hosts.GetValueOrDefault(to.Name)?.TakeAsync(lane, envelope);
        return carried is not null;
    }

    public bool TryAsk(
        NodeRecord to, RangeId range, byte[] request, CancellationToken cancellation, [NotNullWhen(true)] out Task<byte[]>? answer)
    {
        Interlocked.Increment(ref _asked);
        answer = _hosts.GetValueOrDefault(to.Name) is { } host ? LoseOrGive(host.AnswerAsync(request, cancellation)) : null;
        return answer is not null;
    }

    public void NodeFailed(Node node, Exception reason) => _bugs.Enqueue(reason);

    public void ReplicaStopped(Node node, RangeId range, Exception reason) => _bugs.Enqueue(reason);

    public async ValueTask DisposeAsync()
    {
        foreach (var host in Hosts)
        {
            await host.StopAsync();
        }

        Assert.Empty(_bugs);
    }

    private async Task<byte[]> LoseOrGive(Task<byte[]> answer)
    {
        var bytes = await answer;
        return LoseAnswers ? throw new IOException("lost on its way back") : bytes;
    }

    /// <summary>Starts a node that is no seed, on a disk that may have been used before.</summary>
    public async Task<NodeHost> JoinAsync(
        NodeOptions node, MemoryDisk disk, Func<byte[], CancellationToken, Task<byte[]?>> askAnyone, CancellationToken cancellation) =>
        _hosts[node.Name] = await NodeHost.StartAsync(
            SettingsOf(node, disk) with { Join = new() { ClusterId = Seed.ClusterId, AskAnyone = askAnyone } }, cancellation);

    private async Task StartAsync(NodeRecord node) => _hosts[node.Name] = await NodeHost.StartAsync(
        SettingsOf(new() { Name = node.Name, Region = node.Region, Zone = node.Zone }, new()));

    private NodeHostSettings SettingsOf(NodeOptions node, MemoryDisk disk) => new()
    {
        Node = node,
        Seed = Seed,
        OpenStorage = () => disk.Open(TimeProvider.System),
        Carrier = this,
        Events = this,
        Unhandled = _bugs.Enqueue,
    };
}
