using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using OrleansGeo.Storage;
using OrleansGeo.Storage.Memory;
using Xunit;

namespace OrleansGeo.Tests.Unit.Hosting;

/// <summary>A node that is no seed asks the members of a running cluster to be taken in.</summary>
public sealed class NodeJoiningTests
{
    private static readonly RequestOptions s_options = new(TimeSpan.FromSeconds(30));
    private static readonly NodeOptions s_joiner = new() { Name = "n6", Region = "r3", Zone = "r3-b" };

    private readonly MemoryDisk _disk = new();
    private int _asked;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_node_joins_and_is_a_member_for_good()
    {
        await using var cluster = await HostedCluster.StartAsync();
        var joined = await cluster.JoinAsync(s_joiner, _disk, Asking(cluster), Cancellation);
        Assert.Equal(6, joined.Node.Id.Value);
        await IsMemberAsync(joined);
        Assert.Equal("r3-b", joined.Node.System.Nodes[new(6)].Zone);

        // It knows its cluster by itself now.
        cluster.Kill("n6");
        _disk.Crash(new(1));
        var again = await cluster.JoinAsync(s_joiner, _disk, (_, _) => throw new InvalidOperationException("asked"), Cancellation);
        Assert.Equal(6, again.Node.Id.Value);
        await IsMemberAsync(again);
    }

    [Fact]
    public async Task A_node_whose_answer_was_lost_gets_the_same_id_when_it_asks_again()
    {
        await using var cluster = await HostedCluster.StartAsync();
        var ask = Asking(cluster);
        await Assert.ThrowsAsync<IOException>(() => cluster.JoinAsync(
            s_joiner, _disk, async (request, cancellation) => await Answered(ask, request, cancellation) ? throw new IOException("lost") : null,
            Cancellation));
        var joined = await cluster.JoinAsync(s_joiner, _disk, ask, Cancellation);
        Assert.Equal(6, joined.Node.Id.Value);
        await IsMemberAsync(joined);
    }

    [Fact]
    public async Task A_node_that_died_before_it_had_the_system_range_asks_again_who_the_others_are()
    {
        await using var cluster = await HostedCluster.StartAsync();
        var heard = await cluster.JoinAsync(s_joiner, _disk, Asking(cluster), Cancellation);
        cluster.Kill("n6");
        _disk.Crash(new(1));
        var before = _asked;

        // As its disk was before the first snapshot: who it is, and nothing else.
        var early = new MemoryDisk();
        using (var storage = early.Open(TimeProvider.System))
        {
            using var late = _disk.Open(TimeProvider.System);
            await NodeStore.JoinTokenAsync(storage, await NodeStore.JoinTokenAsync(late, []));
            await NodeStore.InitialiseJoinedAsync(storage, heard.Node.Identity);
        }

        var again = await cluster.JoinAsync(s_joiner, early, Asking(cluster), Cancellation);
        Assert.True(_asked > before);
        Assert.Equal(6, again.Node.Id.Value);
        await IsMemberAsync(again);
    }

    [Fact]
    public async Task A_name_that_is_taken_is_refused_and_leaves_nothing()
    {
        await using var cluster = await HostedCluster.StartAsync();
        await cluster.JoinAsync(s_joiner, _disk, Asking(cluster), Cancellation);
        var other = new MemoryDisk();
        var refused = await Assert.ThrowsAsync<JoinRefusedException>(() => cluster.JoinAsync(s_joiner, other, Asking(cluster), Cancellation));
        Assert.Contains("a node that lost its data joins under a new name", refused.Message, StringComparison.Ordinal);
        using var storage = other.Open(TimeProvider.System);
        Assert.False(NodeStore.IsInitialised(storage));
    }

    [Fact]
    public async Task Other_labels_than_the_cluster_knows_are_refused()
    {
        await using var cluster = await HostedCluster.StartAsync();
        await IsMemberAsync(await cluster.JoinAsync(s_joiner, _disk, Asking(cluster), Cancellation));
        cluster.Kill("n6");
        _disk.Crash(new(1));
        var refused = await Assert.ThrowsAsync<StorageUnavailableException>(() => cluster.JoinAsync(
            s_joiner with { Zone = "r3-a" }, _disk, Asking(cluster), Cancellation));
        Assert.Equal("Node n6 is in r3, r3-b for its cluster, not in r3, r3-a.", refused.Message);
    }

    [Fact]
    public async Task Nonsense_is_refused()
    {
        await using var cluster = await HostedCluster.StartAsync();
        byte[][] nonsense = [[], [9], [1, 200], [.. new byte[100]]];
        foreach (var bytes in nonsense)
        {
            Task<byte[]?> SendAsync(byte[] request, CancellationToken cancellation) => AnswerAsync(cluster, bytes, cancellation);
            await Assert.ThrowsAsync<JoinRefusedException>(() => cluster.JoinAsync(s_joiner, new(), SendAsync, Cancellation));
        }
    }

    private static async Task<byte[]?> AnswerAsync(HostedCluster cluster, byte[] request, CancellationToken cancellation) =>
        await cluster["n2"].AnswerJoinAsync(request, cancellation);

    private static async Task<bool> Answered(
        Func<byte[], CancellationToken, Task<byte[]?>> ask, byte[] request, CancellationToken cancellation)
    {
        // Only an answer that took it in is worth losing.
        var answer = await ask(request, cancellation);
        return answer is [1, 1, ..];
    }

    private static async Task IsMemberAsync(NodeHost host)
    {
        while (!host.Node.System.Nodes.ContainsKey(host.Node.Id)
            || (await host.Front.ListNodesAsync(s_options, Cancellation)).Value?.Items.All(node => node.Live) != true)
        {
            Cancellation.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    private Func<byte[], CancellationToken, Task<byte[]?>> Asking(HostedCluster cluster) => (request, cancellation) =>
    {
        _asked++;
        return AnswerAsync(cluster, request, cancellation);
    };
}
