using System.Diagnostics;
using System.Net;
using System.Runtime.InteropServices;
using OrleansGeo.Api.Demo;
using OrleansGeo.Tests.Api.Processes;

namespace OrleansGeo.Tests.Api.Demo;

/// <summary>A demo as a user starts it: a process of its own, its data in a folder. Killed at the latest when disposed.</summary>
internal sealed class DemoProcess : ProductProcess
{
    private static readonly IPAddress s_address = IPAddress.Loopback;

    private readonly int _port;

    private DemoProcess(ProcessStartInfo start, int port)
        : base("demo", start, TimeSpan.FromSeconds(60)) => _port = port;

    /// <summary>Where a node listens; 0 is the front door.</summary>
    public Uri At(int node) => new($"http://{s_address}:{_port + node}");

    /// <summary>Starts one.</summary>
    public static DemoProcess Start(int port, string data)
    {
        var runtime = RuntimeEnvironment.GetRuntimeDirectory();
        var dotnet = Path.GetFullPath(Path.Combine(runtime, "..", "..", "..", OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet"));
        return new(new(dotnet, ["exec", typeof(DemoHost).Assembly.Location, "demo", "--http-port", $"{port}", "--data", data]), port);
    }

    /// <summary>Waits until the front door says that every node is ready.</summary>
    public Task ReadyAsync(DemoClient client) => UntilAsync("every node is ready", async () =>
    {
        var reply = await client.SendAsync(HttpMethod.Get, At(0), "/readyz", null, TimeSpan.FromSeconds(5), Cancellation);
        return reply.Status == 200;
    });

    /// <summary>Waits until it has taken its ports, which it does before it opens its data.</summary>
    public Task PortsTakenAsync() => UntilAsync("its ports are taken", async () => !await DemoFixture.RefusesAsync(At(9)));

    /// <summary>Kills it, and sees that nothing listens any more.</summary>
    public override async Task KillAsync()
    {
        await base.KillAsync();
        for (var port = 0; port < 10; port++)
        {
            Assert.True(await DemoFixture.RefusesAsync(At(port)));
        }
    }
}
