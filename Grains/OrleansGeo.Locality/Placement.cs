using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Locality;

/// <summary>A node that may hold replicas.</summary>
/// <param name="Id">The node.</param>
/// <param name="Region">Its region label.</param>
/// <param name="Zone">Its zone label, which means something only within its region.</param>
/// <param name="Live">Whether it answers now. Voters are placed on live nodes only.</param>
/// <param name="Replicas">How many replicas it holds, for balance.</param>
public sealed record PlacementNode(NodeId Id, string Region, string Zone, bool Live, int Replicas);

/// <summary>What is to be placed, and where it may go.</summary>
/// <param name="Nodes">All nodes of the cluster, in any order.</param>
/// <param name="Rtts">Measured distances between regions.</param>
/// <param name="HomeRegion">Where reads and writes should be cheapest.</param>
/// <param name="Regions">Regions of the database, the home included.</param>
/// <param name="Goal">What must be survived.</param>
/// <param name="Policy">Whether regions without a voter keep a replica.</param>
/// <param name="SecondaryRegion">Where leases go when the home is lost; null when none is named.</param>
/// <param name="WitnessRegion">A region outside <paramref name="Regions"/> that only votes; null when none is named.</param>
public sealed record PlacementRequest(
    ImmutableArray<PlacementNode> Nodes,
    RegionRtts Rtts,
    string HomeRegion,
    ImmutableArray<string> Regions,
    SurvivalGoal Goal,
    PlacementPolicy Policy = PlacementPolicy.Default,
    string? SecondaryRegion = null,
    string? WitnessRegion = null);

/// <summary>Where replicas go, or why they cannot. Closed.</summary>
public abstract record PlacementResult
{
    private PlacementResult()
    {
    }

    /// <summary>A placement that meets the goal. Node lists are sorted; a witness is a voter too.</summary>
    /// <param name="Voters">Who votes, witnesses included.</param>
    /// <param name="NonVoters">Who follows the log for stale reads.</param>
    /// <param name="Witnesses">Voters that keep only the log's tail.</param>
    /// <param name="LeasePreferences">Regions in which the leaseholder should be, best first.</param>
    public sealed record Placed(
        ImmutableArray<NodeId> Voters,
        ImmutableArray<NodeId> NonVoters,
        ImmutableArray<NodeId> Witnesses,
        ImmutableArray<string> LeasePreferences) : PlacementResult;

    /// <summary>Today's nodes, or the request itself, cannot meet the goal.</summary>
    /// <param name="Code">A stable word for programs.</param>
    /// <param name="Missing">What is missing, such as <c>needs 3 zones in us-east1; has 2</c>.</param>
    public sealed record Refused(string Code, string Missing) : PlacementResult;
}

/// <summary>
/// From a survival goal and today's nodes to replicas: the table of DESIGN.md section 6 for REGIONAL tables. Pure and total: the same
/// snapshot gives the same answer, whatever the order of its nodes; every choice ends in the node id.
/// </summary>
public static class Placement
{
    /// <summary>Places one range.</summary>
    public static PlacementResult Place(PlacementRequest request)
    {
        var regions = Sorted(request.Regions);
        if (!regions.Contains(request.HomeRegion, StringComparer.Ordinal))
        {
            return new PlacementResult.Refused(
                "home-outside-regions", $"the home region {request.HomeRegion} is not one of the database's regions");
        }

        if (Shape(request, regions, out var shape) is { } refused)
        {
            return refused;
        }

        var (voters, witnesses) = (new List<NodeId>(5), new List<NodeId>(1));
        var missing = new List<string>();
        foreach (var (region, count, isWitness) in shape)
        {
            var chosen = OnePerZone(request.Nodes, region);
            if (chosen.Count < count)
            {
                missing.Add(Shortage(request.Nodes, region, count, chosen.Count));
                continue;
            }

            for (var i = 0; i < count; i++)
            {
                voters.Add(chosen[i].Id);
                if (isWitness)
                {
                    witnesses.Add(chosen[i].Id);
                }
            }
        }

        var nonVoters = NonVoters(request, regions, shape, missing);
        if (missing.Count > 0)
        {
            return new PlacementResult.Refused("goal-cannot-be-met", string.Join("; and ", missing));
        }

        voters.Sort();
        nonVoters.Sort();
        return new PlacementResult.Placed([.. voters], [.. nonVoters], [.. witnesses], LeasePreferences(request, shape));
    }

    /// <summary>Places system data with the strongest goal that today's nodes allow; see <see cref="SystemPlacement"/>.</summary>
    public static PlacementResult.Placed System(IEnumerable<PlacementNode> nodes) => SystemPlacement.Place(nodes);

    /// <summary>
    /// The live nodes of a region, the least loaded one of each zone, least loaded zone first. Two voters never share a zone.
    /// </summary>
    internal static List<PlacementNode> OnePerZone(IEnumerable<PlacementNode> nodes, string region)
    {
        var byLoad = new List<PlacementNode>();
        foreach (var node in nodes)
        {
            if (node.Live && string.Equals(node.Region, region, StringComparison.Ordinal))
            {
                byLoad.Add(node);
            }
        }

        byLoad.Sort(ByLoad);
        var chosen = new List<PlacementNode>();
        foreach (var node in byLoad)
        {
            if (!chosen.Exists(other => string.Equals(other.Zone, node.Zone, StringComparison.Ordinal)))
            {
                chosen.Add(node);
            }
        }

        return chosen;
    }

