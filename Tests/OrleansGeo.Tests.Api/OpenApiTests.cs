using System.Runtime.CompilerServices;
using System.Text.Json;
using OrleansGeo.Api.OpenApi;

namespace OrleansGeo.Tests.Api;

public sealed class OpenApiTests
{
    [Fact]
    public async Task The_checked_in_description_is_the_generated_one()
    {
        var path = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(Here())!, "..", "..", "Api", "OrleansGeo.Api", "openapi.json"));
        var generated = await GeoOpenApi.RenderAsync();
        if (Environment.GetEnvironmentVariable("GEO_REWRITE") == "1")
        {
            await File.WriteAllTextAsync(path, generated, TestContext.Current.CancellationToken);
        }

        var checkedIn = await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken);
        Assert.True(
            checkedIn == generated,
            "openapi.json is out of date: run this test with GEO_REWRITE=1, and look at the difference\n"
            + FirstDifference(checkedIn, generated));
    }

    [Fact]
    public async Task A_node_serves_the_same_description()
    {
        await using var api = await ApiFixture.StartAsync();
        var served = (await api.SendAsync("GET", "/openapi/v1.json")).Is(200).Json;
        Assert.StartsWith("3.1.", served.GetProperty("openapi").GetString(), StringComparison.Ordinal);
        Assert.True(JsonElement.DeepEquals(JsonElement.Parse(await GeoOpenApi.RenderAsync()), served));
    }

    private static string Here([CallerFilePath] string path = "") => path;

    private static string FirstDifference(string a, string b) =>
        a.Split('\n').Zip(b.Split('\n')).Where(pair => pair.First != pair.Second).Select(pair => $"- {pair.First}\n+ {pair.Second}")
            .FirstOrDefault() ?? "(length)";
}
