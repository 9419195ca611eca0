using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OrleansGeo.Api;
using OrleansGeo.Api.Access;
using OrleansGeo.Tests.Api.Model;

namespace OrleansGeo.Tests.Api;

/// <summary>The API over a model store, called in process with exactly the request target that a test gives.</summary>
public sealed class ApiFixture : IAsyncDisposable
{
    public const string Rows = "/v1/databases/geo/tables/city/rows";
    public const string Pairs = "/v1/databases/geo/tables/pair/rows";

    private readonly WebApplication _app;

    private ApiFixture(WebApplication app, ModelGeoStore store)
    {
        _app = app;
        Store = store;
        Server = app.GetTestServer();
    }

    public ModelGeoStore Store { get; }

    public TestServer Server { get; }

    public IServiceProvider Services => _app.Services;

    /// <summary>The key that the fixture itself calls with; null where none is needed.</summary>
    public string? Key { get; private init; }

    /// <summary>
    /// An API with the database geo and the tables city (key: name) and pair (key: a string, b int64). With a file of keys it wants
    /// them, and the fixture calls with the one that is given.
    /// </summary>
    public static async Task<ApiFixture> StartAsync(
        string? keysPath = null, string? key = null, Action<WebApplication>? map = null, Action<IServiceCollection>? services = null)
    {
        var store = new ModelGeoStore();
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseTestServer();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<IGeoStore>(store);
        builder.Services.AddGeoApi();
        if (keysPath is not null)
        {
            builder.Services.AddGeoApiKeys(keysPath);
        }

        services?.Invoke(builder.Services);
        var app = builder.Build();
        app.MapGeoApi();
        map?.Invoke(app);
        await app.StartAsync();
        var fixture = new ApiFixture(app, store) { Key = key };
        await fixture.SeedAsync();
        return fixture;
    }

    /// <summary>Makes the database and the tables that are missing.</summary>
    public async Task SeedAsync()
    {
        await SendAsync(
            "POST", "/v1/databases", """{"name":"geo","primaryRegion":"us-east1","regions":["us-east1","us-west1","europe-west1"]}""");
        await SendAsync("POST", "/v1/databases/geo/tables", """
            {"name":"city","primaryKey":["name"],"columns":[
              {"name":"name","type":"string"},{"name":"pop","type":"int64","default":7},{"name":"area","type":"float64"},
              {"name":"price","type":"decimal"},{"name":"capital","type":"bool"},{"name":"id","type":"uuid"},
              {"name":"founded","type":"timestamp"},
              {"name":"crest","type":"bytes"},{"name":"doc","type":"json"},
              {"name":"state","type":"string","nullable":false,"default":"none"}]}
            """);
        await SendAsync("POST", "/v1/databases/geo/tables", """
            {"name":"pair","primaryKey":["a","b"],"columns":[{"name":"a","type":"string"},{"name":"b","type":"int64"},
              {"name":"v","type":"string"}]}
            """);
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    /// <summary>Sends text as JSON.</summary>
    public Task<Reply> SendAsync(string method, string target, string? body = null, params (string Name, string Value)[] headers) =>
        SendAsync(method, target, body is null ? null : Encoding.UTF8.GetBytes(body), headers);

    /// <summary>Sends bytes, as JSON unless a header says otherwise.</summary>
    public async Task<Reply> SendAsync(string method, string target, byte[]? body, params (string Name, string Value)[] headers)
    {
        var http = await Server.SendAsync(context => Fill(context, method, target, body, WithKey(headers)));
        using var content = new MemoryStream();
        await http.Response.Body.CopyToAsync(content);
        return new(http.Response.StatusCode, http.Response.Headers, content.ToArray(), http.Response.ContentType);
    }

    private (string Name, string Value)[] WithKey((string Name, string Value)[] headers) =>
        Key is null || headers.Any(static header => header.Name == "Authorization")
            ? headers
            : [.. headers, ("Authorization", $"Bearer {Key}")];

    // What Kestrel makes of a target: escapes decoded except %2F and bad ones, dot segments removed.
    private static void Fill(HttpContext context, string method, string target, byte[]? body, (string Name, string Value)[] headers)
    {
        var query = target.IndexOf('?', StringComparison.Ordinal);
        var path = query < 0 ? target : target[..query];
        context.Request.Method = method;
        context.Request.Host = new HostString("localhost");
        context.Request.Scheme = "http";
        context.Request.Path = new PathString(RemoveDotSegments(Decode(path)));
        context.Request.QueryString = new QueryString(query < 0 ? "" : target[query..]);
        context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget = target;
        foreach (var (name, value) in headers)
        {
            context.Request.Headers.Append(name, value);
        }

        if (body is not null)
        {
            context.Request.Body = new MemoryStream(body);
            context.Request.ContentLength = body.Length;
            context.Request.ContentType ??= "application/json";
        }
    }

    private static string Decode(string path) => string.Join("%2F", path.Split("%2F").Select(Uri.UnescapeDataString));

    private static string RemoveDotSegments(string path)
    {
        var kept = new List<string>();
        foreach (var segment in path.Split('/').Skip(1))
        {
            if (segment == ".." && kept.Count > 0)
            {
                kept.RemoveAt(kept.Count - 1);
            }
            else if (segment is not ("." or ".."))
            {
                kept.Add(segment);
            }
        }

        return "/" + string.Join('/', kept);
    }
}

/// <summary>What came back.</summary>
public sealed record Reply(int Status, IHeaderDictionary Headers, byte[] Body, string? ContentType)
{
    public string Text => Encoding.UTF8.GetString(Body);

    public JsonElement Json => JsonElement.Parse(Body);

    public string ETag => Headers.ETag.ToString();

    /// <summary>The body, which must be a problem.</summary>
    public JsonElement Problem
    {
        get
        {
            Assert.Equal("application/problem+json", ContentType);
            var problem = Json;
            Assert.Equal(Status, problem.GetProperty("status").GetInt32());
            Assert.StartsWith("https://orleansgeo.dev/problems/", problem.GetProperty("type").GetString(), StringComparison.Ordinal);
            Assert.NotEmpty(problem.GetProperty("detail").GetString()!);
            Assert.NotEmpty(problem.GetProperty("title").GetString()!);
            Assert.NotEmpty(problem.GetProperty("traceId").GetString()!);
            return problem;
        }
    }

    /// <summary>Checks status, code and field of a problem.</summary>
    public void IsProblem(int status, string code, string? field)
    {
        Assert.True(status == Status, $"expected {status}, got {Status}: {Text}");
        Assert.Equal(code, Problem.GetProperty("code").GetString());
        Assert.Equal(field, Problem.TryGetProperty("field", out var at) ? at.GetString() : null);
    }

    /// <summary>Checks the status, and shows the body when it is another.</summary>
    public Reply Is(int status)
    {
        Assert.True(status == Status, $"expected {status}, got {Status}: {Text}");
        return this;
    }
}
