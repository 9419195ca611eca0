using System.Text;
using OrleansGeo.Api.Demo;
using OrleansGeo.Api.Observability;
using OrleansGeo.Tests.Api.Demo;

namespace OrleansGeo.Tests.Api.Metrics;

public sealed class OtlpExportTests
{
    [Fact]
    public async Task The_demo_sends_metrics_and_spans_of_its_nodes_to_a_collector()
    {
        await using var collector = await OtlpReceiver.StartAsync();
        await using (var host = await DemoHost.StartAsync(
            new() { HttpPort = DemoFixture.FreePorts(), OtlpEndpoint = collector.Address },
            static text => TestContext.Current.SendDiagnosticMessage(text)))
        {
            Assert.True(await host.ReadyAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken));
            using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false });
            using var body = new StringContent(
                """{"name":"sent","primaryRegion":"us-east1","regions":["us-east1"]}""", Encoding.UTF8, "application/json");
            using var created = await client.PostAsync(
                new Uri(host.Cluster.Find("n4")!.Address, "/v1/databases"), body, TestContext.Current.CancellationToken);
            Assert.Equal(201, (int)created.StatusCode);
        }

        // A host that ends has sent all it had.
        Assert.Superset(
            new HashSet<string>
            {
                "orleansgeo.gateway.request.duration", "orleansgeo.replication.commit.duration", "orleansgeo.storage.sync.duration",
                "orleansgeo.peer.rtt", "orleansgeo.cluster.ranges", "http.server.request.duration", "dotnet.process.cpu.time",
            },
            collector.Metrics.Keys.ToHashSet());
        Assert.Superset(
            new HashSet<string> { "create-database", "ask write", "serve write", "replicate" }, collector.Spans.Keys.ToHashSet());
        Assert.Contains("service.name=orleansgeo", collector.Attributes.Keys);
        Assert.Superset(new HashSet<string> { "n1", "n4", "n9" }, collector.Nodes.Keys.ToHashSet());
    }

    [Fact]
    public async Task Without_a_collector_nothing_is_made_and_one_that_is_gone_holds_nobody_up()
    {
        Assert.SkipWhen(Environment.GetEnvironmentVariable(OtlpExport.EndpointVariable) is { Length: > 0 }, "a collector is set");
        Assert.Null(OtlpExport.Start(null, "test"));
        Uri gone;
        await using (var collector = await OtlpReceiver.StartAsync())
        {
            gone = collector.Address;
        }

        using var export = OtlpExport.Start(gone, "test");
        Assert.NotNull(export);
    }
}
