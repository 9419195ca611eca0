using System.Net;
using OrleansGeo.Engine;

namespace OrleansGeo.Silo;

/// <summary>Everything the process is told, as text and numbers; <see cref="Wrong"/> says what of it cannot be.</summary>
internal sealed record SiloSettings
{
    private const int PortMax = 65_535;
    private const int DrainSecondsMax = 600;

    // A message may be on its way for minutes, and a transaction that comes late must find what it left.
    private const int KeepVersionsHoursMin = 1;
    private const int KeepVersionsHoursMax = 8_760;

    /// <summary>Stable name: of the node, and of its silo.</summary>
    public string? Name { get; init; }

    /// <summary>Region label.</summary>
    public string? Region { get; init; }

    /// <summary>Zone label.</summary>
    public string? Zone { get; init; }

    /// <summary>Where the node keeps its data.</summary>
    public string? Data { get; init; }

    /// <summary>The node may begin with an empty data directory. Never after it ran: a node that lost its data forgets its votes.</summary>
    public bool FirstStart { get; init; }

    /// <summary>The node is no seed, and asks the running cluster to take it in when its data directory is empty.</summary>
    public bool Join { get; init; }

    /// <summary>Where the REST interface is for others; told to the cluster by a node that joins.</summary>
    public string? AdvertiseHttp { get; init; }

    /// <summary>The cluster's file; where it is not given, the databases have it (<see cref="ControlDatabases"/>).</summary>
    public string? ClusterFile { get; init; }

    /// <summary>The address that other silos reach this one at, and that it listens on.</summary>
    public string Address { get; init; } = "127.0.0.1";

    /// <summary>Port for other silos.</summary>
    public int SiloPort { get; init; } = 11_111;

    /// <summary>Port for clients of Orleans; 0 for none.</summary>
    public int GatewayPort { get; init; } = 30_000;

    /// <summary>The address of the REST interface.</summary>
    public string HttpAddress { get; init; } = "127.0.0.1";

    /// <summary>Port of the REST interface.</summary>
    public int HttpPort { get; init; } = 7_100;

    /// <summary>Seconds for which a node that stops goes on answering after it handed over what it led.</summary>
    public int DrainSeconds { get; init; }

    /// <summary>Hours for which old versions of rows are kept: how far back rows can be read.</summary>
    public int KeepVersionsHours { get; init; } = 25;

    /// <summary>How logs are written: one of those of <see cref="SiloLogging"/>.</summary>
    public string LogFormat { get; init; } = SiloLogging.Text;

    /// <summary>The least level of this product's logs that is written.</summary>
    public string LogLevel { get; init; } = "information";

    /// <summary>The PostgreSQL databases that hold the membership (<see cref="ClusterDatabases"/>); none for one machine without.</summary>
    public IReadOnlyList<string> Clustering { get; init; } = [];

    /// <summary>Grain storages in PostgreSQL for the grains of users (<see cref="GrainStorages"/>).</summary>
    public IReadOnlyList<string> GrainStorage { get; init; } = [];

    /// <summary>Without PostgreSQL: the silo port of the one silo on this machine that keeps the membership in its memory.</summary>
    public int? PrimarySiloPort { get; init; }

    /// <summary>Who may reach it, and how they show who they are.</summary>
    public SecuritySettings Security { get; init; } = new();

    /// <summary>What cannot be, a line each.</summary>
    public IEnumerable<string> Wrong() =>
    [
        .. WrongNode(), .. WrongEndpoints(), .. SiloLogging.Wrong(this), .. WrongClustering(), .. GrainStorages.Wrong(GrainStorage),
        .. Security.Wrong(this),
    ];

    private IEnumerable<string> WrongNode()
    {
        foreach (var (option, label) in new[] { ("--name", Name), ("--region", Region), ("--zone", Zone) })
        {
            if (!NodeRecord.IsLabel(label))
            {
                yield return $"{option} must be given: {NodeRecord.LabelRule}.";
            }
        }

        if (string.IsNullOrWhiteSpace(Data))
        {
            yield return "--data must be given.";
        }

        if (string.IsNullOrWhiteSpace(ClusterFile) && Clustering.Count == 0)
        {
            yield return "--cluster-file must be given where no database of --clustering has it.";
        }

        if (KeepVersionsHours is < KeepVersionsHoursMin or > KeepVersionsHoursMax)
        {
            yield return $"--keep-versions-hours is {KeepVersionsHours}; it is from {KeepVersionsHoursMin} to {KeepVersionsHoursMax}.";
        }

        if (DrainSeconds is < 0 or > DrainSecondsMax)
        {
            yield return $"--drain-seconds is {DrainSeconds}; it is from 0 to {DrainSecondsMax}.";
        }
    }

    private IEnumerable<string> WrongEndpoints()
    {
        foreach (var (option, port, first) in Ports())
        {
            if (port < first || port > PortMax)
            {
                yield return $"{option} is {port}; a port is from {first} to {PortMax}.";
            }
        }

        foreach (var same in Ports().Where(port => port.Port != 0).GroupBy(port => port.Port).Where(same => same.Count() > 1))
        {
            yield return $"{string.Join(" and ", same.Select(port => port.Option))} are both {same.Key}.";
        }

        foreach (var (option, address) in new[] { ("--address", Address), ("--http-address", HttpAddress) })
        {
            if (!IPAddress.TryParse(address, out _))
            {
                yield return $"{option} is {address}, which is no IP address.";
            }
        }

        if (AdvertiseHttp is { } url && !(Uri.TryCreate(url, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"))
        {
            yield return $"--advertise-http is {url}, which is no http or https address.";
        }
    }

    private IEnumerable<string> WrongClustering()
    {
        foreach (var wrong in ClusterDatabases.Wrong(Clustering))
        {
            yield return wrong;
        }

        if (Clustering.Count > 0 && PrimarySiloPort is not null)
        {
            yield return "--clustering and --primary-silo-port exclude each other.";
        }

        if (Clustering.Count == 0 && IPAddress.TryParse(Address, out var here) && !IPAddress.IsLoopback(here))
        {
            yield return "--clustering must be given where nodes are on several machines.";
        }
    }

    private IEnumerable<(string Option, int Port, int First)> Ports() =>
        [("--silo-port", SiloPort, 1), ("--gateway-port", GatewayPort, 0), ("--http-port", HttpPort, 1)];
}
