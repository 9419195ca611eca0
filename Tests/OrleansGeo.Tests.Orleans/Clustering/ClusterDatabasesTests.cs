using System.CommandLine;
using OrleansGeo.Clustering;
using OrleansGeo.Membership;
using OrleansGeo.Silo;
using OrleansGeo.Tests.Membership.Postgres;

namespace OrleansGeo.Tests.Orleans.Clustering;

/// <summary>How geo-silo is told of the membership's databases, and what it says when they cannot be: one clear line for each.</summary>
[Collection(PostgresServers.Name)]
public sealed class ClusterDatabasesTests(PostgresFixture fixture) : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("geo-silo-");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string ClusterPath => Path.Combine(_folder.FullName, "cluster.json");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData()]
    [InlineData("Host=h;Database=d")]
    [InlineData("Password=a=b;Host=h")]
    [InlineData("ap=Host=h1", "eu=Host=h2", "us=Host=h3")]
    [InlineData("ap=Host=h;Port=1", "eu=Host=h;Port=2;Password=x=y", "us=Host=h;Port=3")]
    [InlineData("a=Host=h;Database=1", "b=Host=h;Database=2", "c=Host=h;Database=3", "d=Host=h;Database=4", "e=Host=h;Database=5")]
    public void Databases_that_can_be_are_not_complained_about(params string[] clustering) =>
        Assert.Empty(ClusterDatabases.Wrong(clustering));

    [Theory]
    [InlineData("2 databases cannot outvote a lost one; it takes 3 to 9", "ap=Host=h1", "eu=Host=h2")]
    [InlineData("4 databases survive no more losses than 3; it takes an odd number", "a=Host=1", "b=Host=2", "c=Host=3", "d=Host=4")]
    [InlineData("2 databases are named eu", "ap=Host=h1", "eu=Host=h2", "eu=Host=h3")]
    [InlineData("ap and us are the same database", "ap=Host=h;Database=d", "eu=Host=h2", "us=Host=H;Port=5432;Database=d;Username=u")]
    [InlineData("a database needs a name of 1 to 63", "a p=Host=h1", "eu=Host=h2", "us=Host=h3")]
    [InlineData("a database needs a name of 1 to 63", "=Host=h1", "eu=Host=h2", "us=Host=h3")]
    [InlineData("the connection string of database eu cannot be read", "ap=Host=h1", "eu=Horst=h2", "us=Host=h3")]
    [InlineData("the connection string of database eu names no host", "ap=Host=h1", "eu=Port=7", "us=Host=h3")]
    [InlineData("the connection string of database eu names several hosts", "ap=Host=h1", "eu=Host=h2,h3", "us=Host=h3")]
    [InlineData("of several databases each is given as NAME=CONNECTION-STRING; 1 of 3 are not", "Host=h1", "eu=Host=h2", "us=Host=h3")]
    [InlineData("one database is given by its connection string alone", "eu=Host=h1")]
    public void What_cannot_be_is_one_line(string words, params string[] clustering)
    {
        var line = Assert.Single(ClusterDatabases.Wrong(clustering));
        Assert.StartsWith($"--clustering: {words}", line, StringComparison.Ordinal);
        Assert.Contains(line, new SiloSettings { Clustering = clustering }.Wrong());
    }

    [Fact]
    public void Ten_databases_are_too_many() => Assert.StartsWith(
        "--clustering: 11 databases are too many; it takes 3 to 9",
        Assert.Single(ClusterDatabases.Wrong([.. Enumerable.Range(0, 11).Select(i => $"d{i}=Host=h{i}")])),
        StringComparison.Ordinal);

    [Fact]
    public void A_database_is_written_without_its_password() =>
        Assert.Equal("MembershipDatabase { eu }", new MembershipDatabase("eu", "Host=h;Password=secret").ToString());

    [Fact]
    public void Several_options_are_several_databases()
    {
        var databases = RunCommand.Databases();
        var parsed = new Command("run") { databases }.Parse(["--clustering", "a=Host=1", "--clustering", "b=Host=2"]);
        Assert.Empty(parsed.Errors);
        Assert.Equal(["a=Host=1", "b=Host=2"], parsed.GetValue(databases)!);
    }

    [Fact]
    public async Task A_cluster_is_not_made_without_its_nodes()
    {
        Assert.Equal(ExitCodes.Usage, await InitAsync([]));
        string[] three = ["--clustering", "a=Host=1", "--clustering", "b=Host=2", "--clustering", "c=Host=3"];
        Assert.Equal(ExitCodes.Usage, await InitAsync(three));
        Assert.False(File.Exists(ClusterPath));
        Assert.Equal(ExitCodes.Done, await InitAsync(["--seed", "n1=r1/r1-a"]));
        Assert.Equal(ExitCodes.Usage, await ReadmitAsync(["a", "--cluster-file", ClusterPath, "--clustering", "Host=h"]));
    }

    [Fact]
    public async Task A_cluster_is_made_beside_one_database_which_has_its_file_then()
    {
        string[] one = ["--clustering", fixture.Servers[0].ConnectionString];
        Assert.Equal(ExitCodes.Usage, await InitAsync(["--seed", "n1=r1/r1-a", "--clustering", "Host=127.0.0.1;Port=1"]));
        Assert.Equal(ExitCodes.Done, await InitAsync([.. one, "--grain-storage", $"carts={one[1]}"]));
        Assert.Equal(ExitCodes.Done, await InitAsync(one));
        await GrainStorages.CheckAsync([$"carts={one[1]}"]);
        var read = await ControlDatabases.ReadAsync(ClusterPath, ClusterDatabases.All([one[1]]));
        Assert.Equal(ClusterFile.Read(ClusterPath).ToText(), read.ToText());
    }

    [Fact]
    public async Task A_cluster_is_made_with_its_databases_and_what_was_interrupted_goes_on()
    {
        var clustering = PostgresDatabases.Clustering(fixture.Servers);
        var other = fixture.Servers[1];
        string[] databases = [.. clustering.SelectMany(static database => new[] { "--clustering", database })];
        other.Kill();
        try
        {
            Assert.Equal(ExitCodes.Usage, await InitAsync(["--seed", "n1=r1/r1-a", .. databases]));
        }
        finally
        {
            other.Launch();
        }

        var cluster = ClusterFile.Read(ClusterPath);
        var options = ClusterDatabases.Options(clustering);
        await using var register = MembershipRegister.Of(
            cluster.ClusterId, options, TimeProvider.System, new RecordedLog<MembershipRegister>());
        await Assert.ThrowsAsync<MembershipUnavailableException>(register.ReadAsync);
        Assert.Equal(ExitCodes.Usage, await InitAsync(databases[..4]));
        Assert.Equal(ExitCodes.Usage, await InitAsync(["--seed", "n1=r1/r1-a", .. databases]));
        Assert.Equal(ExitCodes.Usage, await InitAsync(["--cluster-id", "another", .. databases]));
        Assert.Equal(ExitCodes.Done, await InitAsync(databases));
        Assert.Equal(ExitCodes.Done, await InitAsync(databases));
        Assert.Equal(MembershipTable.Empty, await register.ReadAsync());
    }

    [Fact]
    public async Task A_database_that_is_new_in_its_place_is_taken_in_again()
    {
        var clustering = PostgresDatabases.Clustering(fixture.Servers);
        var id = $"c-{Guid.NewGuid():N}";
        ClusterFile.New(id, [new(1, "n1", "r1", "r1-a", null)]).Write(ClusterPath);
        await ClusterDatabases.FoundAsync(id, clustering);
        var options = ClusterDatabases.Options(clustering);
        await using var register = MembershipRegister.Of(id, options, TimeProvider.System, new RecordedLog<MembershipRegister>());
        await register.ChangeAsync(static table => table.Insert(new("s", 3, [], 1, "h", "s", "", 1, 1, 0), 0));
        await DropAsync(fixture.Servers[2]);
        var refused = await Assert.ThrowsAsync<SiloRefusedException>(() => ClusterDatabases.FoundAsync(id, clustering));
        Assert.Contains("'us' lost its record: readmit it", refused.Message, StringComparison.Ordinal);
        await DropAsync(fixture.Servers[2]);
        string[] arguments = ["--cluster-file", ClusterPath, .. clustering.SelectMany(static one => new[] { "--clustering", one })];
        Assert.Equal(ExitCodes.Usage, await ReadmitAsync(["nobody", .. arguments]));
        Assert.Equal(ExitCodes.Done, await ReadmitAsync(["us", .. arguments]));
        Assert.Equal(ExitCodes.Done, await ReadmitAsync(["us", .. arguments]));
        await ClusterDatabases.FoundAsync(id, clustering);
        Assert.Single((await register.ReadAsync()).Rows);
    }

    [Fact]
    public async Task A_silo_starts_with_a_majority_of_its_databases_and_not_with_less()
    {
        var clustering = PostgresDatabases.Clustering(fixture.Servers);
        var id = $"c-{Guid.NewGuid():N}";
        ClusterFile.New(id, [new(1, "n1", "r1", "r1-a", null)]).Write(ClusterPath);
        var settings = new SiloSettings
        {
            Name = "n1",
            Region = "r1",
            Zone = "r1-a",
            Data = Path.Combine(_folder.FullName, "data"),
            FirstStart = true,
            ClusterFile = ClusterPath,
            SiloPort = SiloSettingsTests.FreePort(),
            GatewayPort = 0,
            HttpPort = SiloSettingsTests.FreePort(),
            Clustering = clustering,
        };
        var thrown = await Assert.ThrowsAsync<MembershipUnavailableException>(() => Preflight.CheckAsync(settings));
        Assert.Contains("'eu': has no record as", thrown.Message, StringComparison.Ordinal);
        await ClusterDatabases.FoundAsync(id, clustering);
        fixture.Servers[0].Kill();
        try
        {
            await Preflight.CheckAsync(settings);
            await ClockIsRefusedAsync(settings, TimeSpan.FromHours(1), "3600 s ahead of");
            await ClockIsRefusedAsync(settings, -TimeSpan.FromHours(1), "3600 s behind");
            fixture.Servers[1].Kill();
            thrown = await Assert.ThrowsAsync<MembershipUnavailableException>(() => Preflight.CheckAsync(settings));
            Assert.Contains("'eu': Failed to connect", thrown.Message, StringComparison.Ordinal);
        }
        finally
        {
            fixture.Servers[0].Launch();
            fixture.Servers[1].Launch();
        }
    }

    private static async Task DropAsync(PostgresServer server)
    {
        await using var connection = new Npgsql.NpgsqlConnection(server.ConnectionString + ";Pooling=false");
        await connection.OpenAsync(Cancellation);
        await using var command = new Npgsql.NpgsqlCommand("DROP TABLE geo_membership_register", connection);
        await command.ExecuteNonQueryAsync(Cancellation);
    }

    private static Task<int> ReadmitAsync(string[] arguments) =>
        ReadmitCommand.Make().Parse(arguments).InvokeAsync(cancellationToken: Cancellation);

    private Task<int> InitAsync(string[] arguments) =>
        InitCommand.Make().Parse(["--cluster-file", ClusterPath, .. arguments]).InvokeAsync(cancellationToken: Cancellation);

    private static async Task ClockIsRefusedAsync(SiloSettings settings, TimeSpan off, string words)
    {
        var refused = await Assert.ThrowsAsync<SiloRefusedException>(() => Preflight.CheckAsync(settings, new OffTime(off)));
        var line = refused.Message.Replace("3599 s", "3600 s", StringComparison.Ordinal);
        Assert.StartsWith($"The clock of this machine is {words} that of the membership's databases;", line, StringComparison.Ordinal);
    }

    private sealed class OffTime(TimeSpan off) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + off;
    }
}
