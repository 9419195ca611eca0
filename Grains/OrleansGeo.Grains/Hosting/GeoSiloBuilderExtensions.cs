using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Runtime;
using Orleans.Runtime.Hosting;
using Orleans.Runtime.MembershipService.SiloMetadata;
using OrleansGeo.Engine;

namespace OrleansGeo.Grains;

/// <summary>Puts a node on a silo.</summary>
public static class GeoSiloBuilderExtensions
{
    /// <summary>The silo label of a node's region.</summary>
    public const string RegionLabel = "cloud.region";

    /// <summary>The silo label of a node's zone.</summary>
    public const string ZoneLabel = "cloud.availability_zone";

    // With one connection to a silo, a chunk of a snapshot and a heartbeat stand in one queue.
    private const int ConnectionsPerSilo = 4;

    // What Orleans believes of other silos decides nothing here but how soon one that was lost can be back: a silo that starts wants an
    // answer from every silo that is taken to be there, and one that was cut off and evicted has to hear of it. Three probes in a row make
    // a vote. The longest round trip of a WAN is far below a probe.
    private static readonly TimeSpan s_probe = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_tableRefresh = TimeSpan.FromSeconds(5);

    /// <summary>
    /// A silo that is a node: its grains, its traffic with other nodes, and the node itself, which starts when the silo is active.
    /// </summary>
    public static ISiloBuilder AddOrleansGeo(this ISiloBuilder silo, GeoNodeOptions options)
    {
        silo.UseSiloMetadata(new Dictionary<string, string>
        {
            [RegionLabel] = options.Node.Region,
            [ZoneLabel] = options.Node.Zone,
        });
        silo.Configure<ConnectionOptions>(connections =>
        {
            connections.ConnectionsPerEndpoint = ConnectionsPerSilo;
            connections.OpenConnectionTimeout = TimeSpan.FromSeconds(2);
            connections.ConnectionRetryDelay = TimeSpan.FromMilliseconds(200);
        });
        silo.Configure<ClusterMembershipOptions>(membership =>
        {
            membership.ProbeTimeout = s_probe;
            membership.TableRefreshTimeout = s_tableRefresh;
        });
        silo.AddPlacementDirector<NodePlacement, NodeDirector>();
        silo.AddGrainDirectory(NoDirectory.Name, static (_, _) => new NoDirectory());
        silo.AddGrainService<PeerService>();
        silo.AddGrainService<BulkPeerService>();
        silo.Services.AddSingleton(options);
        silo.Services.AddSingleton<LocalNode>();
        silo.Services.AddSingleton<NodeBook>();
        silo.Services.AddSingleton(services => new NodeMetrics(
            options.Node.Name, options.Node.Region, options.Node.Zone, services.GetService<IMeterFactory>()));
        silo.Services.AddSingleton<PeerServiceClient>();
        silo.Services.AddSingleton<BulkPeerServiceClient>();
        silo.Services.AddSingleton<PeerCarrier>();
        silo.Services.AddSingleton<MemberAsker>();
        silo.Services.TryAddSingleton<INodeFailure, EndsTheHost>();
        silo.Services.AddSingleton<NodeLifecycle>();
        silo.Services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(
            static services => services.GetRequiredService<NodeLifecycle>());
        silo.Services.AddHostedService(static services => services.GetRequiredService<NodeLifecycle>());
        silo.Services.TryAddSingleton<IGeoStore>(services =>
        {
            var node = services.GetRequiredService<LocalNode>();
            return new CurrentNodeStore(options.Node.Name, () => node.Running?.Front);
        });
        return silo;
    }

    // The supervisor starts the process again; what it promised is on its disk.
    private sealed class EndsTheHost(IHostApplicationLifetime lifetime) : INodeFailure
    {
        public void NodeFailed(Exception reason)
        {
            Environment.ExitCode = 1;
            lifetime.StopApplication();
        }
    }
}
