using System.Collections.Concurrent;
using System.Diagnostics;
using OrleansGeo.Engine;
using Xunit;

namespace OrleansGeo.Tests.Unit.Hosting;

public sealed class FollowedRequestTests : IDisposable
{
    private const string TestSource = "OrleansGeo.Tests.Followed";
    private static readonly ActivitySource s_source = new(TestSource);
    private readonly ConcurrentQueue<Activity> _ended = [];
    private readonly ActivityListener _listener;

    public FollowedRequestTests()
    {
        _listener = new()
        {
            ShouldListenTo = static source => source.Name is NodeTraces.SourceName or TestSource,
            Sample = static (ref _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = _ended.Enqueue,
        };
        ActivitySource.AddActivityListener(_listener);
    }

    public void Dispose() => _listener.Dispose();

    [Fact]
    public async Task A_write_is_followed_from_the_gateway_over_the_wire_to_the_leaseholder_and_through_its_quorum()
    {
        await using var cluster = await NodeHostTests.ReadyAsync();
        using var root = s_source.StartActivity("root")!;
        var written = await NodeHostTests.PutAsync(cluster["n4"], "a");
        Assert.Null(written.Error);
        Assert.Same(root, Activity.Current);
        var gateway = One(root, "write-row");
        Assert.Equal((root.SpanId, "n4", "r2"), (gateway.ParentSpanId, Tag(gateway, "node"), Tag(gateway, "region")));
        Assert.Equal(written.Meta.RoundTrips, Tag(gateway, "wan.round_trips"));
        var ask = _ended.Last(span => span.TraceId == root.TraceId && span.OperationName == "ask write" && Tag(span, "outcome") is "ok");
        Assert.Equal((gateway.SpanId, "n4", ActivityKind.Client), (ask.ParentSpanId, Tag(ask, "node"), ask.Kind));
        var leader = await NodeHostTests.LeaderAsync(cluster);
        Assert.Equal(leader, Tag(ask, "peer.node"));
        var serve = Assert.Single(Of(root, "serve write"), span => span.ParentSpanId == ask.SpanId);
        Assert.Equal((leader, "r1"), (Tag(serve, "node"), Tag(serve, "region")));
        Assert.Equal((ActivityKind.Server, true), (serve.Kind, serve.HasRemoteParent));
        var replicate = Assert.Single(Of(root, "replicate"));
        Assert.Equal((serve.SpanId, leader, "applied"), (replicate.ParentSpanId, Tag(replicate, "node"), Tag(replicate, "outcome")));
        Assert.Equal(1, Tag(replicate, "wan.round_trips"));
        Assert.Equal(Tag(ask, "range.id"), Tag(replicate, "range.id"));
        Assert.All(Of(root), static span => Assert.True(span.Duration >= TimeSpan.Zero));
    }

    [Fact]
    public async Task Requests_side_by_side_keep_their_own_traces_and_nobodys_request_has_none()
    {
        await using var cluster = await NodeHostTests.ReadyAsync();
        Assert.Null((await NodeHostTests.PutAsync(cluster["n3"], "warm")).Error);
        var roots = await Task.WhenAll(Enumerable.Range(0, 20).Select(async i =>
        {
            using var root = i % 4 == 0 ? null : s_source.StartActivity($"root {i}");
            Assert.Null((await NodeHostTests.PutAsync(cluster[$"n{(i % 5) + 1}"], $"row {i}")).Error);
            return root;
        }));
        foreach (var root in roots.OfType<Activity>())
        {
            var spans = Of(root).Append(root).ToDictionary(static span => span.SpanId);
            Assert.Single(spans.Values, static span => span.OperationName == "write-row");
            Assert.Single(spans.Values, static span => span.OperationName == "replicate");
            Assert.All(spans.Values.Where(span => span != root), span => Assert.Contains(span.ParentSpanId, spans.Keys));
        }
    }

    private IEnumerable<Activity> Of(Activity root, string? name = null) =>
        _ended.Where(span => span.TraceId == root.TraceId && span != root && (name is null || span.OperationName == name));

    private Activity One(Activity root, string name) => Assert.Single(Of(root, name));

    private static object? Tag(Activity span, string name) => span.GetTagItem("orleansgeo." + name);
}
