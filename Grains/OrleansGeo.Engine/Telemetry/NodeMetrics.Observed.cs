using System.Diagnostics.Metrics;

namespace OrleansGeo.Engine;

// What is read when somebody looks. Counts are plain fields of the node; figures are what it last found when it went over all it has.
public sealed partial class NodeMetrics
{
    // Longer than any interval at which metrics are collected in earnest.
    private static readonly TimeSpan s_watchedFor = TimeSpan.FromSeconds(120);

    private Node? _node;
    private long _lookedAt;

    /// <summary>True when somebody looked lately, so that figures are worth their cost.</summary>
    internal bool IsWatched =>
        _requests.Enabled && Volatile.Read(ref _node) is { } node && node.Time.GetElapsedTime(Volatile.Read(ref _lookedAt)) < s_watchedFor;

    /// <summary>From now on this node is shown.</summary>
    internal void Show(Node node)
    {
        Volatile.Write(ref _lookedAt, node.Time.GetTimestamp());
        Volatile.Write(ref _node, node);
    }

    /// <summary>A node that does not run any more is not shown; one that was started after it still is.</summary>
    internal void Hide(Node node) => Interlocked.CompareExchange(ref _node, null, node);

    private void Observe()
    {
        Count("replication.proposals", "{write}", "Writes proposed by this node as a leader.", static c => Volatile.Read(ref c.Proposals));
        Count("replication.commits", "{write}", "Writes proposed here, committed and applied.", static c => Volatile.Read(ref c.Commits));
        Count("replication.applied", "{entry}", "Entries applied by replicas here.", static c => Volatile.Read(ref c.Applied));
        Count("replication.campaigns", "{campaign}", "Times a replica here asked for votes.", static c => Volatile.Read(ref c.Campaigns));
        Count("replication.leaderships.gained", "{leadership}", "Times a replica here began to lead its range.",
            static c => Volatile.Read(ref c.LeadershipsGained));
        Count("replication.leaderships.lost", "{leadership}", "Times a replica here ceased to lead its range.",
            static c => Volatile.Read(ref c.LeadershipsLost));
        Count("snapshot.sent", "{snapshot}", "Snapshots sent to their end.", static c => Volatile.Read(ref c.SnapshotsSent));
        Count("snapshot.applied", "{snapshot}", "Snapshots installed.", static c => Volatile.Read(ref c.SnapshotsApplied));
        Count("garbage.versions", "{version}", "Old versions of rows removed by this node.",
            static c => Volatile.Read(ref c.VersionsCollected));
        Count("garbage.request_records", "{record}", "Request records whose removal this node proposed as a leader.",
            static c => Volatile.Read(ref c.RequestRecordsCollected));
        Count("storage.written", "By", "Bytes of the batches written to storage.", static c => Volatile.Read(ref c.StorageBytesWritten));
        Count("peer.silenced", "{peer}", "Times a peer that was heard fell silent.", static c => Volatile.Read(ref c.PeersSilenced));
        Level("replica.held", "{replica}", "Replicas on this node.", static f => One(f.Replicas));
        Level("replica.leading", "{replica}", "Replicas on this node that lead their range.", static f => One(f.Leads));
        Level("replica.serving", "{replica}", "Replicas on this node that lead and hold their lease.", static f => One(f.Serves));
        Level("replica.data", "By", "Bytes that the replicas on this node hold, about.", static f => One(f.DataBytes));
        Level("replication.uncommitted", "By", "Bytes proposed here and not committed yet.", static f => One(f.UncommittedBytes));
        Level("storage.log.segments", "{segment}", "Segments of the storage's write-ahead log in use.",
            static f => f.Log is { } log ? One(log.Segments) : []);
        Level("storage.log.size", "By", "Bytes in those segments.", static f => f.Log is { } log ? One(log.Bytes) : []);
        ObservePeers();
        ObserveRanges();
    }

