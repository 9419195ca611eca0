using System.Collections.Concurrent;
using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Configuration;
using Orleans.Hosting;
using OrleansGeo.Api.Demo;
using OrleansGeo.Clustering;
using OrleansGeo.Sdk;
using OrleansGeo.Silo;
using OrleansGeo.Tables;
using OrleansGeo.Tests.Membership.Postgres;

namespace OrleansGeo.Tests.Orleans.Nine;

/// <summary>Every silo is stopped and started again, one after the other, while clients work; no request may fail.</summary>
[Collection(PostgresServers.Name)]
public sealed class RollingRestartTests(PostgresFixture fixture)
{
    private const string Table = "/v1/databases/rolling/tables/row";
    private static readonly TimeSpan s_request = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private readonly ConcurrentQueue<string> _failures = new();
    private int _sdk;
    private int _rest;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task No_request_fails_while_all_silos_are_restarted_one_after_the_other()
    {
        await using var silos = new NineSilos(fixture.Servers);
        await silos.StartAsync();
        using var rest = new DemoClient();
        await PrepareAsync(rest, silos);
        using var host = await ConnectAsync(silos);
        var table = host.Services.GetRequiredService<GeoClient>().Database("rolling").Table<Row>("row");

        using var ending = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        Task[] load =
        [
            .. Enumerable.Range(0, 3).Select(i => SdkAsync(table, $"sdk{i}", ending.Token)),
            .. Enumerable.Range(0, 3).Select(i => RestAsync(rest, silos, i, ending.Token)),
        ];
        foreach (var slot in silos.Silos)
        {
            var (sdk, other) = (Volatile.Read(ref _sdk), Volatile.Read(ref _rest));
            await silos.RestartAsync(slot);

            // Both kinds go on before the next one leaves.
            await slot.Process!.UntilAsync(
                "the load goes on", () => Task.FromResult(Volatile.Read(ref _sdk) > sdk + 5 && Volatile.Read(ref _rest) > other + 5));
        }

        await ending.CancelAsync();
        await Task.WhenAll(load);
        TestContext.Current.SendDiagnosticMessage(
            $"nine restarts: {_sdk} requests with the SDK, {_rest} over REST, failed: {_failures.Count}");
        Assert.Empty(_failures);
        Assert.Equal(0, silos.Revived);

        // What was acknowledged is there, once.
        var rows = await table.Scan().ToListAsync(Cancellation);
        Assert.True(rows.Count >= _sdk + _rest, $"{rows.Count} rows of {_sdk + _rest}");
        await host.StopAsync(Cancellation);
    }

    private static async Task PrepareAsync(DemoClient rest, NineSilos silos)
    {
        await rest.CreateAsync(
            silos.Front, "/v1/databases",
            """{"name":"rolling","primaryRegion":"us-east1","regions":["us-east1","us-west1","europe-west1"]}""", Cancellation);
        await rest.CreateAsync(
            silos.Front, "/v1/databases/rolling/tables",
            """{"name":"row","columns":[{"name":"name","type":"string"},{"name":"number","type":"int64"}],"primaryKey":["name"]}""",
            Cancellation);
    }

    private async Task<IHost> ConnectAsync(NineSilos silos)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.UseOrleansClient(client =>
        {
            client.UseMajorityClustering(clustering =>
                ClusterDatabases.Fill(clustering, [.. silos.Silos[0].Settings.Clustering]));
            client.Configure<ClusterOptions>(cluster =>
            {
                cluster.ServiceId = "orleansgeo";
                cluster.ClusterId = ClusterFile.Read(silos.Silos[0].Settings.ClusterFile!).ClusterId;
            });
            client.AddOrleansGeo(options => options.Timeout = s_patience);
        });
        var host = builder.Build();
        await host.StartAsync(Cancellation);
        return host;
    }

    private async Task SdkAsync(GeoTable<Row> table, string name, CancellationToken stop)
    {
        for (var number = 0; !stop.IsCancellationRequested; number++)
        {
            try
            {
                // An insert that was made twice would meet its own row.
                await table.InsertAsync(new($"{name}-{number}", number), cancellation: Cancellation);
                Interlocked.Increment(ref _sdk);
            }
            catch (GeoException failure)
            {
                _failures.Enqueue($"{name}-{number}: {failure.Message}");
            }
        }
    }

    // A client behind the usual retries: the same request with the same key, at the next node.
    private async Task RestAsync(DemoClient rest, NineSilos silos, int client, CancellationToken stop)
    {
        for (var number = 0; !stop.IsCancellationRequested; number++)
        {
            var name = $"rest{client}-{number}";
            var (began, attempt) = (DateTime.UtcNow, client * 3);
            while (true)
            {
                var reply = await rest.SendAsync(
                    HttpMethod.Put, silos.Nodes[attempt++ % silos.Nodes.Length].Address, $"{Table}/rows/{name}", $$"""{"number":{{number}}}""",
                    s_request, Cancellation, ("Idempotency-Key", name));
                if (reply.Kind == ReplyKind.Acknowledged)
                {
                    Interlocked.Increment(ref _rest);
                    break;
                }

                if (DateTime.UtcNow - began > s_patience || reply.Status is >= 400 and < 500)
                {
                    _failures.Enqueue($"{name}: {reply.Status} {reply.Body}");
                    break;
                }

                await Task.Delay(LoadLoop.RetryAfter, Cancellation);
            }
        }
    }

    private sealed record Row([property: Key] string Name, long Number);
}
