using System.CommandLine;

namespace OrleansGeo.Silo;

/// <summary>The options of a command that say who may reach the process.</summary>
internal sealed class SecurityOptions
{
    private readonly Option<string?> _apiKeys = RunCommand.Text(
        "--api-keys", "file of the keys that REST wants, as 'geo-silo key' makes it; read again when it changes");

    private readonly Option<bool> _insecure = new("--insecure")
    {
        Description = "let other machines reach the node without what protects it from them "
            + $"[{RunCommand.Variable("--insecure")}=true]",
        DefaultValueFactory = static _ => Environment.GetEnvironmentVariable(RunCommand.Variable("--insecure")) == "true",
    };

    /// <summary>Adds them.</summary>
    public void AddTo(Command command)
    {
        command.Options.Add(_apiKeys);
        command.Options.Add(_insecure);
    }

    /// <summary>What was given.</summary>
    public SecuritySettings Read(ParseResult parsed) => new()
    {
        ApiKeys = parsed.GetValue(_apiKeys),
        Insecure = parsed.GetValue(_insecure),
    };
}
