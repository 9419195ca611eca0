using System.Collections.Immutable;
using OrleansGeo.Locality;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>Gathers what placement needs: nodes, their load, and distances as the home region sees them.</summary>
internal sealed class PlacementPlanner(GatewayCore core)
{
    /// <summary>
    /// Where a table of a database would go. Before a goal is refused for nodes that are down, the nodes that were lost only just now
    /// get the time in which a loss shows to be one: a pause or a restart is no reason to refuse.
    /// </summary>
    public async Task<(PlacementResult.Placed? Placed, GeoError? Error)> PlaceAsync(
        RequestScope scope, DatabaseSpec database, string home, SurvivalGoal goal, string field)
    {
        // A table at home in the secondary region has no second home; its leases go to the nearest region.
        var isSecondary = string.Equals(home, database.SecondaryRegion, StringComparison.Ordinal);
        var rtts = await RttsAsync(scope, home);
        PlacementResult Place(bool optimistic) => Placement.Place(new(
            Nodes(optimistic),
            rtts,
            home,
            database.Regions,
            goal,
            database.Placement,
            isSecondary || goal != SurvivalGoal.Region ? null : database.SecondaryRegion,
            goal == SurvivalGoal.Region ? database.WitnessRegion : null));
        var result = Place(optimistic: false);
        for (var round = 0;
            result is PlacementResult.Refused && Place(optimistic: true) is PlacementResult.Placed && !scope.IsOver;
            round++)
        {
            await core.BackOffAsync(scope, round);
            result = Place(optimistic: false);
        }

        return result switch
        {
            PlacementResult.Placed placed => (placed, null),
            PlacementResult.Refused refused => (null, new(
                GeoErrorKind.Unprocessable, refused.Code,
                    $"the goal to survive a {goal.ToString().ToLowerInvariant()} cannot be met: {refused.Missing}", field)),
            _ => throw new InvariantViolationException("placement has two results"),
        };
    }

    // Optimistic: a node counts as live until it was gone for as long as a loss takes to be known.
    private ImmutableArray<PlacementNode> Nodes(bool optimistic)
    {
        var view = core.View;
        var replicas = new Dictionary<NodeId, int>();
        foreach (var (_, range) in view.RangesByStart)
        {
            foreach (var voter in range.Configuration.Voters)
            {
                replicas[voter] = replicas.GetValueOrDefault(voter) + 1;
            }

            foreach (var follower in range.Configuration.NonVoters)
            {
                replicas[follower] = replicas.GetValueOrDefault(follower) + 1;
            }
        }

        var nodes = ImmutableArray.CreateBuilder<PlacementNode>(view.Nodes.Count);
        foreach (var (id, node) in view.Nodes)
        {
            var live = core.Host.IsLive(id) || (optimistic && !core.Availability.IsLongLost(id));
            nodes.Add(new(id, node.Region, node.Zone, live, replicas.GetValueOrDefault(id)));
        }

        return nodes.MoveToImmutable();
    }

    private async Task<RegionRtts> RttsAsync(RequestScope scope, string home)
    {
        var rtts = RegionRtts.Unknown;
        foreach (var (id, node) in core.View.Nodes)
        {
            if (core.Host.RttMicros(id) is { } micros)
            {
                rtts = rtts.With(core.Host.Self.Region, node.Region, micros);
            }
        }

        if (string.Equals(core.Host.Self.Region, home, StringComparison.Ordinal))
        {
            return rtts;
        }

        foreach (var (id, node) in core.View.Nodes)
        {
            if (string.Equals(node.Region, home, StringComparison.Ordinal) && core.Host.IsLive(id)
                && await AskForRttsAsync(scope, id) is { } measured)
            {
                foreach (var (other, micros) in measured.Micros)
                {
                    rtts = core.View.Nodes.TryGetValue(other, out var record) ? rtts.With(home, record.Region, micros) : rtts;
                }

                break;
            }
        }

        return rtts;
    }

    private async Task<RangeOutcome.Rtts?> AskForRttsAsync(RequestScope scope, NodeId node)
    {
        var timeout = TimeSpan.FromMilliseconds(Math.Min(1000, Math.Max(1, scope.Remaining.TotalMilliseconds)));
        var result = await core.Host.CallAsync(node, SystemKeys.RangeId, new RangeOperation.MeasuredRtts(), timeout, scope.Cancellation);
        scope.Paid(result.Path);
        return result.Outcome as RangeOutcome.Rtts;
    }
}
