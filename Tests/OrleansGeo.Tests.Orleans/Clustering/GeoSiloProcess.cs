using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using OrleansGeo.Silo;
using OrleansGeo.Tests.Api.Processes;
using OrleansGeo.Tests.Membership.Postgres;

namespace OrleansGeo.Tests.Orleans.Clustering;

/// <summary>A node as a user starts it: a geo-silo process of its own. Killed at the latest when disposed.</summary>
internal sealed class GeoSiloProcess : ProductProcess
{
    private readonly HttpClient _http;

    private GeoSiloProcess(ProcessStartInfo start, Uri address)
        : base("silo", start, TimeSpan.FromSeconds(90)) => _http = new() { BaseAddress = address };

    /// <summary>The executable.</summary>
    public static string Program => Path.ChangeExtension(typeof(SiloSettings).Assembly.Location, null);

    /// <summary>Starts one; its databases are named by the variable, as where passwords are kept off the command line.</summary>
    /// <param name="settings">What it is told.</param>
    /// <param name="inside">The words that run a command somewhere else.</param>
    public static GeoSiloProcess Start(SiloSettings settings, params IReadOnlyList<string> inside) =>
        Start(settings, inside, new Dictionary<string, string>());

    /// <summary>Starts one with variables of others in its environment.</summary>
    public static GeoSiloProcess Start(
        SiloSettings settings, IReadOnlyList<string> inside, IReadOnlyDictionary<string, string> environment)
    {
        string[] command =
        [
            .. inside, Program,
            "run", "--name", settings.Name!, "--region", settings.Region!, "--zone", settings.Zone!, "--data", settings.Data!,
            "--address", settings.Address, "--silo-port", Text(settings.SiloPort),
            "--gateway-port", Text(settings.GatewayPort), "--http-address", settings.HttpAddress, "--http-port", Text(settings.HttpPort),
            .. settings.ClusterFile is { } file ? ["--cluster-file", file] : Array.Empty<string>(),
            .. settings.FirstStart ? ["--first-start"] : Array.Empty<string>(),
        ];
        var start = new ProcessStartInfo(command[0], command[1..]);
        start.Environment["GEO_INSECURE"] = settings.Security.Insecure ? "true" : "";
        start.Environment["GEO_CLUSTERING"] = string.Join('\n', settings.Clustering);
        start.Environment["GEO_PRIMARY_SILO_PORT"] = settings.PrimarySiloPort is { } primary ? Text(primary) : "";
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        return new(start, new($"http://{settings.HttpAddress}:{Text(settings.HttpPort)}"));

        static string Text(int port) => port.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>Asks it to stop in good order, as a service manager does, and waits until it has.</summary>
    public Task<int> TerminateAsync()
    {
        Posix.Signal(Id, "TERM");
        return EndAsync();
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
