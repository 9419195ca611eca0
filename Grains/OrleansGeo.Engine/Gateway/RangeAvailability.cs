using System.Collections.Immutable;
using OrleansGeo.Consensus;
using OrleansGeo.Locality;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// What this node knows about a range that does not answer. A node counts as lost when it was heard before and is not live now (or this
/// node has been up for longer than a loss takes to be known). When a majority of the voters is lost, two things can have happened, and
/// they look
/// alike from here: the voters are down, or this node is cut off. This node tells them apart by whom it still hears: it says
/// <c>quorum-unavailable</c> when it hears a majority of the cluster, or when enough lost voters are in regions from which it hears
/// somebody; else it can only say that it reaches nobody, <c>region-unavailable</c>.
/// </summary>
internal sealed class RangeAvailability(IGatewayHost host)
{
    private readonly long _started = host.Time.GetTimestamp();

    /// <summary>True when the node was known to be gone for longer than a loss takes to be known.</summary>
    public bool IsLost(NodeId node) =>
        !host.IsLive(node) && (host.LastHeardMicros(node) is not null || host.Time.GetElapsedTime(_started) > 2 * host.SupportDuration);

    /// <summary>True when the node was gone for so long that whoever could take over from it has.</summary>
    public bool IsLongLost(NodeId node) =>
        IsLost(node) && !(host.LastHeardMicros(node) is { } micros && micros < 3 * host.SupportDuration.TotalMicroseconds);

    /// <summary>The 503 that is known to be true now; null when the range may well have a leaseholder that can be reached.</summary>
    public GeoError? KnownLoss(RangeDescriptor range) => LossOf(range.Configuration) switch
    {
        RangeLoss.None => null,
        RangeLoss.NoQuorum => NoQuorum(range),
        _ => Unreachable(range, "a majority of its voters"),
    };

    /// <summary>What <see cref="KnownLoss"/> is about, without the words.</summary>
    public RangeLoss LossOf(Configuration configuration)
    {
        var (lost, dead) = Count(configuration.Voters);
        var blocked = IsBlocked(configuration.Voters, lost);
        var surely = IsBlocked(configuration.Voters, dead);
        if (configuration.IsJoint)
        {
            var (lostOutgoing, deadOutgoing) = Count(configuration.OutgoingVoters);
            blocked |= IsBlocked(configuration.OutgoingVoters, lostOutgoing);
            surely |= IsBlocked(configuration.OutgoingVoters, deadOutgoing);
        }

        return !blocked ? RangeLoss.None : surely || HearsMajorityOfCluster() ? RangeLoss.NoQuorum : RangeLoss.Unreachable;
    }

    /// <summary>Why the range does not survive what it is meant to survive, as things are now; null when it does.</summary>
    public string? Shortfall(RangeDescriptor range)
    {
        var shortfall = GoalCheck.Evaluate(Places(range.Configuration.Voters), range.Goal);
        return shortfall is null && range.Configuration.IsJoint
            ? GoalCheck.Evaluate(Places(range.Configuration.OutgoingVoters), range.Goal)
            : shortfall;
    }

    /// <summary>The range is known to have no quorum.</summary>
    public GeoError NoQuorum(RangeDescriptor range) => new(
        GeoErrorKind.QuorumUnavailable,
        "quorum-unavailable",
        $"range {range.Id} has no quorum: {Names(range, lostOnly: true)} of its voters "
        + $"{Names(range, lostOnly: false)} do not answer; nothing was written",
        RetryAfterMs: 1000,
        Facts: Facts(range));

    /// <summary>This node reaches nobody who could serve.</summary>
    public GeoError Unreachable(RangeDescriptor range, string whom) => new(
        GeoErrorKind.RegionUnavailable,
        "region-unavailable",
        $"node {host.Self.Name} in {host.Self.Region} cannot reach {whom} of range {range.Id}; nothing was written",
        RetryAfterMs: 1000,
        Facts: Facts(range));

    private List<VoterPlace> Places(ImmutableArray<NodeId> voters)
    {
        var places = new List<VoterPlace>(voters.Length);
        foreach (var voter in voters)
        {
            var node = host.System.Nodes.GetValueOrDefault(voter);
            places.Add(new(voter, node?.Region ?? "?", node?.Zone ?? "?", host.IsLive(voter)));
        }

        return places;
    }

    private (int Lost, int Dead) Count(ImmutableArray<NodeId> voters)
    {
        var (lost, dead) = (0, 0);
        foreach (var voter in voters)
        {
            if (voter != host.Self.Id && IsLost(voter))
            {
                lost++;
                dead += HearsRegionOf(voter) ? 1 : 0;
            }
        }

        return (lost, dead);
    }

    private static bool IsBlocked(ImmutableArray<NodeId> voters, int gone) => voters.Length - gone < (voters.Length / 2) + 1;

    private bool HearsRegionOf(NodeId lost)
    {
        if (!host.System.Nodes.TryGetValue(lost, out var record))
        {
            return false;
        }

        foreach (var (id, node) in host.System.Nodes)
        {
            if (string.Equals(node.Region, record.Region, StringComparison.Ordinal) && host.IsLive(id))
            {
                return true;
            }
        }

        return false;
    }

    private bool HearsMajorityOfCluster()
    {
        var heard = 0;
        foreach (var (id, _) in host.System.Nodes)
        {
            heard += host.IsLive(id) ? 1 : 0;
        }

        return heard > host.System.Nodes.Count / 2;
    }

    private ImmutableSortedDictionary<string, string> Facts(RangeDescriptor range)
    {
        var regions = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var voter in range.Configuration.Voters)
        {
            if (IsLost(voter) && host.System.Nodes.TryGetValue(voter, out var node))
            {
                regions.Add(node.Region);
            }
        }

        return ImmutableSortedDictionary<string, string>.Empty
            .Add("range", range.Id.Value.ToString())
            .Add("nodes", Names(range, lostOnly: true))
            .Add("regions", string.Join(",", regions))
            .Add("voters", Names(range, lostOnly: false));
    }

    private string Names(RangeDescriptor range, bool lostOnly)
    {
        var names = new List<string>();
        foreach (var voter in range.Configuration.Voters)
        {
            if (!lostOnly || (voter != host.Self.Id && IsLost(voter)))
            {
                names.Add(host.System.Nodes.TryGetValue(voter, out var node) ? node.Name : voter.ToString());
            }
        }

        return names.Count == 0 ? "none" : string.Join(",", names);
    }
}

/// <summary>What is known of a range that has lost voters.</summary>
internal enum RangeLoss
{
    /// <summary>Enough of them are left, or nothing is known.</summary>
    None,

    /// <summary>It has no quorum.</summary>
    NoQuorum,

    /// <summary>This node reaches no majority of them; others may.</summary>
    Unreachable,
}
