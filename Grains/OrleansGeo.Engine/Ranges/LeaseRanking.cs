using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// The order in which voters take over a range: by its lease preferences, then by node. Pure over what the node knows of labels and
/// round-trip times; ties end in the node id, so all voters that know the same rank alike.
/// </summary>
internal static class LeaseRanking
{
    private const long SlackMicros = 15_000;

    /// <summary>
    /// How long this node waits after a leader is lost: its rank among those who may be there, times at least one round of pre-votes.
    /// </summary>
    public static long DelayMicros(Node node, RangeDescriptor descriptor, NodeId leader)
    {
        var rank = 0;
        var farthest = 0L;
        var own = Place(node, descriptor, node.Id);
        foreach (var voter in descriptor.Configuration.Voters)
        {
            if (voter == node.Id)
            {
                continue;
            }

            farthest = Math.Max(farthest, node.Liveness.RttMicros(voter));
            rank += Place(node, descriptor, voter).CompareTo(own) < 0 && !IsGone(node, voter, leader) ? 1 : 0;
        }

        return rank * (farthest + SlackMicros);
    }

    // The leader that was lost, and whoever fell silent with it, will not go first: to wait for them would only prolong the outage.
    // A node that was never heard may just be starting.
    private static bool IsGone(Node node, NodeId voter, NodeId leader) =>
        voter == leader || (node.LastHeardMicros(voter) is not null && !node.IsLive(voter));

    /// <summary>The voter that leads a new range first. It follows from labels alone, so that every member names the same.</summary>
    public static NodeId FirstChoice(IReadOnlyDictionary<NodeId, string> regions, RangeDescriptor descriptor)
    {
        var best = NodeId.None;
        foreach (var voter in descriptor.Configuration.Voters)
        {
            if (!descriptor.Configuration.IsWitness(voter)
                && (!best.IsSome || Place(regions[voter], descriptor, voter).CompareTo(Place(regions[best], descriptor, best)) < 0))
            {
                best = voter;
            }
        }

        return best;
    }

    /// <summary>Position of a node's region in the preferences; regions not named come last.</summary>
    public static int RegionRank(Node node, RangeDescriptor descriptor, NodeId voter) => RegionRank(RegionOf(node, voter), descriptor);

    private static int RegionRank(string region, RangeDescriptor descriptor)
    {
        var index = descriptor.LeasePreferences.IndexOf(region);
        return index < 0 ? descriptor.LeasePreferences.Length : index;
    }

    private static string RegionOf(Node node, NodeId voter) =>
        node.System.Nodes.TryGetValue(voter, out var record) ? record.Region : string.Empty;

    // A node that drains takes over only where nobody else does.
    private static (bool Drains, (int Region, uint Turn, NodeId Node) Place) Place(Node node, RangeDescriptor descriptor, NodeId voter) =>
        (node.IsDraining(voter), Place(RegionOf(node, voter), descriptor, voter));

    // Within a region the order is turned by the range id, so that ranges spread their leaders over the region's voters.
    private static (int Region, uint Turn, NodeId Node) Place(string region, RangeDescriptor descriptor, NodeId voter) =>
        (RegionRank(region, descriptor),
            unchecked((uint)((voter.Value * 0x9E3779B1L) ^ (descriptor.Id.Value * 0x85EBCA77L)) * 0xC2B2AE3Du), voter);
}
