using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using OrleansGeo.Api.Demo;

namespace OrleansGeo.Tests.Api.Demo;

/// <summary>A demo on ports that were free, in memory, shared by the tests of a class; each leaves it whole.</summary>
public sealed class DemoFixture : IAsyncLifetime
{
    private const int PortsApart = 20;
    private static int s_given;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    public DemoHost Host { get; private set; } = null!;

    public HttpClient Http { get; } = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = s_patience };

    public async ValueTask InitializeAsync()
    {
        Host = await StartAsync(null);
        Assert.True(await Host.ReadyAsync(s_patience, TestContext.Current.CancellationToken));
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await Host.DisposeAsync();
    }

    /// <summary>Starts a demo of its own; a bug that a node meets fails the test that looks at it.</summary>
    public static Task<DemoHost> StartAsync(string? data) =>
        DemoHost.StartAsync(new() { HttpPort = FreePorts(), Data = data }, static text => TestContext.Current.SendDiagnosticMessage(text));

    /// <summary>
    /// The first of ten ports that are free, below those that clients are given by themselves. They are nobody else's of this process, and
    /// the ten before them are nobody's.
    /// </summary>
    public static int FreePorts()
    {
        while (true)
        {
            var first = 12_010 + (((Environment.ProcessId * 20) + Interlocked.Add(ref s_given, PortsApart)) % 14_000);
            if (Enumerable.Range(first - 10, 20).All(IsFree))
            {
                return first;
            }
        }
    }

    public Uri At(string node, string path) => new(Host.Cluster.Find(node)!.Address, path);

    public Uri AtFront(string path) => new(Host.Front, path);

    public Task<HttpResponseMessage> FaultAsync(string json, Uri? at = null) =>
        Http.PostAsync(at ?? AtFront(FaultBoard.Path), new StringContent(json, Encoding.UTF8, "application/json"));

    public async Task HealAsync()
    {
        using var healed = await Http.DeleteAsync(AtFront(FaultBoard.Path));
        Assert.Equal(HttpStatusCode.OK, healed.StatusCode);
        await UntilAsync(AtFront("/readyz"), static reply => reply.IsSuccessStatusCode);
    }

    public Task<JsonElement> FaultsAsync() => Http.GetFromJsonAsync<JsonElement>(AtFront(FaultBoard.Path));

    /// <summary>Asks until the answer is the one waited for.</summary>
    public Task<string> UntilAsync(Uri address, Func<HttpResponseMessage, bool> good) =>
        UntilAsync(() => new(HttpMethod.Get, address), good);

    /// <summary>Sends until the answer is the one waited for; the deadline of the client is that of the wait.</summary>
    public async Task<string> UntilAsync(Func<HttpRequestMessage> make, Func<HttpResponseMessage, bool> good)
    {
        using var deadline = new CancellationTokenSource(s_patience);
        while (true)
        {
            using var request = make();
            using var reply = await Http.SendAsync(request, deadline.Token);
            var body = await reply.Content.ReadAsStringAsync(deadline.Token);
            if (good(reply))
            {
                return body;
            }

            await Task.Delay(20, deadline.Token);
        }
    }

    /// <summary>
    /// True for what a machine that stalls for seconds may answer, all nodes being on it: that nodes look down, or that no answer came.
    /// </summary>
    public static bool MayPass(HttpResponseMessage reply) =>
        reply.StatusCode == HttpStatusCode.ServiceUnavailable
        || (reply.StatusCode == HttpStatusCode.UnprocessableEntity
            && reply.Content.ReadAsStringAsync().GetAwaiter().GetResult().Contains(" live of ", StringComparison.Ordinal));

    /// <summary>True when nothing listens there.</summary>
    public static async Task<bool> RefusesAsync(Uri address)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(IPAddress.Parse(address.Host), address.Port);
            return false;
        }
        catch (SocketException refused)
        {
            return refused.SocketErrorCode == SocketError.ConnectionRefused;
        }
    }

    private static bool IsFree(int port)
    {
        try
        {
            using var socket = HttpPort.Bind(IPAddress.Loopback, port);
            return true;
        }
        catch (DemoRefusedException)
        {
            return false;
        }
    }
}
