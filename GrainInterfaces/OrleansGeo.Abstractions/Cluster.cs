using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo;

/// <summary>The cluster as a node sees it.</summary>
public sealed record ClusterInfo(
    string ClusterId, string Node, string Region, string Zone, int LiveNodes, int Nodes, ImmutableArray<string> Regions, string Version);

/// <summary>A node as seen from the called one.</summary>
/// <param name="Name">Its stable name.</param>
/// <param name="Id">Its id.</param>
/// <param name="Region">Its region label.</param>
/// <param name="Zone">Its zone label.</param>
/// <param name="Live">True while it answers heartbeats.</param>
/// <param name="Draining">True once it is about to leave: it hands over what it leads, and is handed nothing.</param>
/// <param name="LastHeardMs">Milliseconds since it was last heard; null when never.</param>
/// <param name="RttMs">Measured round trip from the called node; null when never measured.</param>
/// <param name="Replicas">Replicas on it, by the range directory.</param>
/// <param name="Leaseholders">Ranges it leads, as far as the called node knows.</param>
/// <param name="HttpAddress">Where its REST interface listens, when known.</param>
public sealed record NodeInfo(
    string Name, int Id, string Region, string Zone, bool Live, bool Draining, double? LastHeardMs, double? RttMs, int Replicas,
    int Leaseholders, string? HttpAddress);

/// <summary>A replica of a range.</summary>
public sealed record ReplicaInfo(string Node, string Region, string Zone, string Role, bool Live);

/// <summary>A range as the called node knows it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Table">Database and table as <c>db.table</c>, or <c>system</c>.</param>
/// <param name="Start">First key, readable.</param>
/// <param name="End">End key, readable.</param>
/// <param name="Generation">Raised by every split and reconfiguration.</param>
/// <param name="Leaseholder">Who leads, as far as known.</param>
/// <param name="Term">The consensus term known here; null without a local replica.</param>
/// <param name="Replicas">Where it is.</param>
/// <param name="Goal">zone, region or system.</param>
/// <param name="GoalMet">Whether live replicas meet the goal now.</param>
/// <param name="Shortfall">Why not; null when met.</param>
/// <param name="SizeBytes">Approximate size of the local replica; null without one.</param>
/// <param name="ClosedTimestamp">Up to where the local replica can serve; null without one.</param>
/// <param name="ClosedLagMs">How far behind now that is.</param>
public sealed record RangeInfo(
    long Id, string Table, string Start, string End, long Generation, string? Leaseholder, long? Term,
    ImmutableArray<ReplicaInfo> Replicas, string Goal, bool GoalMet, string? Shortfall, long? SizeBytes,
    HlcTimestamp? ClosedTimestamp, double? ClosedLagMs);

/// <summary>Measured round trip between the called node and another.</summary>
public sealed record LatencyInfo(string From, string FromRegion, string To, string ToRegion, double RttMs);

/// <summary>A list, so that results are uniform.</summary>
public sealed record Listing<T>(ImmutableArray<T> Items);

/// <summary>Whether a node can serve, and what is missing when it cannot.</summary>
public sealed record Readiness(bool Ready, ImmutableArray<string> Reasons);
