using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Orleans.Hosting;
using OrleansGeo.GrainInterfaces;
using OrleansGeo.Tables;

namespace OrleansGeo.Sdk;

/// <summary>Puts a <see cref="GeoClient"/> into the services of an Orleans client or silo.</summary>
public static class GeoSdkBuilderExtensions
{
    /// <summary>A client of the OrleansGeo cluster that this Orleans client is connected to.</summary>
    public static IClientBuilder AddOrleansGeo(this IClientBuilder client, Action<GeoClientOptions>? configure = null)
    {
        client.Services.AddGeoClient(configure);
        return client;
    }

    /// <summary>
    /// A client for code on a silo. Where the silo is a node of OrleansGeo it asks that node; else it asks the nodes of the Orleans cluster
    /// that the silo belongs to, unless an <see cref="IGeoStore"/> of another cluster is registered.
    /// </summary>
    public static ISiloBuilder AddOrleansGeo(this ISiloBuilder silo, Action<GeoClientOptions>? configure = null)
    {
        silo.Services.AddGeoClient(configure);
        return silo;
    }

    internal static void AddGeoClient(this IServiceCollection services, Action<GeoClientOptions>? configure)
    {
        if (configure is not null)
        {
            services.Configure(configure);
        }

        services.AddOptions<GeoClientOptions>();
        services.TryAddSingleton(static provider => new GeoClient(
            provider.GetService<IGeoStore>() ?? new GrainGeoStore(provider.GetRequiredService<IGrainFactory>()),
            provider.GetRequiredService<IOptions<GeoClientOptions>>().Value));
    }
}
