using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans;
using Orleans.Hosting;
using Orleans.Runtime;
using OrleansGeo.Sdk;
using OrleansGeo.Tables;
using OrleansGeo.Tests.Orleans.Samples;

namespace OrleansGeo.Tests.Orleans.Sdk;

/// <summary>A silo of somebody's own cluster that keeps its data in an OrleansGeo cluster.</summary>
public sealed class RemoteClusterTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact(Timeout = 180_000)]
    public async Task A_silo_of_another_cluster_has_tables_and_grain_storage_in_this_one()
    {
        await using var nodes = await TcpCluster.StartAsync("us-a", "us-b", "us-c");
        using (var silo = Own(builder => Connecting.ToAnother(builder, nodes.Gateways, nodes.Id)))
        {
            await silo.StartAsync(Cancellation);
            var geo = silo.Services.GetRequiredService<GeoClient>();
            while (!(await geo.Store.CreateDatabaseAsync(new("geo", "us", ["us"]), new(TimeSpan.FromSeconds(10)), Cancellation)).IsOk)
            {
                Cancellation.ThrowIfCancellationRequested();
            }

            var items = await geo.Database("geo").EnsureTableAsync<Item>("item", cancellation: Cancellation);
            await items.InsertAsync(new("tea", 2), cancellation: Cancellation);
            Assert.Equal(3, await silo.Services.GetRequiredService<IGrainFactory>().GetGrain<ICounterGrain>("a").AddAsync(3));
            await silo.StopAsync(Cancellation);
        }

        // Nothing of it was in the silo.
        using var again = Own(builder => Connecting.ToAnother(builder, nodes.Gateways, nodes.Id));
        await again.StartAsync(Cancellation);
        Assert.Equal((3, true), await again.Services.GetRequiredService<IGrainFactory>().GetGrain<ICounterGrain>("a").GetAsync());
        var tea = await again.Services.GetRequiredService<GeoClient>().Database("geo").Table<Item>("item")
            .GetAsync(RowKey.Of("tea"), cancellation: Cancellation);
        Assert.Equal(2, tea.Value!.Amount);
        await again.StopAsync(Cancellation);
    }

    [Fact]
    public async Task A_silo_whose_other_cluster_cannot_be_reached_does_not_start()
    {
        using var silo = Own(static silo => silo.AddRemoteOrleansGeo(static client => client
            .UseLocalhostClustering(SiloSettingsTests.FreePort())
            .UseConnectionRetryFilter(static (_, _) => Task.FromResult(false))));
        await Assert.ThrowsAnyAsync<OrleansException>(() => silo.StartAsync(Cancellation));
    }

    private static IHost Own(Action<ISiloBuilder> connect)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.UseOrleans(silo =>
        {
            silo.UseLocalhostClustering(SiloSettingsTests.FreePort(), SiloSettingsTests.FreePort(), serviceId: "shop", clusterId: "own");
            connect(silo);
            silo.AddOrleansGeo(static options => options.Timeout = TimeSpan.FromSeconds(60));
            silo.AddGeoGrainStorage("geo", static options =>
            {
                options.Database = "geo";
                options.CreateTable = true;
            });
        });
        return builder.Build();
    }

    private sealed record Item([property: Key] string Name, long Amount);
}
