using System.Text.Json;

namespace OrleansGeo.Tests.Api;

public sealed class ResourceTests : IAsyncLifetime
{
    private ApiFixture _api = null!;

    public async ValueTask InitializeAsync() => _api = await ApiFixture.StartAsync();

    public ValueTask DisposeAsync() => _api.DisposeAsync();

    [Fact]
    public async Task A_database_is_created_shown_listed_and_dropped()
    {
        var body = """
            {"name":"shop","primaryRegion":"us-east1","regions":["us-east1","us-west1","europe-west1"],"survive":"region",
             "secondaryRegion":"us-west1"}
            """;
        var created = (await _api.SendAsync("POST", "/v1/databases", body)).Is(201);
        Assert.Equal("/v1/databases/shop", created.Headers.Location.ToString());
        var got = (await _api.SendAsync("GET", "/v1/databases/shop")).Is(200).Json;
        Assert.Equal(created.Text, got.GetRawText());
        Assert.Equal("region", got.GetProperty("survive").GetString());
        Assert.Equal("us-west1", got.GetProperty("secondaryRegion").GetString());
        Assert.Equal("default", got.GetProperty("placement").GetString());
        Assert.Equal(JsonValueKind.Null, got.GetProperty("witnessRegion").ValueKind);
        var names = (await _api.SendAsync("GET", "/v1/databases")).Json.GetProperty("databases").EnumerateArray()
            .Select(one => one.GetProperty("name").GetString());
        Assert.Equal(["geo", "shop"], names);
        (await _api.SendAsync("POST", "/v1/databases", body)).IsProblem(409, "database-exists", "name");
        (await _api.SendAsync("DELETE", "/v1/databases/shop")).Is(204);
        (await _api.SendAsync("GET", "/v1/databases/shop")).IsProblem(404, "unknown-database", "db");
        (await _api.SendAsync("DELETE", "/v1/databases/geo")).IsProblem(422, "database-not-empty", "db");
    }

    [Fact]
    public async Task A_table_is_created_changed_listed_and_dropped()
    {
        var created = (await _api.SendAsync("POST", "/v1/databases/geo/tables", """
            {"name":"t","columns":[{"name":"id","type":"uuid","default":"gen_random_uuid()"},
             {"name":"Note","type":"string","default":"gen_random_uuid()"},
             {"name":"n","type":"decimal","nullable":false,"default":1.50}],"primaryKey":["id"],
             "locality":{"type":"regional","region":"us-west1"},"survive":"region"}
            """)).Is(201);
        Assert.Equal("/v1/databases/geo/tables/t", created.Headers.Location.ToString());
        var table = created.Json;
        Assert.Equal("us-west1", table.GetProperty("homeRegion").GetString());
        Assert.Equal("""{"type":"regional","region":"us-west1"}""", table.GetProperty("locality").GetRawText());
        Assert.Equal(
            """{"name":"id","type":"uuid","nullable":false,"default":"gen_random_uuid()"}""", table.GetProperty("columns")[0].GetRawText());
        Assert.Equal("""{"name":"n","type":"decimal","nullable":false,"default":"1.5"}""", table.GetProperty("columns")[2].GetRawText());
        Assert.Equal("region", table.GetProperty("effectiveSurvive").GetString());

        var row = (await _api.SendAsync("POST", "/v1/databases/geo/tables/t/rows", "{}")).Is(201);
        Assert.Equal($"/v1/databases/geo/tables/t/rows/{row.Json.GetProperty("id").GetString()}", row.Headers.Location.ToString());
        Assert.Equal("gen_random_uuid()", row.Json.GetProperty("Note").GetString());

        var changed = (await _api.SendAsync("PATCH", "/v1/databases/geo/tables/t", """{"addColumns":[{"name":"x","type":"bool"}]}"""))
            .Is(200);
        Assert.Equal(2, changed.Json.GetProperty("schemaVersion").GetInt32());
        Assert.Equal(JsonValueKind.Null, (await _api.SendAsync("GET", row.Headers.Location.ToString())).Json.GetProperty("x").ValueKind);
        (await _api.SendAsync("PATCH", "/v1/databases/geo/tables/t", """{"addColumns":[]}""")).IsProblem(422, "empty-list", "addColumns");
        (await _api.SendAsync("PATCH", "/v1/databases/geo/tables/t", """{"dropColumns":["x"],"addColumns":[]}""")).Is(422);

        var names = (await _api.SendAsync("GET", "/v1/databases/geo/tables")).Json.GetProperty("tables").EnumerateArray()
            .Select(one => one.GetProperty("name").GetString());
        Assert.Equal(["city", "pair", "t"], names);
        (await _api.SendAsync("DELETE", "/v1/databases/geo/tables/t")).Is(204);
        (await _api.SendAsync("GET", "/v1/databases/geo/tables/t")).IsProblem(404, "unknown-table", "table");
        (await _api.SendAsync("GET", "/v1/databases/geo/tables/t/rows/x")).IsProblem(404, "unknown-table", "table");
    }

    [Fact]
    public async Task The_cluster_shows_itself()
    {
        Assert.Equal("c-1", (await _api.SendAsync("GET", "/v1/cluster")).Is(200).Json.GetProperty("clusterId").GetString());
        var node = (await _api.SendAsync("GET", "/v1/nodes")).Is(200).Json.GetProperty("nodes")[1];
        Assert.Equal("us-west1", node.GetProperty("region").GetString());
        Assert.Equal(66.2, node.GetProperty("rttMs").GetDouble());
        Assert.Equal(
            66.2, (await _api.SendAsync("GET", "/v1/latencies")).Is(200).Json.GetProperty("latencies")[0].GetProperty("rttMs").GetDouble());
    }

