using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection.Extensions;
using OrleansGeo.Api.Access;
using OrleansGeo.Api.Observability;
using OrleansGeo.Api.OpenApi;
using OrleansGeo.Api.Problems;
using OrleansGeo.Api.Requests;
using OrleansGeo.Api.Resources;
using OrleansGeo.Api.Views;

namespace OrleansGeo.Api;

/// <summary>The REST interface of a node, for any host. The host registers the <see cref="IGeoStore"/> that it speaks for.</summary>
public static class GeoApi
{
    // A key of 4 KiB takes three characters a byte when percent-encoded, and a scan may name four of them.
    private const int RequestLineBytesMax = 64 * 1024;

    /// <summary>Registers what the endpoints need, and the layer that turns every refusal into problem+json.</summary>
    public static IServiceCollection AddGeoApi(this IServiceCollection services)
    {
        services.AddRouting();
        services.AddProblemDetails();
        services.AddMetrics();
        services.AddGeoOpenApi();
        services.TryAddSingleton<MetricsCollector>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IStartupFilter, EdgeStartupFilter>());
        services.ConfigureHttpJsonOptions(static options =>
        {
            options.SerializerOptions.NumberHandling = JsonNumberHandling.Strict;
            options.SerializerOptions.TypeInfoResolverChain.Insert(0, GeoJsonContext.Default);
        });
        services.Configure<KestrelServerOptions>(static kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = JsonBody.BatchBytesMax;
            kestrel.Limits.MaxRequestLineSize = RequestLineBytesMax;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
            kestrel.Limits.Http2.MaxStreamsPerConnection = 1_000;
        });
        return services;
    }

    /// <summary>Maps every endpoint of a node; conventions that are added apply to all of them.</summary>
    public static IEndpointConventionBuilder MapGeoApi(this IEndpointRouteBuilder endpoints)
    {
        // The listener starts with the host, not with the first scrape, which would miss what came before.
        _ = endpoints.ServiceProvider.GetRequiredService<MetricsCollector>();
        var group = endpoints.MapGroup("");
        ClusterEndpoints.Map(group);
        RangeEndpoints.Map(group);
        DatabaseEndpoints.Map(group);
        TableEndpoints.Map(group);
        ScanEndpoints.Map(group);
        RowEndpoints.Map(group);
        BatchEndpoints.Map(group);
        TransactionEndpoints.Map(group);
        OpenTransactionEndpoints.Map(group);
        HealthEndpoints.Map(group);
        group.MapOpenApi("/openapi/{documentName}.json").Needs(EndpointRight.Open);
        return group;
    }
}
