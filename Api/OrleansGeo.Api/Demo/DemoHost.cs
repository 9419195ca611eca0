using System.Diagnostics;
using System.Net;
using OrleansGeo.Api.Observability;

namespace OrleansGeo.Api.Demo;

/// <summary>The whole demo: the cluster, its ports and the front door.</summary>
public sealed class DemoHost : IAsyncDisposable
{
    private readonly OtlpExport? _export;
    private FrontDoor? _door;

    private DemoHost(DemoCluster cluster, Uri front, OtlpExport? export)
    {
        _export = export;
        Cluster = cluster;
        Front = front;
    }

    /// <summary>The nodes.</summary>
    public DemoCluster Cluster { get; }

    /// <summary>Where the front door is.</summary>
    public Uri Front { get; }

    /// <summary>The front door as text, without a slash at the end.</summary>
    public string FrontText => Front.GetLeftPart(UriPartial.Authority);

    /// <summary>Starts all of it; ports are open when it returns, and the nodes are on their way to being ready.</summary>
    /// <exception cref="DemoRefusedException">A port is taken or the data cannot be used; nothing is left running.</exception>
    public static async Task<DemoHost> StartAsync(DemoOptions options, Action<string> tell)
    {
        var listener = HttpPort.Bind(options.Bind, options.HttpPort);
        DemoHost? host = null;
        try
        {
            var front = new IPEndPoint(options.Bind.Equals(IPAddress.Any) ? IPAddress.Loopback : options.Bind, options.HttpPort);
            host = new(new(options, tell), new($"http://{front}"), OtlpExport.Start(options.OtlpEndpoint, $"demo-{options.HttpPort}"));
            await host.Cluster.StartAsync();
            host._door = await FrontDoor.StartAsync(host.Cluster, options, listener);
            return host;
        }
        catch
        {
            listener.Dispose();
            if (host is not null)
            {
                await host.DisposeAsync();
            }

            throw;
        }
    }

    /// <summary>Waits until the front door says that every node is ready; false when it does not in time.</summary>
    public async Task<bool> ReadyAsync(TimeSpan patience, CancellationToken cancellation)
    {
        using var client = new HttpClient();
        var began = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(began) < patience)
        {
            using var answer = await client.GetAsync(new Uri(Front, "/readyz"), cancellation);
            if (answer.IsSuccessStatusCode)
            {
                return true;
            }

            await Task.Delay(100, cancellation);
        }

        return false;
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        if (_door is not null)
        {
            await _door.DisposeAsync();
        }

        // What is shown of nodes ends with them, so what is left of it is sent before.
        _export?.Dispose();
        await Cluster.DisposeAsync();
    }
}