    [Fact]
    public async Task Ranges_are_listed_split_and_led_by_hand()
    {
        var ranges = (await _api.SendAsync("GET", "/v1/ranges?table=geo.pair")).Is(200).Json.GetProperty("ranges");
        Assert.Equal(1, ranges.GetArrayLength());
        var id = ranges[0].GetProperty("id").GetInt64();
        Assert.Equal(
            "b/7",
            (await _api.SendAsync("POST", $"/v1/ranges/{id}/split", """{"at":["b",7]}""")).Is(200).Json.GetProperty("end").GetString());
        (await _api.SendAsync("POST", $"/v1/ranges/{id}/split")).Is(200);
        Assert.Equal(3, (await _api.SendAsync("GET", "/v1/ranges?table=geo.pair")).Json.GetProperty("ranges").GetArrayLength());
        (await _api.SendAsync("POST", $"/v1/ranges/{id}/split", """{"at":["b","x"]}""")).IsProblem(422, "wrong-type", "at[1]");
        (await _api.SendAsync("POST", $"/v1/ranges/{id}/split", """{"at":["b",1,2]}""")).IsProblem(422, "wrong-key-length", "at");
        (await _api.SendAsync("POST", $"/v1/ranges/{id}/split", """{"at":"b"}""")).IsProblem(422, "wrong-type", "at");
        (await _api.SendAsync("POST", $"/v1/ranges/{id}/split", """{"key":["b"]}""")).IsProblem(422, "unknown-member", "key");
        (await _api.SendAsync("POST", "/v1/ranges/999/split", """{"at":["b"]}""")).IsProblem(404, "unknown-range", "id");
        (await _api.SendAsync("POST", "/v1/ranges/999/split")).IsProblem(404, "unknown-range", "id");
        (await _api.SendAsync("POST", "/v1/ranges/r1/split")).IsProblem(400, "bad-id", "id");
        Assert.Equal(
            "n2",
            (await _api.SendAsync("POST", $"/v1/ranges/{id}/transfer-leader", """{"node":"n2"}""")).Is(200).Json.GetProperty("leaseholder")
                .GetString());
        (await _api.SendAsync("POST", $"/v1/ranges/{id}/transfer-leader", """{"node":"n9"}""")).IsProblem(404, "unknown-node", "node");
        (await _api.SendAsync("POST", $"/v1/ranges/{id}/transfer-leader", "{}")).IsProblem(422, "missing-member", "node");
    }

    [Fact]
    public async Task Probes_answer_by_status()
    {
        Assert.Equal("ok", (await _api.SendAsync("GET", "/livez")).Is(200).Text);
        Assert.Equal("""{"ready":true,"reasons":[]}""", (await _api.SendAsync("GET", "/readyz")).Is(200).Text);
        _api.Store.Ready = new(false, ["r7 has no leaseholder"]);
        Assert.Equal("""{"ready":false,"reasons":["r7 has no leaseholder"]}""", (await _api.SendAsync("GET", "/readyz")).Is(503).Text);
        _api.Store.FailWith = new(GeoErrorKind.DeadlineExceeded, "deadline-exceeded", "Too late.");
        Assert.Equal("""{"ready":false,"reasons":["Too late."]}""", (await _api.SendAsync("GET", "/readyz")).Is(503).Text);
        (await _api.SendAsync("GET", "/livez")).Is(200);
    }

    [Fact]
    public async Task Metrics_count_requests_by_route_and_never_by_key()
    {
        await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", "{}");
        await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Bergen", "{}");
        await _api.SendAsync("GET", $"{ApiFixture.Rows}/Tromso");
        await _api.SendAsync("FROB", "/nowhere");
        var text = (await _api.SendAsync("GET", "/metrics")).Is(200).Text;
        const string Route = "http_route=\"/v1/databases/{db}/tables/{table}/rows/{**key}\"";
        var counts = text.Split('\n')
            .Where(static line => line.StartsWith("http_server_request_duration_seconds_count", StringComparison.Ordinal)).ToArray();
        Assert.Contains(counts, static line => HasAll(line, Route, "method=\"PUT\"", "status_code=\"201\"", "} 2"));
        Assert.Contains(counts, static line => HasAll(line, Route, "method=\"GET\"", "status_code=\"404\"", "} 1"));
        Assert.Contains(counts, static line => HasAll(line, "method=\"_OTHER\"", "status_code=\"404\"", "} 1"));
        Assert.DoesNotContain("Oslo", text, StringComparison.Ordinal);
    }

    private static bool HasAll(string line, params string[] parts) =>
        parts.All(part => line.Contains(part, StringComparison.Ordinal));

    [Fact]
    public async Task Metrics_show_every_meter_of_the_product()
    {
        using var meter = new System.Diagnostics.Metrics.Meter("OrleansGeo.Tests");
        meter.CreateObservableGauge("orleansgeo.queue.length", () => 3, description: "a \"queue\"");
        var counter = meter.CreateCounter<long>("orleansgeo.commits", description: "Commits.");
        counter.Add(2, new KeyValuePair<string, object?>("node", "n\"1"));
        counter.Add(3, new KeyValuePair<string, object?>("node", "n\"1"));
        using var foreign = new System.Diagnostics.Metrics.Meter("Foreign");
        foreign.CreateCounter<long>("foreign").Add(1);
        var text = (await _api.SendAsync("GET", "/metrics")).Is(200).Text;
        Assert.Contains("# TYPE orleansgeo_queue_length gauge\norleansgeo_queue_length 3\n", text, StringComparison.Ordinal);
        Assert.Contains(
            "# TYPE orleansgeo_commits_total counter\norleansgeo_commits_total{node=\"n\\\"1\"} 5\n", text, StringComparison.Ordinal);
        Assert.DoesNotContain("foreign", text, StringComparison.Ordinal);
    }
}
