using System.Collections.Immutable;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OrleansGeo.Api;

namespace OrleansGeo.Benchmarks;

/// <summary>The REST interface of every node on a loopback port of its own, and a client with a connection for each caller.</summary>
internal sealed class RestEdge : IAsyncDisposable
{
    private readonly List<WebApplication> _apps = [];
    private readonly HttpClient _client = new(
        new SocketsHttpHandler { MaxConnectionsPerServer = 2_000, UseCookies = false, UseProxy = false });

    /// <summary>Where the rows of the table are, one address a node.</summary>
    public ImmutableArray<string> Rows { get; private set; } = [];

    public static async Task<RestEdge> StartAsync(IEnumerable<IGeoStore> stores)
    {
        var edge = new RestEdge();
        foreach (var store in stores)
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.WebHost.ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
            builder.Logging.ClearProviders();
            builder.Services.AddSingleton(store);
            builder.Services.AddGeoApi();
            var app = builder.Build();
            app.MapGeoApi();
            await app.StartAsync();
            edge._apps.Add(app);
            edge.Rows = edge.Rows.Add($"{app.Urls.First()}/v1/databases/{BenchCluster.Database}/tables/{BenchCluster.Table.Table}/rows/");
        }

        return edge;
    }

    public async Task PutAsync(int node, long key, string body)
    {
        using var content = new StringContent(body, null, "application/json");
        using var response = await _client.PutAsync(new Uri($"{Rows[node]}{key}"), content);
        await CheckAsync(response);
    }

    public async Task GetAsync(int node, long key)
    {
        using var response = await _client.GetAsync(new Uri($"{Rows[node]}{key}"));
        await CheckAsync(response);
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        foreach (var app in _apps)
        {
            await app.DisposeAsync();
        }
    }

    private static async Task CheckAsync(HttpResponseMessage response)
    {
        if (!response.IsSuccessStatusCode)
        {
            throw new BenchFailedException($"{(int)response.StatusCode}: {await response.Content.ReadAsStringAsync()}");
        }
    }
}
