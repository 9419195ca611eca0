using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Locality;

/// <summary>
/// Where system data goes: the strongest goal that today's nodes allow. From three regions on, five voters of which no region holds more
/// than two (2+2+1, or wider when regions have one zone each), so any region may go; with fewer zones than that, one voter in each of three
/// regions. In one or two regions, five or three voters over as many zones; with too few zones, three voters on three nodes; else one.
/// Every other node follows as a non-voter, so each node reads the catalog without asking anyone.
/// </summary>
internal static class SystemPlacement
{
    public static PlacementResult.Placed Place(IEnumerable<PlacementNode> nodes)
    {
        var all = new List<PlacementNode>(nodes);
        all.Sort((a, b) => a.Id.CompareTo(b.Id));
        Invariant.Holds(all.Count > 0);
        var live = all.FindAll(node => node.Live);
        var pool = live.Count > 0 ? live : all;
        var regions = ByRegion(pool);
        var voters = regions.Count >= 3 ? OverRegions(regions) : OverZones(pool);
        var nonVoters = all.FindAll(node => !voters.Contains(node));
        var preferences = new List<string>();
        foreach (var voter in voters)
        {
            if (!preferences.Contains(voter.Region))
            {
                preferences.Add(voter.Region);
            }
        }

        voters.Sort((a, b) => a.Id.CompareTo(b.Id));
        return new([.. voters.ConvertAll(node => node.Id)], [.. nonVoters.ConvertAll(node => node.Id)], [], [.. preferences]);
    }

    // Regions with more zones first, then by name; each with its best node per zone.
    private static List<(string Region, List<PlacementNode> Zones)> ByRegion(List<PlacementNode> pool)
    {
        var names = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var node in pool)
        {
            names.Add(node.Region);
        }

        var regions = new List<(string Region, List<PlacementNode> Zones)>();
        foreach (var name in names)
        {
            regions.Add((name, Placement.OnePerZone(pool.ConvertAll(node => node with { Live = true }), name)));
        }

        regions.Sort((a, b) =>
            b.Zones.Count != a.Zones.Count ? b.Zones.Count.CompareTo(a.Zones.Count) : string.CompareOrdinal(a.Region, b.Region));
        return regions;
    }

    private static List<PlacementNode> OverRegions(List<(string Region, List<PlacementNode> Zones)> regions)
    {
        // One voter in each of three regions, then seconds where a region has another zone, then further regions.
        var voters = new List<PlacementNode>();
        for (var i = 0; i < 3; i++)
        {
            voters.Add(regions[i].Zones[0]);
        }

        for (var i = 0; i < 3 && voters.Count < 5; i++)
        {
            if (regions[i].Zones.Count > 1)
            {
                voters.Add(regions[i].Zones[1]);
            }
        }

        for (var i = 3; i < regions.Count && voters.Count < 5; i++)
        {
            voters.Add(regions[i].Zones[0]);
        }

        return Odd(voters);
    }

    private static List<PlacementNode> OverZones(List<PlacementNode> pool)
    {
        var voters = new List<PlacementNode>();
        foreach (var node in pool)
        {
            if (!voters.Exists(voter => SameZone(voter, node)))
            {
                voters.Add(node);
            }
        }

        if (voters.Count >= 3)
        {
            return Odd(voters);
        }

        // Two zones at most: the loss of a node can still be survived.
        foreach (var node in pool)
        {
            if (voters.Count < 3 && !voters.Contains(node))
            {
                voters.Add(node);
            }
        }

        return Odd(voters);
    }

    // An even number of voters survives no more than one fewer, and costs a larger quorum.
    private static List<PlacementNode> Odd(List<PlacementNode> voters) =>
        voters.GetRange(0, voters.Count >= 5 ? 5 : voters.Count >= 3 ? 3 : 1);

    private static bool SameZone(PlacementNode a, PlacementNode b) =>
        string.Equals(a.Region, b.Region, StringComparison.Ordinal) && string.Equals(a.Zone, b.Zone, StringComparison.Ordinal);
}
