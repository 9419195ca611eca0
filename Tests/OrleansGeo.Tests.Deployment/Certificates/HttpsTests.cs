using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using OrleansGeo.Api;
using OrleansGeo.Api.Access;
using OrleansGeo.Security;

namespace OrleansGeo.Tests.Deployment.Certificates;

/// <summary>REST over HTTPS, on a real port.</summary>
public sealed class HttpsTests : IDisposable
{
    private readonly TestAuthority _authority = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _authority.Dispose();

    [Fact]
    public async Task Rest_is_served_over_HTTP_2_with_the_certificate_and_with_its_successor()
    {
        var files = _authority.Issue("before", CertificateUses.Server) with { Authority = null };
        using var certificate = new Reloaded<CertificateSet>(
            () => CertificateSet.Read(files, CertificateUses.Server, DateTimeOffset.UtcNow), TimeProvider.System, new ListLog());
        await using var app = await ServeAsync(certificate);
        var port = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()).Port;
        Assert.Equal(("CN=before", 2), await GetAsync(port));
        _authority.IssueTo(files, "after", CertificateUses.Server);
        certificate.Reload();
        Assert.Equal(("CN=after", 2), await GetAsync(port));
        using var plain = new HttpClient();
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => plain.GetAsync(new Uri($"http://localhost:{port}/livez"), Cancellation));
    }

    private static async Task<WebApplication> ServeAsync(Reloaded<CertificateSet> certificate)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(
            kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseGeoHttps(certificate)));
        builder.Services.AddRoutingCore();
        builder.Services.AddLogging();
        builder.Services.AddSingleton<IGeoStore>(static _ => throw new InvalidOperationException("no store is asked here"));
        builder.Services.AddGeoApi();
        var app = builder.Build();
        app.MapGeoApi();
        await app.StartAsync(Cancellation);
        return app;
    }

    private async Task<(string Subject, int Version)> GetAsync(int port)
    {
        var subject = "";
        using var handler = new SocketsHttpHandler();
        handler.SslOptions.CertificateChainPolicy = new() { TrustMode = X509ChainTrustMode.CustomRootTrust };
        handler.SslOptions.CertificateChainPolicy.CustomTrustStore.ImportFromPemFile(_authority.Path);
        handler.SslOptions.CertificateChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        handler.SslOptions.RemoteCertificateValidationCallback = (_, shown, _, errors) =>
        {
            subject = shown!.Subject;
            return errors == System.Net.Security.SslPolicyErrors.None;
        };
        using var client = new HttpClient(handler) { DefaultRequestVersion = HttpVersion.Version20 };
        using var answer = await client.GetAsync(new Uri($"https://localhost:{port}/livez"), Cancellation);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return (subject, answer.Version.Major);
    }
}
