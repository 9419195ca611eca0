using System.Collections.Immutable;
using OrleansGeo.Locality;
using OrleansGeo.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Unit.Locality;

public sealed class PlacementTests
{
    private static string Region(int i) => $"r{i:D2}";

    private static ImmutableArray<string> Regions(int count) => [.. Enumerable.Range(0, count).Select(Region)];

    private static ImmutableArray<PlacementNode> Nodes(int regions, int zones = 3, int perZone = 1)
    {
        var nodes = ImmutableArray.CreateBuilder<PlacementNode>();
        for (var r = 0; r < regions; r++)
        {
            for (var z = 0; z < zones * perZone; z++)
            {
                nodes.Add(new(new(nodes.Count + 1), Region(r), "z" + (z % zones), true, 0));
            }
        }

        return nodes.ToImmutable();
    }

    // Distances that grow with the number, as seen from every region.
    private static RegionRtts Rtts(int regions)
    {
        var rtts = RegionRtts.Unknown;
        for (var a = 0; a < regions; a++)
        {
            for (var b = a + 1; b < regions; b++)
            {
                rtts = rtts.With(Region(a), Region(b), 1_000 * (b + 1));
            }
        }

        return rtts;
    }

    private static PlacementResult.Placed Place(PlacementRequest request)
    {
        var result = Placement.Place(request);
        Assert.True(result is PlacementResult.Placed, (result as PlacementResult.Refused)?.Missing);
        return (PlacementResult.Placed)result;
    }

    private static PlacementRequest Request(int regions, SurvivalGoal goal) =>
        new(Nodes(regions), Rtts(regions), Region(0), Regions(regions), goal);

    private static bool SurvivesAny(PlacementRequest request, PlacementResult.Placed placed, Func<PlacementNode, string> domain)
    {
        var byId = request.Nodes.ToDictionary(node => node.Id);
        var voters = placed.Voters.Select(voter => byId[voter]).ToArray();
        return request.Nodes.Select(domain).Distinct().All(
            lost => voters.Count(voter => domain(voter) != lost) > voters.Length / 2);
    }

    private static string[] VotersPerRegion(PlacementRequest request, PlacementResult.Placed placed) => [.. placed.Voters
        .GroupBy(voter => request.Nodes.Single(node => node.Id == voter).Region)
        .OrderBy(group => group.Key)
        .Select(group => $"{group.Key}:{group.Count()}")];

    public static TheoryData<int> OneToTen => [.. Enumerable.Range(1, 10)];

    [Theory]
    [MemberData(nameof(OneToTen))]
    public void Counts_equal_the_table_for_the_zone_goal(int r)
    {
        var request = Request(r, SurvivalGoal.Zone);
        var placed = Place(request);
        Assert.Equal((3, r - 1), (placed.Voters.Length, placed.NonVoters.Length));
        Assert.Equal([Region(0)], placed.LeasePreferences);
        var restricted = Place(request with { Policy = PlacementPolicy.Restricted });
        Assert.Equal((3, 0), (restricted.Voters.Length, restricted.NonVoters.Length));
        Assert.True(SurvivesAny(request, placed, node => node.Region + node.Zone));
    }

    [Theory]
    [MemberData(nameof(OneToTen))]
    public void Counts_equal_the_table_for_the_region_goal(int r)
    {
        var request = Request(r, SurvivalGoal.Region);
        if (r < 3)
        {
            Assert.Equal($"needs 3 regions, or 2 and a witness region; has {r}",
                Assert.IsType<PlacementResult.Refused>(Placement.Place(request)).Missing);
            return;
        }

        var placed = Place(request);
        Assert.Equal(5, placed.Voters.Length);
        Assert.Equal(Math.Max(5, 2 + r - 1), placed.Voters.Length + placed.NonVoters.Length);
        Assert.Equal(r == 3 ? ["r00:2", "r01:2", "r02:1"] : ["r00:2", "r01:1", "r02:1", "r03:1"], VotersPerRegion(request, placed));
        Assert.True(SurvivesAny(request, placed, node => node.Region));
        Assert.Equal(Region(0), placed.LeasePreferences[0]);
        var secondary = Place(request with { SecondaryRegion = Region(2) });
        Assert.Equal(Math.Max(5, 3 + r - 1), secondary.Voters.Length + secondary.NonVoters.Length);
        Assert.Equal(["r00:2", "r01:1", "r02:2"], VotersPerRegion(request, secondary));
        Assert.Equal([Region(0), Region(2), Region(1)], secondary.LeasePreferences);
    }

