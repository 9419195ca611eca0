using System.Diagnostics.Metrics;

namespace OrleansGeo.Engine;

/// <summary>What the gateways of this process count. Without a listener an update costs a branch.</summary>
internal static class GatewayMetrics
{
    public const string MeterName = "OrleansGeo.Gateway";

    private static readonly Meter s_meter = new(MeterName);
    private static readonly Counter<long> s_requests = s_meter.CreateCounter<long>(
        "orleansgeo.gateway.requests", "{request}", "Requests answered, by operation and outcome");

    private static readonly Counter<long> s_retries = s_meter.CreateCounter<long>(
        "orleansgeo.gateway.retries", "{attempt}", "Attempts at ranges beyond a request's first, by why");

    public static void Answered(string operation, GeoError? error)
    {
        if (s_requests.Enabled)
        {
            s_requests.Add(1, new("operation", operation), new("outcome", error?.Code ?? "ok"));
        }
    }

    public static void Retried(string why)
    {
        if (s_retries.Enabled)
        {
            s_retries.Add(1, new KeyValuePair<string, object?>("why", why));
        }
    }
}
