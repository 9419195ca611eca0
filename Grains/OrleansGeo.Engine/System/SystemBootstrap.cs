using System.Collections.Immutable;
using OrleansGeo.Locality;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>What a new cluster begins with.</summary>
public static class SystemBootstrap
{
    /// <summary>The first id to give out: range 1 is the system range.</summary>
    public const long FirstId = 2;

    /// <summary>
    /// The first system range over the nodes that make the cluster: the strongest goal they allow. Generation 1, so that every later one is
    /// newer.
    /// </summary>
    public static RangeDescriptor SystemRange(IEnumerable<NodeRecord> nodes)
    {
        var known = nodes.ToDictionary(node => node.Id);
        var placed = Placement.System(known.Values.Select(node => new PlacementNode(node.Id, node.Region, node.Zone, true, 0)));
        return new(
            SystemKeys.RangeId,
            SystemKeys.Span,
            1,
            new(placed.Voters, [], placed.NonVoters, []),
            0,
            GoalOf(placed.Voters, known),
            placed.LeasePreferences);
    }

    /// <summary>What a system range on these voters is meant to survive.</summary>
    internal static SurvivalGoal GoalOf(IEnumerable<NodeId> voters, IReadOnlyDictionary<NodeId, NodeRecord> nodes) =>
        voters.Where(nodes.ContainsKey).Select(voter => nodes[voter].Region).Distinct(StringComparer.Ordinal).Count() >= 3
            ? SurvivalGoal.Region : SurvivalGoal.Zone;

    /// <summary>The records of a new cluster, by ascending key.</summary>
    public static ImmutableArray<KeyValuePair<Key, byte[]>> InitialRecords(
        string clusterId, ReadOnlySpan<byte> tokenSecret, IEnumerable<NodeRecord> nodes, RangeDescriptor systemRange)
    {
        var records = new SortedDictionary<Key, byte[]>
        {
            [SystemKeys.Cluster] = SystemRecords.Encode(new ClusterRecord(clusterId, [.. tokenSecret])),
            [SystemKeys.NextId] = SystemRecords.EncodeNextId(FirstId),
            [SystemKeys.Range(systemRange.Id)] = systemRange.Encode(),
        };
        foreach (var node in nodes)
        {
            records.Add(SystemKeys.Node(node.Id), SystemRecords.Encode(node));
        }

        return [.. records];
    }
}
