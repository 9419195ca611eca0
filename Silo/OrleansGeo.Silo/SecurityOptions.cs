using System.CommandLine;

namespace OrleansGeo.Silo;

/// <summary>The options of a command that say who may reach the process.</summary>
internal sealed class SecurityOptions
{
    private readonly Option<string?> _apiKeys = RunCommand.Text(
        "--api-keys", "file of the keys that REST wants, as 'geo-silo key' makes it; read again when it changes, as all these files are");

    private readonly Option<string?> _httpsCertificate = RunCommand.Text("--https-certificate", "certificate of REST, in PEM");
    private readonly Option<string?> _httpsKey = RunCommand.Text("--https-key", "its private key, in PEM");

    private readonly Option<string?> _tlsCertificate = RunCommand.Text(
        "--tls-certificate", "certificate for other silos and for clients of Orleans, in PEM; they must show one too");

    private readonly Option<string?> _tlsKey = RunCommand.Text("--tls-key", "its private key, in PEM");

    private readonly Option<string?> _tlsAuthority = RunCommand.Text(
        "--tls-authority", "the authority of the cluster, which signed this certificate and theirs, in PEM");

    private readonly Option<bool> _insecure = new("--insecure")
    {
        Description = "let other machines reach the node without what protects it from them "
            + $"[{RunCommand.Variable("--insecure")}=true]",
        DefaultValueFactory = static _ => Environment.GetEnvironmentVariable(RunCommand.Variable("--insecure")) == "true",
    };

    /// <summary>Adds them.</summary>
    public void AddTo(Command command)
    {
        foreach (var option in new Option[]
        {
            _apiKeys, _httpsCertificate, _httpsKey, _tlsCertificate, _tlsKey, _tlsAuthority, _insecure,
        })
        {
            command.Options.Add(option);
        }
    }

    /// <summary>What was given.</summary>
    public SecuritySettings Read(ParseResult parsed) => new()
    {
        ApiKeys = parsed.GetValue(_apiKeys),
        HttpsCertificate = parsed.GetValue(_httpsCertificate),
        HttpsKey = parsed.GetValue(_httpsKey),
        TlsCertificate = parsed.GetValue(_tlsCertificate),
        TlsKey = parsed.GetValue(_tlsKey),
        TlsAuthority = parsed.GetValue(_tlsAuthority),
        Insecure = parsed.GetValue(_insecure),
    };
}
