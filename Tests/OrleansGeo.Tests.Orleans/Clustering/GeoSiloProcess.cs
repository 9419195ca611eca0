using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using OrleansGeo.Silo;

namespace OrleansGeo.Tests.Orleans.Clustering;

/// <summary>A node as a user starts it: a geo-silo process of its own. Killed at the latest when disposed.</summary>
internal sealed class GeoSiloProcess : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(90);

    private readonly Process _process;
    private readonly StringBuilder _said = new();
    private readonly HttpClient _http;

    private GeoSiloProcess(Process process, int httpPort)
    {
        _process = process;
        _http = new() { BaseAddress = new($"http://127.0.0.1:{httpPort.ToString(CultureInfo.InvariantCulture)}") };
        process.OutputDataReceived += Hear;
        process.ErrorDataReceived += Hear;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>What it printed, on either stream.</summary>
    public string Said
    {
        get
        {
            lock (_said)
            {
                return _said.ToString();
            }
        }
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

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
            ])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment["GEO_CLUSTERING"] = string.Join('\n', settings.Clustering);
        return new(Process.Start(start)!, settings.HttpPort);

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

    /// <summary>Waits until something is there, or fails when the process ends.</summary>
    public async Task UntilAsync(string what, Func<Task<bool>> isSo)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        deadline.CancelAfter(s_patience);
        while (!await isSo())
        {
            Assert.False(_process.HasExited, $"the silo ended before {what}:\n{Said}");
            Assert.False(deadline.IsCancellationRequested, $"not in {s_patience.TotalSeconds} s: {what}\n{Said}");
            await Task.Delay(50, Cancellation);
        }
    }

    /// <summary>Sends JSON, and expects a status.</summary>
    public async Task SendAsync(HttpMethod method, string path, string json, HttpStatusCode expected)
    {
        using var request = new HttpRequestMessage(method, path) { Content = new StringContent(json, Encoding.UTF8, "application/json") };
        using var answer = await _http.SendAsync(request, Cancellation);
        var text = await answer.Content.ReadAsStringAsync(Cancellation);
        Assert.True(answer.StatusCode == expected, $"{method} {path}: {answer.StatusCode} {text}\n{Said}");
    }

    public Task<string> GetAsync(string path) => _http.GetStringAsync(new Uri(path, UriKind.Relative), Cancellation);

    /// <summary>Kills it as kill -9 does: it runs not one more instruction.</summary>
    public async Task KillAsync()
    {
        Assert.False(_process.HasExited, $"the silo ended by itself:\n{Said}");
        _process.Kill();
        await _process.WaitForExitAsync(Cancellation);
    }

    /// <summary>Waits until it ends by itself, and answers with its exit code.</summary>
    public async Task<int> EndAsync()
    {
        await _process.WaitForExitAsync(Cancellation).WaitAsync(s_patience, Cancellation);
        return _process.ExitCode;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
        _http.Dispose();
    }

    private void Hear(object sender, DataReceivedEventArgs line)
    {
        lock (_said)
        {
            _said.AppendLine(line.Data);
        }
    }
}
