using System.Globalization;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace OrleansGeo.Security;

/// <summary>
/// A certificate with its key and the authorities that peers are held against, as they were in the files at one moment. The authorities are
/// the cluster's own: who shows a certificate of theirs for the right use is let in, whatever names stand in it, because silos are reached
/// by addresses that change. The machine's list of public authorities plays no part.
/// </summary>
public sealed class CertificateSet : IFileContent
{
    private const string ServerUse = "1.3.6.1.5.5.7.3.1";
    private const string ClientUse = "1.3.6.1.5.5.7.3.2";

    private readonly X509Certificate2Collection _authorities;
    private readonly SslStreamCertificateContext _context;

    private CertificateSet(
        X509Certificate2 own, X509Certificate2Collection between, X509Certificate2Collection authorities, string fingerprint)
    {
        Own = own;
        _authorities = authorities;
        Fingerprint = fingerprint;
        var trust = authorities.Count == 0 ? null : SslCertificateTrust.CreateForX509Collection(authorities);
        _context = SslStreamCertificateContext.Create(own, between, offline: true, trust);
    }

    /// <inheritdoc />
    public string Fingerprint { get; }

    /// <summary>The certificate itself, with its key.</summary>
    public X509Certificate2 Own { get; }

    /// <summary>Reads the files, and checks all that would make every connection fail.</summary>
    /// <exception cref="UnusableFileException">
    /// A file is missing, is no certificate, has a key that is not its own, has expired, is not for these uses, or is not signed by the
    /// authority.
    /// </exception>
    public static CertificateSet Read(CertificateFiles files, CertificateUses uses, DateTimeOffset now)
    {
        var (certificate, key) = (Text(files.Certificate), Text(files.Key));
        var authority = files.Authority is null ? "" : Text(files.Authority);
        var between = Certificates(files.Certificate, certificate);
        var authorities = files.Authority is null ? [] : Certificates(files.Authority, authority);
        var own = WithKey(files, certificate, key);
        between.RemoveAt(0);
        var time = now.UtcDateTime;
        if (own.NotAfter.ToUniversalTime() < time || own.NotBefore.ToUniversalTime() > time)
        {
            throw new UnusableFileException(
                $"The certificate {files.Certificate} is valid from {Day(own.NotBefore)} to {Day(own.NotAfter)}, and not now.");
        }

        var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{certificate}\0{key}\0{authority}"));
        var read = new CertificateSet(own, between, authorities, Convert.ToHexString(hash));
        read.CheckSelf(files, between, uses, time);
        return read;
    }

    /// <summary>Answers a connection with this certificate; the peer must show one of the authority, for these uses.</summary>
    public void Answer(SslServerAuthenticationOptions options, CertificateUses peerUses)
    {
        options.ServerCertificate = null;
        options.ServerCertificateSelectionCallback = null;
        options.ServerCertificateContext = _context;
        options.ClientCertificateRequired = true;
        options.CertificateChainPolicy = PolicyFor(peerUses);
    }

    /// <summary>Opens a connection with this certificate; the peer must show one of the authority that is for a server.</summary>
    public void Open(SslClientAuthenticationOptions options)
    {
        options.ClientCertificates = null;
        options.LocalCertificateSelectionCallback = null;
        options.ClientCertificateContext = _context;
        options.CertificateChainPolicy = PolicyFor(CertificateUses.Server);
    }

    /// <summary>How anybody is answered, who need not show a certificate.</summary>
    public SslServerAuthenticationOptions ForEverybody() => new() { ServerCertificateContext = _context };

    /// <summary>What remains to be asked after the chain was built by <see cref="Answer"/> or <see cref="Open"/>.</summary>
    public static bool IsTrusted(SslPolicyErrors errors) =>
        (errors & ~SslPolicyErrors.RemoteCertificateNameMismatch) == SslPolicyErrors.None;

    /// <inheritdoc />
    public override string ToString() => $"the certificate {Own.Subject}, valid until {Day(Own.NotAfter)}";

    private static string Day(DateTime time) => time.ToUniversalTime().ToString("u", CultureInfo.InvariantCulture);

    private static string Text(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new UnusableFileException($"The file {path} cannot be read: {failure.Message}");
        }
    }

    private static X509Certificate2Collection Certificates(string path, string pem)
    {
        var read = new X509Certificate2Collection();
        try
        {
            read.ImportFromPem(pem);
        }
        catch (CryptographicException wrong)
        {
            throw new UnusableFileException($"The file {path} holds something that is no certificate in PEM: {wrong.Message}");
        }

        // One whose first line does not begin a line is passed over by the reader without a word.
        var count = pem.Split("-----BEGIN CERTIFICATE-----").Length - 1;
        return count == 0 ? throw new UnusableFileException($"The file {path} holds no certificate in PEM.")
            : read.Count < count
                ? throw new UnusableFileException($"In the file {path} only {read.Count} of its {count} certificates can be read.")
            : read;
    }

    private static X509Certificate2 WithKey(CertificateFiles files, string certificate, string key)
    {
        try
        {
            return X509Certificate2.CreateFromPem(certificate, key);
        }
        catch (Exception wrong) when (wrong is CryptographicException or ArgumentException)
        {
            throw new UnusableFileException(
                $"The key {files.Key} is not the private key, in PEM and not encrypted, of the certificate {files.Certificate}.");
        }
    }

    // Revocation is not looked up: a private authority has seldom a place to ask, and a cluster must start without one. Certificates are
    // short-lived instead, and the authority is replaced when a key was lost.
    private X509ChainPolicy PolicyFor(CertificateUses uses)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(_authorities);
        AddUses(policy, uses);
        return policy;
    }

    private static void AddUses(X509ChainPolicy policy, CertificateUses uses)
    {
        if (uses.HasFlag(CertificateUses.Server))
        {
            policy.ApplicationPolicy.Add(new Oid(ServerUse));
        }

        if (uses.HasFlag(CertificateUses.Client))
        {
            policy.ApplicationPolicy.Add(new Oid(ClientUse));
        }
    }

    private void CheckSelf(CertificateFiles files, X509Certificate2Collection between, CertificateUses uses, DateTime time)
    {
        using var chain = new X509Chain { ChainPolicy = PolicyFor(uses) };
        chain.ChainPolicy.ExtraStore.AddRange(between);
        chain.ChainPolicy.VerificationTime = time;
        if (files.Authority is null)
        {
            // Callers decide whom they trust; only what the certificate is for can be seen from here.
            chain.ChainPolicy.VerificationFlags = X509VerificationFlags.AllowUnknownCertificateAuthority;
            chain.ChainPolicy.CustomTrustStore.Add(Own);
        }

        if (chain.Build(Own))
        {
            return;
        }

        var status = chain.ChainStatus.Select(static status => status.Status).Aggregate(static (all, one) => all | one);
        throw new UnusableFileException(
            status.HasFlag(X509ChainStatusFlags.NotValidForUsage) ? $"The certificate {files.Certificate} is not for use as {uses}."
            : status.HasFlag(X509ChainStatusFlags.NotTimeValid)
                ? $"A certificate between {files.Certificate} and its authority is not valid now."
            : $"The certificate {files.Certificate} is not signed by the authority in {files.Authority} ({status}).");
    }
}
