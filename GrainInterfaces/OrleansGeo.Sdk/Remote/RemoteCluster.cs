using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Hosting;
using OrleansGeo.GrainInterfaces;

namespace OrleansGeo.Sdk.Remote;

/// <summary>
/// A client of another cluster beside a silo. A container holds one Orleans runtime, and the silo's is in this one; so the client has a
/// host of its own, which lives as long and logs to the same place.
/// </summary>
internal sealed class RemoteCluster : IHostedService, IAsyncDisposable
{
    private readonly IHost _host;

    public RemoteCluster(Action<IClientBuilder> connect, ILoggerFactory loggers)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddSingleton<ILoggerFactory>(new Borrowed(loggers));
        builder.UseOrleansClient(connect);
        _host = builder.Build();
        Store = new GrainGeoStore(_host.Services.GetRequiredService<IClusterClient>());
    }

    /// <summary>The cluster's data.</summary>
    public IGeoStore Store { get; }

    /// <inheritdoc />
    public Task StartAsync(CancellationToken cancellationToken) => _host.StartAsync(cancellationToken);

    /// <inheritdoc />
    public Task StopAsync(CancellationToken cancellationToken) => _host.StopAsync(cancellationToken);

    public ValueTask DisposeAsync() => ((IAsyncDisposable)_host).DisposeAsync();

    // Whoever lent it disposes of it.
    private sealed class Borrowed(ILoggerFactory loggers) : ILoggerFactory
    {
        public ILogger CreateLogger(string categoryName) => loggers.CreateLogger(categoryName);

        public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException("the silo's host says where logs go");

        public void Dispose()
        {
        }
    }
}
