using System.Net;
using System.Net.Sockets;
using OrleansGeo.Silo;

namespace OrleansGeo.Tests.Orleans;

/// <summary>What a silo that cannot work says before it starts: one clear line for each thing that is wrong.</summary>
public sealed class SiloSettingsTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("geo-silo-");

    private string ClusterPath => Path.Combine(_folder.FullName, "cluster.json");

    private SiloSettings Good => new()
    {
        Name = "n1",
        Region = "r1",
        Zone = "r1-a",
        Data = Path.Combine(_folder.FullName, "data"),
        ClusterFile = ClusterPath,
        SiloPort = 1,
        GatewayPort = 0,
        HttpPort = 2,
    };

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Settings_that_can_be_are_not_complained_about() => Assert.Empty(Good.Wrong());

    [Fact]
    public void Everything_that_is_wrong_is_said_at_once()
    {
        var wrong = new SiloSettings { SiloPort = 70_000, HttpPort = 30_000, Address = "here" }.Wrong().ToArray();
        foreach (var option in new[] { "--name", "--region", "--zone", "--data", "--cluster-file", "--silo-port", "--address" })
        {
            Assert.Single(wrong, line => line.StartsWith(option + " ", StringComparison.Ordinal));
        }

        Assert.Contains("--gateway-port and --http-port are both 30000.", wrong);
    }

    [Fact]
    public void Several_machines_need_a_database() =>
        Assert.Contains("--clustering", Assert.Single((Good with { Address = "10.0.0.1" }).Wrong()), StringComparison.Ordinal);

    [Fact]
    public void A_cluster_file_is_read_as_it_was_written_and_never_replaced()
    {
        var made = ClusterFile.New("c", [new(1, "n1", "r1", "r1-a", null), new(2, "n2", "r1", "r1-b", "http://h")]);
        made.Write(ClusterPath);
        var read = ClusterFile.Read(ClusterPath);
        Assert.Equal(made.Seeds.AsEnumerable(), read.Seeds);
        Assert.Equal((made.ClusterId, made.TokenSecret), (read.ClusterId, read.TokenSecret));
        Assert.Throws<SiloRefusedException>(() => made.Write(ClusterPath));
    }

    [Theory]
    [InlineData("""{"clusterId":"c","tokenSecret":"AAAA","seeds":[]}""", "secret")]
    [InlineData("""{"clusterId":"","tokenSecret":"AAAA","seeds":[]}""", "cluster id")]
    [InlineData("""{"clusterId":"c"}""", "secret")]
    [InlineData("{", "cannot be read")]
    [InlineData("null", "empty")]
    public void A_file_that_is_no_cluster_file_is_refused(string text, string words)
    {
        File.WriteAllText(ClusterPath, text);
        var refused = Assert.Throws<SiloRefusedException>(() => ClusterFile.Read(ClusterPath));
        Assert.Contains(words, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_nodes_of_one_name_are_no_cluster() =>
        Assert.Contains(
            "two nodes have the name n1",
            ClusterFile.New(null, [new(1, "n1", "r", "a", null), new(2, "n1", "r", "b", null)]).Wrong(),
            StringComparison.Ordinal);

    [Fact]
    public async Task Labels_that_are_not_those_of_the_cluster_are_refused()
    {
        ClusterFile.New("c", [new(1, "n1", "r1", "r1-a", null)]).Write(ClusterPath);
        await RefusedAsync(Good with { Zone = "r1-b" }, "not in r1, r1-b");
        await RefusedAsync(Good with { Name = "n2" }, "A new node of a running cluster is started with --join");
        await RefusedAsync(Good with { Join = true }, "it does not --join, it has --first-start");
        await RefusedAsync(Good with { AdvertiseHttp = "n2:7100" }, "--advertise-http is n2:7100");
        await RefusedAsync(Good with { DrainSeconds = -1 }, "--drain-seconds is -1; it is from 0 to 600");
    }

    [Fact]
    public async Task A_port_that_is_taken_is_refused()
    {
        ClusterFile.New("c", [new(1, "n1", "r1", "r1-a", null)]).Write(ClusterPath);
        using var taken = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        taken.Listen();
        var port = ((IPEndPoint)taken.LocalEndPoint!).Port;
        await RefusedAsync(Good with { SiloPort = port }, $"--silo-port {port}");
    }

    [Fact]
    public async Task An_empty_data_directory_is_refused_unless_it_is_the_first_start()
    {
        ClusterFile.New("c", [new(1, "n1", "r1", "r1-a", null)]).Write(ClusterPath);
        var settings = Good with { SiloPort = FreePort(), HttpPort = FreePort() };
        await RefusedAsync(settings, "--first-start");
        await Preflight.CheckAsync(settings with { FirstStart = true });
    }

    internal static int FreePort()
    {
        using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        probe.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)probe.LocalEndPoint!).Port;
    }

    private static async Task RefusedAsync(SiloSettings settings, string words) =>
        Assert.Contains(
            words,
            (await Assert.ThrowsAsync<SiloRefusedException>(() => Preflight.CheckAsync(settings))).Message,
            StringComparison.Ordinal);
}
