using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Providers;
using Orleans.Runtime;
using Orleans.Runtime.Hosting;
using Orleans.Serialization.Serializers;
using Orleans.Storage;
using OrleansGeo.Tables;

namespace OrleansGeo.Sdk;

/// <summary>Makes grains keep their state in a table.</summary>
public static class GeoGrainStorageExtensions
{
    /// <summary>
    /// Grain storage under a name: <c>[PersistentState("cart", "geo")]</c>. It uses the <see cref="GeoClient"/> of <c>AddOrleansGeo()</c>,
    /// which it adds.
    /// </summary>
    public static ISiloBuilder AddGeoGrainStorage(this ISiloBuilder silo, string name, Action<GeoGrainStorageOptions> configure)
    {
        silo.AddOrleansGeo();
        silo.Services.AddOptions<GeoGrainStorageOptions>(name).Configure(configure);
        silo.Services.AddTransient<
            IPostConfigureOptions<GeoGrainStorageOptions>, DefaultStorageProviderSerializerOptionsConfigurator<GeoGrainStorageOptions>>();
        silo.Services.AddTransient<IConfigurationValidator>(services => new NamesAreGiven(name, services));
        silo.Services.AddGrainStorage(name, static (services, name) => new GeoGrainStorage(
            services.GetRequiredService<GeoClient>(),
            services.GetRequiredService<IOptionsMonitor<GeoGrainStorageOptions>>().Get(name),
            services.GetRequiredService<IOptions<ClusterOptions>>().Value.ServiceId,
            services.GetRequiredService<IActivatorProvider>()));
        return silo;
    }

    /// <summary>Grain storage for grains that name none.</summary>
    public static ISiloBuilder AddGeoGrainStorageAsDefault(this ISiloBuilder silo, Action<GeoGrainStorageOptions> configure) =>
        silo.AddGeoGrainStorage(ProviderConstants.DEFAULT_STORAGE_PROVIDER_NAME, configure);

    private sealed class NamesAreGiven(string name, IServiceProvider services) : IConfigurationValidator
    {
        public void ValidateConfiguration()
        {
            var options = services.GetRequiredService<IOptionsMonitor<GeoGrainStorageOptions>>().Get(name);
            if (string.IsNullOrEmpty(options.Database) || string.IsNullOrEmpty(options.Table))
            {
                throw new OrleansConfigurationException($"The grain storage {name} needs a {nameof(options.Database)} and a table.");
            }
        }
    }
}
