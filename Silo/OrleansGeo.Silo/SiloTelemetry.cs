using System.Collections;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;
using Orleans.Hosting;
using OrleansGeo.Api.Observability;
using OrleansGeo.Grains;

namespace OrleansGeo.Silo;

/// <summary>
/// Sends what a silo shows of itself to a collector, when OpenTelemetry's own environment variables name one; they say all else about it
/// too. Its page of metrics needs none of this.
/// </summary>
internal static class SiloTelemetry
{
    private const string VariablePrefix = "OTEL_";

    // Orleans' own: what it counts, and its calls between silos.
    private const string OrleansMeter = "Microsoft.Orleans";
    private static readonly string[] s_orleansSources = ["Microsoft.Orleans.Runtime", "Microsoft.Orleans.Application"];

    private static bool IsWanted => Environment.GetEnvironmentVariable(OtlpExport.EndpointVariable) is { Length: > 0 };

    /// <summary>Adds the exporters to the host.</summary>
    public static void Add(WebApplicationBuilder builder, SiloSettings settings)
    {
        if (!IsWanted)
        {
            return;
        }

        // OpenTelemetry asks the host's configuration for its variables, and this host takes none from the environment by itself.
        builder.Configuration.AddInMemoryCollection(Variables());
        builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddGeoService(
                settings.Name!,
                new(GeoSiloBuilderExtensions.RegionLabel, settings.Region!),
                new(GeoSiloBuilderExtensions.ZoneLabel, settings.Zone!)))
            .WithMetrics(static metrics => metrics.AddGeoMeters().AddMeter(OrleansMeter))
            .WithTracing(static traces => traces.AddGeoSources().AddSource(s_orleansSources))
            .UseOtlpExporter();
    }

    private static IEnumerable<KeyValuePair<string, string?>> Variables() =>
        from DictionaryEntry variable in Environment.GetEnvironmentVariables()
        let name = (string)variable.Key
        where name.StartsWith(VariablePrefix, StringComparison.Ordinal)
        select KeyValuePair.Create(name, variable.Value as string);

    /// <summary>Lets the spans of requests cross Orleans' calls.</summary>
    public static void Add(ISiloBuilder silo)
    {
        if (IsWanted)
        {
            silo.AddActivityPropagation();
        }
    }
}
