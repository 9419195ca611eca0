using System.Text.Json;

namespace OrleansGeo.Tests.Api;

public sealed class RowTests : IAsyncLifetime
{
    private ApiFixture _api = null!;

    public async ValueTask InitializeAsync() => _api = await ApiFixture.StartAsync();

    public ValueTask DisposeAsync() => _api.DisposeAsync();

    [Fact]
    public async Task A_put_creates_and_then_replaces()
    {
        var created = (await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", """{"pop":1}""")).Is(201);
        Assert.Equal($"{ApiFixture.Rows}/Oslo", created.Headers.Location.ToString());
        Assert.Equal(1, created.Json.GetProperty("pop").GetInt64());
        var replaced = (await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", """{"capital":true,"name":"Oslo"}""")).Is(200);
        Assert.False(replaced.Headers.ContainsKey("Location"));
        Assert.Equal(7, replaced.Json.GetProperty("pop").GetInt64());
        Assert.NotEqual(created.ETag, replaced.ETag);
    }

    [Fact]
    public async Task A_get_gives_the_bare_row_with_all_columns_and_its_version_as_entity_tag()
    {
        var put = await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", """
            {"pop":"9007199254740993","area":1.5,"price":"12.50","capital":true,"id":"123e4567-e89b-12d3-a456-426614174000",
             "founded":"1048-01-01T01:00:00.123456789+01:00","crest":"AQI=","doc":{"b":[1,{}],"a":null}}
            """);
        var got = (await _api.SendAsync("GET", $"{ApiFixture.Rows}/Oslo")).Is(200);
        Assert.Equal(
            """{"name":"Oslo","pop":9007199254740993,"area":1.5,"price":"12.5","capital":true,"""
            + "\"id\":\"123e4567-e89b-12d3-a456-426614174000\",\"founded\":\"1048-01-01T00:00:00.123456789Z\","
            + "\"crest\":\"AQI=\",\"doc\":{\"a\":null,\"b\":[1,{}]},\"state\":\"none\"}",
            got.Text);
        Assert.Equal(put.ETag, got.ETag);
        Assert.Matches("^\"[0-9]+\\.[0-9]{5}\"$", got.ETag);
        Assert.Equal("application/json", got.ContentType);
    }

    [Fact]
    public async Task An_absent_row_is_404() =>
        (await _api.SendAsync("GET", $"{ApiFixture.Rows}/Oslo")).IsProblem(404, "unknown-row", "key");

    [Fact]
    public async Task What_was_read_can_be_put_back()
    {
        await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", """{"doc":{"x":"é\u0000"},"pop":null}""");
        var got = await _api.SendAsync("GET", $"{ApiFixture.Rows}/Oslo");
        var put = (await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", got.Body)).Is(200);
        Assert.Equal(got.Text, put.Text);
        Assert.Equal(JsonValueKind.Null, put.Json.GetProperty("pop").ValueKind);
    }

    [Fact]
    public async Task Key_columns_in_a_body_must_equal_the_path() =>
        (await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", """{"name":"Bergen"}""")).IsProblem(422, "key-mismatch", "name");

    [Fact]
    public async Task A_patch_changes_the_named_columns_and_null_clears()
    {
        await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", """{"pop":1,"area":2.5}""");
        var patched = (await _api.SendAsync(
            "PATCH", $"{ApiFixture.Rows}/Oslo", """{"pop":null,"price":3}""", ("Content-Type", "application/merge-patch+json"))).Is(200);
        Assert.Equal(JsonValueKind.Null, patched.Json.GetProperty("pop").ValueKind);
        Assert.Equal(2.5, patched.Json.GetProperty("area").GetDouble());
        Assert.Equal("3", patched.Json.GetProperty("price").GetString());
        (await _api.SendAsync("PATCH", $"{ApiFixture.Rows}/Bergen", """{"pop":1}""")).IsProblem(404, "unknown-row", "key");
        (await _api.SendAsync("PATCH", $"{ApiFixture.Rows}/Oslo", """{"state":null}""")).IsProblem(422, "null-not-allowed", "state");
    }

    [Fact]
    public async Task A_delete_is_204_and_then_404()
    {
        await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", "{}");
        var deleted = (await _api.SendAsync("DELETE", $"{ApiFixture.Rows}/Oslo")).Is(204);
        Assert.Empty(deleted.Body);
        (await _api.SendAsync("DELETE", $"{ApiFixture.Rows}/Oslo")).IsProblem(404, "unknown-row", "key");
        (await _api.SendAsync("GET", $"{ApiFixture.Rows}/Oslo")).Is(404);
    }

    [Fact]
    public async Task An_insert_says_where_the_row_is_and_a_duplicate_is_409()
    {
        var created = (await _api.SendAsync("POST", ApiFixture.Pairs, """{"a":"x/y","b":-3,"v":"1"}""")).Is(201);
        Assert.Equal($"{ApiFixture.Pairs}/x%2Fy/-3", created.Headers.Location.ToString());
        var got = (await _api.SendAsync("GET", created.Headers.Location.ToString())).Is(200);
        Assert.Equal(created.ETag, got.ETag);
        var duplicate = await _api.SendAsync("POST", ApiFixture.Pairs, """{"a":"x/y","b":-3}""");
        duplicate.IsProblem(409, "row-exists", "key");
        Assert.False(duplicate.Problem.GetProperty("retryable").GetBoolean());
        (await _api.SendAsync("POST", ApiFixture.Pairs, """{"a":"x"}""")).IsProblem(422, "null-not-allowed", "b");
        (await _api.SendAsync("POST", ApiFixture.Pairs, """{"a":"x","b":null}""")).IsProblem(422, "null-not-allowed", "b");
    }

    [Fact]
    public async Task Preconditions_on_writes_hold_or_give_412()
    {
        var one = (await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", """{"pop":1}""", ("If-None-Match", "*"))).Is(201);
        (await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", "{}", ("If-None-Match", "*"))).IsProblem(412, "precondition-failed", null);
        var two = (await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", """{"pop":2}""", ("If-Match", $"\"other\", {one.ETag}"))).Is(200);
        (await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", "{}", ("If-Match", one.ETag))).Is(412);
        (await _api.SendAsync("PATCH", $"{ApiFixture.Rows}/Oslo", "{}", ("If-None-Match", $"W/{two.ETag}"))).Is(412);
        (await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Bergen", "{}", ("If-Match", "*"))).Is(412);
        (await _api.SendAsync("DELETE", $"{ApiFixture.Rows}/Oslo", null as string, ("If-Match", two.ETag))).Is(204);
    }

    [Theory]
    [InlineData("\"not-a-version\"")]
    [InlineData("W/\"1763704800000.00001\"")]
    [InlineData("\"\"")]
    public async Task A_tag_that_no_row_has_fails_and_is_never_taken_for_no_condition(string tag)
    {
        await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", """{"pop":1}""");
        (await _api.SendAsync("DELETE", $"{ApiFixture.Rows}/Oslo", null as string, ("If-Match", tag))).Is(412);
        (await _api.SendAsync("GET", $"{ApiFixture.Rows}/Oslo")).Is(200);
    }

    [Fact]
    public async Task Preconditions_on_reads_give_304_and_412()
    {
        var put = await _api.SendAsync("PUT", $"{ApiFixture.Rows}/Oslo", "{}");
        var unchanged = (await _api.SendAsync("GET", $"{ApiFixture.Rows}/Oslo", null as string, ("If-None-Match", $"\"x\", W/{put.ETag}")))
            .Is(304);
        Assert.Empty(unchanged.Body);
        Assert.Equal(put.ETag, unchanged.ETag);
        (await _api.SendAsync("GET", $"{ApiFixture.Rows}/Oslo", null as string, ("If-None-Match", "\"x\""))).Is(200);
        (await _api.SendAsync("GET", $"{ApiFixture.Rows}/Oslo", null as string, ("If-Match", put.ETag))).Is(200);
        (await _api.SendAsync("GET", $"{ApiFixture.Rows}/Oslo", null as string, ("If-Match", "\"x\"")))
            .IsProblem(412, "precondition-failed", "If-Match");
        (await _api.SendAsync("GET", $"{ApiFixture.Rows}/Bergen", null as string, ("If-Match", "*")))
            .IsProblem(412, "precondition-failed", "If-Match");
    }

    [Fact]
    public async Task A_retry_with_the_same_idempotency_key_is_applied_once()
    {
        var first = (await _api.SendAsync("POST", ApiFixture.Pairs, """{"a":"k","b":1}""", ("Idempotency-Key", "\"abc\""))).Is(201);
        var again = (await _api.SendAsync("POST", ApiFixture.Pairs, """{"a":"k","b":1}""", ("Idempotency-Key", "abc"))).Is(201);
        Assert.Equal(first.ETag, again.ETag);
        (await _api.SendAsync("POST", ApiFixture.Pairs, """{"a":"k","b":2}""", ("Idempotency-Key", "abc")))
            .IsProblem(422, "idempotency-mismatch", "Idempotency-Key");
    }

    [Fact]
    public async Task A_batch_gives_each_write_its_own_outcome()
    {
        await _api.SendAsync("PUT", $"{ApiFixture.Pairs}/x/1", """{"v":"old"}""");
        var reply = (await _api.SendAsync("POST", "/v1/databases/geo/tables/pair/rows:batch", """
            {"writes":[{"op":"put","key":["x",1],"row":{"v":"new"}},{"op":"insert","row":{"a":"x","b":1}},
                       {"op":"insert","row":{"a":"x","b":2}},
                       {"op":"merge","key":["y",9],"row":{"v":"z"}},{"op":"delete","key":["x",2]},
                       {"op":"put","key":["x",3],"row":{},"ifMatch":"*"},
                       {"op":"put","key":["x",4],"row":{},"ifNoneMatch":"*"}]}
            """)).Is(200);
        var results = reply.Json.GetProperty("results").EnumerateArray().ToArray();
        Assert.Equal([200, 409, 201, 404, 204, 412, 201], results.Select(result => result.GetProperty("status").GetInt32()));
        Assert.Equal("row-exists", results[1].GetProperty("problem").GetProperty("code").GetString());
        Assert.Equal("""["x",2]""", results[2].GetProperty("key").GetRawText());
        Assert.Equal(
            results[0].GetProperty("version").GetString(), (await _api.SendAsync("GET", $"{ApiFixture.Pairs}/x/1")).ETag.Trim('"'));
    }

    [Theory]
    [InlineData("""{"writes":[{"op":"put","key":["x",1],"row":{"v":1}}]}""", 422, "wrong-type", "writes[0].row.v")]
    [InlineData("""{"writes":[{"op":"put","key":["x","y"],"row":{}}]}""", 422, "wrong-type", "writes[0].key[1]")]
    [InlineData("""{"writes":[{"op":"put","key":["x"],"row":{}}]}""", 422, "wrong-key-length", "writes[0].key")]
    [InlineData("""{"writes":[{"op":"put","row":{"a":"x"}}]}""", 422, "missing-member", "writes[0].key")]
    [InlineData("""{"writes":[{"op":"put","key":["x",1],"row":{"a":"y"}}]}""", 422, "key-mismatch", "writes[0].row.a")]
    [InlineData("""{"writes":[{"op":"set","key":["x",1],"row":{}}]}""", 422, "unknown-value", "writes[0].op")]
    [InlineData("""{"writes":[{"op":"put","key":["x",1],"row":{},"ifmatch":"*"}]}""", 422, "unknown-member", "writes[0].ifmatch")]
    [InlineData("""{"writes":[{"op":"delete","key":["x",1],"row":{}}]}""", 422, "unknown-member", "writes[0].row")]
    [InlineData("""{"writes":[{"op":"put","key":["x",1]}]}""", 422, "missing-member", "writes[0].row")]
    [InlineData("""{"writes":[{"key":["x",1],"row":{}}]}""", 422, "missing-member", "writes[0].op")]
    [InlineData("""{"writes":[{"op":"put","key":["x",1],"row":{},"ifMatch":"\"a"}]}""", 422, "bad-tag", "writes[0].ifMatch")]
    [InlineData("""{"writes":[]}""", 422, "empty-list", "writes")]
    [InlineData("""{"writes":{}}""", 422, "wrong-type", "writes")]
    [InlineData("""{}""", 422, "missing-member", "writes")]
    [InlineData("""[]""", 422, "wrong-type", "body")]
    public async Task A_batch_with_a_bad_write_is_refused_whole(string body, int status, string code, string field) =>
        (await _api.SendAsync("POST", "/v1/databases/geo/tables/pair/rows:batch", body)).IsProblem(status, code, field);

    [Fact]
    public async Task A_batch_of_too_many_writes_is_413()
    {
        var writes = string.Join(
            ',', Enumerable.Range(0, GeoLimits.BatchWritesMax + 1).Select(i => "{\"op\":\"put\",\"key\":[\"x\"," + i + "],\"row\":{}}"));
        (await _api.SendAsync("POST", "/v1/databases/geo/tables/pair/rows:batch", "{\"writes\":[" + writes + "]}"))
            .IsProblem(413, "too-many-writes", "writes");
    }
}
