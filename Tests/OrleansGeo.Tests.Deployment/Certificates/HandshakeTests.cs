using System.IO.Pipelines;
using System.Net.Security;
using System.Security.Authentication;
using OrleansGeo.Security;

namespace OrleansGeo.Tests.Deployment.Certificates;

/// <summary>Who gets a connection to whom: real handshakes, over pipes.</summary>
public sealed class HandshakeTests : IDisposable
{
    private const CertificateUses Both = CertificateUses.Server | CertificateUses.Client;

    private readonly TestAuthority _authority = new();
    private readonly TestAuthority _foreign = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _authority.Dispose();
        _foreign.Dispose();
    }

    [Fact]
    public async Task Two_of_one_authority_connect_whatever_their_names() =>
        await ConnectedAsync(Read(_authority.Issue("n1")), Read(_authority.Issue("elsewhere")), Both);

    [Fact]
    public async Task A_client_of_another_authority_is_refused() =>
        await RefusedAsync(Read(_authority.Issue("n1")), Read(_foreign.Issue("n2")), Both);

    [Fact]
    public async Task A_client_refuses_a_server_of_another_authority()
    {
        var client = Read(_authority.Issue("n2"));
        var foreign = Read(_foreign.Issue("n1"));
        var (error, _) = await HandshakeAsync(
            options => foreign.Answer(options, Both), client.Open, serverTrustsAll: true);
        Assert.NotNull(error);
    }

    [Fact]
    public async Task A_client_without_a_certificate_is_refused()
    {
        var server = Read(_authority.Issue("n1"));
        var (error, _) = await HandshakeAsync(options => server.Answer(options, Both), static _ => { }, clientTrustsAll: true);
        Assert.NotNull(error);
    }

    [Fact]
    public async Task Who_has_a_certificate_for_clients_alone_cannot_pass_for_a_silo()
    {
        var server = Read(_authority.Issue("n1"));
        var client = CertificateSet.Read(
            _authority.Issue("app", CertificateUses.Client), CertificateUses.Client, DateTimeOffset.UtcNow);
        await ConnectedAsync(server, client, CertificateUses.Client);
        await RefusedAsync(server, client, Both);
    }

    [Fact]
    public async Task A_certificate_that_ran_out_is_refused()
    {
        var old = CertificateSet.Read(_authority.Issue("n2", fromDays: -30, toDays: -10), Both, DateTimeOffset.UtcNow.AddDays(-20));
        await RefusedAsync(Read(_authority.Issue("n1")), old, Both);
    }

    [Fact]
    public async Task A_certificate_that_was_replaced_counts_for_the_next_connection_and_so_does_an_authority()
    {
        var files = _authority.Issue("before");
        using var reloaded = new Reloaded<CertificateSet>(() => Read(files), TimeProvider.System, new ListLog());
        var client = Read(_authority.Issue("n2"));
        Assert.Equal("CN=before", await ConnectedAsync(reloaded, client));
        _authority.IssueTo(files, "after");
        reloaded.Reload();
        Assert.Equal("CN=after", await ConnectedAsync(reloaded, client));

        // Both authorities for a while is how one replaces the other.
        await File.AppendAllTextAsync(files.Authority!, "\n" + await File.ReadAllTextAsync(_foreign.Path, Cancellation), Cancellation);
        reloaded.Reload();
        Assert.Equal("CN=after", await ConnectedAsync(reloaded, Read(_foreign.Issue("n3")), clientTrustsAll: true));
    }

    [Fact]
    public async Task Half_a_replacement_leaves_what_was_there_and_is_logged_once()
    {
        var log = new ListLog();
        var files = _authority.Issue("before");
        using var reloaded = new Reloaded<CertificateSet>(() => Read(files), TimeProvider.System, log);
        var key = await File.ReadAllTextAsync(files.Key, Cancellation);
        _authority.IssueTo(files, "after");
        await File.WriteAllTextAsync(files.Key, key, Cancellation);
        reloaded.Reload();
        reloaded.Reload();
        Assert.Equal("CN=before", reloaded.Current.Own.Subject);
        Assert.Contains("is not the private key", Assert.Single(log.Lines), StringComparison.Ordinal);
    }

    private static CertificateSet Read(CertificateFiles files) => CertificateSet.Read(files, Both, DateTimeOffset.UtcNow);

    private static async Task ConnectedAsync(CertificateSet server, CertificateSet client, CertificateUses peerUses)
    {
        var (error, _) = await HandshakeAsync(options => server.Answer(options, peerUses), client.Open);
        Assert.Null(error);
    }

    private static async Task<string?> ConnectedAsync(Reloaded<CertificateSet> server, CertificateSet client, bool clientTrustsAll = false)
    {
        var (error, subject) = await HandshakeAsync(
            options => server.Current.Answer(options, Both), client.Open, clientTrustsAll: clientTrustsAll);
        Assert.Null(error);
        return subject;
    }

    // The client would refuse too; here it does not, so that it is the server who does.
    private static async Task RefusedAsync(CertificateSet server, CertificateSet client, CertificateUses peerUses)
    {
        var (error, _) = await HandshakeAsync(options => server.Answer(options, peerUses), client.Open, clientTrustsAll: true);
        Assert.NotNull(error);
    }

    // The server's side of a handshake is the one that decides: with TLS 1.3 the client believes in it before it hears of a refusal.
    private static async Task<(Exception? Error, string? ServerName)> HandshakeAsync(
        Action<SslServerAuthenticationOptions> answer, Action<SslClientAuthenticationOptions> open, bool serverTrustsAll = false,
        bool clientTrustsAll = false)
    {
        var (toServer, toClient) = (new Pipe(), new Pipe());
        await using var server = new SslStream(
            new PipeStream(toServer.Reader, toClient.Writer), false,
            (_, certificate, _, errors) => serverTrustsAll || (certificate is not null && CertificateSet.IsTrusted(errors)));
        await using var client = new SslStream(
            new PipeStream(toClient.Reader, toServer.Writer), false,
            (_, certificate, _, errors) => certificate is not null && (clientTrustsAll || CertificateSet.IsTrusted(errors)));
        var (answering, opening) = (new SslServerAuthenticationOptions(), new SslClientAuthenticationOptions { TargetHost = "geo" });
        answer(answering);
        open(opening);
        var answered = TryAsync(server.AuthenticateAsServerAsync(answering, Cancellation), toClient.Writer);
        var opened = TryAsync(client.AuthenticateAsClientAsync(opening, Cancellation), toServer.Writer);
        var error = await answered ?? await opened;
        return (error, error is null ? client.RemoteCertificate?.Subject : null);
    }

    private static async Task<Exception?> TryAsync(Task handshake, PipeWriter output)
    {
        try
        {
            await handshake;
            return null;
        }
        catch (Exception refused) when (refused is AuthenticationException or IOException)
        {
            await output.CompleteAsync();
            return refused;
        }
    }

    /// <summary>One end of two pipes.</summary>
    private sealed class PipeStream(PipeReader input, PipeWriter output) : Stream
    {
        private readonly Stream _input = input.AsStream();
        private readonly Stream _output = output.AsStream();

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override void Flush() => _output.Flush();

        public override Task FlushAsync(CancellationToken cancellationToken) => _output.FlushAsync(cancellationToken);

        public override int Read(byte[] buffer, int offset, int count) => _input.Read(buffer, offset, count);

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            _input.ReadAsync(buffer, cancellationToken);

        public override void Write(byte[] buffer, int offset, int count) => _output.Write(buffer, offset, count);

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await _output.WriteAsync(buffer, cancellationToken);
            await _output.FlushAsync(cancellationToken);
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
