using System.Collections.Immutable;

namespace OrleansGeo.Api.Views;

/// <summary>The cluster as the called node sees it.</summary>
public sealed record ClusterView(
    string ClusterId, string Node, string Region, string Zone, int LiveNodes, int Nodes, ImmutableArray<string> Regions, string Version)
{
    /// <summary>The view.</summary>
    public static ClusterView Of(ClusterInfo info) =>
        new(info.ClusterId, info.Node, info.Region, info.Zone, info.LiveNodes, info.Nodes, info.Regions, info.Version);
}

/// <summary>All nodes.</summary>
public sealed record NodesView(ImmutableArray<NodeInfo> Nodes)
{
    /// <summary>The view.</summary>
    public static NodesView Of(Listing<NodeInfo> listing) => new(listing.Items);
}

/// <summary>Measured round trips from the called node.</summary>
public sealed record LatenciesView(ImmutableArray<LatencyInfo> Latencies)
{
    /// <summary>The view.</summary>
    public static LatenciesView Of(Listing<LatencyInfo> listing) => new(listing.Items);
}

/// <summary>A range as the called node knows it.</summary>
public sealed record RangeView(
    long Id, string Table, string Start, string End, long Generation, string? Leaseholder, long? Term, ImmutableArray<ReplicaInfo> Replicas,
    string Goal, bool GoalMet, string? Shortfall, long? SizeBytes, string? ClosedTimestamp, double? ClosedLagMs)
{
    /// <summary>The view.</summary>
    public static RangeView Of(RangeInfo info) => new(
        info.Id, info.Table, info.Start, info.End, info.Generation, info.Leaseholder, info.Term, info.Replicas, info.Goal, info.GoalMet,
        info.Shortfall, info.SizeBytes, info.ClosedTimestamp?.ToString(), info.ClosedLagMs);
}

/// <summary>Ranges in key order.</summary>
public sealed record RangesView(ImmutableArray<RangeView> Ranges)
{
    /// <summary>The view.</summary>
    public static RangesView Of(Listing<RangeInfo> listing) => new([.. listing.Items.Select(RangeView.Of)]);
}

/// <summary>Whether a node can serve.</summary>
public sealed record ReadinessView(bool Ready, ImmutableArray<string> Reasons);
