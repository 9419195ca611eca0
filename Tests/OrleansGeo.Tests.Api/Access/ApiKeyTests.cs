using Microsoft.Extensions.DependencyInjection;
using OrleansGeo.Api.Access;
using OrleansGeo.Security;

namespace OrleansGeo.Tests.Api.Access;

/// <summary>Keys over REST: who is refused, how, and when a change of the file counts.</summary>
public sealed class ApiKeyTests : IDisposable
{
    private const string Row = ApiFixture.Rows + "/Oslo";

    private readonly KeyFile _keys = new();

    public void Dispose() => _keys.Dispose();

    [Fact]
    public async Task Without_a_file_no_key_is_needed()
    {
        await using var api = await ApiFixture.StartAsync();
        (await api.SendAsync("GET", "/v1/cluster")).Is(200);
        (await api.SendAsync("GET", "/v1/cluster", null as string, ("Authorization", "Bearer whatever"))).Is(200);
    }

    [Fact]
    public async Task No_key_is_401_and_says_how_to_give_one()
    {
        await using var api = await StartAsync();
        var reply = await AsAsync(api, "GET", Row, null);
        reply.IsProblem(401, "key-missing", "Authorization");
        Assert.Equal("https://orleansgeo.dev/problems/unauthenticated", reply.Problem.GetProperty("type").GetString());
        Assert.Equal("Bearer realm=\"OrleansGeo\"", reply.Headers.WWWAuthenticate.ToString());
        Assert.Equal("no-store", reply.Headers.CacheControl.ToString());
    }

    [Fact]
    public async Task A_key_that_is_none_of_the_file_is_401()
    {
        await using var api = await StartAsync();
        var (_, stranger) = ApiKey.New("admin", [new(Right.Admin, null)]);
        foreach (var header in new[]
        {
            "Bearer", "Bearer ", "Bearer x", $"Bearer {stranger}", $"Basic {api.Key}", api.Key!, $"Bearer {api.Key}x",
            $"Bearer {api.Key![..^1]}", $"Bearer {api.Key!.ToUpperInvariant()}", $"Bearer geo.nobody.{api.Key!.Split('.')[2]}",
            "Bearer geo.admin.", "Bearer geo..",
        })
        {
            var reply = await api.SendAsync("GET", Row, null as string, ("Authorization", header));
            reply.IsProblem(401, "key-unknown", "Authorization");
            Assert.Contains("error=\"invalid_token\"", reply.Headers.WWWAuthenticate.ToString(), StringComparison.Ordinal);
        }

        (await api.SendAsync("GET", Row, null as string, ("Authorization", $"Bearer {api.Key}"), ("Authorization", $"Bearer {api.Key}")))
            .IsProblem(401, "key-unknown", "Authorization");
        (await api.SendAsync("GET", Row, null as string, ("Authorization", $"bearer  {api.Key} "))).Is(200);
    }

    [Fact]
    public async Task A_key_without_the_right_is_403_and_learns_what_it_has()
    {
        var reader = _keys.Add("reader", "read:geo", "write:logs");
        await using var api = await StartAsync();
        (await AsAsync(api, "GET", Row, reader)).Is(200);
        var reply = await AsAsync(api, "PUT", Row, reader, "{}");
        reply.IsProblem(403, "not-allowed", "Authorization");
        Assert.Equal("https://orleansgeo.dev/problems/forbidden", reply.Problem.GetProperty("type").GetString());
        Assert.Equal(
            "This needs the right to write the database geo; the key reader has read:geo, write:logs.",
            reply.Problem.GetProperty("detail").GetString());
        (await AsAsync(api, "GET", "/v1/databases/other", reader)).IsProblem(403, "not-allowed", "Authorization");
        (await AsAsync(api, "GET", "/v1/databases/Geo", reader)).IsProblem(403, "not-allowed", "Authorization");
        (await AsAsync(api, "GET", "/metrics", reader)).IsProblem(403, "not-allowed", "Authorization");
    }

    [Fact]
    public async Task A_transaction_needs_the_right_to_write_only_when_it_writes()
    {
        var (reader, writer) = (_keys.Add("reader", "read:geo"), _keys.Add("writer", "write:geo"));
        await using var api = await StartAsync();
        const string Target = "/v1/databases/geo/transactions";
        const string Read = """{"reads":[{"table":"city","key":["Oslo"]}],"writes":[]}""";
        const string Delete = """{"writes":[{"op":"delete","table":"city","key":["Oslo"]}]}""";
        (await AsAsync(api, "POST", Target, null, Read)).IsProblem(401, "key-missing", "Authorization");
        (await AsAsync(api, "POST", Target, reader, Read)).Is(200);
        var reply = await AsAsync(api, "POST", Target, reader, Delete);
        reply.IsProblem(403, "not-allowed", "Authorization");
        Assert.Equal(
            "This needs the right to write the database geo; the key reader has read:geo.",
            reply.Problem.GetProperty("detail").GetString());
        (await AsAsync(api, "POST", "/v1/databases/other/transactions", writer, Read)).IsProblem(403, "not-allowed", "Authorization");
        (await AsAsync(api, "GET", Row, reader)).Is(200);
        (await AsAsync(api, "POST", Target, writer, Delete)).Is(200);
    }

