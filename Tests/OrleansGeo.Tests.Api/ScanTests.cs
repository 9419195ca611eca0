using System.Text.Json;

namespace OrleansGeo.Tests.Api;

public sealed class ScanTests : IAsyncLifetime
{
    private ApiFixture _api = null!;

    public async ValueTask InitializeAsync()
    {
        _api = await ApiFixture.StartAsync();
        foreach (var (a, b, v) in new[] { ("a", 1, "x"), ("a", 2, "y"), ("a,b", 1, "50%"), ("b", -1, "it's"), ("b", 10, "x"), ("", 0, "") })
        {
            (await _api.SendAsync("POST", ApiFixture.Pairs, JsonSerializer.Serialize(new { a, b, v }))).Is(201);
        }
    }

    public ValueTask DisposeAsync() => _api.DisposeAsync();

    [Theory]
    [InlineData("", "/0 a/1 a/2 a,b/1 b/-1 b/10")]
    [InlineData("order=desc", "b/10 b/-1 a,b/1 a/2 a/1 /0")]
    [InlineData("prefix=a", "a/1 a/2")]
    [InlineData("prefix=a,2", "a/2")]
    [InlineData("prefix=a%252Cb", "a,b/1")]
    [InlineData("prefix=%27a,b%27", "a,b/1")]
    [InlineData("prefix='a,b',1", "a,b/1")]
    [InlineData("prefix=''", "/0")]
    [InlineData("from=a,2", "a/2 a,b/1 b/-1 b/10")]
    [InlineData("from=a,2&to=b", "a/2 a,b/1")]
    [InlineData("to=b,10", "/0 a/1 a/2 a,b/1 b/-1")]
    [InlineData("from=a,2&to=b&order=desc", "a,b/1 a/2")]
    [InlineData("where=v=x", "a/1 b/10")]
    [InlineData("where=v%20%3D%20x,b%20%3E%205", "b/10")]
    [InlineData("where=v+!=+x,b>=1", "a/2 a,b/1")]
    [InlineData("where=v=50%2525", "a,b/1")]
    [InlineData("where=v='it''s'", "b/-1")]
    [InlineData("where=v=''", "/0")]
    [InlineData("where=v<='x',v>'it'", "a/1 b/-1 b/10")]
    [InlineData("where=a<b,b<2", "/0 a/1 a,b/1")]
    public async Task A_scan_gives_the_rows_that_were_asked_for(string query, string keys)
    {
        var page = (await _api.SendAsync("GET", $"{ApiFixture.Pairs}{(query.Length == 0 ? "" : "?" + query)}")).Is(200).Json;
        Assert.Equal(keys, string.Join(' ', Keys(page)));
        Assert.Equal(JsonValueKind.Null, page.GetProperty("next").ValueKind);
    }

    [Fact]
    public async Task A_row_of_a_page_has_key_version_and_columns()
    {
        var page = (await _api.SendAsync("GET", $"{ApiFixture.Pairs}?prefix=b,10")).Is(200);
        var version = (await _api.SendAsync("GET", $"{ApiFixture.Pairs}/b/10")).ETag.Trim('"');
        Assert.Equal(
            "{\"rows\":[{\"key\":[\"b\",10],\"version\":\"" + version + "\",\"row\":{\"a\":\"b\",\"b\":10,\"v\":\"x\"}}],\"next\":null}",
            page.Text);
    }

    [Fact]
    public async Task Pages_pin_one_timestamp()
    {
        var first = (await _api.SendAsync("GET", $"{ApiFixture.Pairs}?limit=2")).Is(200);
        await _api.SendAsync("DELETE", $"{ApiFixture.Pairs}/a/2");
        await _api.SendAsync("POST", ApiFixture.Pairs, """{"a":"a","b":7}""");
        var keys = Keys(first.Json).ToList();
        var next = first.Json.GetProperty("next").GetString();
        while (next is not null)
        {
            var page = (await _api.SendAsync("GET", $"{ApiFixture.Pairs}?limit=2&page={Uri.EscapeDataString(next)}")).Is(200);
            Assert.Equal(first.Headers["Geo-Read-Timestamp"].ToString(), page.Headers["Geo-Read-Timestamp"].ToString());
            keys.AddRange(Keys(page.Json));
            next = page.Json.GetProperty("next").GetString();
        }

        Assert.Equal("/0 a/1 a/2 a,b/1 b/-1 b/10", string.Join(' ', keys));
        (await _api.SendAsync("GET", $"{ApiFixture.Pairs}?limit=2&order=desc&page={first.Json.GetProperty("next").GetString()}"))
            .IsProblem(400, "bad-page", "page");
    }

    [Fact]
    public async Task A_slash_behind_rows_names_the_row_of_the_empty_string()
    {
        (await _api.SendAsync("GET", $"{ApiFixture.Rows}/")).IsProblem(404, "unknown-row", "key");
        (await _api.SendAsync("PUT", $"{ApiFixture.Rows}/", "{}")).Is(201);
        Assert.Equal("", (await _api.SendAsync("GET", $"{ApiFixture.Rows}/")).Json.GetProperty("name").GetString());
        Assert.Equal(1, (await _api.SendAsync("GET", ApiFixture.Rows)).Json.GetProperty("rows").GetArrayLength());
    }

    private static IEnumerable<string> Keys(JsonElement page) =>
        page.GetProperty("rows").EnumerateArray().Select(row => string.Join('/', row.GetProperty("key").EnumerateArray()));
}
