namespace OrleansGeo.Tests.Api;

public sealed class TransactionTests : IAsyncLifetime
{
    private const string Target = "/v1/databases/geo/transactions";
    private ApiFixture _api = null!;

    public async ValueTask InitializeAsync() => _api = await ApiFixture.StartAsync();

    public ValueTask DisposeAsync() => _api.DisposeAsync();

    private Task<Reply> TransactAsync(string body, params (string Name, string Value)[] headers) =>
        _api.SendAsync("POST", Target, body, headers);

    [Fact]
    public async Task A_transaction_answers_what_it_read_and_what_it_wrote()
    {
        var oslo = await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", """{"pop":5,"price":"1.50"}""");
        await _api.SendAsync("PUT", $"{ApiFixture.Pairs}/x/1", """{"v":"old"}""");
        var reply = (await TransactAsync($$$"""
            {"isolation":"strict",
             "reads":[{"table":"pair","key":["x",1]},{"table":"city","key":["Bern"]},{"table":"city","key":["Oslo"]}],
             "conditions":[{"table":"city","key":["Oslo"],"exists":true},{"table":"city","key":["Bern"],"exists":false},
               {"table":"city","key":["Oslo"],"version":{{{oslo.ETag}}}},
               {"table":"city","key":["Oslo"],"field":"pop","op":">=","value":5},
               {"table":"city","key":["Oslo"],"field":"price","op":"<","value":"1.6"}],
             "writes":[{"op":"increment","table":"city","key":["Oslo"],"field":"pop","by":-5},
               {"op":"insert","table":"city","row":{"name":"Bern","pop":5}},
               {"op":"merge","table":"pair","key":["x",1],"row":{"v":null}},
               {"op":"put","table":"pair","key":["x",2],"row":{"v":"new"},"ifNoneMatch":"*"}]}
            """)).Is(200);
        var body = reply.Json;
        var timestamp = body.GetProperty("commitTimestamp").GetString();
        var reads = body.GetProperty("reads").EnumerateArray().ToArray();
        Assert.Equal("""{"a":"x","b":1,"v":"old"}""", reads[0].GetProperty("row").GetRawText());
        Assert.Equal("""{"table":"city","key":["Bern"],"row":null,"version":null}""", reads[1].GetRawText());
        Assert.Equal(5, reads[2].GetProperty("row").GetProperty("pop").GetInt64());
        Assert.Equal(oslo.ETag.Trim('"'), reads[2].GetProperty("version").GetString());
        (string Key, string Created)[] written =
            [("[\"Oslo\"]", "false"), ("[\"Bern\"]", "true"), ("[\"x\",1]", "false"), ("[\"x\",2]", "true")];
        var expected = written.Select(one => $$"""{"key":{{one.Key}},"version":"{{timestamp}}","created":{{one.Created}}}""");
        Assert.Equal(expected, body.GetProperty("writes").EnumerateArray().Select(one => one.GetRawText()));
        Assert.True(reply.Headers.ContainsKey("Geo-Session") && reply.Headers.ContainsKey("Geo-Rtt"));

        var after = (await _api.SendAsync("GET", $"{ApiFixture.Rows}/Oslo")).Is(200);
        Assert.Equal(($"\"{timestamp}\"", 0), (after.ETag, after.Json.GetProperty("pop").GetInt64()));
        (await TransactAsync("""{"writes":[{"op":"delete","table":"city","key":["Oslo"]}]}""")).Is(200);
        (await _api.SendAsync("GET", $"{ApiFixture.Rows}/Oslo")).Is(404);
    }

    [Fact]
    public async Task What_is_left_out_is_nothing_and_the_isolation_is_serializable()
    {
        (await TransactAsync("""{"reads":[{"table":"city","key":["Oslo"]}],"writes":null}""")).Is(200);
        Assert.Equal(TransactionIsolation.Serializable, _api.Store.LastTransaction!.Isolation);
        (await TransactAsync("""{"isolation":"strict","reads":[{"table":"city","key":["Oslo"]}]}""")).Is(200);
        Assert.Equal(TransactionIsolation.Strict, _api.Store.LastTransaction!.Isolation);
        var nothing = await TransactAsync("{}");
        nothing.IsProblem(400, "empty-transaction", "writes");
    }

    [Fact]
    public async Task A_condition_that_does_not_hold_is_412_and_names_it_and_what_was_found()
    {
        var oslo = await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", """{"pop":4}""");
        var reply = await TransactAsync("""
            {"conditions":[{"table":"city","key":["Oslo"],"exists":true},{"table":"city","key":["Oslo"],"field":"pop","op":">=","value":5}],
             "writes":[{"op":"increment","table":"city","key":["Oslo"],"field":"pop","by":-5}]}
            """);
        reply.IsProblem(412, "condition-failed", "conditions[1]");
        Assert.Equal("city", reply.Problem.GetProperty("facts").GetProperty("table").GetString());
        Assert.Equal(oslo.ETag.Trim('"'), reply.Problem.GetProperty("facts").GetProperty("found").GetString());
        Assert.Equal(4, (await _api.SendAsync("GET", $"{ApiFixture.Rows}/Oslo")).Json.GetProperty("pop").GetInt64());
    }

    [Theory]
    [InlineData("""{"op":"insert","table":"city","key":["Oslo"],"row":{}}""", 409, "row-exists")]
    [InlineData("""{"op":"merge","table":"city","key":["Bern"],"row":{}}""", 404, "unknown-row")]
    [InlineData("""{"op":"delete","table":"city","key":["Bern"]}""", 404, "unknown-row")]
    [InlineData("""{"op":"increment","table":"city","key":["Bern"],"field":"pop","by":1}""", 404, "unknown-row")]
    [InlineData("""{"op":"increment","table":"city","key":["Oslo"],"field":"pop","by":9223372036854775807}""", 422, "out-of-range")]
    [InlineData("""{"op":"put","table":"city","key":["Oslo"],"row":{},"ifNoneMatch":"*"}""", 412, "precondition-failed")]
    [InlineData("""{"op":"put","table":"city","key":["Rome"],"row":{}}""", 422, "duplicate-write")]
    public async Task A_write_that_is_refused_is_named_and_nothing_is_written(string write, int status, string code)
    {
        await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", """{"pop":4}""");
        (await TransactAsync("{\"writes\":[{\"op\":\"put\",\"table\":\"city\",\"key\":[\"Rome\"],\"row\":{}}," + write + "]}"))
            .IsProblem(status, code, "writes[1]");
        (await _api.SendAsync("GET", $"{ApiFixture.Rows}/Rome")).Is(404);
    }

    [Theory]
    [InlineData("""[]""", 422, "wrong-type", "body")]
    [InlineData("""{"read":[]}""", 422, "unknown-member", "read")]
    [InlineData("""{"isolation":"snapshot"}""", 422, "unknown-value", "isolation")]
    [InlineData("""{"reads":{}}""", 422, "wrong-type", "reads")]
    [InlineData("""{"reads":[{"key":["a"]}]}""", 422, "missing-member", "reads[0].table")]
    [InlineData("""{"reads":[{"table":7,"key":["a"]}]}""", 422, "wrong-type", "reads[0].table")]
    [InlineData("""{"reads":[{"table":"city"}]}""", 422, "missing-member", "reads[0].key")]
    [InlineData("""{"reads":[{"table":"city","key":[1]}]}""", 422, "wrong-type", "reads[0].key[0]")]
    [InlineData("""{"reads":[{"table":"pair","key":["a"]}]}""", 422, "wrong-key-length", "reads[0].key")]
    [InlineData("""{"reads":[{"table":"city","key":["a"],"version":"1"}]}""", 422, "unknown-member", "reads[0].version")]
    [InlineData("""{"reads":[{"table":"nope","key":["a"]}]}""", 404, "unknown-table", "reads[0].table")]
    [InlineData(
        """{"reads":[{"table":"city","key":["a"]}],"writes":[{"op":"delete","table":"nope","key":["a"]}]}""",
        404, "unknown-table", "writes[0].table")]
    [InlineData("""{"conditions":[{"table":"city","key":["a"]}]}""", 422, "one-of-expected", "conditions[0]")]
    [InlineData(
        """{"conditions":[{"table":"city","key":["a"],"exists":true,"version":"1.00000"}]}""",
        422, "one-of-expected", "conditions[0]")]
    [InlineData("""{"conditions":[{"table":"city","key":["a"],"exists":1}]}""", 422, "wrong-type", "conditions[0].exists")]
    [InlineData("""{"conditions":[{"table":"city","key":["a"],"version":"x"}]}""", 422, "bad-version", "conditions[0].version")]
    [InlineData(
        """{"conditions":[{"table":"city","key":["a"],"exists":true,"op":"=","value":1}]}""", 422, "unknown-member", "conditions[0].op")]
    [InlineData("""{"conditions":[{"table":"city","key":["a"],"field":"pop","value":1}]}""", 422, "missing-member", "conditions[0].op")]
    [InlineData("""{"conditions":[{"table":"city","key":["a"],"field":"pop","op":"="}]}""", 422, "missing-member", "conditions[0].value")]
    [InlineData(
        """{"conditions":[{"table":"city","key":["a"],"field":"pop","op":"=","value":null}]}""",
        422, "missing-member", "conditions[0].value")]
    [InlineData(
        """{"conditions":[{"table":"city","key":["a"],"field":"pop","op":"==","value":1}]}""", 422, "unknown-value", "conditions[0].op")]
    [InlineData(
        """{"conditions":[{"table":"city","key":["a"],"field":"pop","op":"=","value":"x"}]}""", 422, "wrong-type", "conditions[0].value")]
    [InlineData(
        """{"conditions":[{"table":"city","key":["a"],"field":"none","op":"=","value":1}]}""",
        422, "unknown-column", "conditions[0].field")]
    [InlineData("""{"writes":[{"table":"city","key":["a"],"row":{}}]}""", 422, "missing-member", "writes[0].op")]
    [InlineData("""{"writes":[{"op":"put","table":"city","key":["a"],"row":{"pop":"x"}}]}""", 422, "wrong-type", "writes[0].row.pop")]
    [InlineData("""{"writes":[{"op":"put","table":"city","key":["a"],"row":{},"by":1}]}""", 422, "unknown-member", "writes[0].by")]
    [InlineData("""{"writes":[{"op":"put","table":"city","row":{}}]}""", 422, "missing-member", "writes[0].key")]
    [InlineData("""{"writes":[{"op":"increment","table":"city","key":["a"],"by":1}]}""", 422, "missing-member", "writes[0].field")]
    [InlineData("""{"writes":[{"op":"increment","table":"city","key":["a"],"field":"pop"}]}""", 422, "missing-member", "writes[0].by")]
    [InlineData(
        """{"writes":[{"op":"increment","table":"city","key":["a"],"field":"pop","by":1.5}]}""", 422, "wrong-type", "writes[0].by")]
    [InlineData(
        """{"writes":[{"op":"increment","table":"city","key":["a"],"field":"pop","by":1,"row":{}}]}""",
        422, "unknown-member", "writes[0].row")]
    public async Task A_transaction_that_makes_no_sense_names_the_member(string body, int status, string code, string field) =>
        (await TransactAsync(body)).IsProblem(status, code, field);

    [Theory]
    [InlineData("reads", """{"table":"city","key":["a"]}""")]
    [InlineData("conditions", """{"table":"city","key":["a"],"exists":false}""")]
    [InlineData("writes", """{"op":"delete","table":"city","key":["a"]}""")]
    public async Task A_transaction_of_too_many_steps_is_413(string name, string step)
    {
        var steps = string.Join(',', Enumerable.Repeat(step, GeoLimits.TransactionStepsMax + 1));
        (await TransactAsync($"{{\"{name}\":[{steps}]}}")).IsProblem(413, "too-many-steps", name);
    }

    [Fact]
    public async Task Only_headers_that_mean_something_to_a_transaction_are_taken()
    {
        const string Read = """{"reads":[{"table":"city","key":["a"]}]}""";
        (await TransactAsync(Read, ("Geo-Consistency", "strong"), ("Geo-Session", "s.1"), ("Geo-Timeout-Ms", "900"))).Is(200);
        Assert.Equal((900, "s.1"), (_api.Store.LastOptions!.Timeout.TotalMilliseconds, _api.Store.LastOptions.Session));
        (await TransactAsync(Read, ("Geo-Consistency", "bounded;max-ms=100")))
            .IsProblem(400, "header-not-applicable", "Geo-Consistency");
        (await TransactAsync(Read, ("If-Match", "*"))).IsProblem(400, "header-not-applicable", "If-Match");
        (await _api.SendAsync("POST", Target + "?dryRun=1", Read)).IsProblem(400, "unknown-parameter", "dryRun");
        (await _api.SendAsync("POST", "/v1/databases/nope/transactions", Read)).IsProblem(404, "unknown-database", "db");
    }

    [Fact]
    public async Task A_transaction_with_its_key_is_made_once_and_answers_the_same()
    {
        await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", """{"pop":4}""");
        const string Add = """{"writes":[{"op":"increment","table":"city","key":["Oslo"],"field":"pop","by":1}]}""";
        var first = (await TransactAsync(Add, ("Idempotency-Key", "k1"))).Is(200);
        var again = (await TransactAsync(Add, ("Idempotency-Key", "k1"))).Is(200);
        Assert.Equal(first.Text, again.Text);
        Assert.Equal(5, (await _api.SendAsync("GET", $"{ApiFixture.Rows}/Oslo")).Json.GetProperty("pop").GetInt64());
        (await TransactAsync(Add.Replace("1}", "2}", StringComparison.Ordinal), ("Idempotency-Key", "k1")))
            .IsProblem(422, "idempotency-mismatch", "Idempotency-Key");
    }

    [Fact]
    public async Task A_batch_increments_too()
    {
        await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", """{"pop":4}""");
        var reply = (await _api.SendAsync("POST", "/v1/databases/geo/tables/city/rows:batch", """
            {"writes":[{"op":"increment","key":["Oslo"],"field":"pop","by":"3"},
              {"op":"increment","key":["Bern"],"field":"pop","by":3}]}
            """)).Is(200);
        Assert.Equal(
            [200, 404], reply.Json.GetProperty("results").EnumerateArray().Select(result => result.GetProperty("status").GetInt32()));
        Assert.Equal(7, (await _api.SendAsync("GET", $"{ApiFixture.Rows}/Oslo")).Json.GetProperty("pop").GetInt64());
    }
}