    [Theory]
    [InlineData("/v1/databases/geo/../other/tables/city/rows/Oslo")]
    [InlineData("/v1/databases/geo/tables/city/rows/../../../../other")]
    [InlineData("/v1/databases/geo%2F..%2Fother/tables/city/rows/Oslo")]
    [InlineData("/v1/databases//other/tables/city/rows/Oslo")]
    [InlineData("http://localhost/v1/databases/other/tables/city/rows/Oslo")]
    public async Task No_spelling_of_a_path_reaches_another_database(string path)
    {
        var reader = _keys.Add("reader", "read:geo");
        await using var api = await StartAsync();
        (await api.SendAsync("POST", "/v1/databases", """{"name":"other","primaryRegion":"us-east1","regions":["us-east1"]}""")).Is(201);
        (await api.SendAsync(
            "POST", "/v1/databases/other/tables",
            """{"name":"city","primaryKey":["name"],"columns":[{"name":"name","type":"string"}]}""")).Is(201);
        (await api.SendAsync("PUT", "/v1/databases/other/tables/city/rows/Oslo", "{}")).Is(201);
        Assert.InRange((await AsAsync(api, "GET", path, reader)).Status, 400, 499);
    }

    [Fact]
    public async Task What_is_not_there_is_404_and_405_as_without_keys()
    {
        await using var api = await StartAsync();
        foreach (var key in new[] { null, api.Key })
        {
            (await AsAsync(api, "GET", "/nothing", key)).IsProblem(404, "unknown-path", null);
            (await AsAsync(api, "PUT", "/v1/cluster", key, "{}")).IsProblem(405, "method-not-allowed", null);
        }
    }

    [Fact]
    public async Task A_refused_request_does_nothing()
    {
        var writer = _keys.Add("writer", "write:geo");
        await using var api = await StartAsync();
        (await AsAsync(api, "DELETE", "/v1/databases/geo/tables/city", writer)).IsProblem(403, "not-allowed", "Authorization");
        (await AsAsync(api, "DELETE", Row, null)).IsProblem(401, "key-missing", "Authorization");
        (await AsAsync(api, "GET", Row, api.Key)).Is(200);
    }

    [Fact]
    public async Task A_change_of_the_file_counts_when_it_is_read_again()
    {
        await using var api = await StartAsync();
        var file = api.Services.GetRequiredService<Reloaded<ApiKeyRing>>();
        var late = _keys.Add("late", "read:geo");
        (await AsAsync(api, "GET", Row, late)).IsProblem(401, "key-unknown", "Authorization");
        file.Reload();
        (await AsAsync(api, "GET", Row, late)).Is(200);
        var lines = await File.ReadAllLinesAsync(_keys.Path, TestContext.Current.CancellationToken);
        await File.WriteAllLinesAsync(
            _keys.Path, lines.Where(static line => !line.StartsWith("late ", StringComparison.Ordinal)),
            TestContext.Current.CancellationToken);
        file.Reload();
        (await AsAsync(api, "GET", Row, late)).IsProblem(401, "key-unknown", "Authorization");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_file_that_cannot_be_read_any_more_leaves_the_keys_as_they_were(bool gone)
    {
        await using var api = await StartAsync();
        if (gone)
        {
            File.Delete(_keys.Path);
        }
        else
        {
            await File.WriteAllTextAsync(_keys.Path, "half a line", TestContext.Current.CancellationToken);
        }

        api.Services.GetRequiredService<Reloaded<ApiKeyRing>>().Reload();
        (await AsAsync(api, "GET", Row, api.Key)).Is(200);
        (await AsAsync(api, "GET", Row, null)).Is(401);
    }

    [Fact]
    public async Task The_host_looks_at_the_file_again_by_itself()
    {
        var time = new HandTime();
        var admin = _keys.Add("admin", "admin:*");
        await using var api = await ApiFixture.StartAsync(
            _keys.Path, admin, services: services => services.AddSingleton<TimeProvider>(time));
        var late = _keys.Add("late", "observe");
        (await AsAsync(api, "GET", "/v1/nodes", late)).Is(401);
        time.FireAll(Reloaded<ApiKeyRing>.Period);
        (await AsAsync(api, "GET", "/v1/nodes", late)).Is(200);
    }

    private static Task<Reply> AsAsync(ApiFixture api, string method, string path, string? key, string? body = null) =>
        api.SendAsync(method, path, body, key is null ? ("Authorization", "") : ("Authorization", $"Bearer {key}"));

    private async Task<ApiFixture> StartAsync()
    {
        var api = await ApiFixture.StartAsync(_keys.Path, _keys.Add("admin", "admin:*"));
        (await api.SendAsync("PUT", Row, """{"pop":1}""")).Is(201);
        return api;
    }

    /// <summary>Timers that ring when they are told to.</summary>
    private sealed class HandTime : TimeProvider
    {
        private readonly List<HandTimer> _timers = [];

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = new HandTimer(() => callback(state), period);
            _timers.Add(timer);
            return timer;
        }

        public void FireAll(TimeSpan period)
        {
            foreach (var timer in _timers.Where(timer => timer.Period == period))
            {
                timer.Fire();
            }
        }
    }

    private sealed class HandTimer(Action fire, TimeSpan period) : ITimer
    {
        public TimeSpan Period { get; } = period;

        public void Fire() => fire();

        public bool Change(TimeSpan dueTime, TimeSpan period) => true;

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
