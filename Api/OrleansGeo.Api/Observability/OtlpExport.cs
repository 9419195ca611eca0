using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace OrleansGeo.Api.Observability;

/// <summary>
/// Sends metrics and spans of this process to a collector over OTLP, for hosts that have no builder to hang OpenTelemetry on. Where to, how
/// and how often can also be said in OpenTelemetry's own environment variables, whose exporter reads them.
/// </summary>
public sealed class OtlpExport : IDisposable
{
    /// <summary>The variable that names the collector.</summary>
    public const string EndpointVariable = "OTEL_EXPORTER_OTLP_ENDPOINT";

    private const int FlushPatienceMs = 3_000;

    private readonly MeterProvider _metrics;
    private readonly TracerProvider _traces;

    private OtlpExport(MeterProvider metrics, TracerProvider traces) => (_metrics, _traces) = (metrics, traces);

    /// <summary>Begins to send; null when nobody says where to.</summary>
    /// <param name="endpoint">The collector, for OTLP over HTTP; null to take what the environment says.</param>
    /// <param name="instance">Names this process among those of the service.</param>
    public static OtlpExport? Start(Uri? endpoint, string instance)
    {
        if (endpoint is null && string.IsNullOrEmpty(Environment.GetEnvironmentVariable(EndpointVariable)))
        {
            return null;
        }

        var metrics = Sdk.CreateMeterProviderBuilder()
            .ConfigureResource(resource => resource.AddGeoService(instance))
            .AddGeoMeters()
            .AddOtlpExporter(otlp => Aim(otlp, endpoint, "v1/metrics"))
            .Build();
        var traces = Sdk.CreateTracerProviderBuilder()
            .ConfigureResource(resource => resource.AddGeoService(instance))
            .AddGeoSources()
            .AddOtlpExporter(otlp => Aim(otlp, endpoint, "v1/traces"))
            .Build();
        return new(metrics, traces);
    }

    /// <summary>Sends what has come together, in a few seconds or not at all.</summary>
    public bool Flush() => _metrics.ForceFlush(FlushPatienceMs) & _traces.ForceFlush(FlushPatienceMs);

    /// <summary>Sends what is left and ends.</summary>
    public void Dispose()
    {
        Flush();
        _metrics.Dispose();
        _traces.Dispose();
    }

    // An address that is given in code is taken as it is, so it names the signal too.
    private static void Aim(OtlpExporterOptions otlp, Uri? endpoint, string signal)
    {
        if (endpoint is not null)
        {
            otlp.Protocol = OtlpExportProtocol.HttpProtobuf;
            otlp.Endpoint = new(endpoint.GetLeftPart(UriPartial.Path).TrimEnd('/') + "/" + signal);
        }
    }
}
