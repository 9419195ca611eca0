using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Hosting;
using Orleans.Runtime;
using OrleansGeo.Sdk;
using OrleansGeo.Security;
using OrleansGeo.Tests.Deployment.Certificates;

namespace OrleansGeo.Tests.Orleans;

/// <summary>Silos and clients that show certificates, over real connections.</summary>
public sealed class TlsTests : IAsyncDisposable
{
    private readonly TestAuthority _authority = new();
    private readonly TestAuthority _foreign = new();
    private readonly List<IHost> _hosts = [];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        foreach (var host in Enumerable.Reverse(_hosts))
        {
            await host.StopAsync(new CancellationToken(canceled: true));
            host.Dispose();
        }

        _authority.Dispose();
        _foreign.Dispose();
    }

    [Fact]
    public async Task Silos_with_certificates_of_one_authority_form_a_cluster_that_a_client_calls()
    {
        var first = await StartAsync(new Node(_authority.Issue("n1")));
        await StartAsync(new Node(_authority.Issue("n2"), first.SiloPort));
        Assert.Equal(2, await MembersAsync(await ClientAsync(first, _authority.Issue("app", CertificateUses.Client))));
    }

    [Fact]
    public async Task A_certificate_for_clients_opens_the_port_for_clients_and_not_the_one_for_silos()
    {
        var first = await StartAsync(new Node(_authority.Issue("n1")));
        var app = _authority.Issue("app", CertificateUses.Client);
        Assert.False(await IsRefusedAsync(first, first.GatewayPort, app));
        Assert.True(await IsRefusedAsync(first, first.SiloPort, app));
    }

    [Fact]
    public async Task Without_a_certificate_or_with_a_foreign_one_or_without_encryption_nobody_is_let_in()
    {
        var first = await StartAsync(new Node(_authority.Issue("n1")));
        foreach (var port in new[] { first.SiloPort, first.GatewayPort })
        {
            Assert.False(await IsRefusedAsync(first, port, _authority.Issue("n2")));
            Assert.True(await IsRefusedAsync(first, port, _foreign.Issue("n2")));
            Assert.True(await IsRefusedAsync(first, port, null));
            var before = first.Refusals.Count;
            using var plain = new TcpClient();
            await plain.ConnectAsync(IPAddress.Loopback, port, Cancellation);
            await EndAsync(plain.GetStream());
            Assert.Equal(before + 1, first.Refusals.Count);
        }
    }

    [Fact]
    public async Task A_certificate_that_was_replaced_is_shown_without_a_restart()
    {
        var files = _authority.Issue("before");
        var first = await StartAsync(new Node(files));
        var peer = _authority.Issue("n2");
        Assert.Equal("CN=before", await NameAsync(first.SiloPort, peer));
        _authority.IssueTo(files, "after");
        first.Host!.Services.GetRequiredService<Reloaded<CertificateSet>>().Reload();
        Assert.Equal("CN=after", await NameAsync(first.SiloPort, peer));
        Assert.Equal("CN=after", await NameAsync(first.GatewayPort, peer));
        await StartAsync(new Node(_authority.Issue("n3"), first.SiloPort));
        Assert.Equal(2, await MembersAsync(await ClientAsync(first, peer)));
    }

    private static async Task<int> MembersAsync(IClusterClient client) =>
        (await client.GetGrain<IManagementGrain>(0).GetHosts(onlyActive: true)).Count;

    private static async Task<string> NameAsync(int port, CertificateFiles files)
    {
        await using var stream = await ConnectAsync(port, files);
        return stream.RemoteCertificate!.Subject;
    }

    // A client believes in the connection before the silo has looked at its certificate. So it says something that is no Orleans, upon
    // which the silo ends the connection in any case; whether it refused the certificate before, it has logged by then.
    private static async Task<bool> IsRefusedAsync(Node node, int port, CertificateFiles? files)
    {
        var before = node.Refusals.Count;
        try
        {
            await using var stream = await ConnectAsync(port, files);
            await EndAsync(stream);
        }
        catch (Exception refused) when (refused is AuthenticationException or IOException)
        {
            // The silo was faster.
        }

        return node.Refusals.Count > before;
    }

    private static async Task EndAsync(Stream stream)
    {
        var words = new byte[64];
        words.AsSpan().Fill(0x7f);
        try
        {
            await stream.WriteAsync(words, Cancellation);
            while (await stream.ReadAsync(words, Cancellation) > 0)
            {
                // An alert, at most.
            }
        }
        catch (IOException)
        {
            // The silo was faster.
        }
    }

    private static async Task<SslStream> ConnectAsync(int port, CertificateFiles? files)
    {
        var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port, Cancellation);
        var stream = new SslStream(client.GetStream(), false, static (_, shown, _, _) => shown is not null);
        var options = new SslClientAuthenticationOptions
        {
            TargetHost = "geo",
            ApplicationProtocols = [new SslApplicationProtocol("Orleans1")],
        };
        if (files is not null)
        {
            CertificateSet.Read(files, CertificateUses.Client, DateTimeOffset.UtcNow).Open(options);
        }

        try
        {
            await stream.AuthenticateAsClientAsync(options, Cancellation);
            return stream;
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    private static IHost HostOf(Node node)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Logging.AddProvider(node.Refusals);
        builder.UseOrleans(silo =>
        {
            var primary = node.PrimaryPort is { } port ? new IPEndPoint(IPAddress.Loopback, port) : null;
            silo.UseLocalhostClustering(node.SiloPort, node.GatewayPort, primary, "geo", "tls");
            silo.UseGeoTls(node.Files);
        });
        return builder.Build();
    }

    private async Task<Node> StartAsync(Node node)
    {
        node.Host = HostOf(node);
        _hosts.Add(node.Host);
        await node.Host.StartAsync(Cancellation);
        return node;
    }

    private async Task<IClusterClient> ClientAsync(Node node, CertificateFiles files)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.UseOrleansClient(client =>
        {
            client.UseLocalhostClustering(node.GatewayPort, "geo", "tls");
            client.UseGeoTls(files);
        });
        var host = builder.Build();
        _hosts.Add(host);
        await host.StartAsync(Cancellation);
        return host.Services.GetRequiredService<IClusterClient>();
    }

    /// <summary>A silo, and what it refused.</summary>
    private sealed record Node(CertificateFiles Files, int? PrimaryPort = null)
    {
        public int SiloPort { get; } = SiloSettingsTests.FreePort();

        public int GatewayPort { get; } = SiloSettingsTests.FreePort();

        public RefusalLog Refusals { get; } = new();

        public IHost? Host { get; set; }
    }

    /// <summary>Hears of each handshake that failed.</summary>
    private sealed class RefusalLog : ILoggerProvider, ILogger
    {
        private int _count;

        public int Count => Volatile.Read(ref _count);

        public ILogger CreateLogger(string categoryName) =>
            categoryName.EndsWith("TlsServerConnectionMiddleware", StringComparison.Ordinal)
                ? this
                : Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Interlocked.Increment(ref _count);

        public void Dispose()
        {
        }
    }
}
