using OrleansGeo.Primitives;

namespace OrleansGeo.Tests.Api;

public sealed class OpenTransactionTests : IAsyncLifetime
{
    private const string Target = "/v1/databases/geo/transactions";
    private ApiFixture _api = null!;

    public async ValueTask InitializeAsync() => _api = await ApiFixture.StartAsync();

    public ValueTask DisposeAsync() => _api.DisposeAsync();

    private async Task<string> BeginAsync(string? body = null) =>
        (await _api.SendAsync("POST", $"{Target}/begin", body)).Is(201).Json.GetProperty("id").GetString()!;

    private Task<Reply> PostAsync(string id, string step, string? body = null, params (string Name, string Value)[] headers) =>
        _api.SendAsync("POST", $"{Target}/{id}/{step}", body, headers);

    [Fact]
    public async Task A_transaction_is_begun_taken_step_by_step_and_committed()
    {
        await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", """{"pop":5}""");
        var begun = (await _api.SendAsync("POST", $"{Target}/begin", """{"isolation":"strict","idleTimeoutMs":1500}""")).Is(201).Json;
        Assert.Equal(("n1", 1_500), (begun.GetProperty("node").GetString(), begun.GetProperty("idleTimeoutMs").GetInt32()));
        Assert.Equal(TransactionIsolation.Strict, _api.Store.LastOpen.Begin!.Isolation);
        var id = begun.GetProperty("id").GetString()!;

        var wrote = (await PostAsync(id, "write", """
            {"writes":[{"op":"increment","table":"city","key":["Oslo"],"field":"pop","by":2},
                       {"op":"insert","table":"pair","row":{"a":"x","b":1,"v":"new"}}]}
            """, ("Idempotency-Key", "k1"))).Is(200);
        Assert.Equal("""{"writes":[{"key":["Oslo"]},{"key":["x",1]}]}""", wrote.Json.GetRawText());
        var read = (await PostAsync(id, "read", """{"reads":[{"table":"city","key":["Oslo"]},{"table":"city","key":["Rome"]}]}"""))
            .Is(200).Json.GetProperty("reads");
        Assert.Equal(7, read[0].GetProperty("row").GetProperty("pop").GetInt64());
        Assert.Equal(System.Text.Json.JsonValueKind.Null, read[0].GetProperty("version").ValueKind);
        Assert.Equal("""{"table":"city","key":["Rome"],"row":null,"version":null}""", read[1].GetRawText());
        var page = (await _api.SendAsync("GET", $"{Target}/{id}/tables/pair/rows?prefix=x&where=v%3Dnew&limit=5")).Is(200).Json;
        Assert.Equal("""{"rows":[{"key":["x",1],"version":null,"row":{"a":"x","b":1,"v":"new"}}],"next":null}""", page.GetRawText());
        (await _api.SendAsync("GET", $"{ApiFixture.Pairs}/x/1")).Is(404);

        (await PostAsync(id, "savepoint", """{"name":"here"}""")).Is(204);
        (await PostAsync(id, "write", """{"writes":[{"op":"delete","table":"pair","key":["x",1]}]}""")).Is(200);
        (await PostAsync(id, "rollback", """{"to":"here"}""")).Is(204);
        var done = (await PostAsync(id, "commit")).Is(200);
        var timestamp = done.Json.GetProperty("commitTimestamp").GetString();
        Assert.Equal(
            $$"""[{"key":["Oslo"],"version":"{{timestamp}}","created":false},{"key":["x",1],"version":"{{timestamp}}","created":true}]""",
            done.Json.GetProperty("writes").GetRawText());
        Assert.True(done.Headers.ContainsKey("Geo-Session") && done.Headers.ContainsKey("Geo-Rtt"));
        Assert.Equal(timestamp, (await PostAsync(id, "commit")).Is(200).Json.GetProperty("commitTimestamp").GetString());
        Assert.Equal(7, (await _api.SendAsync("GET", $"{ApiFixture.Rows}/Oslo")).Is(200).Json.GetProperty("pop").GetInt64());
        (await PostAsync(id, "rollback")).IsProblem(422, "transaction-ended", "id");
    }

    [Fact]
    public async Task What_others_changed_is_a_conflict_that_says_to_begin_again()
    {
        await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", """{"pop":5}""");
        var id = await BeginAsync();
        (await PostAsync(id, "read", """{"reads":[{"table":"city","key":["Oslo"]}]}""")).Is(200);
        (await PostAsync(id, "write", """{"writes":[{"op":"put","table":"city","key":["Rome"],"row":{}}]}""")).Is(200);
        await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", """{"pop":6}""");
        var problem = await PostAsync(id, "commit");
        problem.IsProblem(409, "transaction-conflict", null);
        Assert.True(problem.Problem.GetProperty("retryable").GetBoolean());
        (await _api.SendAsync("GET", $"{ApiFixture.Rows}/Rome")).Is(404);
    }

    [Fact]
    public async Task A_transaction_that_is_given_up_leaves_nothing()
    {
        var id = await BeginAsync("{}");
        (await PostAsync(id, "write", """{"writes":[{"op":"put","table":"city","key":["Rome"],"row":{}}]}""")).Is(200);
        (await PostAsync(id, "rollback")).Is(204);
        (await PostAsync(id, "rollback", "{}")).Is(204);
        (await _api.SendAsync("GET", $"{ApiFixture.Rows}/Rome")).Is(404);
    }

    [Fact]
    public async Task A_transaction_may_read_only_and_read_what_was()
    {
        await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", """{"pop":5}""");
        var then = (await _api.SendAsync("GET", $"{ApiFixture.Rows}/Oslo")).ETag.Trim('"');
        await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", """{"pop":6}""");
        var id = await BeginAsync($$"""{"asOf":"{{then}}"}""");
        var read = (await PostAsync(id, "read", """{"reads":[{"table":"city","key":["Oslo"]}]}""")).Is(200);
        Assert.Equal(5, read.Json.GetProperty("reads")[0].GetProperty("row").GetProperty("pop").GetInt64());
        Assert.Equal($"at;ts={then}", read.Headers["Geo-Effective-Consistency"]);
        var readOnly = await BeginAsync("""{"readOnly":true}""");
        (await PostAsync(readOnly, "write", """{"writes":[{"op":"put","table":"city","key":["Rome"],"row":{}}]}"""))
            .IsProblem(422, "transaction-read-only", "writes");
    }

    [Theory]
    [InlineData("begin", """{"isolation":"snapshot"}""", 422, "unknown-value", "isolation")]
    [InlineData("begin", """{"readOnly":"yes"}""", 422, "wrong-type", "readOnly")]
    [InlineData("begin", """{"asOf":"yesterday"}""", 422, "bad-timestamp", "asOf")]
    [InlineData("begin", """{"asOf":"9999999999999.00000"}""", 400, "timestamp-in-future", "asOf")]
    [InlineData("begin", """{"idleTimeoutMs":0}""", 422, "bad-idle-timeout", "idleTimeoutMs")]
    [InlineData("begin", """{"idleTimeoutMs":600001}""", 422, "bad-idle-timeout", "idleTimeoutMs")]
    [InlineData("begin", """{"idle":1}""", 422, "unknown-member", "idle")]
    [InlineData("t/read", """{"reads":[],"writes":[]}""", 422, "unknown-member", "writes")]
    [InlineData("t/write", """{"writes":[],"isolation":"strict"}""", 422, "unknown-member", "isolation")]
    [InlineData("t/write", """{"writes":[{"op":"put","table":"nope","key":[1],"row":{}}]}""", 404, "unknown-table", "writes[0].table")]
    [InlineData("t/savepoint", "{}", 422, "missing-member", "name")]
    [InlineData("t/rollback", """{"to":1}""", 422, "wrong-type", "to")]
    [InlineData("t/rollback", "[]", 422, "wrong-type", "body")]
    public async Task A_wrong_step_is_refused_by_name(string step, string body, int status, string code, string field) =>
        (await _api.SendAsync("POST", $"{Target}/{step}", body)).IsProblem(status, code, field);

    [Fact]
    public async Task Headers_that_make_no_sense_and_transactions_that_are_not_open_are_refused()
    {
        var id = await BeginAsync();
        (await PostAsync(id, "read", """{"reads":[]}""", ("Geo-Consistency", "bounded;max-ms=100")))
            .IsProblem(400, "header-not-applicable", "Geo-Consistency");
        (await PostAsync(id, "read", """{"reads":[]}""", ("Idempotency-Key", "k")))
            .IsProblem(400, "header-not-applicable", "Idempotency-Key");
        (await PostAsync(id, "rollback", """{"to":"nowhere"}""")).IsProblem(404, "savepoint-not-found", "to");
        (await _api.SendAsync("GET", $"{Target}/{id}/tables/pair/rows?order=up")).IsProblem(400, "bad-parameter", "order");
        (await PostAsync("t0", "commit")).IsProblem(404, "transaction-not-found", "id");
        (await _api.SendAsync("POST", "/v1/databases/nope/transactions/begin")).IsProblem(404, "unknown-database", "db");
        (await _api.SendAsync("GET", $"{Target}/begin")).Is(405);
    }
}
