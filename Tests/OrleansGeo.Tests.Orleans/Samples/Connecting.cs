using System.Net;
using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;
using OrleansGeo.Sdk;

namespace OrleansGeo.Tests.Orleans.Samples;

/// <summary>How clients and silos reach a cluster, as docs/sdk.md shows it and as it runs in the tests.</summary>
internal static class Connecting
{
    public static void ToRegion(IClientBuilder client, TimeSpan checkPeriod)
    {
        client.UseRegionGateways(options =>
        {
            options.Regions.Add("europe-west1"); // The client's own; without one, the nearest.
            options.Regions.Add("us-east1"); // Next, when none there answers; after those named, the nearest.
            options.CheckPeriod = checkPeriod; // 10 s unless set.
        });
    }

    public static void ToAnother(ISiloBuilder silo, IPEndPoint[] gateways, string clusterId)
    {
        silo.AddRemoteOrleansGeo(client => client
            .UseStaticClustering(gateways) // Or the clustering that the nodes have.
            .Configure<ClusterOptions>(cluster => (cluster.ClusterId, cluster.ServiceId) = (clusterId, "orleansgeo")));
    }
}
