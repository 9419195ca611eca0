using System.Diagnostics.Metrics;

namespace OrleansGeo.Engine;

/// <summary>What the hosts of this process count about their peers. Without a listener an update costs a branch.</summary>
internal static class PeerMetrics
{
    public const string MeterName = "OrleansGeo.Peers";

    private static readonly Meter s_meter = new(MeterName);

    private static readonly Counter<long> s_sent = s_meter.CreateCounter<long>(
        "orleansgeo.peers.sent", "By", "Bytes handed over to be carried to other nodes, by lane");

    private static readonly Counter<long> s_dropped = s_meter.CreateCounter<long>(
        "orleansgeo.peers.dropped", "{message}", "Messages to other nodes dropped before they were sent, by lane and why");

    private static readonly Counter<long> s_refused = s_meter.CreateCounter<long>(
        "orleansgeo.peers.refused", "{message}", "Messages from other nodes that were not what this node understands, by lane");

    public static void Sent(string lane, int bytes)
    {
        if (s_sent.Enabled)
        {
            s_sent.Add(bytes, new KeyValuePair<string, object?>("lane", lane));
        }
    }

    public static void Dropped(string lane, string why)
    {
        if (s_dropped.Enabled)
        {
            s_dropped.Add(1, new("lane", lane), new("why", why));
        }
    }

    public static void Refused(string lane)
    {
        if (s_refused.Enabled)
        {
            s_refused.Add(1, new KeyValuePair<string, object?>("lane", lane));
        }
    }

    public static string NameOf(Lane lane) => lane switch
    {
        Lane.Liveness => "liveness",
        Lane.Bulk => "bulk",
        _ => "normal",
    };
}
