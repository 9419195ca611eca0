using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using OrleansGeo.Api.Access;

namespace OrleansGeo.Tests.Api.Access;

/// <summary>What each endpoint needs, over all endpoints there are.</summary>
public sealed class EndpointRightTests : IDisposable
{
    private static readonly string[] s_rightsAscending = ["observe", "read:*", "write:*", "admin:*"];

    private readonly KeyFile _keys = new();

    public void Dispose() => _keys.Dispose();

    [Fact]
    public async Task Every_endpoint_declares_the_right_it_needs()
    {
        await using var api = await ApiFixture.StartAsync();
        var endpoints = EndpointsOf(api);
        Assert.True(endpoints.Count >= 25, $"only {endpoints.Count} endpoints");
        Assert.Empty(Undeclared(endpoints));
    }

    [Fact]
    public async Task An_endpoint_that_declares_none_is_found_and_refused_to_everybody()
    {
        var admin = _keys.Add("admin", "admin:*");
        await using var api = await ApiFixture.StartAsync(
            _keys.Path, admin, static app => app.MapGet("/v1/forgotten", static () => "here"));
        Assert.Equal(["/v1/forgotten"], Undeclared(EndpointsOf(api)));
        (await api.SendAsync("GET", "/v1/forgotten")).IsProblem(403, "not-allowed", "Authorization");
        (await api.SendAsync("GET", "/v1/forgotten", null as string, ("Authorization", "Bearer x")))
            .IsProblem(401, "key-unknown", "Authorization");
    }

    [Fact]
    public async Task The_open_ones_are_these()
    {
        await using var api = await ApiFixture.StartAsync();
        Assert.Equal(
            ["/livez", "/openapi/{documentName}.json", "/readyz"],
            EndpointsOf(api).Where(static endpoint => RightOf(endpoint)!.Right is null).Select(PathOf).Order(StringComparer.Ordinal));
    }

    /// <summary>
    /// The rule, apart from how each endpoint says it: reading is GET, writing is of rows, a transaction may do with reading, the rest is
    /// administration; and of one database is what its path names, but to make or drop it.
    /// </summary>
    [Fact]
    public async Task Methods_and_paths_fit_the_rights()
    {
        await using var api = await ApiFixture.StartAsync();
        foreach (var endpoint in EndpointsOf(api).Where(static endpoint => RightOf(endpoint)!.Right is not null))
        {
            var (path, right) = (PathOf(endpoint), RightOf(endpoint)!);
            var method = Assert.Single(endpoint.Metadata.GetRequiredMetadata<HttpMethodMetadata>().HttpMethods);
            var isRows = path.Contains("/rows", StringComparison.Ordinal);
            var isTransaction = path.Contains("/transactions", StringComparison.Ordinal);
            var isWrite = isRows || (isTransaction && path.EndsWith("/write", StringComparison.Ordinal));
            var least = method == "GET" ? Right.Observe : isWrite ? Right.Write : isTransaction ? Right.Read : Right.Admin;
            var most = method == "GET" ? Right.Read : least;
            Assert.True(right.Right >= least && right.Right <= most, $"{method} {path} needs {right.Right}");
            var isOfDatabase = path.StartsWith("/v1/databases/{db}", StringComparison.Ordinal)
                && !(path == "/v1/databases/{db}" && method == "DELETE");
            Assert.True(right.IsOfDatabase == isOfDatabase, $"{method} {path} is of one database: {right.IsOfDatabase}");
        }
    }

    [Fact]
    public async Task Each_endpoint_lets_in_who_has_its_right_and_nobody_else()
    {
        var texts = s_rightsAscending.ToDictionary(
            static grant => grant, grant => _keys.Add("k-" + grant.Split(':')[0], grant), StringComparer.Ordinal);
        var mine = _keys.Add("mine", "admin:geo");
        var other = _keys.Add("other", "admin:elsewhere");
        await using var api = await ApiFixture.StartAsync(_keys.Path, texts["admin:*"]);
        foreach (var endpoint in EndpointsOf(api))
        {
            var right = RightOf(endpoint)!;
            Assert.Equal(right.Right is null, await PassesAsync(api, endpoint, null));
            foreach (var (grant, text) in texts)
            {
                var suffices = right.Right is null || Array.IndexOf(s_rightsAscending, grant) >= (int)right.Right - 1;
                Assert.True(suffices == await PassesAsync(api, endpoint, text), $"{grant} at {endpoint.DisplayName}");
            }

            Assert.Equal(right.Right is null || right.IsOfDatabase, await PassesAsync(api, endpoint, mine));
            Assert.Equal(right.Right is null, await PassesAsync(api, endpoint, other));
        }
    }

    private static async Task<bool> PassesAsync(ApiFixture api, RouteEndpoint endpoint, string? key)
    {
        var method = endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods[0] ?? "GET";
        var path = PathOf(endpoint).Replace("{db}", "geo").Replace("{table}", "none").Replace("{**key}", "k").Replace("{id}", "999")
            .Replace("{documentName}", "v1");
        var reply = await api.SendAsync(method, path, null as string, ("Authorization", key is null ? "" : $"Bearer {key}"));
        return reply.Status is not (401 or 403);
    }

    private static List<RouteEndpoint> EndpointsOf(ApiFixture api) =>
        [.. api.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()];

    private static IEnumerable<string> Undeclared(IEnumerable<RouteEndpoint> endpoints) =>
        endpoints.Where(static endpoint => RightOf(endpoint) is null).Select(PathOf);

    private static EndpointRight? RightOf(RouteEndpoint endpoint) => endpoint.Metadata.GetMetadata<EndpointRight>();

    private static string PathOf(RouteEndpoint endpoint) => "/" + endpoint.RoutePattern.RawText!.Trim('/');
}
