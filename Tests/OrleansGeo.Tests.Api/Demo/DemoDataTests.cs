using System.Collections.Immutable;
using System.Net;
using System.Text;
using OrleansGeo.Api.Demo;
using OrleansGeo.Engine;

namespace OrleansGeo.Tests.Api.Demo;

/// <summary>A demo that keeps its data.</summary>
public sealed class DemoDataTests : IDisposable
{
    private static readonly ImmutableArray<NodeRecord> s_nodes = [new(new(1), "n1", "us-east1", "us-east1-a", null)];

    private readonly string _folder = Directory.CreateTempSubdirectory("geo-demo-").FullName;

    public void Dispose() => Directory.Delete(_folder, true);

    [Fact]
    public async Task What_was_acknowledged_is_there_after_a_stop_and_a_start_and_a_node_without_its_data_is_refused()
    {
        var data = Path.Combine(_folder, "data");
        using var http = new HttpClient();
        var stop = TestContext.Current.CancellationToken;
        await using (var host = await DemoFixture.StartAsync(data))
        {
            Assert.True(await host.ReadyAsync(TimeSpan.FromSeconds(60), stop));
            await PostAsync(http, new(host.Front, "/v1/databases"),
                """{"name":"kept","primaryRegion":"us-east1","regions":["us-east1"]}""");
            await PostAsync(
                http, new(host.Front, "/v1/databases/kept/tables"),
                """{"name":"kv","columns":[{"name":"k","type":"string"},{"name":"v","type":"string"}],"primaryKey":["k"]}""");
            using var put = await http.PutAsync(new Uri(host.Front, "/v1/databases/kept/tables/kv/rows/a"), Json("""{"v":"1"}"""), stop);
            Assert.Equal(HttpStatusCode.Created, put.StatusCode);
        }

        await using (var host = await DemoFixture.StartAsync(data))
        {
            Assert.True(await host.ReadyAsync(TimeSpan.FromSeconds(60), stop));
            Assert.Equal(
                """{"k":"a","v":"1"}""",
                await http.GetStringAsync(new Uri(host.Cluster.Nodes[8].Address, "/v1/databases/kept/tables/kv/rows/a"), stop));
        }

        Directory.Delete(Path.Combine(data, "n6"), true);
        var refused = await Assert.ThrowsAsync<DemoRefusedException>(() => DemoFixture.StartAsync(data));
        Assert.Contains("n6", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_with_anything_else_in_it_is_refused_and_left_alone()
    {
        File.WriteAllText(Path.Combine(_folder, "letter.txt"), "dear");
        Assert.Throws<DemoRefusedException>(() => new DemoData(_folder).Open(s_nodes));
        Assert.Equal(["letter.txt"], Directory.EnumerateFileSystemEntries(_folder).Select(path => Path.GetFileName(path)!));
    }

    [Fact]
    public void A_file_is_refused()
    {
        var file = Path.Combine(_folder, "file");
        File.WriteAllText(file, "");
        Assert.Throws<DemoRefusedException>(() => new DemoData(file).Open(s_nodes));
    }

    [Fact]
    public void A_start_that_was_cut_short_begins_again()
    {
        var data = new DemoData(Path.Combine(_folder, "data"));
        var first = data.Open(s_nodes);
        var second = data.Open(s_nodes);
        Assert.NotEqual(first.ClusterId, second.ClusterId);
        data.Completed();
        Assert.Throws<DemoRefusedException>(() => data.Open(s_nodes));
    }

    private static StringContent Json(string body) => new(body, Encoding.UTF8, "application/json");

    private static async Task PostAsync(HttpClient http, Uri address, string body)
    {
        using var created = await http.PostAsync(address, Json(body));
        Assert.True(created.StatusCode == HttpStatusCode.Created, await created.Content.ReadAsStringAsync());
    }
}
