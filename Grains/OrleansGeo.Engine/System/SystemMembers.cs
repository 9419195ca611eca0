using System.Collections.Immutable;
using OrleansGeo.Consensus;
using OrleansGeo.Locality;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>What is to be done so that the system range follows the nodes of the cluster.</summary>
/// <param name="Configuration">The members to change to, or null.</param>
/// <param name="Goal">The goal to declare with <paramref name="Preferences"/>, or null.</param>
/// <param name="Preferences">The lease preferences to declare.</param>
public sealed record SystemStep(Configuration? Configuration, SurvivalGoal? Goal, ImmutableArray<string> Preferences);

/// <summary>
/// Plans the system range's next step: first every node of the cluster follows it, then its voters are moved where they survive more, then
/// the descriptor says so. Voters are moved only to live nodes, and never for anything but a stronger placement, so nothing moves to and
/// fro. Each step is one change that the range's own log decides, so any leader goes on where another stopped. Pure.
/// </summary>
public static class SystemMembers
{
    /// <summary>The next step, or null when there is none.</summary>
    public static SystemStep? Next(RangeDescriptor range, IEnumerable<NodeRecord> records, Func<NodeId, bool> isLive)
    {
        var current = range.Configuration;
        if (current.IsJoint)
        {
            return null;
        }

        var nodes = records.ToDictionary(node => node.Id);
        ImmutableArray<NodeId> missing = [.. nodes.Keys.Where(node => !current.IsMember(node)).Order()];
        if (!missing.IsEmpty)
        {
            return new(current with { NonVoters = [.. current.NonVoters.Concat(missing).Order()] }, null, []);
        }

        var placed = Placement.System(nodes.Values.Select(node => new PlacementNode(node.Id, node.Region, node.Zone, isLive(node.Id), 0)));
        if (Strength(placed.Voters, nodes).CompareTo(Strength(current.Voters, nodes)) > 0)
        {
            ImmutableArray<NodeId> followers = [.. current.Members().Where(node => !placed.Voters.Contains(node))];
            return new(new(placed.Voters, [], followers, []), null, []);
        }

        var goal = SystemBootstrap.GoalOf(current.Voters, nodes);
        ImmutableArray<string> regions = [.. current.Voters.Select(voter => Region(voter, nodes)).Distinct(StringComparer.Ordinal)];
        return goal != range.Goal || !regions.All(region => range.LeasePreferences.Contains(region, StringComparer.Ordinal))
            ? new(null, goal, [.. range.LeasePreferences.Where(regions.Contains).Concat(regions).Distinct(StringComparer.Ordinal)])
            : null;
    }

    // Whether any region may go, then how many nodes may.
    private static (bool SurvivesRegion, int Voters) Strength(ImmutableArray<NodeId> voters, Dictionary<NodeId, NodeRecord> nodes) =>
        (voters.GroupBy(voter => Region(voter, nodes), StringComparer.Ordinal).Max(region => region.Count()) <= (voters.Length - 1) / 2,
            voters.Length);

    private static string Region(NodeId node, Dictionary<NodeId, NodeRecord> nodes) =>
        nodes.TryGetValue(node, out var record) ? record.Region : string.Empty;
}
