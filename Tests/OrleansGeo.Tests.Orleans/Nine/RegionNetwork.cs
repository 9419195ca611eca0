using System.Globalization;
using OrleansGeo.Tests.Membership.Postgres;

namespace OrleansGeo.Tests.Orleans.Nine;

/// <summary>
/// Three regions as network namespaces of Linux on one bridge, which is the WAN. A region that is cut leaves the bridge: its links stay up,
/// and what is sent to it or by it goes nowhere. What is lost in one direction alone is sent to a link address that nobody has, and goes
/// nowhere without a word. Each region has a second link to the host, for whoever looks on, which is never cut.
/// </summary>
internal sealed class RegionNetwork : IDisposable
{
    private const int Regions = 3;
    private const string Nobody = "02:00:00:00:00:fe";
    private readonly string _id = Random.Shared.Next(0x1000, 0xFFFF).ToString("x", CultureInfo.InvariantCulture);
    private readonly int _net = Random.Shared.Next(64, 200);

    public RegionNetwork()
    {
        Ip($"link add {Bridge} type bridge");
        Ip($"link set {Bridge} up");
        for (var region = 0; region < Regions; region++)
        {
            Ip($"netns add {Space(region)}");
            Ip($"link add {Wan(region)} type veth peer name wan netns {Space(region)}");
            Ip($"link set {Wan(region)} master {Bridge}");
            Ip($"link set {Wan(region)} up");
            Ip($"link add {Look(region)} type veth peer name look netns {Space(region)}");
            Ip($"addr add 10.{_net}.{100 + region}.254/24 dev {Look(region)}");
            Ip($"link set {Look(region)} up");
            Within(region, "link set lo up");
            Within(region, $"addr add {WanAddress(region)}/24 dev wan");
            Within(region, "link set wan up");
            Within(region, $"addr add {LookAddress(region)}/24 dev look");
            Within(region, "link set look up");
        }
    }

    /// <summary>Why there can be none here, or null.</summary>
    public static string? Missing =>
        !OperatingSystem.IsLinux() ? "network namespaces are of Linux"
        : Environment.UserName != "root" ? "network namespaces are made by root"
        : !File.Exists("/usr/sbin/ip") && !File.Exists("/sbin/ip") ? "ip (iproute2) is not installed"
        : null;

    /// <summary>Everybody's addresses, as a prefix.</summary>
    public string Prefix => $"10.{_net}.0.0/16";

    private string Bridge => $"gb{_id}";

    /// <summary>A region's address on the WAN.</summary>
    public string WanAddress(int region) => $"10.{_net}.1.{region + 1}";

    /// <summary>A region's address for who looks on.</summary>
    public string LookAddress(int region) => $"10.{_net}.{100 + region}.1";

    /// <summary>The words that run a command in a region.</summary>
    public IReadOnlyList<string> Inside(int region) => ["ip", "netns", "exec", Space(region)];

    /// <summary>Cuts a region off from the others.</summary>
    public void Cut(int region) => Ip($"link set {Wan(region)} nomaster");

    /// <summary>Connects it again.</summary>
    public void Join(int region) => Ip($"link set {Wan(region)} master {Bridge}");

    /// <summary>What one region sends to another is lost from now on.</summary>
    public void Lose(int from, int to) => Within(from, $"neigh replace {WanAddress(to)} lladdr {Nobody} dev wan nud permanent");

    /// <summary>It arrives again.</summary>
    public void Find(int from, int to) => Within(from, $"neigh del {WanAddress(to)} dev wan");

    public void Dispose()
    {
        for (var region = 0; region < Regions; region++)
        {
            Ip($"netns del {Space(region)}");
        }

        Ip($"link del {Bridge}");
    }

    private string Space(int region) => $"geo{_id}r{region}";

    private string Wan(int region) => $"gw{_id}r{region}";

    private string Look(int region) => $"gl{_id}r{region}";

    private void Within(int region, string what) => Posix.Run([.. Inside(region), "ip", .. what.Split(' ')]);

    private static void Ip(string what) => Posix.Run(["ip", .. what.Split(' ')]);
}
