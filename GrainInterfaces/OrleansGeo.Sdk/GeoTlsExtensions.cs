using System.Net.Security;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Configuration;
using Orleans.Connections.Security;
using Orleans.Hosting;
using OrleansGeo.Security;

namespace OrleansGeo.Sdk;

/// <summary>
/// Encrypted connections on which both sides show a certificate of the cluster's own authority. Files are read again when they change:
/// the next connections use what is new, those that are open go on.
/// </summary>
public static class GeoTlsExtensions
{
    private const CertificateUses Silo = CertificateUses.Server | CertificateUses.Client;

    // Silos are reached by addresses, which stand in no certificate. Any name avoids that the address is sent as one.
    private const string AnyName = "orleansgeo";

    /// <summary>
    /// For a silo: its certificate must be for servers and for clients, because silos are both to each other. So must the one that is
    /// shown on its port for silos; on its port for clients, one for clients suffices.
    /// </summary>
    /// <exception cref="UnusableFileException">When the silo starts: the files cannot be used.</exception>
    public static ISiloBuilder UseGeoTls(this ISiloBuilder silo, CertificateFiles files)
    {
        AddCertificate(silo.Services, files, Silo);
        return silo.Configure<SiloConnectionOptions>(static connections =>
        {
            connections.ConfigureSiloInboundConnection(static connection => connection.UseServerTls(Answering(connection, Silo)));
            connections.ConfigureGatewayInboundConnection(
                static connection => connection.UseServerTls(Answering(connection, CertificateUses.Client)));
            connections.ConfigureSiloOutboundConnection(static connection => connection.UseClientTls(Opening(connection)));
        });
    }

    /// <summary>For a client: its certificate must be for clients.</summary>
    /// <exception cref="UnusableFileException">When the client starts: the files cannot be used.</exception>
    public static IClientBuilder UseGeoTls(this IClientBuilder client, CertificateFiles files)
    {
        AddCertificate(client.Services, files, CertificateUses.Client);
        return client.Configure<ClientConnectionOptions>(static connections =>
            connections.ConfigureConnection(static connection => connection.UseClientTls(Opening(connection))));
    }

    private static void AddCertificate(IServiceCollection services, CertificateFiles files, CertificateUses uses)
    {
        if (files.Authority is null)
        {
            throw new ArgumentException("Without an authority there is nothing to hold a peer's certificate against.", nameof(files));
        }

        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(host => new Reloaded<CertificateSet>(
            () => CertificateSet.Read(files, uses, host.GetRequiredService<TimeProvider>().GetUtcNow()),
            host.GetRequiredService<TimeProvider>(),
            host.GetRequiredService<ILogger<CertificateSet>>()));
    }

    private static TlsOptions Answering(IConnectionBuilder connection, CertificateUses peerUses)
    {
        var certificate = connection.ApplicationServices.GetRequiredService<Reloaded<CertificateSet>>();
        return new()
        {
            LocalServerCertificateSelector = (_, _) => certificate.Current.Own,
            RemoteCertificateValidation = static (_, _, errors) => CertificateSet.IsTrusted(errors),
            OnAuthenticateAsServer = (_, options) =>
                certificate.Current.Answer((SslServerAuthenticationOptions)options.SslServerAuthenticationOptions, peerUses),
        };
    }

    private static TlsOptions Opening(IConnectionBuilder connection)
    {
        var certificate = connection.ApplicationServices.GetRequiredService<Reloaded<CertificateSet>>();
        return new()
        {
            RemoteCertificateValidation = static (_, _, errors) => CertificateSet.IsTrusted(errors),
            OnAuthenticateAsClient = (_, options) =>
            {
                var opening = (SslClientAuthenticationOptions)options.SslClientAuthenticationOptions;
                opening.TargetHost = AnyName;
                certificate.Current.Open(opening);
            },
        };
    }
}
