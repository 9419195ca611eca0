using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using OrleansGeo.Silo;
using OrleansGeo.Tests.Api.Processes;

namespace OrleansGeo.Tests.Orleans.Clustering;

/// <summary>A node as a user starts it: a geo-silo process of its own. Killed at the latest when disposed.</summary>
internal sealed class GeoSiloProcess : ProductProcess
{
    private readonly HttpClient _http;

    private GeoSiloProcess(ProcessStartInfo start, int httpPort)
        : base("silo", start, TimeSpan.FromSeconds(90)) =>
        _http = new() { BaseAddress = new($"http://127.0.0.1:{httpPort.ToString(CultureInfo.InvariantCulture)}") };

    /// <summary>Starts one; its databases are named by the variable, as where passwords are kept off the command line.</summary>
    public static GeoSiloProcess Start(SiloSettings settings)
    {
        var start = new ProcessStartInfo(
            Path.ChangeExtension(typeof(SiloSettings).Assembly.Location, null),
            [
                "run", "--name", settings.Name!, "--region", settings.Region!, "--zone", settings.Zone!, "--data", settings.Data!,
                "--cluster-file", settings.ClusterFile!, "--silo-port", Text(settings.SiloPort),
                "--gateway-port", Text(settings.GatewayPort), "--http-port", Text(settings.HttpPort),
                .. settings.FirstStart ? ["--first-start"] : Array.Empty<string>(),
            ]);
        start.Environment["GEO_CLUSTERING"] = string.Join('\n', settings.Clustering);
        return new(start, settings.HttpPort);

        static string Text(int port) => port.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>Waits until it says that it is ready.</summary>
    public Task ReadyAsync() => UntilAsync("it is ready", async () =>
    {
        try
        {
            using var answer = await _http.GetAsync(new Uri("/readyz", UriKind.Relative), Cancellation);
            return answer.StatusCode == HttpStatusCode.OK;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    });

    /// <summary>Sends JSON, and expects a status.</summary>
    public async Task SendAsync(HttpMethod method, string path, string json, HttpStatusCode expected)
    {
        using var request = new HttpRequestMessage(method, path) { Content = new StringContent(json, Encoding.UTF8, "application/json") };
        using var answer = await _http.SendAsync(request, Cancellation);
        var text = await answer.Content.ReadAsStringAsync(Cancellation);
        Assert.True(answer.StatusCode == expected, $"{method} {path}: {answer.StatusCode} {text}\n{Said}");
    }

    public Task<string> GetAsync(string path) => _http.GetStringAsync(new Uri(path, UriKind.Relative), Cancellation);

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        _http.Dispose();
    }
}
