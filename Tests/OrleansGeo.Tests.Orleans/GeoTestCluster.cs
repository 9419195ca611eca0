using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Hosting;
using Orleans.Runtime;
using Orleans.TestingHost;
using OrleansGeo.Api;
using OrleansGeo.Engine;
using OrleansGeo.GrainInterfaces;
using OrleansGeo.Grains;
using OrleansGeo.Primitives;
using OrleansGeo.Storage.Memory;

namespace OrleansGeo.Tests.Orleans;

/// <summary>Three silos in one process, each a node in a zone of its own, with data in memory that outlives its silo.</summary>
internal sealed class GeoTestCluster : IAsyncDisposable, INodeFailure
{
    public static readonly TableRef City = new("geo", "city");
    public static readonly RequestOptions Options = new(TimeSpan.FromSeconds(30));

    private const string Region = "us-east1";

    private readonly ConcurrentDictionary<string, MemoryDisk> _disks = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<Exception> _failures = new();
    private readonly InProcessTestCluster _silos;

    private GeoTestCluster(Action<ISiloBuilder>? change, Action<IClientBuilder>? changeClient)
    {
        var builder = new InProcessTestClusterBuilder((short)Seed.Nodes.Length);
        builder.Options.ConfigureFileLogging = false;
        builder.ConfigureSilo((options, silo) =>
        {
            silo.Services.AddSingleton<INodeFailure>(this);
            silo.Services.AddLogging(logging => logging.SetMinimumLevel(LogLevel.Warning));
            var record = Seed.Nodes.FirstOrDefault(node => node.Name == options.SiloName) ?? Joiner(options.SiloName);
            var disk = _disks.GetOrAdd(record.Name, _ => new());
            silo.AddOrleansGeo(new()
            {
                Node = new() { Name = record.Name, Region = record.Region, Zone = record.Zone },
                Seed = Seed,
                OpenStorage = () => disk.Open(TimeProvider.System),
            });
            change?.Invoke(silo);
        });
        if (changeClient is not null)
        {
            builder.ConfigureClient(changeClient);
        }

        _silos = builder.Build();
    }

    public static ClusterSeed Seed { get; } = new(
        "test",
        new byte[32],
        [.. Enumerable.Range(0, 3).Select(i => new NodeRecord(new(i + 1), $"Silo_{i}", Region, $"{Region}-{(char)('a' + i)}", null))]);

    public static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ImmutableArray<InProcessSiloHandle> Silos => [.. _silos.Silos];

    /// <summary>The store as a client outside the silos has it.</summary>
    public IGeoStore Client => new GrainGeoStore(_silos.Client);

    public IGrainFactory Grains => _silos.Client;

    /// <summary>The services of the client outside the silos.</summary>
    public IServiceProvider ClientServices => _silos.Client.ServiceProvider;

    /// <summary>Starts the silos, and makes the table.</summary>
    public static async Task<GeoTestCluster> StartAsync(Action<ISiloBuilder>? change = null, Action<IClientBuilder>? changeClient = null)
    {
        var cluster = await StartEmptyAsync(change, changeClient);
        var client = cluster.Client;
        Ok(await client.CreateDatabaseAsync(new("geo", Region, [Region]), Options, Cancellation));
        Ok(await client.CreateTableAsync(
            "geo",
            new(
                "city", [new("name", DatumType.String, Nullable: false), new("pop", DatumType.Int64)], ["name"],
                new TableLocality.Regional()),
            Options,
            Cancellation));
        return cluster;
    }

    /// <summary>Starts the silos.</summary>
    public static async Task<GeoTestCluster> StartEmptyAsync(
        Action<ISiloBuilder>? change = null, Action<IClientBuilder>? changeClient = null)
    {
        var cluster = new GeoTestCluster(change, changeClient);
        await cluster._silos.DeployAsync();
        await UntilAsync(async () =>
            (await cluster.Client.ListNodesAsync(Options, Cancellation)).Value?.Items.All(node => node.Live) == true);
        return cluster;
    }

    /// <summary>The store as code on a silo has it, over grains.</summary>
    public static IGeoStore StoreOn(InProcessSiloHandle silo) =>
        new GrainGeoStore(silo.ServiceProvider.GetRequiredService<IGrainFactory>());

    public static NodeHost HostOn(InProcessSiloHandle silo) => silo.ServiceProvider.GetRequiredService<LocalNode>().Host;

    /// <summary>The REST interface of a silo's node, on a port of its own.</summary>
    public static async Task<WebApplication> ServeAsync(InProcessSiloHandle silo)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Services.AddRoutingCore();
        builder.Services.AddLogging();
        builder.Services.AddSingleton(silo.ServiceProvider.GetRequiredService<IGeoStore>());
        builder.Services.AddGeoApi();
        var app = builder.Build();
        app.MapGeoApi();
        await app.StartAsync(Cancellation);
        return app;
    }

    public static Task<GeoResult<WriteResult>> PutAsync(IGeoStore store, string name, long pop) => store.WriteRowAsync(
        City,
        new(WriteKind.Put, [Datum.FromString(name)], [KeyValuePair.Create("pop", Datum.FromInt64(pop))], Precondition.None),
        Options,
        Cancellation);

    public static Task<GeoResult<VersionedRow>> GetAsync(IGeoStore store, string name, ReadBound? bound = null) =>
        store.ReadRowAsync(City, [Datum.FromString(name)], bound ?? ReadBound.Strong, Options, Cancellation);

    public static T Ok<T>(GeoResult<T> result)
        where T : class
    {
        Assert.True(result.IsOk, $"{result.Error?.Kind} {result.Error?.Code}: {result.Error?.Detail}");
        return result.Value;
    }

    public static async Task UntilAsync(Func<Task<bool>> holds)
    {
        while (!await holds())
        {
            Cancellation.ThrowIfCancellationRequested();
        }
    }

    /// <summary>The silo whose node leads the table.</summary>
    public async Task<InProcessSiloHandle> LeaderAsync()
    {
        InProcessSiloHandle? leader = null;
        await UntilAsync(async () =>
        {
            var range = await RangeAsync();
            leader = Silos.FirstOrDefault(silo => silo.Name == range.Leaseholder);
            return leader is not null;
        });
        return leader!;
    }

    /// <summary>The table's one range.</summary>
    public async Task<RangeInfo> RangeAsync() => Assert.Single(Ok(await Client.ListRangesAsync(City, Options, Cancellation)).Items);

    /// <summary>Starts a silo whose node is no seed: it joins.</summary>
    public Task<InProcessSiloHandle> JoinAsync() => _silos.StartAdditionalSiloAsync();

    public Task RestartAsync(InProcessSiloHandle silo) => _silos.RestartSiloAsync(silo);

    public Task KillAsync(InProcessSiloHandle silo) => _silos.KillSiloAsync(silo);

    private static NodeRecord Joiner(string name) => new(NodeId.None, name, "us-west1", "us-west1-a", null);

    public Task StopAsync(InProcessSiloHandle silo) => _silos.StopSiloAsync(silo);

    public void NodeFailed(Exception reason) => _failures.Enqueue(reason);

    public async ValueTask DisposeAsync()
    {
        await _silos.DisposeAsync();
        Assert.Empty(_failures);
    }
}
