using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using OrleansGeo.Engine;

namespace OrleansGeo.Api.Observability;

/// <summary>What is exported of a node, named once for every host: the meters that its page shows, its spans and the server's.</summary>
public static class GeoTelemetry
{
    /// <summary>The name of the service where <c>OTEL_SERVICE_NAME</c> gives none.</summary>
    public const string ServiceName = "orleansgeo";

    /// <summary>The meters of a node.</summary>
    public static MeterProviderBuilder AddGeoMeters(this MeterProviderBuilder metrics) => metrics
        .AddMeter(NodeMetrics.MeterName, NodeMetrics.MeterName + ".*", "Microsoft.AspNetCore.Hosting", "System.Runtime")
        .AddView(
            InstrumentSeries.RequestDuration,
            new ExplicitBucketHistogramConfiguration { Boundaries = [.. InstrumentSeries.SecondsBounds] });

    /// <summary>The sources of a node's spans.</summary>
    public static TracerProviderBuilder AddGeoSources(this TracerProviderBuilder traces) =>
        traces.AddSource(NodeTraces.SourceName, "Microsoft.AspNetCore");

    /// <summary>Names the process; what the environment says in <c>OTEL_RESOURCE_ATTRIBUTES</c> comes on top.</summary>
    public static ResourceBuilder AddGeoService(
        this ResourceBuilder resource, string instance, params KeyValuePair<string, object>[] labels) =>
        resource.AddService(ServiceName, serviceInstanceId: instance).AddAttributes(labels).AddEnvironmentVariableDetector();
}
