using System.Collections.Immutable;
using FsCheck;
using FsCheck.Fluent;
using OrleansGeo.Consensus;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Unit.Locality;

/// <summary>How the system range follows the nodes of the cluster.</summary>
public sealed class SystemMembersTests
{
    [Fact]
    public void A_node_that_joined_follows_before_anything_else_happens()
    {
        ImmutableArray<NodeRecord> nodes = [Node(1, "east", "a"), Node(2, "east", "b"), Node(3, "east", "c")];
        var step = SystemMembers.Next(SystemBootstrap.SystemRange([nodes[0]]), nodes, static _ => true);
        Assert.Equal([new NodeId(1)], step!.Configuration!.Voters);
        Assert.Equal([new NodeId(2), new NodeId(3)], step.Configuration.NonVoters);
    }

    [Fact]
    public void Voters_move_only_to_where_more_is_survived()
    {
        ImmutableArray<NodeRecord> east = [Node(1, "east", "a"), Node(2, "east", "b"), Node(3, "east", "c")];
        Assert.Equal(3, Settle(SystemBootstrap.SystemRange([east[0]]), east).Configuration.Voters.Length);

        // A second region with one zone adds nothing: the voters stay.
        var three = Settle(SystemBootstrap.SystemRange(east), east.Add(Node(4, "west", "a")));
        Assert.Equal(SystemBootstrap.SystemRange(east).Configuration.Voters, three.Configuration.Voters);

        var regions = (ImmutableArray<NodeRecord>)[.. east, Node(4, "west", "a"), Node(5, "west", "b"), Node(6, "europe", "a")];
        var five = Settle(SystemBootstrap.SystemRange(east), regions);
        Assert.Equal((5, SurvivalGoal.Region), (five.Configuration.Voters.Length, five.Goal));
        Assert.Contains("europe", five.LeasePreferences);
        Assert.Equal("east", five.LeasePreferences[0]);
    }

    [Fact]
    public void Nothing_moves_to_a_node_that_is_down()
    {
        ImmutableArray<NodeRecord> nodes = [Node(1, "east", "a"), Node(2, "east", "b"), Node(3, "east", "c")];
        var settled = Settle(SystemBootstrap.SystemRange([nodes[0]]), nodes, static node => node.Value != 3);
        Assert.DoesNotContain(new NodeId(3), settled.Configuration.Voters);
        Assert.Contains(new NodeId(3), settled.Configuration.NonVoters);
        Assert.Null(SystemMembers.Next(settled, nodes, static node => node.Value != 3));
    }

    [Fact]
    public void However_a_cluster_grows_it_settles_as_strong_as_if_it_had_begun_so() => Prop.ForAll(
        ArbMap.Default.ArbFor<byte[]>(),
        places =>
        {
            var nodes = places.Take(12).Prepend((byte)0)
                .Select((place, i) => Node(i + 1, $"r{place % 4}", $"z{place / 4 % 3}")).ToImmutableArray();
            var range = SystemBootstrap.SystemRange(nodes.Take(1));
            for (var grown = 2; grown <= nodes.Length; grown++)
            {
                range = Settle(range, nodes[..grown]);
            }

            var fresh = SystemBootstrap.SystemRange(nodes);
            Assert.Equal(fresh.Configuration.Voters.Length, range.Configuration.Voters.Length);
            Assert.Equal(fresh.Goal, range.Goal);
            Assert.Equal(nodes.Length, range.Configuration.Members().Count());
        }).QuickCheckThrowOnFailure();

    // Takes every step at once, as a range whose changes all succeed; fails when there is no end.
    private static RangeDescriptor Settle(RangeDescriptor range, ImmutableArray<NodeRecord> nodes, Func<NodeId, bool>? isLive = null)
    {
        for (var steps = 0; SystemMembers.Next(range, nodes, isLive ?? (static _ => true)) is { } step; steps++)
        {
            Assert.True(steps < 4, "the steps do not end");
            range = step.Configuration is { } target
                ? range with { Configuration = target, Generation = range.Generation + 1 }
                : range with { Goal = step.Goal!.Value, LeasePreferences = step.Preferences, Generation = range.Generation + 1 };
        }

        return range;
    }

    private static NodeRecord Node(int id, string region, string zone) => new(new(id), $"n{id}", region, $"{region}-{zone}", null);
}
