using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using OrleansGeo.Api.Demo;

namespace OrleansGeo.Tests.Api.Demo;

/// <summary>The demo, over its real ports.</summary>
public sealed class DemoTests(DemoFixture demo) : IClassFixture<DemoFixture>
{
    [Fact]
    public async Task Every_node_answers_for_itself_and_the_front_door_for_all()
    {
        foreach (var node in demo.Host.Cluster.Nodes)
        {
            var cluster = await demo.Http.GetFromJsonAsync<JsonElement>(new Uri(node.Address, "/v1/cluster"),
                TestContext.Current.CancellationToken);
            Assert.Equal(node.Record.Name, cluster.GetProperty("node").GetString());
            Assert.Equal(node.Record.Region, cluster.GetProperty("region").GetString());
            await demo.UntilAsync(new Uri(node.Address, "/readyz"), static reply => reply.StatusCode == HttpStatusCode.OK);
        }

        var ready = JsonElement.Parse(
            await demo.UntilAsync(demo.AtFront("/readyz"), static reply => reply.StatusCode == HttpStatusCode.OK));
        Assert.True(ready.GetProperty("ready").GetBoolean());
    }

    [Fact]
    public async Task The_printed_lines_work_in_order()
    {
        var printed = new StringWriter();
        DemoBanner.Print(DemoOutput.ForWriter(printed), demo.Host.FrontText, demo.Host.Cluster, new());
        var lines = printed.ToString().Split('\n').Select(line => line.Trim())
            .Where(line => line.StartsWith("curl ", StringComparison.Ordinal)).ToArray();
        var answers = new List<string>();
        foreach (var line in lines.Select(CurlLine.Parse))
        {
            answers.Add(await demo.UntilAsync(line.ToRequest, reply => reply.IsSuccessStatusCode || Fail(reply, line)));
        }

        Assert.Equal(8, lines.Length);
        Assert.Equal("Ada", JsonElement.Parse(answers[3]).GetProperty("name").GetString());
        Assert.Contains("shop.users", answers[4], StringComparison.Ordinal);
        Assert.Equal("""["n1","n2","n3"]""", JsonElement.Parse(answers[5]).GetProperty("crashed").GetRawText());
        Assert.Equal(1815, JsonElement.Parse(answers[6]).GetProperty("born").GetInt32());
        Assert.Equal("[]", JsonElement.Parse(answers[7]).GetProperty("crashed").GetRawText());
        await demo.HealAsync();
    }

    [Fact]
    public async Task A_crashed_node_says_so_on_its_own_port_and_then_refuses_until_it_is_restarted()
    {
        using var crashed = await demo.FaultAsync("""{"crash":{"node":"n5"}}""", demo.At("n5", FaultBoard.Path));
        Assert.Equal(HttpStatusCode.OK, crashed.StatusCode);
        Assert.True(await DemoFixture.RefusesAsync(demo.At("n5", "/")));
        Assert.Equal("""["n5"]""", (await demo.FaultsAsync()).GetProperty("crashed").GetRawText());

        using var restarted = await demo.FaultAsync("""{"restart":{"zone":"us-west1-b"}}""", demo.At("n9", FaultBoard.Path));
        Assert.Equal(HttpStatusCode.OK, restarted.StatusCode);
        Assert.False(await DemoFixture.RefusesAsync(demo.At("n5", "/")));
        await demo.UntilAsync(demo.At("n5", "/readyz"), static reply => reply.StatusCode == HttpStatusCode.OK);
        await demo.HealAsync();
    }

    [Fact]
    public async Task The_front_door_takes_the_nearest_node_and_another_when_that_is_gone()
    {
        Assert.Equal("n1", await ForwardedToAsync());
        using (await demo.FaultAsync("""{"crash":{"node":"n1"}}"""))
        {
            Assert.Equal("n2", await ForwardedToAsync());
        }

        using (await demo.FaultAsync("""{"crash":{"region":"us-east1"}}"""))
        {
            Assert.Equal("n7", await ForwardedToAsync());
        }

        await demo.HealAsync();
        await demo.UntilAsync(demo.AtFront("/v1/cluster"), static reply => reply.Headers.GetValues(FrontDoor.ForwardedHeader)
            .Single() == "n1");
    }

