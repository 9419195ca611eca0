using OrleansGeo.Security;

namespace OrleansGeo.Tests.Deployment.Certificates;

/// <summary>What a process says about files that could never work: one line, before it starts.</summary>
public sealed class CertificateSetTests : IDisposable
{
    private const CertificateUses Both = CertificateUses.Server | CertificateUses.Client;

    private readonly TestAuthority _authority = new();
    private readonly TestAuthority _foreign = new();

    public void Dispose()
    {
        _authority.Dispose();
        _foreign.Dispose();
    }

    [Fact]
    public void Good_files_are_read()
    {
        var read = Read(_authority.Issue("n1"));
        Assert.Equal("CN=n1", read.Own.Subject);
        Assert.True(read.Own.HasPrivateKey);
    }

    [Fact]
    public void The_same_files_are_known_to_be_the_same()
    {
        var files = _authority.Issue("n1");
        Assert.Equal(Read(files).Fingerprint, Read(files).Fingerprint);
        var before = Read(files).Fingerprint;
        Assert.NotEqual(before, Read(_authority.IssueTo(files, "n1")).Fingerprint);
    }

    [Fact]
    public void A_missing_file_is_named()
    {
        var files = _authority.Issue("n1");
        Refused(files with { Certificate = "/nowhere.crt" }, "/nowhere.crt cannot be read");
        Refused(files with { Key = "/nowhere.key" }, "/nowhere.key cannot be read");
        Refused(files with { Authority = "/nowhere.ca" }, "/nowhere.ca cannot be read");
    }

    [Fact]
    public void A_file_without_a_certificate_is_refused()
    {
        var files = _authority.Issue("n1");
        Refused(files with { Certificate = files.Key }, "holds no certificate in PEM");
        Refused(files with { Authority = files.Key }, "holds no certificate in PEM");
        Refused(files with { Key = files.Certificate }, "is not the private key");
    }

    [Fact]
    public void Certificates_that_run_into_one_another_are_refused_because_one_of_them_would_be_passed_over()
    {
        var files = _authority.Issue("n1");
        File.AppendAllText(files.Authority!, File.ReadAllText(_foreign.Path));
        Refused(files, "of its 2 certificates can be read");
    }

    [Fact]
    public void A_key_of_another_certificate_is_refused() =>
        Refused(_authority.Issue("n1") with { Key = _authority.Issue("n2").Key }, "is not the private key");

    [Theory]
    [InlineData(-30, -1)]
    [InlineData(1, 30)]
    public void A_certificate_that_is_not_valid_now_is_refused(int fromDays, int toDays) =>
        Refused(_authority.Issue("n1", fromDays: fromDays, toDays: toDays), "is valid from");

    [Fact]
    public void A_certificate_of_another_authority_is_refused() =>
        Refused(_foreign.Issue("n1") with { Authority = _authority.Path }, "is not signed by the authority");

    [Theory]
    [InlineData(CertificateUses.Client, true)]
    [InlineData(CertificateUses.Server, true)]
    [InlineData(CertificateUses.Client, false)]
    public void A_certificate_for_another_use_is_refused(CertificateUses uses, bool withAuthority)
    {
        var files = _authority.Issue("n1", uses);
        Refused(
            withAuthority ? files : files with { Authority = null }, "is not for use as", withAuthority ? Both : CertificateUses.Server);
    }

    [Fact]
    public void Without_an_authority_it_matters_to_none_who_signed() => Read(_foreign.Issue("n1") with { Authority = null });

    private static CertificateSet Read(CertificateFiles files) => CertificateSet.Read(files, Both, DateTimeOffset.UtcNow);

    private static void Refused(CertificateFiles files, string words, CertificateUses uses = Both)
    {
        var refused = Assert.Throws<UnusableFileException>(() => CertificateSet.Read(files, uses, DateTimeOffset.UtcNow));
        Assert.Contains(words, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
    }
}
