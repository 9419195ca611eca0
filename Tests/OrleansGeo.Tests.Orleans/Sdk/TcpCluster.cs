using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Runtime;
using OrleansGeo.Engine;
using OrleansGeo.Grains;
using OrleansGeo.Primitives;
using OrleansGeo.Storage.Memory;

namespace OrleansGeo.Tests.Orleans.Sdk;

/// <summary>
/// Silos over TCP in one process, each a node called REGION-ZONE. The first keeps the membership; any other can be killed, and
/// started again in its place. Clients are given every gateway, whether its silo lives or not.
/// </summary>
internal sealed class TcpCluster : IAsyncDisposable
{
    private readonly string _id = $"c-{Guid.NewGuid():N}";
    private readonly ConcurrentDictionary<string, MemoryDisk> _disks = new(StringComparer.Ordinal);
    private readonly Dictionary<string, IHost> _silos = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (int Silo, int Gateway)> _ports;
    private readonly string[] _names;
    private readonly ClusterSeed _seed;

    private TcpCluster(string[] names)
    {
        _names = names;
        _ports = names.ToDictionary(name => name, _ => (SiloSettingsTests.FreePort(), SiloSettingsTests.FreePort()));
        _seed = new(_id, new byte[32], [.. names.Select((name, i) => new NodeRecord(new(i + 1), name, RegionOf(name), name, null))]);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<TcpCluster> StartAsync(params string[] names)
    {
        var cluster = new TcpCluster(names);
        foreach (var name in names)
        {
            await cluster.StartAsync(name);
        }

        return cluster;
    }

    public async Task StartAsync(string name)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.UseOrleans(silo => Configure(silo, name));
        var host = builder.Build();
        _silos[name] = host;
        await host.StartAsync(Cancellation);
    }

    /// <summary>It tells nobody, and its connections end.</summary>
    public async Task KillAsync(string name)
    {
        _silos.Remove(name, out var host);
        try
        {
            await host!.StopAsync(new CancellationToken(canceled: true));
        }
        catch (OperationCanceledException)
        {
            // It did not get to end in good order, which is what was asked.
        }

        await ((IAsyncDisposable)host!).DisposeAsync();
        _disks[name].Crash(new Prng(1));
    }

    public string Id => _id;

    public IPEndPoint[] Gateways => [.. _ports.Values.Select(static ports => new IPEndPoint(IPAddress.Loopback, ports.Gateway))];

    /// <summary>Where the cluster is, as a client's builder is told.</summary>
    public void Connect(IClientBuilder client)
    {
        client.UseStaticClustering(Gateways);
        client.Configure<ClusterOptions>(options => (options.ClusterId, options.ServiceId) = (_id, "orleansgeo"));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var name in _names.Reverse().Where(_silos.ContainsKey).ToList())
        {
            await KillAsync(name);
        }
    }

    private void Configure(ISiloBuilder silo, string name)
    {
        var (port, gateway) = _ports[name];
        silo.UseLocalhostClustering(port, gateway, new(IPAddress.Loopback, _ports[_names[0]].Silo), "orleansgeo", _id);
        silo.Configure<SiloOptions>(options => options.SiloName = name);
        silo.Services.AddSingleton<IFatalErrorHandler, NobodyDies>();
        silo.Services.AddSingleton<INodeFailure, NodeMayFail>();
        var disk = _disks.GetOrAdd(name, static _ => new());
        silo.AddOrleansGeo(new()
        {
            Node = new() { Name = name, Region = RegionOf(name), Zone = name },
            Seed = _seed,
            OpenStorage = () => disk.Open(TimeProvider.System),
        });
    }

    private static string RegionOf(string name) => name[..name.LastIndexOf('-')];

    // A silo that is killed in this process must not end it.
    private sealed class NobodyDies : IFatalErrorHandler
    {
        public bool IsUnexpected(Exception exception) => true;

        public void OnFatalException(object? sender = null, string? context = null, Exception? exception = null)
        {
        }
    }

    private sealed class NodeMayFail : INodeFailure
    {
        public void NodeFailed(Exception reason)
        {
        }
    }
}
