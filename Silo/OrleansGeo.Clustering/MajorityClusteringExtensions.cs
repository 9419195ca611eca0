using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Messaging;
using Orleans.Runtime;

namespace OrleansGeo.Clustering;

/// <summary>Membership on a majority of databases, for silos and for clients.</summary>
public static class MajorityClusteringExtensions
{
    /// <summary>The silo keeps its membership in these databases.</summary>
    public static ISiloBuilder UseMajorityClustering(this ISiloBuilder builder, Action<MajorityClusteringOptions> configure)
    {
        AddRegister(builder.Services, configure);
        builder.Services.AddSingleton<IMembershipTable, MajorityMembershipTable>();
        return builder;
    }

    /// <summary>The client finds its gateways in these databases.</summary>
    public static IClientBuilder UseMajorityClustering(this IClientBuilder builder, Action<MajorityClusteringOptions> configure)
    {
        AddRegister(builder.Services, configure);
        builder.Services.AddSingleton<IGatewayListProvider, MajorityGatewayListProvider>();
        return builder;
    }

    private static void AddRegister(IServiceCollection services, Action<MajorityClusteringOptions> configure)
    {
        services.Configure(configure);
        services.AddSingleton<IConfigurationValidator, Validator>();
        services.TryAddSingleton(static provider => MembershipRegister.Of(
            provider.GetRequiredService<IOptions<ClusterOptions>>().Value.ClusterId,
            provider.GetRequiredService<IOptions<MajorityClusteringOptions>>().Value,
            TimeProvider.System,
            provider.GetRequiredService<ILogger<MembershipRegister>>()));
    }

    private sealed class Validator(IOptions<MajorityClusteringOptions> options) : IConfigurationValidator
    {
        public void ValidateConfiguration()
        {
            var wrong = options.Value.Wrong().ToList();
            if (wrong.Count > 0)
            {
                throw new OrleansConfigurationException($"The membership databases cannot be: {string.Join("; ", wrong)}.");
            }
        }
    }
}
