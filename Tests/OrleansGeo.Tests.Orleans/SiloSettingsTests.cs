using System.Net;
using System.Net.Sockets;
using OrleansGeo.Security;
using OrleansGeo.Silo;
using OrleansGeo.Tests.Deployment.Certificates;

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
    public void A_node_needs_a_cluster_file_or_databases_that_have_it()
    {
        Assert.StartsWith("--cluster-file ", Assert.Single((Good with { ClusterFile = null }).Wrong()), StringComparison.Ordinal);
        Assert.Empty((Good with { ClusterFile = null, Clustering = ["Host=h;Username=geo"] }).Wrong());
    }

    [Fact]
    public void Grain_storages_are_given_with_names_each_its_own()
    {
        Assert.Empty((Good with { GrainStorage = ["carts=Host=h;Username=geo", "users=Host=h;Username=geo"] }).Wrong());
        Assert.Equal(
            ["--grain-storage: each is given as NAME=CONNECTION-STRING; 1 of 3 are not.", "--grain-storage: 2 are named carts."],
            (Good with { GrainStorage = ["Host=h;Username=geo", "carts=Host=h", "carts=Host=i"] }).Wrong());
    }

    [Fact]
    public void Each_line_of_a_refusal_says_whose_it_is() => Assert.Equal(
        $"geo-silo: one{Environment.NewLine}geo-silo: two", new SiloRefusedException("one", "two").Lines);

    [Fact]
    public void Several_machines_need_a_database() =>
        Assert.Contains("--clustering", Assert.Single(
            (Good with { Address = "10.0.0.1", Security = new() { Insecure = true } }).Wrong()), StringComparison.Ordinal);

    [Theory]
    [InlineData("0.0.0.0", false, false, false)]
    [InlineData("10.0.0.1", false, false, false)]
    [InlineData("::", false, false, false)]
    [InlineData("10.0.0.1", true, false, true)]
    [InlineData("10.0.0.1", false, true, true)]
    [InlineData("127.0.0.2", false, false, true)]
    [InlineData("::1", false, false, true)]
    public void Rest_for_other_machines_needs_keys(string address, bool keys, bool insecure, bool isGood)
    {
        var settings = Good with
        {
            HttpAddress = address,
            Security = new() { ApiKeys = keys ? "keys" : null, Insecure = insecure },
        };
        Assert.Equal(isGood ? 0 : 1, settings.Wrong().Count(line => line.StartsWith("--api-keys ", StringComparison.Ordinal)));
    }

    [Fact]
    public void Whatever_other_machines_reach_needs_a_certificate()
    {
        var open = Good with
        {
            Address = "10.0.0.1",
            HttpAddress = "10.0.0.1",
            Clustering = ["Host=pg"],
            Security = new() { ApiKeys = "keys" },
        };
        Assert.Equal(["--https-certificate", "--tls-certificate"], open.Wrong().Select(static line => line.Split(' ')[0]));
        Assert.Empty((open with { Security = new() { Insecure = true } }).Wrong());
        Assert.Empty((open with
        {
            Security = open.Security with
            {
                HttpsCertificate = "c", HttpsKey = "k", TlsCertificate = "c", TlsKey = "k", TlsAuthority = "a",
            },
        }).Wrong());
    }

    [Fact]
    public void Half_a_certificate_is_refused_on_loopback_too()
    {
        var wrong = (Good with { Security = new() { HttpsKey = "k", TlsAuthority = "a", Insecure = true } }).Wrong();
        Assert.Equal(["--https-certificate", "--tls-certificate,"], wrong.Select(static line => line.Split(' ')[0]));
    }

    [Fact]
    public async Task Certificates_that_cannot_be_used_are_refused()
    {
        ClusterFile.New("c", [new(1, "n1", "r1", "r1-a", null)]).Write(ClusterPath);
        using var authority = new TestAuthority();
        using var foreign = new TestAuthority();
        var (node, other) = (authority.Issue("n1"), authority.Issue("n2"));
        await RefusedAsync(
            Good with { Security = new() { HttpsCertificate = node.Certificate, HttpsKey = other.Key } }, "is not the private key");
        var tls = new SecuritySettings { TlsCertificate = node.Certificate, TlsKey = node.Key, TlsAuthority = foreign.Path };
        await RefusedAsync(Good with { Security = tls }, "is not signed by the authority");
        var clients = authority.Issue("app", CertificateUses.Client);
        await RefusedAsync(
            Good with { Security = tls with { TlsCertificate = clients.Certificate, TlsKey = clients.Key, TlsAuthority = authority.Path } },
            "is not for use as");
    }

    [Fact]
    public async Task A_file_of_keys_that_cannot_be_used_is_refused()
    {
        ClusterFile.New("c", [new(1, "n1", "r1", "r1-a", null)]).Write(ClusterPath);
        var path = Path.Combine(_folder.FullName, "keys");
        await RefusedAsync(Good with { Security = new() { ApiKeys = path } }, "cannot be read");
        await File.WriteAllTextAsync(path, "x", TestContext.Current.CancellationToken);
        await RefusedAsync(Good with { Security = new() { ApiKeys = path } }, "line 1");
    }

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
        await RefusedAsync(Good with { KeepVersionsHours = 0 }, "--keep-versions-hours is 0; it is from 1 to 8760");
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
