using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Orleans.Hosting;
using OrleansGeo.Api.Access;
using OrleansGeo.Sdk;
using OrleansGeo.Security;

namespace OrleansGeo.Silo;

/// <summary>
/// Who may reach the process, and how they show who they are. On loopback nothing is needed, so every user of the machine may do
/// everything; what is given holds there too.
/// </summary>
internal sealed record SecuritySettings
{
    private const CertificateUses SiloUses = CertificateUses.Server | CertificateUses.Client;

    /// <summary>The file of the keys that REST wants.</summary>
    public string? ApiKeys { get; init; }

    /// <summary>The certificate of REST.</summary>
    public string? HttpsCertificate { get; init; }

    /// <summary>Its key.</summary>
    public string? HttpsKey { get; init; }

    /// <summary>The certificate for other silos and for clients of Orleans.</summary>
    public string? TlsCertificate { get; init; }

    /// <summary>Its key.</summary>
    public string? TlsKey { get; init; }

    /// <summary>Who signed it, and theirs.</summary>
    public string? TlsAuthority { get; init; }

    /// <summary>Other machines may reach the process although something here is missing.</summary>
    public bool Insecure { get; init; }

    private CertificateFiles? Https =>
        HttpsCertificate is not null && HttpsKey is not null ? new(HttpsCertificate, HttpsKey, null) : null;

    private CertificateFiles? Tls =>
        TlsCertificate is not null && TlsKey is not null && TlsAuthority is not null ? new(TlsCertificate, TlsKey, TlsAuthority) : null;

    /// <summary>What is missing, a line each.</summary>
    public IEnumerable<string> Wrong(SiloSettings settings)
    {
        if (Https is null && (HttpsCertificate ?? HttpsKey) is not null)
        {
            yield return "--https-certificate and --https-key belong together.";
        }

        if (Tls is null && (TlsCertificate ?? TlsKey ?? TlsAuthority) is not null)
        {
            yield return "--tls-certificate, --tls-key and --tls-authority belong together.";
        }

        if (Insecure)
        {
            yield break;
        }

        if (ApiKeys is null && IsReachable(settings.HttpAddress))
        {
            yield return $"--api-keys must be given where other machines reach REST, which is at {settings.HttpAddress}; or --insecure.";
        }

        if (Https is null && IsReachable(settings.HttpAddress))
        {
            yield return "--https-certificate must be given where other machines reach REST: a key could be read on its way; "
                + "or --insecure.";
        }

        if (Tls is null && IsReachable(settings.Address))
        {
            yield return $"--tls-certificate must be given where other machines reach the silo, which is at {settings.Address}: "
                + "whoever does can call any grain; or --insecure.";
        }
    }

    /// <summary>Looks at the files.</summary>
    /// <exception cref="SiloRefusedException">One of them cannot be used.</exception>
    public void Check(DateTimeOffset now)
    {
        try
        {
            _ = ApiKeys is null ? null : ApiKeyFile.Read(ApiKeys);
            _ = Https is null ? null : CertificateSet.Read(Https, CertificateUses.Server, now);
            _ = Tls is null ? null : CertificateSet.Read(Tls, SiloUses, now);
        }
        catch (UnusableFileException wrong)
        {
            throw new SiloRefusedException(wrong.Message);
        }
    }

    /// <summary>Makes the web server want keys.</summary>
    public void AddTo(IServiceCollection services)
    {
        if (ApiKeys is not null)
        {
            services.AddGeoApiKeys(ApiKeys);
        }
    }

    /// <summary>Makes a port of the web server speak HTTPS.</summary>
    public void AddTo(ListenOptions listen)
    {
        if (Https is { } files)
        {
            // One port, and so one reader of its files; it lives as long as the process.
            listen.UseGeoHttps(new Reloaded<CertificateSet>(
                () => CertificateSet.Read(files, CertificateUses.Server, TimeProvider.System.GetUtcNow()),
                TimeProvider.System,
                listen.ApplicationServices.GetRequiredService<ILogger<CertificateSet>>()));
        }
    }

    /// <summary>Makes the silo want certificates, and show its own.</summary>
    public void AddTo(ISiloBuilder silo)
    {
        if (Tls is { } files)
        {
            silo.UseGeoTls(files);
        }
    }

    // An address that is none is said elsewhere.
    private static bool IsReachable(string address) => IPAddress.TryParse(address, out var ip) && !IPAddress.IsLoopback(ip);
}