    [Fact]
    public void Two_regions_and_a_witness_region_survive_a_region()
    {
        var request = Request(3, SurvivalGoal.Region) with { Regions = Regions(2), WitnessRegion = Region(2) };
        var placed = Place(request);
        Assert.Equal(["r00:2", "r01:2", "r02:1"], VotersPerRegion(request, placed));
        Assert.Equal((1, 0), (placed.Witnesses.Length, placed.NonVoters.Length));
        Assert.Equal([Region(0), Region(1)], placed.LeasePreferences);
        Assert.True(SurvivesAny(request, placed, node => node.Region));
    }

    [Fact]
    public void Whatever_is_placed_survives_its_goal_and_does_not_depend_on_the_order_of_nodes()
    {
        var prng = new Prng(5);
        var placedCount = 0;
        for (var round = 0; round < 3_000; round++)
        {
            var regions = 1 + prng.Below(6);
            var nodes = new List<PlacementNode>();
            for (var i = 1 + prng.Below(30); i > 0; i--)
            {
                nodes.Add(new(new(nodes.Count + 1), Region(prng.Below(regions)), "z" + prng.Below(4), prng.Chance(0.9), prng.Below(5)));
            }

            var goal = prng.Chance(0.5) ? SurvivalGoal.Zone : SurvivalGoal.Region;
            var secondary = goal == SurvivalGoal.Region && prng.Chance(0.3) ? Region(1) : null;
            var request = new PlacementRequest([.. nodes], Rtts(regions), Region(0), Regions(regions), goal, SecondaryRegion: secondary);
            var result = Placement.Place(request);
            var shuffled = nodes.ToArray();
            prng.Shuffle<PlacementNode>(shuffled);
            var again = Placement.Place(request with { Nodes = [.. shuffled], Regions = [.. request.Regions.Reverse()] });
            Assert.Equal(Text(result), Text(again));
            if (result is PlacementResult.Placed placed)
            {
                placedCount++;
                Check(request, placed, goal);
            }
        }

        Assert.InRange(placedCount, 300, 2_900);
    }

    private static void Check(PlacementRequest request, PlacementResult.Placed placed, SurvivalGoal goal)
    {
        var byId = request.Nodes.ToDictionary(node => node.Id);
        Assert.True(SurvivesAny(request, placed, node => node.Region + "/" + node.Zone));
        Assert.True(goal == SurvivalGoal.Zone || SurvivesAny(request, placed, node => node.Region));
        Assert.Equal(placed.Voters.Length, placed.Voters.Select(voter => (byId[voter].Region, byId[voter].Zone)).Distinct().Count());
        Assert.All(placed.Voters, voter => Assert.True(byId[voter].Live));
        Assert.Empty(placed.Voters.Intersect(placed.NonVoters));
        var covered = placed.Voters.Concat(placed.NonVoters).Select(node => byId[node].Region).Distinct();
        Assert.Equal(request.Regions.Order(), covered.Order());
        var places = placed.Voters.Select(voter => new VoterPlace(voter, byId[voter].Region, byId[voter].Zone, true)).ToArray();
        Assert.Null(GoalCheck.Evaluate(places, goal));
    }

    private static string Text(PlacementResult result) => result is PlacementResult.Placed placed
        ? $"{string.Join(',', placed.Voters)}|{string.Join(',', placed.NonVoters)}|{string.Join(',', placed.LeasePreferences)}"
        : result.ToString();

