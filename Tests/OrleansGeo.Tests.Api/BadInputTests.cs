using System.Text;

namespace OrleansGeo.Tests.Api;

public sealed class BadInputTests : IAsyncLifetime
{
    private const string Databases = "/v1/databases";
    private const string Tables = "/v1/databases/geo/tables";
    private ApiFixture _api = null!;

    public async ValueTask InitializeAsync() => _api = await ApiFixture.StartAsync();

    public ValueTask DisposeAsync() => _api.DisposeAsync();

    [Theory]
    [InlineData("{\"pop\":1,\n  oops}", "2", "3")]
    [InlineData("{\"pop\":", "1", "8")]
    [InlineData("{} {}", "1", "4")]
    [InlineData("{\"pop\":01}", "1", "9")]
    public async Task Malformed_json_is_400_and_says_where(string body, string line, string position)
    {
        var reply = await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", body);
        reply.IsProblem(400, "malformed-json", "body");
        Assert.Equal(line, reply.Problem.GetProperty("facts").GetProperty("line").GetString());
        Assert.Equal(position, reply.Problem.GetProperty("facts").GetProperty("position").GetString());
    }

    [Fact]
    public async Task A_body_that_is_not_text_or_not_there_is_400()
    {
        (await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", "{\"state\":\"\u00ff\"}"u8.ToArray()[..^3]))
            .IsProblem(400, "not-utf8", "body");
        (await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", "")).IsProblem(400, "body-expected", "body");
        (await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo")).IsProblem(400, "body-expected", "body");
        (await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", """{"\ud800":1}""")).IsProblem(400, "bad-text", "body");
        (await _api.SendAsync("POST", Databases, """{"\ud800":1}""")).IsProblem(400, "bad-text", "body");
    }

    [Theory]
    [InlineData("""{"pop":"x"}""", "wrong-type", "pop")]
    [InlineData("""{"pop":1.5}""", "wrong-type", "pop")]
    [InlineData("""{"pop":9223372036854775808}""", "wrong-type", "pop")]
    [InlineData("""{"pop":true}""", "wrong-type", "pop")]
    [InlineData("""{"area":1e999}""", "wrong-type", "area")]
    [InlineData("""{"area":"NaN"}""", "wrong-type", "area")]
    [InlineData("""{"price":"1e50"}""", "wrong-type", "price")]
    [InlineData("""{"capital":"true"}""", "wrong-type", "capital")]
    [InlineData("""{"id":"123"}""", "wrong-type", "id")]
    [InlineData("""{"founded":"2025-02-30T00:00:00Z"}""", "wrong-type", "founded")]
    [InlineData("""{"crest":"***"}""", "wrong-type", "crest")]
    [InlineData("""{"doc":{"a":1,"a":2}}""", "wrong-type", "doc")]
    [InlineData("""{"state":"\ud800"}""", "wrong-type", "state")]
    [InlineData("""{"state":1}""", "wrong-type", "state")]
    [InlineData("""{"state":null}""", "null-not-allowed", "state")]
    [InlineData("""{"Pop":1}""", "unknown-column", "Pop")]
    [InlineData("""{"pop":1,"pop":1}""", "duplicate-member", "pop")]
    [InlineData("""{"name":null}""", "null-not-allowed", "name")]
    [InlineData("""[1]""", "wrong-type", "body")]
    [InlineData("""null""", "wrong-type", "body")]
    public async Task A_row_that_does_not_fit_its_table_names_the_column(string body, string code, string field)
    {
        (await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", body)).IsProblem(422, code, field);
        (await _api.SendAsync("GET", $"{ApiFixture.Rows}/Oslo")).Is(404);
    }

    [Fact]
    public async Task A_json_column_of_64_levels_is_kept_and_one_of_65_refused()
    {
        static string Deep(int levels) => "{\"doc\":" + new string('[', levels) + new string(']', levels) + "}";
        (await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", Deep(64))).Is(201);
        (await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", Deep(65))).IsProblem(422, "wrong-type", "doc");
        (await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", Deep(5_000))).IsProblem(400, "malformed-json", "body");
    }

    [Fact]
    public async Task A_row_over_1_MiB_is_413_and_so_is_a_body_that_no_row_needs()
    {
        (await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", $$"""{"state":"{{new string('x', 1000 * 1000)}}"}""")).Is(201);
        (await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", $$"""{"state":"{{new string('x', (1024 * 1024) + 1)}}"}"""))
            .IsProblem(413, "row-too-large", "body");
        (await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", new byte[(6 * 1024 * 1024) + 65_537]))
            .IsProblem(413, "body-too-large", "body");
        (await _api.SendAsync("POST", Databases, new byte[(1024 * 1024) + 1])).IsProblem(413, "body-too-large", "body");
    }

    [Fact]
    public async Task A_body_of_unknown_length_is_cut_at_the_limit_too()
    {
        var http = await _api.Server.SendAsync(context =>
        {
            context.Request.Method = "POST";
            context.Request.Path = Databases;
            context.Request.Body = new MemoryStream(Encoding.UTF8.GetBytes("[" + new string(' ', 1024 * 1024) + "]"));
        }, TestContext.Current.CancellationToken);
        Assert.Equal(413, http.Response.StatusCode);
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/json; charset=utf-16")]
    [InlineData("application/merge-patch+json")]
    [InlineData("nonsense")]
    public async Task A_body_of_another_type_is_415(string type) =>
        (await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", "{}", ("Content-Type", type)))
            .IsProblem(415, "unsupported-media-type", "Content-Type");

    [Theory]
    [InlineData("text/html", 406)]
    [InlineData("application/json;q=0, */*", 406)]
    [InlineData("text/html, application/*;q=0.1", 200)]
    [InlineData("*/*", 200)]
    public async Task An_answer_that_is_not_accepted_is_406(string accept, int status) =>
        Assert.Equal(status, (await _api.SendAsync("GET", "/v1/cluster", null as string, ("Accept", accept))).Status);

    [Theory]
    [InlineData("GET", "/nowhere", 404, "unknown-path")]
    [InlineData("GET", "/v1/databases/geo/transactions", 405, "method-not-allowed")]
    [InlineData("POST", "/v1/databases/geo/transactions/begin/again/and/again", 404, "unknown-path")]
    [InlineData("GET", "/v1/operations", 404, "unknown-path")]
    [InlineData("DELETE", "/v1/cluster", 405, "method-not-allowed")]
    [InlineData("PATCH", "/v1/databases/geo", 405, "method-not-allowed")]
    [InlineData("POST", "/v1/databases/geo/tables/city/rows/Oslo", 405, "method-not-allowed")]
    public async Task Unknown_paths_and_methods_are_problems(string method, string path, int status, string code) =>
        (await _api.SendAsync(method, path)).IsProblem(status, code, null);

    [Theory]
    [InlineData("{}", "missing-member", "name")]
    [InlineData("""{"name":"x","regions":["us-east1"]}""", "missing-member", "primaryRegion")]
    [InlineData("""{"name":"x","primaryRegion":"us-east1"}""", "missing-member", "regions")]
    [InlineData("""{"name":"x","primaryRegion":"us-east1","regions":"us-east1"}""", "wrong-type", "regions")]
    [InlineData("""{"name":"x","primaryRegion":"us-east1","regions":["us-east1",7]}""", "wrong-type", "regions[1]")]
    [InlineData("""{"name":7,"primaryRegion":"us-east1","regions":["us-east1"]}""", "wrong-type", "name")]
    [InlineData("""{"name":"Geo","primaryRegion":"us-east1","regions":["us-east1"]}""", "bad-name", "name")]
    [InlineData("""{"name":"","primaryRegion":"us-east1","regions":["us-east1"]}""", "bad-name", "name")]
    [InlineData("""{"name":"1a","primaryRegion":"us-east1","regions":["us-east1"]}""", "bad-name", "name")]
    [InlineData("""{"name":"a.b","primaryRegion":"us-east1","regions":["us-east1"]}""", "bad-name", "name")]
    [InlineData("""{"name":"x","primaryRegion":"mars","regions":["mars"]}""", "unknown-region", "regions")]
    [InlineData("""{"name":"x","primaryRegion":"us-east1","regions":["us-east1"],"survive":"all"}""", "unknown-value", "survive")]
    [InlineData("""{"name":"x","primaryRegion":"us-east1","regions":["us-east1"],"survive":"region"}""", "goal-cannot-be-met", "survive")]
    [InlineData("""{"name":"x","primaryRegion":"us-east1","regions":["us-east1"],"placement":1}""", "wrong-type", "placement")]
    [InlineData("""{"name":"x","primaryRegion":"us-east1","regions":["us-east1"],"colour":1}""", "unknown-member", "colour")]
    [InlineData("""{"name":"x","name":"y","primaryRegion":"us-east1","regions":["us-east1"]}""", "duplicate-member", "name")]
    public async Task A_database_that_cannot_be_names_the_member(string body, string code, string field) =>
        (await _api.SendAsync("POST", Databases, body)).IsProblem(422, code, field);

    [Theory]
    [InlineData("""{"name":"x","primaryKey":["k"]}""", "missing-member", "columns")]
    [InlineData("""{"name":"x","columns":[{"name":"k","type":"string"}]}""", "missing-member", "primaryKey")]
    [InlineData("""{"name":"x","columns":[{"name":"k","type":"text"}],"primaryKey":["k"]}""", "unknown-value", "columns[0].type")]
    [InlineData("""{"name":"x","columns":[{"name":"k"}],"primaryKey":["k"]}""", "missing-member", "columns[0].type")]
    [InlineData(
        """{"name":"x","columns":[{"name":"k","type":"string","size":1}],"primaryKey":["k"]}""",
        "unknown-member", "columns[0].size")]
    [InlineData("""{"name":"x","columns":[{"name":"k ","type":"string"}],"primaryKey":["k"]}""", "bad-name", "columns[0].name")]
    [InlineData("""{"name":"x","columns":["k"],"primaryKey":["k"]}""", "wrong-type", "columns[0]")]
    [InlineData(
        """{"name":"x","columns":[{"name":"k","type":"int64","default":"a"}],"primaryKey":["k"]}""",
        "wrong-type", "columns[0].default")]
    [InlineData(
        """{"name":"x","columns":[{"name":"k","type":"uuid","default":"\ud800"}],"primaryKey":["k"]}""",
        "wrong-type", "columns[0].default")]
    [InlineData(
        """{"name":"x","columns":[{"name":"k","type":"int64","nullable":true}],"primaryKey":["k"]}""",
        "key-not-nullable", "columns[0].nullable")]
    [InlineData(
        """{"name":"x","columns":[{"name":"k","type":"int64","nullable":1}],"primaryKey":["k"]}""",
        "wrong-type", "columns[0].nullable")]
    [InlineData("""{"name":"x","columns":[{"name":"k","type":"int64"}],"primaryKey":["j"]}""", "unknown-column", "primaryKey")]
    [InlineData(
        """{"name":"x","columns":[{"name":"k","type":"int64"}],"primaryKey":["k"],"locality":{"type":"global"}}""",
        "not-supported", "locality.type")]
    [InlineData(
        """{"name":"x","columns":[{"name":"k","type":"int64"}],"primaryKey":["k"],"locality":{"type":"moon"}}""",
        "unknown-value", "locality.type")]
    [InlineData(
        """{"name":"x","columns":[{"name":"k","type":"int64"}],"primaryKey":["k"],"locality":{"type":"regional","region":"mars"}}""",
        "unknown-region", "locality.region")]
    [InlineData(
        """{"name":"x","columns":[{"name":"k","type":"int64"}],"primaryKey":["k"],"locality":{"type":"regional","as":"x"}}""",
        "unknown-member", "locality.as")]
    [InlineData(
        """{"name":"x","columns":[{"name":"k","type":"int64"}],"primaryKey":["k"],"locality":"regional"}""",
        "wrong-type", "locality")]
    [InlineData("""{"name":"x","columns":[{"name":"k","type":"int64"}],"primaryKey":["k"],"indexes":[]}""", "not-supported", "indexes")]
    [InlineData(
        """{"name":"x","columns":[{"name":"k","type":"int64"}],"primaryKey":["k"],"failover":["a"]}""",
        "not-supported", "failover")]
    public async Task A_table_that_cannot_be_names_the_member(string body, string code, string field) =>
        (await _api.SendAsync("POST", Tables, body)).IsProblem(422, code, field);

    [Theory]
    [InlineData("limit=0", 400, "bad-parameter", "limit")]
    [InlineData("limit=10001", 400, "bad-parameter", "limit")]
    [InlineData("limit=ten", 400, "bad-parameter", "limit")]
    [InlineData("limit=", 400, "empty-parameter", "limit")]
    [InlineData("limit=1&limit=1", 400, "repeated-parameter", "limit")]
    [InlineData("Limit=1", 400, "unknown-parameter", "Limit")]
    [InlineData("offset=1", 400, "unknown-parameter", "offset")]
    [InlineData("order=up", 400, "bad-parameter", "order")]
    [InlineData("page=abc", 400, "bad-page", "page")]
    [InlineData("page=%FF", 400, "bad-escape", "page")]
    [InlineData("index=i", 422, "not-supported", "index")]
    [InlineData("region=us-east1", 422, "not-supported", "region")]
    [InlineData("prefix=x,y", 422, "wrong-type", "prefix")]
    [InlineData("prefix=x,1,2", 422, "wrong-key-length", "prefix")]
    [InlineData("from=x,", 400, "bad-literal", "from")]
    [InlineData("from='x", 400, "bad-literal", "from")]
    [InlineData("to=50%25", 400, "bad-literal", "to")]
    [InlineData("where=v", 400, "bad-condition", "where")]
    [InlineData("where=v~1", 400, "bad-condition", "where")]
    [InlineData("where=v=", 400, "bad-condition", "where")]
    [InlineData("where=b>x", 422, "wrong-type", "where")]
    [InlineData("where=c>1", 422, "unknown-column", "where")]
    public async Task A_scan_that_cannot_be_names_the_parameter(string query, int status, string code, string field) =>
        (await _api.SendAsync("GET", $"{ApiFixture.Pairs}?{query}")).IsProblem(status, code, field);

    [Fact]
    public async Task Parameters_are_refused_where_none_are_taken()
    {
        (await _api.SendAsync("GET", "/v1/cluster?verbose=1")).IsProblem(400, "unknown-parameter", "verbose");
        (await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo?ttl=1", "{}")).IsProblem(400, "unknown-parameter", "ttl");
        (await _api.SendAsync("GET", $"{ApiFixture.Rows}/?limit=1")).IsProblem(400, "unknown-parameter", "key");
        (await _api.SendAsync("GET", "/v1/ranges?table=city")).IsProblem(400, "bad-parameter", "table");
    }
}
