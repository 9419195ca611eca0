using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using OrleansGeo.Api.Demo;

namespace OrleansGeo.Tests.Api.Demo;

/// <summary>A demo as a user starts it: a process of its own, its data in a folder. Killed at the latest when disposed.</summary>
internal sealed class DemoProcess : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);
    private static readonly IPAddress s_address = IPAddress.Loopback;

    private readonly Process _process;
    private readonly StringBuilder _said = new();
    private readonly int _port;

    private DemoProcess(Process process, int port)
    {
        _process = process;
        _port = port;
        process.OutputDataReceived += Hear;
        process.ErrorDataReceived += Hear;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

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

    /// <summary>Where a node listens; 0 is the front door.</summary>
    public Uri At(int node) => new($"http://{s_address}:{_port + node}");

    /// <summary>Starts one.</summary>
    public static DemoProcess Start(int port, string data)
    {
        var runtime = RuntimeEnvironment.GetRuntimeDirectory();
        var dotnet = Path.GetFullPath(Path.Combine(runtime, "..", "..", "..", OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet"));
        var start = new ProcessStartInfo(
            dotnet, ["exec", typeof(DemoHost).Assembly.Location, "demo", "--http-port", $"{port}", "--data", data])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        return new(Process.Start(start)!, port);
    }

    /// <summary>Waits until the front door says that every node is ready.</summary>
    public Task ReadyAsync(DemoClient client) => UntilAsync("every node is ready", async () =>
    {
        var reply = await client.SendAsync(HttpMethod.Get, At(0), "/readyz", null, TimeSpan.FromSeconds(5), Cancellation);
        return reply.Status == 200;
    });

    /// <summary>Waits until it has taken its ports, which it does before it opens its data.</summary>
    public Task PortsTakenAsync() => UntilAsync("its ports are taken", async () => !await RefusesAsync());

    /// <summary>Waits until something is there, or fails when the process ends.</summary>
    public async Task UntilAsync(string what, Func<Task<bool>> isSo)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        deadline.CancelAfter(s_patience);
        while (!await isSo())
        {
            Assert.False(_process.HasExited, $"the demo ended before {what}:\n{Said}");
            Assert.False(deadline.IsCancellationRequested, $"not in {s_patience.TotalSeconds} s: {what}\n{Said}");
            await Task.Delay(20, Cancellation);
        }
    }

    /// <summary>Kills it as kill -9 does: it runs not one more instruction.</summary>
    public async Task KillAsync()
    {
        Assert.False(_process.HasExited, $"the demo ended by itself:\n{Said}");
        _process.Kill();
        await _process.WaitForExitAsync(Cancellation);
        for (var port = 0; port < 10; port++)
        {
            Assert.True(await DemoFixture.RefusesAsync(At(port)));
        }
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
    }

    private Task<bool> RefusesAsync() => DemoFixture.RefusesAsync(At(9));

    private void Hear(object sender, DataReceivedEventArgs line)
    {
        lock (_said)
        {
            _said.AppendLine(line.Data);
        }
    }
}
