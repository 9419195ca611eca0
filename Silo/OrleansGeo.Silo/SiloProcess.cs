using System.Net;
using Orleans.Configuration;
using Orleans.Hosting;
using OrleansGeo.Api;
using OrleansGeo.Clustering;
using OrleansGeo.Engine;
using OrleansGeo.Grains;
using OrleansGeo.Storage.RocksDb;

namespace OrleansGeo.Silo;

/// <summary>The process: a silo, the node on it, and the REST interface of the node.</summary>
internal static class SiloProcess
{
    private const string ServiceId = "orleansgeo";
    private static readonly TimeSpan s_shutdown = TimeSpan.FromSeconds(20);

    /// <summary>Runs until a signal, or until the node stops itself.</summary>
    public static async Task<int> RunAsync(SiloSettings settings)
    {
        try
        {
            var seed = await Preflight.CheckAsync(settings);
            await using var app = Build(settings, seed);
            await app.RunAsync();
            return Environment.ExitCode;
        }
        catch (SiloRefusedException refused)
        {
            await Console.Error.WriteLineAsync(refused.Lines);
            return ExitCodes.Usage;
        }
        catch (MembershipUnavailableException none)
        {
            await Console.Error.WriteLineAsync($"geo-silo: {none.Message} A new cluster's databases are prepared by 'geo-silo init'.");
            return ExitCodes.Failed;
        }
        catch (Exception failure) when (failure.GetBaseException() is JoinRefusedException refused)
        {
            await Console.Error.WriteLineAsync($"geo-silo: The cluster does not take this node in: {refused.Message}.");
            return ExitCodes.Usage;
        }
        catch (Exception failure)
        {
            await Console.Error.WriteLineAsync($"geo-silo: the node could not run: {failure.GetBaseException().Message}");
            return ExitCodes.Failed;
        }
    }

    private static WebApplication Build(SiloSettings settings, ClusterSeed seed)
    {
        var builder = WebApplication.CreateEmptyBuilder(new() { ApplicationName = typeof(SiloProcess).Assembly.GetName().Name });
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(
            IPAddress.Parse(settings.HttpAddress), settings.HttpPort, settings.Security.AddTo));
        builder.Services.AddRoutingCore();
        SiloLogging.Add(builder.Logging, settings);
        SiloTelemetry.Add(builder, settings);
        var drain = TimeSpan.FromSeconds(settings.DrainSeconds);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = drain + s_shutdown);

        // The silo is registered before the web server, so it is active before a request comes, and leaves after the last was answered. The
        // node hands over what it leads before either stops.
        builder.UseOrleans(silo => Configure(silo, settings, seed));
        builder.Services.AddGeoApi();
        settings.Security.AddTo(builder.Services);
        var app = builder.Build();
        app.MapGeoApi();
        return app;
    }

    private static void Configure(ISiloBuilder silo, SiloSettings settings, ClusterSeed seed)
    {
        var address = IPAddress.Parse(settings.Address);
        switch (settings.Clustering)
        {
            case []:
                var primary = new IPEndPoint(IPAddress.Loopback, settings.PrimarySiloPort ?? settings.SiloPort);
                silo.UseLocalhostClustering(settings.SiloPort, settings.GatewayPort, primary, ServiceId, seed.ClusterId);
                break;
            case [var connectionString]:
                silo.UseAdoNetClustering(clustering =>
                {
                    clustering.Invariant = "Npgsql";
                    clustering.ConnectionString = connectionString;
                });
                break;
            case var databases:
                silo.UseMajorityClustering(clustering => ClusterDatabases.Fill(clustering, databases));
                break;
        }

        if (settings.Clustering.Count > 0)
        {
            silo.ConfigureEndpoints(address, settings.SiloPort, settings.GatewayPort, listenOnAnyHostAddress: false);
        }

        silo.Configure<ClusterOptions>(cluster =>
        {
            cluster.ServiceId = ServiceId;
            cluster.ClusterId = seed.ClusterId;
        });
        settings.Security.AddTo(silo);
        silo.Configure<SiloOptions>(options => options.SiloName = settings.Name!);
        GrainStorages.Add(silo, settings.GrainStorage);
        SiloTelemetry.Add(silo);
        silo.AddOrleansGeo(new()
        {
            Node = new()
            {
                Name = settings.Name!,
                Region = settings.Region!,
                Zone = settings.Zone!,
                SnapshotChunkBytes = GeoNodeOptions.SnapshotChunkBytes,
                VersionRetentionMs = settings.KeepVersionsHours * 3_600_000L,
            },
            Seed = seed,
            HttpAddress = settings.AdvertiseHttp,
            OpenStorage = () => NodeStorage.Open(settings.Data!),
            DrainGrace = TimeSpan.FromSeconds(settings.DrainSeconds),
        });
    }
}