    [Fact]
    public void What_is_missing_is_named()
    {
        var two = Request(3, SurvivalGoal.Zone) with { Nodes = Nodes(3, zones: 2) };
        Assert.Equal("needs 3 zones in r00; has 2", Assert.IsType<PlacementResult.Refused>(Placement.Place(two)).Missing);
        var noNode = Request(3, SurvivalGoal.Zone) with { Regions = ["r00", "mars"] };
        Assert.Equal("needs a node in mars; has none", Assert.IsType<PlacementResult.Refused>(Placement.Place(noNode)).Missing);
        ImmutableArray<PlacementNode> oneZoneNodes = [.. Nodes(3).Where(node => node.Region == "r00" || node.Zone == "z0")];
        var oneZone = Request(3, SurvivalGoal.Region) with { Nodes = oneZoneNodes };
        Assert.Equal("needs 2 zones in r01; has 1", Assert.IsType<PlacementResult.Refused>(Placement.Place(oneZone)).Missing);
        var restricted = Request(3, SurvivalGoal.Region) with { Policy = PlacementPolicy.Restricted };
        Assert.Equal("region-goal-restricted", Assert.IsType<PlacementResult.Refused>(Placement.Place(restricted)).Code);
    }

    [Fact]
    public void The_least_loaded_nodes_are_taken_and_an_unmeasured_region_is_the_farthest()
    {
        var nodes = Nodes(1, 3, 2).Select(node => node with { Replicas = node.Id.Value <= 3 ? 9 : 0 });
        Assert.Equal([new NodeId(4), new(5), new(6)], Place(Request(1, SurvivalGoal.Zone) with { Nodes = [.. nodes] }).Voters);
        var rtts = RegionRtts.Unknown.With("r00", "r02", 900_000);
        Assert.Equal(["r00:2", "r01:1", "r02:2"], VotersPerRegion(
            Request(3, SurvivalGoal.Region), Place(Request(3, SurvivalGoal.Region) with { Rtts = rtts })));
    }

    [Theory]
    [InlineData(1, 1, 1, 1)]
    [InlineData(1, 1, 3, 3)]
    [InlineData(1, 2, 1, 1)]
    [InlineData(1, 3, 1, 3)]
    [InlineData(1, 5, 1, 5)]
    [InlineData(2, 3, 1, 5)]
    [InlineData(3, 1, 1, 3)]
    [InlineData(3, 3, 1, 5)]
    [InlineData(5, 1, 1, 5)]
    public void System_data_takes_the_strongest_goal_there_is(int regions, int zones, int perZone, int voters)
    {
        var nodes = Nodes(regions, zones, perZone);
        var placed = Placement.System(nodes);
        Assert.Equal(voters, placed.Voters.Length);
        Assert.Equal(nodes.Length, placed.Voters.Length + placed.NonVoters.Length);
        var request = Request(regions, SurvivalGoal.Zone) with { Nodes = nodes };
        Assert.Equal(regions >= 3, SurvivesAny(request, placed, node => node.Region));
        Assert.Equal(regions * zones >= 3, SurvivesAny(request, placed, node => node.Region + node.Zone));
    }

    [Fact]
    public void A_goal_is_met_exactly_when_every_loss_leaves_a_majority()
    {
        var prng = new Prng(9);
        for (var round = 0; round < 5_000; round++)
        {
            var voters = Enumerable.Range(1, 1 + (2 * prng.Below(3))).Select(i => new VoterPlace(
                new(i), Region(prng.Below(3)), "z" + prng.Below(3), prng.Chance(0.85))).ToArray();
            foreach (var goal in new[] { SurvivalGoal.Zone, SurvivalGoal.Region })
            {
                string Domain(VoterPlace voter) => goal == SurvivalGoal.Zone ? voter.Region + voter.Zone : voter.Region;
                var met = voters.Select(Domain).All(lost => voters.Count(voter => voter.Live && Domain(voter) != lost) > voters.Length / 2);
                Assert.Equal(met, GoalCheck.Evaluate(voters, goal) is null);
            }
        }
    }
}
