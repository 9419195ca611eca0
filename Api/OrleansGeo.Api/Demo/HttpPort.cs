using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace OrleansGeo.Api.Demo;

/// <summary>
/// A web application on one port that can die as a process does: from one moment on the port refuses connections and those that were open
/// are reset. It reads no settings, writes no log and handles no signal.
/// </summary>
public sealed class HttpPort : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, ConnectionContext> _connections = new(StringComparer.Ordinal);
    private readonly Socket _listener;
    private readonly WebApplication _app;
    private Task? _stopping;
    private volatile bool _dead;
    private volatile string? _spared;

    private HttpPort(Socket listener, Action<IServiceCollection> services, Action<WebApplication> map)
    {
        _listener = listener;
        var builder = WebApplication.CreateEmptyBuilder(new() { ApplicationName = typeof(HttpPort).Assembly.GetName().Name });
        builder.WebHost.UseKestrelCore();
        builder.Services.AddRoutingCore();
        builder.Services.AddLogging();
        builder.Services.AddSingleton<IHostLifetime, NoSignals>();
        builder.Services.Configure<SocketTransportOptions>(options => options.CreateBoundListenSocket = _ => listener);
        builder.Services.Configure<KestrelServerOptions>(options =>
        {
            options.AddServerHeader = false;
            options.Listen((IPEndPoint)listener.LocalEndPoint!, listen => listen.Use(Track));
        });
        services(builder.Services);
        _app = builder.Build();
        map(_app);
    }

    /// <summary>Takes a port.</summary>
    /// <exception cref="DemoRefusedException">Somebody else has it, or it may not be taken.</exception>
    public static Socket Bind(IPAddress address, int port)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(address, port));
            socket.Listen();
            return socket;
        }
        catch (SocketException taken)
        {
            socket.Dispose();
            throw new DemoRefusedException(
                $"Port {port} on {address} cannot be used ({taken.SocketErrorCode}): give ten free ports in a row with --http-port.");
        }
    }

    /// <summary>Serves on a port that was taken.</summary>
    public static async Task<HttpPort> StartAsync(Socket listener, Action<IServiceCollection> services, Action<WebApplication> map)
    {
        var port = new HttpPort(listener, services, map);
        await port._app.StartAsync();
        return port;
    }

    /// <summary>
    /// Refuses and resets connections from now on. The one connection that is spared, by its id, carries the answer that says so, and is
    /// closed behind it.
    /// </summary>
    public void Die(string? spared = null)
    {
        _spared = spared;
        _dead = true;
        _listener.Dispose();
        foreach (var (id, connection) in _connections)
        {
            if (id != spared)
            {
                connection.Abort(new ConnectionAbortedException("the node died"));
            }
        }

        _stopping ??= StopAsync();
    }

    /// <summary>Stops serving, within about a second.</summary>
    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        await (_stopping ??= StopAsync());
    }

    private async Task StopAsync()
    {
        using var patience = new CancellationTokenSource(s_patience);
        try
        {
            await _app.StopAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            // Connections that outlived the patience were aborted.
        }

        await _app.DisposeAsync();
    }

    private ConnectionDelegate Track(ConnectionDelegate next) => async connection =>
    {
        _connections[connection.ConnectionId] = connection;
        try
        {
            if (_dead && connection.ConnectionId != _spared)
            {
                connection.Abort();
                return;
            }

            await next(connection);
        }
        finally
        {
            _connections.TryRemove(connection.ConnectionId, out _);
        }
    };

    // The demo stops all its ports itself; ten hosts that each listen for signals would race for them.
    private sealed class NoSignals : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
