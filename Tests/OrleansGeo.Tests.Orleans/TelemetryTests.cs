using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;
using OrleansGeo.Api.Observability;
using OrleansGeo.Engine;
using OrleansGeo.Silo;
using static OrleansGeo.Tests.Orleans.GeoTestCluster;

namespace OrleansGeo.Tests.Orleans;

/// <summary>What silos show of themselves: each its own node, and requests that go from one to another.</summary>
public sealed class TelemetryTests
{
    [Fact]
    public async Task A_write_through_another_silo_is_one_trace_to_the_leaseholder_and_its_quorum()
    {
        await using var cluster = await StartAsync();
        var leader = (await cluster.LeaderAsync()).Name;
        var other = cluster.Silos.First(silo => silo.Name != leader);
        var store = other.ServiceProvider.GetRequiredService<IGeoStore>();
        Ok(await PutAsync(store, "warm", 1));
        var ended = new ConcurrentQueue<Activity>();
        using var source = new ActivitySource("OrleansGeo.Tests.Silos");
        using var listener = new ActivityListener
        {
            ShouldListenTo = listened => listened.Name == NodeTraces.SourceName || listened == source,
            Sample = static (ref _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = ended.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        using var root = source.StartActivity("root")!;
        Ok(await PutAsync(store, "followed", 2));
        var spans = ended.Where(span => span.TraceId == root.TraceId).ToArray();
        var write = Assert.Single(spans, static span => span.OperationName == "write-row");
        var ask = spans.Last(static span => span.OperationName == "ask write");
        var serve = Assert.Single(spans, span => span.OperationName == "serve write" && span.ParentSpanId == ask.SpanId);
        var replicate = Assert.Single(spans, static span => span.OperationName == "replicate");
        Assert.Equal(
            (root.SpanId, write.SpanId, serve.SpanId), (write.ParentSpanId, ask.ParentSpanId, replicate.ParentSpanId));
        Assert.Equal((other.Name, leader), (Node(write), Node(serve)));
    }

    [Fact]
    public async Task Each_silo_shows_its_own_node_and_what_it_sends()
    {
        await using var cluster = await StartAsync();
        var silo = cluster.Silos[1];
        using var collector = new MetricsCollector(silo.ServiceProvider.GetRequiredService<IMeterFactory>(), []);
        await UntilAsync(async () =>
        {
            Ok(await PutAsync(StoreOn(silo), "a", 1));
            var text = collector.Render();
            return text.Contains("orleansgeo_peer_in_flight_bytes{", StringComparison.Ordinal)
                && text.Contains("lane=\"liveness\"", StringComparison.Ordinal)
                && text.Contains("orleansgeo_gateway_request_duration_seconds_count{", StringComparison.Ordinal);
        });
        var shown = collector.Render().Split('\n').Where(static line => line.StartsWith("orleansgeo_", StringComparison.Ordinal)).ToArray();
        Assert.All(shown, line => Assert.Contains($"{{node=\"{silo.Name}\",", line, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("json", "warning", false)]
    [InlineData("text", "debug", true)]
    public void Logs_are_written_as_they_were_asked_for(string format, string level, bool saysDetails)
    {
        var settings = new SiloSettings { LogFormat = format, LogLevel = level };
        Assert.DoesNotContain(settings.Wrong(), static line => line.StartsWith("--log", StringComparison.Ordinal));
        using var services = new ServiceCollection().AddLogging(logging => SiloLogging.Add(logging, settings)).BuildServiceProvider();
        Assert.Equal(
            format == "json" ? ConsoleFormatterNames.Json : ConsoleFormatterNames.Simple,
            services.GetRequiredService<IOptions<ConsoleLoggerOptions>>().Value.FormatterName);
        var loggers = services.GetRequiredService<ILoggerFactory>();
        Assert.Equal(saysDetails, loggers.CreateLogger("OrleansGeo.Grains.NodeLifecycle").IsEnabled(LogLevel.Debug));
        Assert.False(loggers.CreateLogger("Orleans.Runtime.Silo").IsEnabled(LogLevel.Information));
        Assert.True(loggers.CreateLogger("Orleans.Runtime.Silo").IsEnabled(LogLevel.Warning));
    }

    [Fact]
    public void Logs_that_cannot_be_are_refused()
    {
        var wrong = new SiloSettings { LogFormat = "xml", LogLevel = "loud" }.Wrong().ToArray();
        Assert.Contains("--log-format is xml; it is text or json.", wrong);
        Assert.Single(wrong, static line => line.StartsWith("--log-level is loud;", StringComparison.Ordinal));
    }

    private static object? Node(Activity span) => span.GetTagItem("orleansgeo.node");
}
