using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Messaging;
using Orleans.Runtime;
using OrleansGeo.Sdk.Gateways;
using OrleansGeo.Tables.Gateways;

namespace OrleansGeo.Sdk;

/// <summary>Connects a client to the nodes of its region.</summary>
public static class RegionGatewayExtensions
{
    /// <summary>
    /// The client uses gateways of its own region while one of them answers, and else those of the next. It goes after the clustering,
    /// whose gateways it chooses among.
    /// </summary>
    /// <exception cref="OrleansConfigurationException">No clustering was configured before.</exception>
    public static IClientBuilder UseRegionGateways(this IClientBuilder client, Action<RegionGatewayOptions>? configure = null)
    {
        var options = new RegionGatewayOptions();
        configure?.Invoke(options);
        var clustering = client.Services.LastOrDefault(static service =>
            service.ServiceType == typeof(IGatewayListProvider) && !service.IsKeyedService) ?? throw Misplaced();
        client.Services.AddSingleton<IConfigurationValidator>(services => new Validator(options, services));
        client.Services.Configure<GatewayOptions>(gateways => gateways.GatewayListRefreshPeriod = options.CheckPeriod);
        client.Services.AddSingleton(services => new RegionGatewayListProvider(
            ListOf(clustering, services),
            options,
            static (gateway, cancellation) => TcpGatewayProbe.AskAsync(gateway, TimeProvider.System, cancellation),
            services,
            TimeProvider.System,
            services.GetRequiredService<ILogger<RegionGatewayListProvider>>()));
        client.Services.AddSingleton<IGatewayListProvider>(static services => services.GetRequiredService<RegionGatewayListProvider>());
        client.Services.AddSingleton<ILifecycleParticipant<IClusterClientLifecycle>>(
            static services => services.GetRequiredService<RegionGatewayListProvider>());
        return client;
    }

    private static IGatewayListProvider ListOf(ServiceDescriptor clustering, IServiceProvider services) => (IGatewayListProvider)(
        clustering.ImplementationInstance
        ?? clustering.ImplementationFactory?.Invoke(services)
        ?? ActivatorUtilities.CreateInstance(services, clustering.ImplementationType!));

    private static OrleansConfigurationException Misplaced() =>
        new($"{nameof(UseRegionGateways)} goes after the clustering, whose gateways it chooses among.");

    private sealed class Validator(RegionGatewayOptions options, IServiceProvider services) : IConfigurationValidator
    {
        public void ValidateConfiguration()
        {
            if (options.Wrong() is { } wrong)
            {
                throw new OrleansConfigurationException($"The regions of the gateways cannot be: {wrong}.");
            }

            if (services.GetRequiredService<IGatewayListProvider>() is not RegionGatewayListProvider)
            {
                throw Misplaced();
            }
        }
    }
}
