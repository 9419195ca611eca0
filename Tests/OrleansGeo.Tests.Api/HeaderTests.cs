using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tests.Api;

public sealed class HeaderTests : IAsyncLifetime
{
    private ApiFixture _api = null!;

    public async ValueTask InitializeAsync()
    {
        _api = await ApiFixture.StartAsync();
        await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", "{}");
    }

    public ValueTask DisposeAsync() => _api.DisposeAsync();

    public static TheoryData<string, ReadBound> Levels => new()
    {
        { "strong", ReadBound.Strong },
        { "bounded;max-ms=1000", new ReadBound.Bounded(1000) },
        { "bounded; max-ms=1000; local-only", new ReadBound.Bounded(1000, true) },
        { "exact;ms=0", new ReadBound.Exact(0) },
        { "exact;ms=700;local-only", new ReadBound.Exact(700, true) },
        { "at;ts=1763704800000.00002", new ReadBound.At(new HlcTimestamp((1763704800000UL << 16) | 2)) },
        { "at;ts=2025-11-21T06:00:00.000999Z;local-only", new ReadBound.At(HlcTimestamp.FromMillis(1763704800000), true) },
        { "at;ts=2025-11-21T08:00:00+02:00", new ReadBound.At(HlcTimestamp.FromMillis(1763704800000)) },
    };

    [Theory]
    [MemberData(nameof(Levels))]
    public async Task A_consistency_level_reaches_the_store_as_it_was_meant(string header, ReadBound bound)
    {
        await _api.SendAsync("GET", $"{ApiFixture.Rows}/Oslo", null as string, ("Geo-Consistency", header));
        Assert.Equal(bound, _api.Store.LastBound);
        await _api.SendAsync("GET", ApiFixture.Rows, null as string, ("Geo-Consistency", header));
        Assert.Equal(bound, _api.Store.LastBound);
    }

    [Theory]
    [InlineData("Strong")]
    [InlineData("eventual")]
    [InlineData("strong;local-only")]
    [InlineData("bounded")]
    [InlineData("bounded;ms=5")]
    [InlineData("bounded;max-ms=-5")]
    [InlineData("bounded;max-ms=5;max-ms=6")]
    [InlineData("bounded;max-ms=5;local-only;local-only")]
    [InlineData("bounded;max-ms=99999999999999999999")]
    [InlineData("bounded;max-ms=9223372036854775807")]
    [InlineData("exact;ms=1.5")]
    [InlineData("exact;local-only;ms=5")]
    [InlineData("at;ts=yesterday")]
    [InlineData("at;ts=1763704800000")]
    [InlineData("at;ts=2025-11-21T06:00:00")]
    [InlineData("strong,exact;ms=1")]
    public async Task A_level_that_is_not_understood_is_400(string header) =>
        (await _api.SendAsync("GET", $"{ApiFixture.Rows}/Oslo", null as string, ("Geo-Consistency", header)))
            .IsProblem(400, "bad-header", "Geo-Consistency");

    [Fact]
    public async Task A_read_in_the_future_is_400() =>
        (await _api.SendAsync("GET", $"{ApiFixture.Rows}/Oslo", null as string, ("Geo-Consistency", "at;ts=2999-01-01T00:00:00Z")))
            .IsProblem(400, "timestamp-in-future", "Geo-Consistency");

    [Fact]
    public async Task A_local_read_that_is_too_fresh_says_what_it_could_serve()
    {
        var reply = await _api.SendAsync("GET", $"{ApiFixture.Rows}/Oslo", null as string, ("Geo-Consistency", "exact;ms=10;local-only"));
        reply.IsProblem(503, "too-fresh", "Geo-Consistency");
        Assert.EndsWith("/too-fresh", reply.Problem.GetProperty("type").GetString(), StringComparison.Ordinal);
        Assert.True(HlcTimestamp.TryParse(reply.Problem.GetProperty("facts").GetProperty("newest").GetString(), out _));
        Assert.Equal("1", reply.Headers.RetryAfter.ToString());
    }

    [Theory]
    [InlineData("Geo-Timeout-Ms", "0", "bad-header")]
    [InlineData("Geo-Timeout-Ms", "60001", "bad-header")]
    [InlineData("Geo-Timeout-Ms", "1s", "bad-header")]
    [InlineData("Geo-Timeout-Ms", "+5", "bad-header")]
    [InlineData("Geo-Session", "a b", "bad-header")]
    [InlineData("Geo-Region", "us-east1", "unknown-header")]
    [InlineData("Geo-Rtt", "0", "unknown-header")]
    [InlineData("Idempotency-Key", "k", "header-not-applicable")]
    [InlineData("If-Match", "abc", "bad-header")]
    [InlineData("If-Match", "\"a", "bad-header")]
    [InlineData("If-Match", "\"a\",", "bad-header")]
    [InlineData("If-None-Match", "*, \"a\"", "bad-header")]
    [InlineData("If-None-Match", "\"a\" \"b\"", "bad-header")]
    public async Task A_header_that_is_not_understood_is_400(string name, string value, string code) =>
        (await _api.SendAsync("GET", $"{ApiFixture.Rows}/Oslo", null as string, (name, value))).IsProblem(400, code, name);

