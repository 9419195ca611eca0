using System.Net;
using System.Net.Sockets;
using OrleansGeo.Api.Observability;
using OrleansGeo.Engine;

namespace OrleansGeo.Api.Demo;

/// <summary>A node of the demo with its port.</summary>
public sealed class DemoNode(EmbeddedNode node, NodeMetrics metrics, IPAddress bind, int port)
{
    private Socket? _listener;

    /// <summary>Its engine.</summary>
    public EmbeddedNode Embedded { get; } = node;

    /// <summary>What shows it, over crashes and restarts.</summary>
    public NodeMetrics Metrics => metrics;

    /// <summary>Who it is.</summary>
    public NodeRecord Record => Embedded.Record;

    /// <summary>Its store, over crashes and restarts.</summary>
    public IGeoStore Store { get; } = new CurrentNodeStore(node.Record.Name, () => node.Front);

    /// <summary>Where it listens.</summary>
    public Uri Address { get; } = new($"http://{new IPEndPoint(bind.Equals(IPAddress.Any) ? IPAddress.Loopback : bind, port)}");

    /// <summary>Its REST interface while it runs.</summary>
    public HttpPort? Http { get; private set; }

    /// <summary>True while its port takes connections.</summary>
    public bool IsUp => Http is not null;

    /// <summary>True when a fault took it down, and nobody brought it back.</summary>
    public bool IsCrashed { get; set; }

    /// <summary>Takes its port, so that nothing starts when one is not free.</summary>
    public void Bind() => _listener ??= HttpPort.Bind(bind, port);

    /// <summary>Serves on its port.</summary>
    public async Task ListenAsync(Action<WebApplication> mapFaults)
    {
        Bind();
        var listener = _listener!;
        _listener = null;
        Http = await HttpPort.StartAsync(
            listener,
            services =>
            {
                services.AddSingleton(Store);
                services.AddSingleton(new MeterScope(metrics.Scope!));
                services.AddGeoApi();
            },
            app =>
            {
                app.MapGeoApi();
                mapFaults(app);
            });
    }

    /// <summary>Refuses connections from now on.</summary>
    public void Silence(string? spared = null)
    {
        var http = Http;
        Http = null;
        http?.Die(spared);
    }

    /// <summary>Gives up its port.</summary>
    public async Task CloseAsync()
    {
        var http = Http;
        Http = null;
        _listener?.Dispose();
        if (http is not null)
        {
            await http.DisposeAsync();
        }
    }
}
