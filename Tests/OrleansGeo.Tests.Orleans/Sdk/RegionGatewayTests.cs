using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans;
using Orleans.Hosting;
using Orleans.Runtime;
using OrleansGeo.GrainInterfaces;
using OrleansGeo.Sdk;
using OrleansGeo.Tests.Orleans.Samples;
using OrleansGeo.Wire;

namespace OrleansGeo.Tests.Orleans.Sdk;

/// <summary>A client that is told its region, on real connections.</summary>
public sealed class RegionGatewayTests
{
    private const int TimeoutMs = 180_000;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact(Timeout = TimeoutMs)]
    public async Task A_client_uses_its_region_falls_back_when_it_is_lost_and_returns_when_it_is_back()
    {
        await using var cluster = await TcpCluster.StartAsync("us-west1-a", "us-east1-a", "europe-west1-a");
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.UseOrleansClient(client =>
        {
            cluster.Connect(client);
            Connecting.ToRegion(client, TimeSpan.FromMilliseconds(100));
        });
        using var host = builder.Build();
        await host.StartAsync(Cancellation);
        var grains = host.Services.GetRequiredService<IGrainFactory>();
        await IsConnectedToAsync(grains, "europe-west1");

        await cluster.KillAsync("europe-west1-a");
        await IsConnectedToAsync(grains, "us-east1");

        await cluster.StartAsync("europe-west1-a");
        await IsConnectedToAsync(grains, "europe-west1");
        await host.StopAsync(CancellationToken.None);
    }

    [Fact]
    public void Regions_go_after_the_clustering()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        Assert.Throws<OrleansConfigurationException>(() => builder.UseOrleansClient(static client => client.UseRegionGateways()));

        builder = Host.CreateEmptyApplicationBuilder(null);
        builder.UseOrleansClient(static client => client.UseLocalhostClustering().UseRegionGateways().UseLocalhostClustering());
        using var host = builder.Build();
        var refused = Assert.Throws<OrleansConfigurationException>(host.Services.GetRequiredService<IClusterClient>);
        Assert.Contains("goes after the clustering", refused.Message, StringComparison.Ordinal);
    }

    // Grains are spread over gateways, so several are asked.
    private static Task IsConnectedToAsync(IGrainFactory grains, string region) => UntilAsync(async () =>
    {
        for (var i = 0; i < 20; i++)
        {
            var answer = await new AskedAt(grains, $"{i}").GetClusterAsync(new(TimeSpan.FromSeconds(10)), Cancellation);
            if (answer.Value?.Region != region)
            {
                return false;
            }
        }

        return true;
    });

    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        while (!await holds())
        {
            Cancellation.ThrowIfCancellationRequested();
        }
    }

    /// <summary>The cluster as the silo sees it that a grain of this key is reached through.</summary>
    private sealed class AskedAt(IGrainFactory grains, string key) : RemoteGeoStore
    {
        protected override async Task<byte[]> SendAsync(
            StoreArea area, string subject, byte[] request, CancellationToken cancellation) =>
            (await grains.GetGrain<IClusterGrain>(key).AskAsync(new(request), cancellation)).Value;
    }
}