    private void ObservePeers()
    {
        Gauge("peer.live", "{peer}", "1 while the peer answers heartbeats, else 0.",
            static f => f.Peers.Select(static peer => Of(peer, peer.IsLive ? 1 : 0)));
        Gauge("peer.rtt", "s", "Measured round trip to the peer.",
            static f => f.Peers.Where(static peer => peer.RttMicros is not null)
                .Select(static peer => Of(peer, peer.RttMicros!.Value / 1e6)));
        Level("peer.appends.in_flight", "{append}", "Appends to the peer that it has not answered.",
            static f => f.Peers.Select(static peer => Of(peer, (double)peer.AppendsInFlight)));
        Gauge("peer.entries.behind", "{entry}", "Entries that the peer's replica farthest behind lacks, of ranges led here.",
            static f => f.Peers.Select(static peer => Of(peer, (double)peer.EntriesBehind)));
        Level("peer.in_flight", "By", "Bytes handed over to be carried to the peer and not taken by it yet.",
            static f => f.Peers.SelectMany(static peer => peer.BytesInFlight.Select(lane => new Measurement<double>(
                lane.Value, new("peer", peer.Node.Name), new("peer_region", peer.Node.Region), new("lane", NameOf(lane.Key))))));
    }

    // These are one node's view of the whole cluster: the highest over all nodes says something, their sum does not.
    private void ObserveRanges()
    {
        Gauge("closed_timestamp.lag", "s", "How far behind now the stalest replica here can serve, of the ranges at home in a region.",
            static f => f.ClosedLag.Select(static lag => new Measurement<double>(
                Math.Max(0, lag.Value), new KeyValuePair<string, object?>("home_region", lag.Key))));
        Gauge("cluster.ranges", "{range}", "Ranges of the cluster, as this node knows them.", static f => One(f.Directory.Ranges));
        Gauge("cluster.ranges.without_quorum", "{range}", "Ranges known to have no quorum.", static f => One(f.Directory.WithoutQuorum));
        Gauge("cluster.ranges.unreachable", "{range}", "Ranges of which this node does not reach a majority that may be alive.",
            static f => One(f.Directory.Unreachable));
        Gauge("cluster.ranges.goal_unmet", "{range}", "Ranges that would not survive now what they are meant to survive.",
            static f => f.Directory.GoalUnmet.Select(static goal => new Measurement<double>(
                goal.Value, new KeyValuePair<string, object?>("goal", goal.Key == SurvivalGoal.Region ? "region" : "zone"))));
        Gauge("cluster.ranges.lost_with_region", "{range}", "Ranges that have a quorum and would lose it with this region.",
            static f => f.Directory.LostWith.Where(static domain => domain.Zone == DirectorySurvey.WholeRegion).Select(
                static domain => new Measurement<double>(domain.Ranges, new KeyValuePair<string, object?>("lost_region", domain.Region))));
        Gauge("cluster.ranges.lost_with_zone", "{range}", "Ranges that have a quorum and would lose it with this zone.",
            static f => f.Directory.LostWith.Where(static domain => domain.Zone != DirectorySurvey.WholeRegion).Select(
                static domain => new Measurement<double>(
                    domain.Ranges, new("lost_region", domain.Region), new("lost_zone", domain.Zone))));
    }

    private static IEnumerable<Measurement<double>> One(long value) => [new(value)];

    private static Measurement<double> Of(PeerFigures peer, double value) =>
        new(value, new("peer", peer.Node.Name), new("peer_region", peer.Node.Region));

    private void Count(string name, string unit, string description, Func<NodeCounters, long> read) =>
        _meter.CreateObservableCounter(
            Full(name),
            () => Volatile.Read(ref _node) is { } node
                ? [new Measurement<long>(read(node.Counters), _self)]
                : Array.Empty<Measurement<long>>(),
            unit,
            description);

    // What may be added up over nodes.
    private void Level(string name, string unit, string description, Func<NodeFigures, IEnumerable<Measurement<double>>> read) =>
        _meter.CreateObservableUpDownCounter(Full(name), () => Look(read), unit, description);

    private void Gauge(string name, string unit, string description, Func<NodeFigures, IEnumerable<Measurement<double>>> read) =>
        _meter.CreateObservableGauge(Full(name), () => Look(read), unit, description);

    private IEnumerable<Measurement<double>> Look(Func<NodeFigures, IEnumerable<Measurement<double>>> read)
    {
        if (Volatile.Read(ref _node) is not { } node)
        {
            return [];
        }

        Volatile.Write(ref _lookedAt, node.Time.GetTimestamp());
        return node.Figures is { } figures
            ? read(figures).Select(one => new Measurement<double>(one.Value, [.. _self, .. one.Tags]))
            : [];
    }

    private static string Full(string name) => "orleansgeo." + name;
}
