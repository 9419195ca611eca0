using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using OrleansGeo.Engine;
using OrleansGeo.Tests.Api.Demo;

namespace OrleansGeo.Tests.Api.Metrics;

public sealed class FollowedRequestTests(DemoFixture demo) : IClassFixture<DemoFixture>
{
    [Fact]
    public async Task A_request_over_REST_is_one_trace_across_the_wide_area()
    {
        using (await SendAsync("n1", "POST", "/v1/databases", """{"name":"f","primaryRegion":"us-east1","regions":["us-east1"]}"""))
        using (await SendAsync(
            "n1", "POST", "/v1/databases/f/tables", """{"name":"t","primaryKey":["k"],"columns":[{"name":"k","type":"string"}]}"""))
        {
        }

        var ended = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name is NodeTraces.SourceName or "Microsoft.AspNetCore",
            Sample = static (ref _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = ended.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        var trace = ActivityTraceId.CreateRandom();
        using var put = await SendAsync(
            "n7", "PUT", "/v1/databases/f/tables/t/rows/a", "{}", ("traceparent", $"00-{trace}-00f067aa0ba902b7-01"));
        Assert.True(put.IsSuccessStatusCode);
        Activity? http;
        while ((http = ended.FirstOrDefault(span => span.TraceId == trace && span.Source.Name == "Microsoft.AspNetCore")) is null)
        {
            // The server ends its span behind the answer.
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
            await Task.Yield();
        }

        var spans = ended.Where(span => span.TraceId == trace).ToArray();
        var write = Assert.Single(spans, static span => span.OperationName == "write-row");
        var ask = spans.Last(static span => span.OperationName == "ask write");
        var serve = Assert.Single(spans, span => span.OperationName == "serve write" && span.ParentSpanId == ask.SpanId);
        var replicate = Assert.Single(spans, static span => span.OperationName == "replicate");
        Assert.Equal("00f067aa0ba902b7", http.ParentSpanId.ToString());
        Assert.Equal((http.SpanId, write.SpanId, serve.SpanId), (write.ParentSpanId, ask.ParentSpanId, replicate.ParentSpanId));
        Assert.Equal(
            ("europe-west1", "europe-west1", "us-east1", "us-east1"), (Region(write), Region(ask), Region(serve), Region(replicate)));
        var told = put.Headers.GetValues("Geo-Rtt").Single().Split(';')[0];
        Assert.NotEqual("0", told);
        Assert.Equal(told, $"{write.GetTagItem("orleansgeo.wan.round_trips")}");

        // What happened far away took the less of the time: the way there and back lies around it.
        Assert.True(serve.Duration < ask.Duration - TimeSpan.FromMilliseconds(50), $"{serve.Duration} of {ask.Duration}");
    }

    private static object? Region(Activity span) => span.GetTagItem("orleansgeo.region");

    private Task<HttpResponseMessage> SendAsync(
        string node, string method, string path, string body, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(new(method), demo.At(node, path))
        {
            Content = new StringContent(body, Encoding.UTF8, "application/json"),
        };
        foreach (var (name, value) in headers)
        {
            request.Headers.Add(name, value);
        }

        return demo.Http.SendAsync(request);
    }
}
