using OrleansGeo.Api.Access;
using OrleansGeo.Api.Answers;
using OrleansGeo.Api.Observability;
using OrleansGeo.Api.OpenApi;
using OrleansGeo.Api.Requests;
using OrleansGeo.Api.Views;

namespace OrleansGeo.Api.Resources;

/// <summary>What probes and collectors ask.</summary>
public static class HealthEndpoints
{
    // A probe wants an answer now; a node that needs longer to say that it is ready is not.
    private static readonly RequestOptions s_probe = new(TimeSpan.FromSeconds(1));

    /// <summary>Maps the routes.</summary>
    public static void Map(IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("").WithTags("Health");
        group.MapGet("/livez", static () => Results.Text("ok")).Describe("livez", "200 while the process answers", RequestShape.Plain)
            .Needs(EndpointRight.Open).Produces<string>(StatusCodes.Status200OK, "text/plain");
        group.MapGet("/readyz", Ready)
            .Describe("readyz", "200 when every range this node knows has a leaseholder it can reach", RequestShape.Plain)
            .Needs(EndpointRight.Open).Produces<ReadinessView>().Produces<ReadinessView>(StatusCodes.Status503ServiceUnavailable);
        group.MapGet("/metrics", Metrics).Describe("metrics", "Prometheus text", RequestShape.Plain)
            .Needs(EndpointRight.Observe).Produces<string>(StatusCodes.Status200OK, "text/plain");
    }

    private static async Task<IResult> Ready(HttpContext http, IGeoStore store)
    {
        var readiness = await store.GetReadinessAsync(s_probe, http.RequestAborted);
        var view = readiness.IsOk
            ? new ReadinessView(readiness.Value.Ready, readiness.Value.Reasons)
            : new(false, [readiness.Error.Detail]);
        http.Response.Headers.CacheControl = "no-store";
        var status = view.Ready ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        return new JsonAnswer<ReadinessView>(status, view, GeoJsonContext.Default.ReadinessView, readiness.Meta);
    }

    private static IResult Metrics(MetricsCollector collector) =>
        Results.Text(collector.Render(), PrometheusText.ContentType);
}
