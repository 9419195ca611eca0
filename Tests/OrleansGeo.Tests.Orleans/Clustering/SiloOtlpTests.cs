using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using OrleansGeo.Api.Observability;
using OrleansGeo.Silo;
using OrleansGeo.Tests.Api.Metrics;
using Xunit.Sdk;

namespace OrleansGeo.Tests.Orleans.Clustering;

/// <summary>Real geo-silo processes send what they show of themselves to a collector.</summary>
public sealed class SiloOtlpTests : IDisposable
{
    private const int Silos = 3;
    private const string Row = "/v1/databases/geo/tables/city/rows/a";
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("geo-otlp-");
    private readonly List<GeoSiloProcess> _silos = [];

    public void Dispose()
    {
        _silos.ForEach(static silo => silo.Dispose());
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task A_request_through_another_silo_is_seen_by_the_collector_with_the_grain_that_served_it()
    {
        await using var receiver = await OtlpReceiver.StartAsync();
        Start(receiver.Address);
        await Task.WhenAll(_silos.Select(static silo => silo.ReadyAsync()));
        await _silos[0].SendAsync(
            HttpMethod.Post, "/v1/databases", """{"name":"geo","primaryRegion":"r1","regions":["r1"]}""", HttpStatusCode.Created);
        await _silos[0].SendAsync(
            HttpMethod.Post,
            "/v1/databases/geo/tables",
            """{"name":"city","primaryKey":["name"],"columns":[{"name":"name","type":"string"},{"name":"pop","type":"int64"}]}""",
            HttpStatusCode.Created);

        // Two of the three do not lead the table, and ask the one that does.
        await _silos[0].SendAsync(HttpMethod.Put, Row, """{"pop":1}""", HttpStatusCode.Created);
        foreach (var silo in _silos)
        {
            await silo.SendAsync(HttpMethod.Put, Row, """{"pop":2}""", HttpStatusCode.OK);
        }

        string[] spans = ["write-row", "ask write", "serve write", "replicate"];
        string[] metrics = ["orleansgeo.gateway.request.duration", "orleansgeo.replication.commits"];
        string[] attributes =
        [
            "service.name=orleansgeo", "cloud.region=r1", "cloud.availability_zone=r1-1",
            .. Enumerable.Range(0, Silos).Select(static i => $"service.instance.id={Name(i)}"),
        ];

        // Orleans names its own by the grain's interface, and what it counts by itself.
        await ArrivesAsync("spans", receiver.Spans, [.. spans, "IRangeGrain"]);
        await ArrivesAsync("metrics", receiver.Metrics, [.. metrics, "orleans-"]);
        await ArrivesAsync("attributes", receiver.Attributes, attributes);
    }

    private async Task ArrivesAsync(string what, ConcurrentDictionary<string, int> arrived, string[] wanted)
    {
        foreach (var part in wanted)
        {
            try
            {
                await _silos[0].UntilAsync(
                    $"{part} is among the {what}",
                    () => Task.FromResult(arrived.Keys.Any(name => name.Contains(part, StringComparison.Ordinal))));
            }
            catch (XunitException late)
            {
                Assert.Fail($"{late.Message}\n{what} that arrived: {string.Join(", ", arrived.Keys.Order(StringComparer.Ordinal))}");
            }
        }
    }

    private void Start(Uri collector)
    {
        var path = Path.Combine(_folder.FullName, "cluster.json");
        var ports = Enumerable.Range(0, Silos).Select(static _ => SiloSettingsTests.FreePort()).ToArray();
        ClusterFile.New(null, [.. ports.Select(static (_, i) => new SeedNode(i + 1, Name(i), "r1", $"r1-{i}", null))]).Write(path);
        var environment = new Dictionary<string, string>
        {
            [OtlpExport.EndpointVariable] = collector.ToString(),
            ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
            ["OTEL_METRIC_EXPORT_INTERVAL"] = "200",
            ["OTEL_BSP_SCHEDULE_DELAY"] = "200",
        };
        for (var i = 0; i < ports.Length; i++)
        {
            var settings = new SiloSettings
            {
                Name = Name(i),
                Region = "r1",
                Zone = $"r1-{i}",
                Data = Path.Combine(_folder.FullName, Name(i)),
                FirstStart = true,
                ClusterFile = path,
                SiloPort = ports[i],
                GatewayPort = 0,
                HttpPort = SiloSettingsTests.FreePort(),
                PrimarySiloPort = ports[0],
            };
            _silos.Add(GeoSiloProcess.Start(settings, [], environment));
        }
    }

    private static string Name(int silo) => $"n{(silo + 1).ToString(CultureInfo.InvariantCulture)}";
}
