using System.Collections.Frozen;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Tag = System.Collections.Generic.KeyValuePair<string, object?>;

namespace OrleansGeo.Engine;

/// <summary>
/// Shows a node to whoever listens: a meter of its own, whose measurements all name the node, for as long as the host wants, over starts
/// and stops of the node. (Tags of the meter would say it once; exporters put the meters of all nodes in a process under the first one's.)
/// Most of it is read from what the node counts anyway, when somebody looks; only durations are recorded as they happen. A node without one
/// is not shown, as in a simulation. Names, units and meanings are in <c>docs/metrics.md</c>.
/// </summary>
public sealed partial class NodeMetrics : IDisposable
{
    /// <summary>The meter's name.</summary>
    public const string MeterName = "OrleansGeo";

    // From a local write to several wide-area round trips: fine where those lie.
    private static readonly double[] s_requestBounds =
        [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.065, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.5, 1, 2.5, 5, 10, 60];

    private static readonly double[] s_syncBounds =
        [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.5, 5];

    private static readonly FrozenDictionary<GeoErrorKind, string> s_outcomes =
        Enum.GetValues<GeoErrorKind>().ToFrozenDictionary(static kind => kind, static kind => Words(kind.ToString()));

    private static readonly string[] s_roundTrips = ["0", "1", "2", "3", "4 or more"];

    private readonly Tag[] _self;
    private readonly Meter _meter;
    private readonly Histogram<double> _requests;
    private readonly Histogram<double> _commits;
    private readonly Histogram<double> _syncs;
    private readonly Counter<long> _retries;
    private readonly Counter<long> _refused;
    private readonly Counter<long> _sent;
    private readonly Counter<long> _dropped;
    private readonly Counter<long> _unread;

    /// <summary>Makes the instruments of a node.</summary>
    /// <param name="node">The node's name.</param>
    /// <param name="region">Its region.</param>
    /// <param name="zone">Its zone.</param>
    /// <param name="scope">Whom the meter belongs to, as <see cref="Meter.Scope"/>: tells hosts in one process apart.</param>
    public NodeMetrics(string node, string region, string zone, object? scope = null)
    {
        _self = [new("node", node), new("region", region), new("zone", zone)];
        _meter = new(new MeterOptions(MeterName) { Scope = scope });
        _requests = _meter.CreateHistogram(
            "orleansgeo.gateway.request.duration", "s", "Requests answered by this node's gateway, from its arrival there to the answer.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = s_requestBounds });
        _commits = _meter.CreateHistogram(
            "orleansgeo.replication.commit.duration", "s", "From proposing a write to applying it, at its leaseholder.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = s_requestBounds });
        _syncs = _meter.CreateHistogram(
            "orleansgeo.storage.sync.duration", "s", "Syncs of the node's storage, each of which makes a batch of all ranges durable.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = s_syncBounds });
        _retries = _meter.CreateCounter<long>(
            "orleansgeo.gateway.retries", "{attempt}", "Attempts at ranges beyond a request's first, and pauses before another round.");
        _refused = _meter.CreateCounter<long>(
            "orleansgeo.range.refused", "{request}", "Requests refused by a range because a bounded queue was full.");
        _sent = _meter.CreateCounter<long>("orleansgeo.peer.sent", "By", "Bytes handed over to be carried to other nodes.");
        _dropped = _meter.CreateCounter<long>(
            "orleansgeo.peer.dropped", "{message}", "Messages to other nodes dropped before they were sent.");
        _unread = _meter.CreateCounter<long>(
            "orleansgeo.peer.unread", "{message}", "Messages from other nodes that were not what this node understands.");
        Observe();
    }

    /// <summary>Whom the meter belongs to.</summary>
    public object? Scope => _meter.Scope;

    /// <inheritdoc />
    public void Dispose() => _meter.Dispose();

    internal static string OutcomeOf(GeoError? error) => error is null ? "ok" : s_outcomes[error.Kind];

    internal void Answered(string operation, string outcome, ResponseMeta meta) =>
        _requests.Record(
            meta.ElapsedMs / 1000,
            Tags(
                new("operation", operation),
                new("outcome", outcome),
                new("wan_round_trips", s_roundTrips[Math.Min(meta.RoundTrips, s_roundTrips.Length - 1)])));

    internal void Committed(long micros) => _commits.Record(micros / 1e6, _self);

    internal void Synced(long micros) => _syncs.Record(micros / 1e6, _self);

    internal void Retried(string why) => _retries.Add(1, Tags(new Tag("why", why)));

    internal void Refused(string queue) => _refused.Add(1, Tags(new Tag("queue", queue)));

    internal void Sent(Lane lane, int bytes) => _sent.Add(bytes, Tags(new Tag("lane", NameOf(lane))));

    internal void Dropped(Lane lane, string why) => _dropped.Add(1, Tags(new("lane", NameOf(lane)), new("why", why)));

    internal void Unread(Lane lane) => _unread.Add(1, Tags(new Tag("lane", NameOf(lane))));

    // Without an allocation: a list keeps eight tags in itself.
    private TagList Tags(params ReadOnlySpan<Tag> own)
    {
        var tags = new TagList(_self);
        foreach (var tag in own)
        {
            tags.Add(tag);
        }

        return tags;
    }

    private static string NameOf(Lane lane) => lane switch
    {
        Lane.Liveness => "liveness",
        Lane.Bulk => "bulk",
        _ => "normal",
    };

    private static string Words(string name) =>
        string.Concat(name.Select(static (c, i) => char.IsUpper(c) ? (i == 0 ? "" : "_") + char.ToLowerInvariant(c) : c.ToString()));
}
