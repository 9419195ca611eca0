using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Hosting;
using OrleansGeo.Sdk.Remote;
using OrleansGeo.Tables;

namespace OrleansGeo.Sdk;

/// <summary>Uses an OrleansGeo cluster that is not the silo's own.</summary>
public static class GeoRemoteExtensions
{
    /// <summary>
    /// A client of another Orleans cluster, whose silos are the nodes: <paramref name="connect"/> says where it is, as for any Orleans
    /// client, and with which <c>ClusterId</c>. <c>AddOrleansGeo()</c> and grain storage on this silo use it. It is connected before the
    /// silo starts. As for any Orleans client it is tried for three minutes, unless <paramref name="connect"/> sets another retry filter;
    /// then the silo does not start.
    /// </summary>
    public static ISiloBuilder AddRemoteOrleansGeo(
        this ISiloBuilder silo, Action<IClientBuilder> connect, Action<GeoClientOptions>? configure = null)
    {
        silo.Services.AddSingleton(services => new RemoteCluster(connect, services.GetRequiredService<ILoggerFactory>()));
        silo.Services.TryAddSingleton<IGeoStore>(static services => services.GetRequiredService<RemoteCluster>().Store);

        // Before the silo, whose grains may need it at once; and so after the silo at the end.
        silo.Services.Insert(0, ServiceDescriptor.Singleton<IHostedService>(
            static services => services.GetRequiredService<RemoteCluster>()));
        return silo.AddOrleansGeo(configure);
    }
}
