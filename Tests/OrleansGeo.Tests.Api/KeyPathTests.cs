using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OrleansGeo.Api;
using OrleansGeo.Primitives;
using OrleansGeo.Tests.Api.Model;

namespace OrleansGeo.Tests.Api;

/// <summary>Keys in paths, over the in-process server and over real Kestrel, whose decoding is what makes them delicate.</summary>
public sealed class KeyPathTests : IAsyncLifetime
{
    private ApiFixture _api = null!;

    public static TheoryData<string, string> Spellings => new()
    {
        { "Oslo", "Oslo" },
        { "%4fslo", "Oslo" },
        { "a%2Fb", "a/b" },
        { "a%2fb", "a/b" },
        { "a%252Fb", "a%2Fb" },
        { "100%25", "100%" },
        { "a+b", "a+b" },
        { "a%2Bb", "a+b" },
        { "a%20b", "a b" },
        { "S%C3%A3o%20Paulo", "São Paulo" },
        { "%F0%9F%97%BA", "🗺" },
        { "%3Fq%3D1%23f", "?q=1#f" },
        { "", "" },
        { "%2E", "." },
        { "%2e%2E", ".." },
        { "..", ".." },
        { ".", "." },
        { "a..", "a.." },
        { "%2E%2E%2Fetc", "../etc" },
        { "rows:batch", "rows:batch" },
        { "a%5Cb", "a\\b" },
        { "a;b=c", "a;b=c" },
    };

    public async ValueTask InitializeAsync() => _api = await ApiFixture.StartAsync();

    public ValueTask DisposeAsync() => _api.DisposeAsync();

    [Theory]
    [MemberData(nameof(Spellings))]
    public async Task A_key_is_what_its_segment_says(string segment, string key)
    {
        var put = (await _api.SendAsync("PUT", $"{ApiFixture.Rows}/{segment}", "{}")).Is(201);
        Assert.Equal(key, put.Json.GetProperty("name").GetString());
        (await _api.SendAsync("GET", $"{ApiFixture.Rows}/{segment}")).Is(200);
        (await _api.SendAsync("GET", put.Headers.Location.ToString())).Is(200);
        (await _api.SendAsync("DELETE", $"{ApiFixture.Rows}/{segment}")).Is(204);
        (await _api.SendAsync("GET", "/v1/databases/geo/tables/city")).Is(200);
    }

    [Theory]
    [InlineData("x/1", "x", 1)]
    [InlineData("/1", "", 1)]
    [InlineData("../-1", "..", -1)]
    [InlineData("%2E%2E/1", "..", 1)]
    [InlineData("a%2Fb/%2D1", "a/b", -1)]
    public async Task A_composite_key_has_a_segment_for_each_column(string segments, string a, long b)
    {
        var put = (await _api.SendAsync("PUT", $"{ApiFixture.Pairs}/{segments}", "{}")).Is(201);
        Assert.Equal(a, put.Json.GetProperty("a").GetString());
        Assert.Equal(b, put.Json.GetProperty("b").GetInt64());
        (await _api.SendAsync("GET", put.Headers.Location.ToString())).Is(200);
    }

    [Theory]
    [InlineData("x", 422, "wrong-key-length", "key")]
    [InlineData("x/1/2", 422, "wrong-key-length", "key")]
    [InlineData("x/", 422, "wrong-type", "b")]
    [InlineData("x/one", 422, "wrong-type", "b")]
    [InlineData("x/9223372036854775808", 422, "wrong-type", "b")]
    [InlineData("%FF/1", 400, "bad-escape", "a")]
    [InlineData("%ZZ/1", 400, "bad-escape", "a")]
    [InlineData("%/1", 400, "bad-escape", "a")]
    [InlineData("x/..", 422, "wrong-type", "b")]
    public async Task A_key_that_does_not_fit_its_table_names_the_column(string segments, int status, string code, string field)
    {
        (await _api.SendAsync("GET", $"{ApiFixture.Pairs}/{segments}")).IsProblem(status, code, field);
        (await _api.SendAsync("PUT", $"{ApiFixture.Pairs}/{segments}", "{}")).IsProblem(status, code, field);
        (await _api.SendAsync("DELETE", $"{ApiFixture.Pairs}/{segments}")).IsProblem(status, code, field);
    }

