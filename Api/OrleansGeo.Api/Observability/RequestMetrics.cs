using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace OrleansGeo.Api.Observability;

/// <summary>Counts requests and their durations by route, method and status. Keys and names of users' things are never labels.</summary>
public sealed class RequestMetrics
{
    /// <summary>The meter's name.</summary>
    public const string MeterName = "OrleansGeo.Api";

    // The usual advice steps from 100 ms to 500 ms; a wide-area round trip lies between, so the steps here are fine from 1 to 300 ms.
    private static readonly double[] s_bounds =
        [0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.035, 0.05, 0.065, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.5, 1, 2.5, 5, 10, 60];

    private readonly Histogram<double> _duration;

    /// <summary>Makes the instruments.</summary>
    public RequestMetrics(IMeterFactory meters)
    {
        _duration = meters.Create(MeterName).CreateHistogram(
            "orleansgeo.http.request.duration", "s", "Duration of REST requests.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = s_bounds });
    }

    /// <summary>Counts one request.</summary>
    public void Record(HttpContext http, TimeSpan elapsed)
    {
        if (!_duration.Enabled)
        {
            return;
        }

        var route = (http.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "other";
        var tags = new TagList
        {
            { "route", route },
            { "method", KnownMethod(http.Request.Method) },
            { "status", http.Response.StatusCode },
        };
        _duration.Record(elapsed.TotalSeconds, tags);
    }

    // A client can invent methods; a label must not grow with what clients invent.
    private static string KnownMethod(string method) => method switch
    {
        "GET" or "PUT" or "POST" or "PATCH" or "DELETE" => method,
        _ => "other",
    };
}