    private static int ByLoad(PlacementNode a, PlacementNode b)
    {
        var order = a.Replicas.CompareTo(b.Replicas);
        return order != 0 ? order : a.Id.CompareTo(b.Id);
    }

    private static List<string> Sorted(ImmutableArray<string> regions)
    {
        var sorted = new List<string>();
        foreach (var region in regions)
        {
            if (!sorted.Contains(region))
            {
                sorted.Add(region);
            }
        }

        sorted.Sort(string.CompareOrdinal);
        return sorted;
    }

    // Voters per region. The home comes first.
    private static PlacementResult.Refused? Shape(PlacementRequest request, List<string> regions, out List<Share> shape)
    {
        shape = [];
        if (request.Goal == SurvivalGoal.Zone)
        {
            shape.Add(new(request.HomeRegion, 3, false));
            return null;
        }

        if (request.Policy == PlacementPolicy.Restricted)
        {
            return new("region-goal-restricted",
                "surviving a region needs replicas outside the home region, which restricted placement forbids");
        }

        shape.Add(new(request.HomeRegion, 2, false));
        var others = regions.FindAll(region => !string.Equals(region, request.HomeRegion, StringComparison.Ordinal));
        others.Sort((a, b) => request.Rtts.CompareDistance(request.HomeRegion, a, b));
        if (request.WitnessRegion is { } witness)
        {
            if (others.Count != 1 || regions.Contains(witness))
            {
                return new("witness-needs-two-regions", "a witness region belongs to a database of two regions and is a third one");
            }

            shape.Add(new(others[0], 2, false));
            shape.Add(new(witness, 1, true));
            return null;
        }

        if (others.Count < 2)
        {
            return new("too-few-regions", $"needs 3 regions, or 2 and a witness region; has {regions.Count}");
        }

        AddOthers(request, others, shape);
        return null;
    }

    private static void AddOthers(PlacementRequest request, List<string> others, List<Share> shape)
    {
        var secondary = request.SecondaryRegion is { } named && others.Contains(named) ? named : null;
        if (secondary is not null)
        {
            shape.Add(new(secondary, 2, false));
            others.Remove(secondary);
            shape.Add(new(NearestWith(request, others, 1), 1, false));
        }
        else if (others.Count == 2)
        {
            // The nearest region gets the second voter, unless it has one zone and the farther one has two: the goal goes before the
            // distance.
            var doubled = NearestWith(request, others, 2);
            shape.Add(new(doubled, 2, false));
            others.Remove(doubled);
            shape.Add(new(others[0], 1, false));
        }
        else
        {
            for (var i = 0; i < 3; i++)
            {
                var next = NearestWith(request, others, 1);
                shape.Add(new(next, 1, false));
                others.Remove(next);
            }
        }
    }

    private static string NearestWith(PlacementRequest request, List<string> byDistance, int zones)
    {
        foreach (var region in byDistance)
        {
            if (OnePerZone(request.Nodes, region).Count >= zones)
            {
                return region;
            }
        }

        return byDistance[0];
    }

    private static string Shortage(ImmutableArray<PlacementNode> nodes, string region, int needed, int live)
    {
        var zones = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var node in nodes)
        {
            if (string.Equals(node.Region, region, StringComparison.Ordinal))
            {
                zones.Add(node.Zone);
            }
        }

        var text = $"needs {needed} {(needed == 1 ? "zone" : "zones")} in {region}; has {live}";
        return zones.Count > live ? $"{text} live of {zones.Count}" : text;
    }

    // A region that is down gets its replica on a node that is down: it catches up when the region returns, and no goal rests on it.
    private static List<NodeId> NonVoters(PlacementRequest request, List<string> regions, List<Share> shape, List<string> missing)
    {
        var nonVoters = new List<NodeId>();
        if (request.Policy == PlacementPolicy.Restricted)
        {
            return nonVoters;
        }

        foreach (var region in regions)
        {
            if (shape.Exists(share => string.Equals(share.Region, region, StringComparison.Ordinal)))
            {
                continue;
            }

            PlacementNode? best = null;
            foreach (var node in request.Nodes)
            {
                if (string.Equals(node.Region, region, StringComparison.Ordinal) && (best is null || IsBetter(node, best)))
                {
                    best = node;
                }
            }

            if (best is null)
            {
                missing.Add($"needs a node in {region}; has none");
            }
            else
            {
                nonVoters.Add(best.Id);
            }
        }

        return nonVoters;
    }

    private static bool IsBetter(PlacementNode node, PlacementNode than) =>
        node.Live != than.Live ? node.Live : ByLoad(node, than) < 0;

    private static ImmutableArray<string> LeasePreferences(PlacementRequest request, List<Share> shape)
    {
        var rest = new List<string>();
        var preferences = ImmutableArray.CreateBuilder<string>();
        preferences.Add(request.HomeRegion);
        foreach (var (region, _, isWitness) in shape)
        {
            if (isWitness || string.Equals(region, request.HomeRegion, StringComparison.Ordinal))
            {
                continue;
            }

            if (string.Equals(region, request.SecondaryRegion, StringComparison.Ordinal))
            {
                preferences.Add(region);
            }
            else
            {
                rest.Add(region);
            }
        }

        rest.Sort((a, b) => request.Rtts.CompareDistance(request.HomeRegion, a, b));
        preferences.AddRange(rest);
        return preferences.ToImmutable();
    }

    private readonly record struct Share(string Region, int Voters, bool IsWitness);
}