    [Theory]
    [InlineData("/v1/databases/geo/tables/city/rows/../../city")]
    [InlineData("/v1/databases/geo/tables/x/../city")]
    [InlineData("/v1/databases/%2E%2E/databases/geo")]
    [InlineData("/v1/databases/geo/tables/city/%2e")]
    public async Task A_delete_never_reaches_a_table_through_dot_segments(string target)
    {
        var reply = await _api.SendAsync("DELETE", target);
        Assert.True(reply.Status is 400 or 422 or 404, reply.Text);
        _ = reply.Problem;
        (await _api.SendAsync("GET", "/v1/databases/geo/tables/city")).Is(200);
    }

    [Fact]
    public async Task A_key_over_its_limit_is_413() =>
        (await _api.SendAsync("PUT", $"{ApiFixture.Rows}/{new string('k', GeoLimits.KeyBytesMax + 1)}", "{}"))
            .IsProblem(413, "key-too-large", "key");

    [Fact]
    public async Task A_write_without_a_key_is_405_and_says_what_is_allowed()
    {
        var reply = await _api.SendAsync("PUT", ApiFixture.Rows, "{}");
        reply.IsProblem(405, "method-not-allowed", "key");
        Assert.Equal("GET, POST", reply.Headers.Allow.ToString());
    }

    [Fact]
    public async Task Any_string_survives_the_way_into_a_path_and_back()
    {
        for (var seed = 1UL; seed <= 300; seed++)
        {
            var random = new Prng(seed);
            var key = string.Concat(Enumerable.Range(0, random.Below(8)).Select(_ => Nonsense.Character(random)));
            var put = await _api.SendAsync("PUT", $"{ApiFixture.Rows}/{Uri.EscapeDataString(key)}", "{}");
            Assert.True(put.Status is 200 or 201, $"seed {seed}: {put.Text}");
            Assert.Equal(key, put.Json.GetProperty("name").GetString());
        }
    }

    [Fact]
    public async Task Kestrel_gives_the_same_keys()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<IGeoStore>(_api.Store);
        builder.Services.AddGeoApi();
        await using var app = builder.Build();
        app.MapGeoApi();
        await app.StartAsync(TestContext.Current.CancellationToken);
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        foreach (var row in Spellings)
        {
            var (segment, key) = row.Data;
            var answer = await SendRawAsync(new Uri(address).Port, $"PUT {ApiFixture.Rows}/{segment}", "{}");
            Assert.StartsWith("HTTP/1.1 20", answer, StringComparison.Ordinal);
            var name = System.Text.Json.JsonElement.Parse(
                answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..]).GetProperty("name").GetString();
            Assert.Equal(key, name);
        }

        // An empty header reaches handlers through a real server only.
        foreach (var header in new[] { "Geo-Consistency", "Geo-Session", "Geo-Timeout-Ms", "Idempotency-Key", "If-Match" })
        {
            var answer = await SendRawAsync(new Uri(address).Port, $"PUT {ApiFixture.Rows}/Oslo", "{}", $"{header}:\r\n");
            Assert.StartsWith("HTTP/1.1 400", answer, StringComparison.Ordinal);
            Assert.Contains($"\"field\":\"{header}\"", answer, StringComparison.Ordinal);
        }

        Assert.StartsWith(
            "HTTP/1.1 400", await SendRawAsync(new Uri(address).Port, $"DELETE {ApiFixture.Rows[..^5]}/x/..", ""),
            StringComparison.Ordinal);
    }

    private static async Task<string> SendRawAsync(int port, string line, string body, string header = "")
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port, TestContext.Current.CancellationToken);
        await using var stream = client.GetStream();
        var request = $"{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}Content-Type: application/json\r\n"
            + $"Content-Length: {body.Length}\r\n\r\n{body}";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(request), TestContext.Current.CancellationToken);
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return await reader.ReadToEndAsync(TestContext.Current.CancellationToken);
    }
}
