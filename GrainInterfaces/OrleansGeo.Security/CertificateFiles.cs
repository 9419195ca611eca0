namespace OrleansGeo.Security;

/// <summary>What a certificate is for (RFC 5280 §4.2.1.12).</summary>
[Flags]
public enum CertificateUses
{
    /// <summary>Answering connections.</summary>
    Server = 1,

    /// <summary>Opening them.</summary>
    Client = 2,
}

/// <summary>Where a process has its certificate, in PEM.</summary>
/// <param name="Certificate">The certificate, and behind it those between it and its authority.</param>
/// <param name="Key">Its private key, not encrypted.</param>
/// <param name="Authority">The authorities that it and the certificates of its peers are signed by; null where peers show none.</param>
public sealed record CertificateFiles(string Certificate, string Key, string? Authority);