    [Fact]
    public async Task The_front_door_keeps_path_body_and_headers_as_they_are()
    {
        await CreateTableAsync("paths");
        var row = demo.AtFront("/v1/databases/paths/tables/kv/rows/a%2Fb%25%20c");
        using var put = await demo.Http.PutAsync(row, JsonContent.Create(new { v = "x/y" }), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Created, put.StatusCode);
        using var direct = await demo.Http.GetAsync(demo.At("n6", row.PathAndQuery), TestContext.Current.CancellationToken);
        Assert.Equal("""{"k":"a/b% c","v":"x/y"}""", await direct.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        using var refused = new HttpRequestMessage(HttpMethod.Put, row) { Content = JsonContent.Create(new { v = "z" }) };
        refused.Headers.TryAddWithoutValidation("If-None-Match", "*");
        using var answer = await demo.Http.SendAsync(refused, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.PreconditionFailed, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
    }

    [Fact]
    public async Task Pauses_cuts_and_clocks_are_listed_and_healed_and_a_stale_read_goes_on_where_it_is_cut_off()
    {
        await CreateTableAsync("cut");
        const string Row = "/v1/databases/cut/tables/kv/rows/k";
        using (await demo.Http.PutAsync(demo.AtFront(Row), JsonContent.Create(new { v = "here" }), TestContext.Current.CancellationToken))
        {
            await demo.UntilAsync(() => Stale(Row), static reply => reply.IsSuccessStatusCode);
        }

        using (await demo.FaultAsync("""{"pause":{"node":"n4","ms":600000}}"""))
        using (await demo.FaultAsync("""{"partition":{"regions":["europe-west1"],"direction":"both"}}"""))
        using (await demo.FaultAsync("""{"clock":{"node":"n2","jumpMs":-288000}}"""))
        {
            var faults = await demo.FaultsAsync();
            Assert.Equal("""["n4"]""", faults.GetProperty("paused").GetRawText());
            Assert.Equal("""[{"regions":["europe-west1"],"direction":"both"}]""", faults.GetProperty("partitions").GetRawText());
            Assert.Equal("""{"n2":-288000}""", faults.GetProperty("clocks").GetRawText());
        }

        await demo.UntilAsync(demo.At("n7", "/readyz"), static reply => reply.StatusCode == HttpStatusCode.ServiceUnavailable);
        using var stale = await demo.Http.SendAsync(Stale(Row), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, stale.StatusCode);
        await demo.HealAsync();
        Assert.Equal("""{"crashed":[],"paused":[],"partitions":[],"clocks":{}}""", (await demo.FaultsAsync()).GetRawText());
    }

    [Theory]
    [InlineData("{}", "body")]
    [InlineData("[]", "body")]
    [InlineData("""{"bang":1}""", "bang")]
    [InlineData("""{"crash":{"node":"n1"},"restart":{"node":"n1"}}""", "body")]
    [InlineData("""{"crash":{"node":"n10"}}""", "crash.node")]
    [InlineData("""{"crash":{"zone":"a"}}""", "crash.zone")]
    [InlineData("""{"restart":{"region":7}}""", "restart.region")]
    [InlineData("""{"crash":{}}""", "crash")]
    [InlineData("""{"crash":{"node":"n1","region":"us-east1"}}""", "crash")]
    [InlineData("""{"crash":{"node":"n1","now":true}}""", "crash.now")]
    [InlineData("""{"pause":{"node":"n1"}}""", "pause.ms")]
    [InlineData("""{"pause":{"node":"n1","ms":0}}""", "pause.ms")]
    [InlineData("""{"partition":{"regions":["mars"],"direction":"both"}}""", "partition.regions[0]")]
    [InlineData("""{"partition":{"regions":[],"direction":"both"}}""", "partition.regions")]
    [InlineData("""{"partition":{"regions":["us-east1","us-west1","europe-west1"],"direction":"in"}}""", "partition.regions")]
    [InlineData("""{"partition":{"regions":["us-east1"],"direction":"up"}}""", "partition.direction")]
    [InlineData("""{"clock":{"node":"n1","jumpMs":"later"}}""", "clock.jumpMs")]
    public async Task A_fault_that_is_not_understood_is_refused_by_its_field_and_breaks_nothing(string body, string field)
    {
        using var refused = await demo.FaultAsync(body);
        var problem = await refused.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken);
        Assert.Equal(422, problem.GetProperty("status").GetInt32());
        Assert.Equal(HttpStatusCode.UnprocessableEntity, refused.StatusCode);
        Assert.Equal("application/problem+json", refused.Content.Headers.ContentType?.MediaType);
        Assert.Equal(field, problem.GetProperty("field").GetString());
        Assert.Equal("""{"crashed":[],"paused":[],"partitions":[],"clocks":{}}""", (await demo.FaultsAsync()).GetRawText());
    }

    [Fact]
    public async Task A_port_that_is_taken_is_refused_and_nothing_is_left_running()
    {
        var taken = demo.Host.Front.Port;
        var refused = await Assert.ThrowsAsync<DemoRefusedException>(() =>
            DemoHost.StartAsync(new() { HttpPort = taken - 5 }, static _ => { }));
        Assert.Contains($"{taken}", refused.Message, StringComparison.Ordinal);
        Assert.True(await DemoFixture.RefusesAsync(new($"http://127.0.0.1:{taken - 5}")));
    }

    private HttpRequestMessage Stale(string row)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, demo.At("n8", row));
        request.Headers.TryAddWithoutValidation("Geo-Consistency", "bounded;max-ms=3600000;local-only");
        return request;
    }

    private async Task<string> ForwardedToAsync()
    {
        using var answer = await demo.Http.GetAsync(demo.AtFront("/v1/cluster"));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var cluster = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal(cluster.GetProperty("node").GetString(), answer.Headers.GetValues(FrontDoor.ForwardedHeader).Single());
        return cluster.GetProperty("node").GetString()!;
    }

    private async Task CreateTableAsync(string name)
    {
        var database = $$"""{"name":"{{name}}","primaryRegion":"us-east1","regions":["us-east1","us-west1","europe-west1"]}""";
        const string Table = """{"name":"kv","columns":[{"name":"k","type":"string"},{"name":"v","type":"string"}],"primaryKey":["k"]}""";
        foreach (var (path, body) in new[] { ("/v1/databases", database), ($"/v1/databases/{name}/tables", Table) })
        {
            await demo.UntilAsync(
                () => new(HttpMethod.Post, demo.AtFront(path)) { Content = new StringContent(body, Encoding.UTF8, "application/json") },
                reply => reply.StatusCode is HttpStatusCode.Created or HttpStatusCode.Conflict || Fail(reply, path));
        }
    }

    private static bool Fail(HttpResponseMessage reply, CurlLine line)
    {
        return !line.Retries && Fail(reply, $"{line.Method} {line.Address}");
    }

    private static bool Fail(HttpResponseMessage reply, string what)
    {
        Assert.True(DemoFixture.MayPass(reply), $"{what} answered {reply.StatusCode}");
        return false;
    }
}
