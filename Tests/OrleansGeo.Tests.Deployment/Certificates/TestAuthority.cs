using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using OrleansGeo.Security;

namespace OrleansGeo.Tests.Deployment.Certificates;

/// <summary>A certificate authority of a test's own, and the files that it hands out.</summary>
public sealed class TestAuthority : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("geo-ca-");
    private readonly X509Certificate2 _root;
    private int _issued;

    public TestAuthority()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=test authority", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        _root = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddYears(-2), DateTimeOffset.UtcNow.AddYears(2));
        File.WriteAllText(Path, _root.ExportCertificatePem());
    }

    /// <summary>The authority's own certificate.</summary>
    public string Path => System.IO.Path.Combine(_folder.FullName, "ca.crt");

    /// <summary>A certificate with its key, in new files.</summary>
    public CertificateFiles Issue(
        string name, CertificateUses uses = CertificateUses.Server | CertificateUses.Client, int fromDays = -1, int toDays = 1)
    {
        var stem = System.IO.Path.Combine(_folder.FullName, $"{name}-{++_issued}");
        return IssueTo(new($"{stem}.crt", $"{stem}.key", Path), name, uses, fromDays, toDays);
    }

    /// <summary>The same into given files, as when a certificate is replaced.</summary>
    public CertificateFiles IssueTo(
        CertificateFiles files, string name, CertificateUses uses = CertificateUses.Server | CertificateUses.Client, int fromDays = -1,
        int toDays = 1)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var oids = new OidCollection();
        if (uses.HasFlag(CertificateUses.Server))
        {
            oids.Add(new Oid("1.3.6.1.5.5.7.3.1"));
        }

        if (uses.HasFlag(CertificateUses.Client))
        {
            oids.Add(new Oid("1.3.6.1.5.5.7.3.2"));
        }

        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(oids, false));
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());

        // Two authorities may have one name, as when one replaces the other; then this tells which one signed.
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(_root, true, false));
        using var certificate = request.Create(
            _root, DateTimeOffset.UtcNow.AddDays(fromDays), DateTimeOffset.UtcNow.AddDays(toDays), RandomNumberGenerator.GetBytes(16));
        File.WriteAllText(files.Certificate, certificate.ExportCertificatePem());
        File.WriteAllText(files.Key, key.ExportPkcs8PrivateKeyPem());
        return files;
    }

    public void Dispose()
    {
        _root.Dispose();
        _folder.Delete(recursive: true);
    }
}