    [Fact]
    public async Task Headers_are_refused_where_they_mean_nothing()
    {
        (await _api.SendAsync("GET", "/v1/cluster", null as string, ("If-Match", "*"))).IsProblem(400, "header-not-applicable", "If-Match");
        (await _api.SendAsync("GET", ApiFixture.Rows, null as string, ("If-None-Match", "*")))
            .IsProblem(400, "header-not-applicable", "If-None-Match");
        (await _api.SendAsync("POST", ApiFixture.Rows, "{}", ("If-None-Match", "*")))
            .IsProblem(400, "header-not-applicable", "If-None-Match");
        (await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", "{}", ("Geo-Consistency", "exact;ms=5")))
            .IsProblem(400, "header-not-applicable", "Geo-Consistency");
        (await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", "{}", ("If-Unmodified-Since", "x")))
            .IsProblem(400, "header-not-applicable", "If-Unmodified-Since");
        (await _api.SendAsync("GET", "/v1/cluster", null as string, ("Geo-Session", "a"), ("Geo-Session", "b")))
            .IsProblem(400, "repeated-header", "Geo-Session");
    }

    [Theory]
    [InlineData("abc", "abc")]
    [InlineData("\"abc\"", "abc")]
    [InlineData("\"a\\\"b\\\\\"", "a\"b\\")]
    [InlineData("\"", "\"")]
    public async Task An_idempotency_key_is_bare_or_a_quoted_string(string header, string key)
    {
        (await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", "{}", ("Idempotency-Key", header))).Is(200);
        Assert.Equal(key, _api.Store.LastOptions!.IdempotencyKey);
    }

    [Theory]
    [InlineData("\"\"")]
    [InlineData("a b")]
    [InlineData("é")]
    [InlineData("\"a\\b\"")]
    [InlineData("\"a\"b\"")]
    public async Task An_idempotency_key_that_is_none_is_400(string header) =>
        (await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", "{}", ("Idempotency-Key", header)))
            .IsProblem(400, "bad-header", "Idempotency-Key");

    [Fact]
    public async Task An_idempotency_key_has_at_most_128_characters()
    {
        (await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", "{}", ("Idempotency-Key", new string('k', 128)))).Is(200);
        (await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", "{}", ("Idempotency-Key", new string('k', 129))))
            .IsProblem(400, "bad-header", "Idempotency-Key");
    }

    [Fact]
    public async Task Timeout_and_session_reach_the_store()
    {
        await _api.SendAsync("GET", $"{ApiFixture.Rows}/Oslo", null as string, ("geo-timeout-ms", "60000"), ("GEO-SESSION", "s.1"));
        Assert.Equal(new RequestOptions(TimeSpan.FromSeconds(60), null, "s.1"), _api.Store.LastOptions);
        await _api.SendAsync("GET", $"{ApiFixture.Rows}/Oslo");
        Assert.Equal(RequestOptions.Default, _api.Store.LastOptions);
    }

    [Fact]
    public async Task Every_answer_says_what_it_paid_and_who_served()
    {
        foreach (var reply in new[]
        {
            await _api.SendAsync("GET", $"{ApiFixture.Rows}/Oslo", null as string, ("Geo-Consistency", "exact;ms=600")),
            await _api.SendAsync("GET", ApiFixture.Rows, null as string, ("Geo-Consistency", "exact;ms=600")),
        })
        {
            Assert.Equal("exact;ms=600", reply.Headers["Geo-Effective-Consistency"].ToString());
            Assert.True(HlcTimestamp.TryParse(reply.Headers["Geo-Read-Timestamp"].ToString(), out _));
            Assert.Equal("600", reply.Headers["Geo-Staleness-Ms"].ToString());
            Assert.Equal("n1;region=us-east1", reply.Headers["Geo-Served-By"].ToString());
            Assert.Equal("n1", reply.Headers["Geo-Leaseholder"].ToString());
            Assert.Equal("0;ms=0.1", reply.Headers["Geo-Rtt"].ToString());
            Assert.StartsWith("s.", reply.Headers["Geo-Session"].ToString(), StringComparison.Ordinal);
        }

        var write = await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", "{}");
        Assert.Equal("strong", write.Headers["Geo-Effective-Consistency"].ToString());
        Assert.False(write.Headers.ContainsKey("Geo-Read-Timestamp"));
        Assert.Equal("0;ms=0", (await _api.SendAsync("GET", ApiFixture.Rows + "?x=1")).Headers["Geo-Rtt"].ToString());
    }

    [Fact]
    public async Task Errors_of_the_store_carry_the_same_headers()
    {
        var reply = (await _api.SendAsync("DELETE", $"{ApiFixture.Rows}/Bergen")).Is(404);
        Assert.Equal("n1;region=us-east1", reply.Headers["Geo-Served-By"].ToString());
        Assert.Equal("0;ms=0.1", reply.Headers["Geo-Rtt"].ToString());
    }

    [Fact]
    public void Round_trips_are_written_with_their_path_and_add_up()
    {
        var first = new ResponseMeta("strong", null, 0, "n1", "a", null, 1, 66.04, ["a>b"], null);
        var second = new ResponseMeta("strong", null, 0, "n4", "b", "n4", 1, 64, ["b>c"], "s");
        var http = new Microsoft.AspNetCore.Http.DefaultHttpContext();
        OrleansGeo.Api.Answers.MetaHeaders.Write(http.Response, OrleansGeo.Api.Answers.MetaHeaders.Then(first, second));
        Assert.Equal("2;ms=130;path=a>b,b>c", http.Response.Headers["Geo-Rtt"].ToString());
        Assert.Equal("n4;region=b", http.Response.Headers["Geo-Served-By"].ToString());
    }

    [Theory]
    [InlineData(GeoErrorKind.Invalid, 400, "invalid")]
    [InlineData(GeoErrorKind.Unprocessable, 422, "unprocessable")]
    [InlineData(GeoErrorKind.TooLarge, 413, "too-large")]
    [InlineData(GeoErrorKind.NotFound, 404, "not-found")]
    [InlineData(GeoErrorKind.AlreadyExists, 409, "already-exists")]
    [InlineData(GeoErrorKind.Conflict, 409, "conflict")]
    [InlineData(GeoErrorKind.PreconditionFailed, 412, "precondition-failed")]
    [InlineData(GeoErrorKind.IdempotencyMismatch, 422, "idempotency-mismatch")]
    [InlineData(GeoErrorKind.IdempotencyInFlight, 409, "idempotency-in-flight")]
    [InlineData(GeoErrorKind.Overloaded, 429, "overloaded")]
    [InlineData(GeoErrorKind.QuorumUnavailable, 503, "quorum-unavailable")]
    [InlineData(GeoErrorKind.RegionUnavailable, 503, "region-unavailable")]
    [InlineData(GeoErrorKind.TooFresh, 503, "too-fresh")]
    [InlineData(GeoErrorKind.DeadlineExceeded, 503, "deadline-exceeded")]
    [InlineData(GeoErrorKind.OutcomeUnknown, 504, "commit-outcome-unknown")]
    [InlineData(GeoErrorKind.TooOld, 410, "timestamp-too-old")]
    public async Task Every_kind_of_refusal_has_its_status_and_type(GeoErrorKind kind, int status, string slug)
    {
        var facts = ImmutableSortedDictionary<string, string>.Empty.Add("range", "r7");
        _api.Store.FailWith = new(kind, "some-code", "One sentence.", "some.field", 1_001, facts);
        var reply = await _api.SendAsync("GET", $"{ApiFixture.Rows}/Oslo");
        reply.IsProblem(status, "some-code", "some.field");
        Assert.Equal("https://orleansgeo.dev/problems/" + slug, reply.Problem.GetProperty("type").GetString());
        Assert.Equal("One sentence.", reply.Problem.GetProperty("detail").GetString());
        Assert.Equal("r7", reply.Problem.GetProperty("facts").GetProperty("range").GetString());
        Assert.Equal("2", reply.Headers.RetryAfter.ToString());
        Assert.Equal(status is 409 or 429 or >= 500, reply.Problem.TryGetProperty("retryable", out var retryable));
        Assert.Equal(status is 409 or 429 or >= 500
            && kind != GeoErrorKind.AlreadyExists, retryable.ValueKind == System.Text.Json.JsonValueKind.True);
    }

    [Fact]
    public void No_kind_of_refusal_is_without_a_status() =>
        Assert.All(Enum.GetValues<GeoErrorKind>(), kind => Assert.InRange(OrleansGeo.Api.Problems.ProblemKinds.Of(kind).Status, 400, 504));
}
