using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.Hosting;
using OrleansGeo.Engine;
using OrleansGeo.Grains;
using OrleansGeo.Primitives;
using OrleansGeo.Storage;
using OrleansGeo.Storage.RocksDb;

namespace OrleansGeo.Benchmarks.Orleans;

/// <summary>The nodes on silos of Orleans, three in this process with TCP on loopback between them.</summary>
internal sealed class OrleansBenchCluster : BenchCluster
{
    private readonly List<IHost> _hosts = [];
    private readonly List<RocksDbEngine> _engines = [];
    private readonly ClusterSeed _seed = new("bench", new byte[32], Nodes);

    private OrleansBenchCluster(BenchOptions options)
        : base(options)
    {
    }

    public static async Task<OrleansBenchCluster> StartAsync(BenchOptions options)
    {
        var cluster = new OrleansBenchCluster(options);
        await cluster.StartAsync();
        return cluster;
    }

    public override LatencyHistogram Syncs()
    {
        var all = new LatencyHistogram();
        foreach (var engine in _engines)
        {
            all.Add(engine.SyncLatencies);
        }

        return all;
    }

    protected override async Task StartNodesAsync()
    {
        IPEndPoint? primary = null;
        foreach (var node in Nodes)
        {
            var (silo, gateway) = (FreePort(), FreePort());
            primary ??= new(IPAddress.Loopback, silo);
            var host = Build(node, silo, gateway, primary);
            _hosts.Add(host);
            await host.StartAsync();
        }

        Stores = [.. _hosts.Select(static host => host.Services.GetRequiredService<LocalNode>().Host.Front)];
    }

    protected override async Task StopAsync()
    {
        // The first keeps the membership.
        foreach (var host in Enumerable.Reverse(_hosts))
        {
            await host.StopAsync();
            host.Dispose();
        }
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    private IHost Build(NodeRecord node, int siloPort, int gatewayPort, IPEndPoint primary)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Logging.AddSimpleConsole().SetMinimumLevel(LogLevel.Error);
        builder.UseOrleans(silo =>
        {
            silo.UseLocalhostClustering(siloPort, gatewayPort, primary, "bench", "bench");
            silo.Configure<SiloOptions>(options => options.SiloName = node.Name);
            silo.AddOrleansGeo(new()
            {
                Node = OptionsOf(node) with { SnapshotChunkBytes = GeoNodeOptions.SnapshotChunkBytes },
                Seed = _seed,
                OpenStorage = () => Open(node),
            });
            silo.Services.AddSingleton<INodeFailure>(new Failure(this));
        });
        return builder.Build();
    }

    private RocksDbEngine Open(NodeRecord node)
    {
        var engine = (RocksDbEngine)NodeStorage.Open(Path.Combine(Folder, node.Name));
        _engines.Add(engine);
        return engine;
    }

    private sealed class Failure(OrleansBenchCluster cluster) : INodeFailure
    {
        public void NodeFailed(Exception reason) => cluster.Failed(reason.ToString());
    }
}
