using Microsoft.Extensions.DependencyInjection;
using Orleans.Concurrency;
using Orleans.Core.Internal;
using Orleans.Hosting;
using Orleans.Runtime;
using Orleans.Runtime.Placement;
using OrleansGeo.Engine;
using OrleansGeo.GrainInterfaces;
using OrleansGeo.Grains;
using OrleansGeo.Primitives;
using static OrleansGeo.Tests.Orleans.GeoTestCluster;

namespace OrleansGeo.Tests.Orleans;

public sealed class RangeGrainTests
{
    [Theory]
    [InlineData("7@Silo_0", "Silo_0")]
    [InlineData("7@a@b", "a@b")]
    [InlineData("@Silo_0", null)]
    [InlineData("7@", null)]
    [InlineData("7", null)]
    [InlineData("x@Silo_0", null)]
    public void A_key_names_a_range_and_a_node(string key, string? node) => Assert.Equal(node, RangeGrainKey.NodeOf(key));

    [Fact]
    public async Task A_range_grain_lives_on_the_silo_that_its_key_names()
    {
        await using var cluster = await StartAsync();
        for (var i = 0; i < 3; i++)
        {
            var node = Seed.Nodes[i];
            var reply = await AskAsync(cluster.Grains, node, SystemKeys.RangeId, new RangeOperation.Status());
            Assert.Equal(node.Id, reply!.ServedBy);
            Assert.IsType<RangeOutcome.Described>(reply.Outcome);
        }
    }

    [Fact]
    public async Task A_range_grain_of_an_absent_node_is_nowhere()
    {
        await using var cluster = await StartAsync();
        var absent = new NodeRecord(new(9), "Silo_9", "r", "z", null);
        await Assert.ThrowsAsync<SiloUnavailableException>(
            () => AskAsync(cluster.Grains, absent, SystemKeys.RangeId, new RangeOperation.Status()));
    }

    [Fact]
    public async Task A_range_grain_that_is_forced_onto_another_silo_refuses_and_changes_nothing()
    {
        await using var cluster = await StartAsync(
            static silo => silo.AddPlacementDirector<NodePlacement, MisleadingDirector>());
        var range = new RangeId((await cluster.RangeAsync()).Id);
        var leaderName = (await cluster.LeaderAsync()).Name;
        var leader = Seed.Nodes.First(node => node.Name == leaderName);
        var astray = cluster.Silos.First(silo => silo.Name != leader.Name);
        Ok(await PutAsync(cluster.Client, "a", 1));

        // A range nobody has asked for yet is in no silo's cache, so it is placed, and placed wrongly.
        MisleadingDirector.Instead = astray.SiloAddress;
        try
        {
            var refused = await Assert.ThrowsAnyAsync<Exception>(
                () => AskAsync(cluster.Grains, leader, new(987_654), new RangeOperation.Status()));
            Assert.Contains($"not of node {astray.Name}", refused.ToString(), StringComparison.Ordinal);
        }
        finally
        {
            MisleadingDirector.Instead = null;
        }

        Assert.IsType<RangeOutcome.Described>((await AskAsync(cluster.Grains, leader, range, new RangeOperation.Status()))!.Outcome);
        Assert.Equal(1, Ok(await GetAsync(cluster.Client, "a")).Row["pop"].AsInt64());
    }

    [Fact]
    public async Task A_write_that_comes_in_by_two_activations_is_made_once()
    {
        await using var cluster = await StartAsync();
        var leader = await cluster.LeaderAsync();
        var record = Seed.Nodes.First(node => node.Name == leader.Name);
        var range = Ok(await cluster.Client.ListRangesAsync(City, Options, Cancellation)).Items[0];
        var descriptor = HostOn(leader).Node.LocalReplica(new(range.Id))!.Descriptor;
        var write = new RangeOperation.Write(
            [new KeyWrite(WriteKind.Insert, descriptor.Span.Start, RowCodec.Encode([]), Precondition.None)],
            [.. new byte[15], 1],
            [.. new byte[16]],
            60_000,
            false);

        // The second activation comes after the first is gone; that two live beside each other, the silo itself does not allow.
        var first = Assert.IsType<RangeOutcome.Written>((await AskAsync(cluster.Grains, record, descriptor.Id, write))!.Outcome);
        await cluster.Grains.GetGrain<IRangeGrain>(RangeGrainKey.Of(descriptor.Id, record.Name)).Cast<IGrainManagementExtension>()
            .DeactivateOnIdle();
        var second = Assert.IsType<RangeOutcome.Written>(
            (await AskAsync(cluster.Grains, record, descriptor.Id, write with { MayRepeat = true }))!.Outcome);
        Assert.False(first.Replayed);
        Assert.True(second.Replayed);
        Assert.Equal(first.Version, second.Version);
    }

    private static async Task<RangeReply?> AskAsync(IGrainFactory grains, NodeRecord node, RangeId range, RangeOperation operation)
    {
        var request = EnvelopeCodec.Standard.Encode(new()
        {
            From = new(100),
            To = node.Id,
            Lane = Lane.Normal,
            Messages = [new RangeRequest { CallId = 1, Range = range, TimeoutMicros = 30_000_000, Operation = operation }],
        });
        var grain = grains.GetGrain<IRangeGrain>(RangeGrainKey.Of(range, node.Name));
        var answer = EnvelopeCodec.Standard.Read((await grain.AskAsync(new Immutable<byte[]>(request), Cancellation)).Value);
        return answer.Messages.Count == 0 ? null : Assert.IsType<RangeReply>(answer.Messages[0]);
    }

    // Believes what it is told, as a silo does whose view of the cluster is old.
    private sealed class MisleadingDirector(NodeBook book) : IPlacementDirector
    {
        private static SiloAddress? s_instead;

        public static SiloAddress? Instead
        {
            get => Volatile.Read(ref s_instead);
            set => Volatile.Write(ref s_instead, value);
        }

        public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context) =>
            Instead is { } instead ? Task.FromResult(instead) : new NodeDirector(book).OnAddActivation(strategy, target, context);
    }
}
