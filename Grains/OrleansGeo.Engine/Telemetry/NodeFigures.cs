using System.Collections.Immutable;

namespace OrleansGeo.Engine;

/// <summary>What a <see cref="NodeSurvey"/> found at one moment.</summary>
/// <param name="Replicas">Replicas here.</param>
/// <param name="Leads">Replicas here that lead.</param>
/// <param name="Serves">Those of them that hold their lease.</param>
/// <param name="DataBytes">About how many bytes the replicas hold.</param>
/// <param name="UncommittedBytes">Bytes proposed here and not committed yet.</param>
/// <param name="Peers">Every other node of the cluster, by id.</param>
/// <param name="ClosedLag">How far behind now the replicas here can serve, the worst by the region that the ranges are at home in.</param>
/// <param name="Directory">All ranges of the cluster, as this node sees them.</param>
/// <param name="Log">The storage's write-ahead log, where there is one.</param>
internal sealed record NodeFigures(
    int Replicas,
    int Leads,
    int Serves,
    long DataBytes,
    long UncommittedBytes,
    ImmutableArray<PeerFigures> Peers,
    ImmutableArray<KeyValuePair<string, double>> ClosedLag,
    DirectoryFigures Directory,
    LogFigures? Log);

/// <summary>A peer as this node sees it.</summary>
/// <param name="Node">Who it is.</param>
/// <param name="IsLive">True while it answers heartbeats.</param>
/// <param name="RttMicros">Measured round trip; null before the first measurement.</param>
/// <param name="AppendsInFlight">Appends of ranges led here that it has not answered.</param>
/// <param name="EntriesBehind">Entries that its replica farthest behind lacks, of ranges led here.</param>
/// <param name="BytesInFlight">Bytes handed to the transport and not taken, by lane.</param>
internal sealed record PeerFigures(
    NodeRecord Node,
    bool IsLive,
    long? RttMicros,
    long AppendsInFlight,
    long EntriesBehind,
    ImmutableArray<KeyValuePair<Lane, long>> BytesInFlight);

/// <summary>The cluster's ranges by what is the matter with them.</summary>
/// <param name="Ranges">All of them.</param>
/// <param name="WithoutQuorum">Known to have no quorum.</param>
/// <param name="Unreachable">With a majority of voters that this node does not reach, and may well be alive.</param>
/// <param name="GoalUnmet">Those that would not survive what they are meant to survive, by goal.</param>
/// <param name="LostWith">Those that have a quorum and would lose it with one more zone, or, where the zone is empty, region.</param>
internal sealed record DirectoryFigures(
    int Ranges,
    int WithoutQuorum,
    int Unreachable,
    ImmutableArray<KeyValuePair<SurvivalGoal, int>> GoalUnmet,
    ImmutableArray<(string Region, string Zone, int Ranges)> LostWith);

/// <summary>A write-ahead log on files.</summary>
/// <param name="Segments">Segments that may not be written over yet.</param>
/// <param name="Bytes">Bytes in them.</param>
internal sealed record LogFigures(int Segments, long Bytes);
