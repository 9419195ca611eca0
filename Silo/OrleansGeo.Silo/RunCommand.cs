using System.CommandLine;

namespace OrleansGeo.Silo;

/// <summary>The command that runs a node until a signal stops it. An option that is not given is taken from its environment
/// variable.</summary>
internal static class RunCommand
{
    /// <summary>The command with its options.</summary>
    public static Command Make()
    {
        var defaults = new SiloSettings();
        var name = Text("--name", "stable name of the node");
        var region = Text("--region", "region label");
        var zone = Text("--zone", "zone label");
        var data = Text("--data", "directory of the node's data");
        var first = new Option<bool>("--first-start")
        {
            Description = "the data directory may be empty; never for a node that lost its data, whose votes would be forgotten",
        };
        var join = new Option<bool>("--join")
        {
            Description = "the node is not in the cluster file: with an empty data directory it asks the running cluster to take it in",
        };
        var advertised = Text("--advertise-http", "for a node that joins: where others reach its REST interface, as http://HOST:PORT");
        var file = Text("--cluster-file", "the file that 'geo-silo init' made; without it the databases of --clustering are asked for it");
        var address = Text("--address", "address for other silos", defaults.Address);
        var siloPort = Number("--silo-port", "port for other silos", defaults.SiloPort);
        var gatewayPort = Number("--gateway-port", "port for clients of Orleans; 0 for none", defaults.GatewayPort);
        var httpAddress = Text("--http-address", "address of the REST interface", defaults.HttpAddress);
        var httpPort = Number("--http-port", "port of the REST interface", defaults.HttpPort);
        var drain = Number(
            "--drain-seconds", "how long a node that stops goes on answering after it handed over, for load balancers to notice", 0);
        var keep = Number(
            "--keep-versions-hours",
            "how long old versions of rows are kept, which is how far back rows can be read; the same on all nodes",
            defaults.KeepVersionsHours);
        var logFormat = Text("--log-format", $"{SiloLogging.Text} for people, {SiloLogging.Json} for collectors", defaults.LogFormat);
        var logLevel = Text("--log-level", $"the least that is logged: {string.Join(", ", SiloLogging.Levels.Keys)}", defaults.LogLevel);
        var clustering = Databases();
        var storage = Storages();
        var primary = Number(
            "--primary-silo-port", "without PostgreSQL, on one machine: the silo port of the silo that keeps the membership", null);
        var security = new SecurityOptions();
        var command = new Command("run", "runs a node in the foreground")
        {
            name, region, zone, data, first, join, advertised, file, address, siloPort, gatewayPort, httpAddress, httpPort, drain,
            keep, logFormat, logLevel, clustering, storage, primary,
        };
        security.AddTo(command);
        command.SetAction((parsed, _) => SiloProcess.RunAsync(new()
        {
            Name = parsed.GetValue(name),
            Region = parsed.GetValue(region),
            Zone = parsed.GetValue(zone),
            Data = parsed.GetValue(data),
            FirstStart = parsed.GetValue(first),
            Join = parsed.GetValue(join),
            AdvertiseHttp = parsed.GetValue(advertised),
            ClusterFile = parsed.GetValue(file),
            Address = parsed.GetValue(address)!,
            SiloPort = parsed.GetValue(siloPort)!.Value,
            GatewayPort = parsed.GetValue(gatewayPort)!.Value,
            HttpAddress = parsed.GetValue(httpAddress)!,
            HttpPort = parsed.GetValue(httpPort)!.Value,
            DrainSeconds = parsed.GetValue(drain)!.Value,
            KeepVersionsHours = parsed.GetValue(keep)!.Value,
            LogFormat = parsed.GetValue(logFormat)!,
            LogLevel = parsed.GetValue(logLevel)!,
            Clustering = parsed.GetValue(clustering) ?? [],
            GrainStorage = parsed.GetValue(storage) ?? [],
            PrimarySiloPort = parsed.GetValue(primary),
            Security = security.Read(parsed),
        }));
        return command;
    }

    /// <summary>The option that names the membership's databases; its variable has one in each line.</summary>
    internal static Option<string[]> Databases() => Lines(
        "--clustering",
        "the PostgreSQL of the membership: the connection string of one, or three and more that hold it by majority, each as "
            + ClusterDatabases.Form);

    /// <summary>The option that names grain storages; its variable has one in each line.</summary>
    internal static Option<string[]> Storages() => Lines(
        "--grain-storage", $"a PostgreSQL for the states of users' own grains, under the name that they ask for: {ClusterDatabases.Form}");

    private static Option<string[]> Lines(string name, string description) => new(name)
    {
        Description = $"{description} [{Variable(name)}, one in a line]",
        DefaultValueFactory = _ => (Environment.GetEnvironmentVariable(Variable(name)) ?? "")
            .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
    };

    /// <summary>An option with text.</summary>
    internal static Option<string?> Text(string name, string description, string? otherwise = null) => new(name)
    {
        Description = $"{description} [{Variable(name)}]",
        DefaultValueFactory = _ => Environment.GetEnvironmentVariable(Variable(name)) is { Length: > 0 } text ? text : otherwise,
    };

    private static Option<int?> Number(string name, string description, int? otherwise) => new(name)
    {
        Description = $"{description} [{Variable(name)}]",
        DefaultValueFactory = result =>
        {
            if (Environment.GetEnvironmentVariable(Variable(name)) is not { Length: > 0 } text)
            {
                return otherwise;
            }

            if (!int.TryParse(text, out var number))
            {
                result.AddError($"{Variable(name)} is {text}, which is no number.");
            }

            return number;
        },
    };

    /// <summary>The environment variable of an option.</summary>
    internal static string Variable(string option) => "GEO_" + option[2..].Replace('-', '_').ToUpperInvariant();
}
