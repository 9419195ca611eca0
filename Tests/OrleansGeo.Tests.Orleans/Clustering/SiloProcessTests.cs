using System.Net;
using Npgsql;
using Orleans.Runtime;
using OrleansGeo.Clustering;
using OrleansGeo.Membership;
using OrleansGeo.Silo;
using OrleansGeo.Tests.Membership.Postgres;

namespace OrleansGeo.Tests.Orleans.Clustering;

/// <summary>Real geo-silo processes on real PostgreSQL servers.</summary>
[Collection(PostgresServers.Name)]
public sealed class SiloProcessTests(PostgresFixture fixture) : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("geo-silo-");
    private readonly List<GeoSiloProcess> _processes = [];

    private string ClusterPath => Path.Combine(_folder.FullName, "cluster.json");

    public void Dispose()
    {
        _processes.ForEach(process => process.Dispose());
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Silos_form_a_cluster_without_one_database_evict_one_that_was_killed_and_take_it_back()
    {
        var settings = await PrepareAsync(3, PostgresDatabases.Clustering(fixture.Servers));
        var lost = fixture.Servers[1];
        lost.Kill();
        try
        {
            var silos = settings.Select(Start).ToList();
            await Task.WhenAll(silos.Select(silo => silo.ReadyAsync()));
            await silos[0].SendAsync(
                HttpMethod.Post, "/v1/databases", """{"name":"geo","primaryRegion":"r1","regions":["r1"]}""", HttpStatusCode.Created);
            await silos[1].SendAsync(
                HttpMethod.Post,
                "/v1/databases/geo/tables",
                """
                {"name":"city","primaryKey":["name"],"columns":[{"name":"name","type":"string"},{"name":"pop","type":"int64"}]}
                """,
                HttpStatusCode.Created);
            await PutAsync(silos[2], "before");

            await silos[2].KillAsync();
            await UntilAsync(silos[0], "the killed silo was evicted", rows => rows.Count(IsDead) == 1 && rows.Count(IsActive) == 2);
            await PutAsync(silos[0], "after");
            Assert.Contains("\"pop\":7", await silos[1].GetAsync("/v1/databases/geo/tables/city/rows/before"), StringComparison.Ordinal);

            var again = Start(settings[2] with { FirstStart = false });
            await again.ReadyAsync();
            await UntilAsync(again, "it is back", rows => rows.Count(row => IsActive(row) && row.SiloName == "n3") == 1);
            Assert.Contains("\"pop\":7", await again.GetAsync("/v1/databases/geo/tables/city/rows/after"), StringComparison.Ordinal);
        }
        finally
        {
            lost.Launch();
        }
    }

    [Fact]
    public async Task A_silo_that_finds_no_majority_ends_with_one_line_and_starts_when_it_is_there()
    {
        var first = (await PrepareAsync(3, PostgresDatabases.Clustering(fixture.Servers)))[0];
        fixture.Servers[0].Kill();
        fixture.Servers[1].Kill();
        try
        {
            var refused = Start(first);
            Assert.Equal(ExitCodes.Failed, await refused.EndAsync());
            var line = Assert.Single(refused.Said.Split('\n', StringSplitOptions.RemoveEmptyEntries));
            Assert.StartsWith("geo-silo: The membership has no majority of its databases: ", line, StringComparison.Ordinal);
            Assert.Contains("; 'ap': Failed to connect to 127.0.0.1", line, StringComparison.Ordinal);
            Assert.EndsWith("by 'geo-silo init'.", line, StringComparison.Ordinal);
        }
        finally
        {
            fixture.Servers[0].Launch();
            fixture.Servers[1].Launch();
        }

        var started = Start(first);
        await UntilAsync(started, "it is a member", rows => rows.Any(IsActive));
    }

    [Fact]
    public async Task Two_silos_on_one_database_that_init_made_see_one_of_them_die_and_come_back()
    {
        var settings = await PrepareAsync(2, [fixture.Servers[0].ConnectionString]);
        var silos = settings.Select(Start).ToList();
        await Task.WhenAll(silos.Select(silo => silo.ReadyAsync()));
        Assert.Equal("n1 Active, n2 Active", await RowsAsync());
        await silos[1].KillAsync();
        await silos[0].UntilAsync("the killed silo was declared dead", async () => await RowsAsync() == "n1 Active, n2 Dead");

        var again = Start(settings[1] with { FirstStart = false });
        await again.ReadyAsync();
        await again.UntilAsync("it is back", async () => await RowsAsync() == "n1 Active, n2 Active, n2 Dead");
        Assert.Equal(ExitCodes.Done, await again.TerminateAsync());
        Assert.Equal("n1 Active, n2 Dead, n2 Dead", await RowsAsync());
    }

    private static bool IsActive(MemberRow row) => row.Status == (int)SiloStatus.Active;

    private static bool IsDead(MemberRow row) => row.Status == (int)SiloStatus.Dead;

    private static Task PutAsync(GeoSiloProcess silo, string city) => silo.SendAsync(
        HttpMethod.Put, $"/v1/databases/geo/tables/city/rows/{city}", """{"pop":7}""", HttpStatusCode.Created);

    // What the one database has of this cluster.
    private async Task<string> RowsAsync()
    {
        await using var source = NpgsqlDataSource.Create(fixture.Servers[0].ConnectionString + ";Pooling=false");
        await using var command = source.CreateCommand("SELECT name, status FROM geo_silos WHERE cluster = $1");
        command.Parameters.AddWithValue(ClusterFile.Read(ClusterPath).ClusterId);
        await using var rows = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        var silos = new List<string>();
        while (await rows.ReadAsync(TestContext.Current.CancellationToken))
        {
            silos.Add($"{rows.GetString(0)} {(SiloStatus)rows.GetInt32(1)}");
        }

        return string.Join(", ", silos.Order(StringComparer.Ordinal));
    }

    // A cluster of nodes, one in each zone of a region, founded as a user does it.
    private async Task<IReadOnlyList<SiloSettings>> PrepareAsync(int nodes, IReadOnlyList<string> clustering)
    {
        await PostgresDatabases.ForgetClustersAsync(fixture.Servers);
        SiloSettings[] settings =
        [
            .. Enumerable.Range(1, nodes).Select(node => new SiloSettings
            {
                Name = $"n{node}",
                Region = "r1",
                Zone = $"r1-{node}",
                Data = Path.Combine(_folder.FullName, $"n{node}"),
                FirstStart = true,

                // One has the file, and the others ask the databases for it.
                ClusterFile = node == 1 ? ClusterPath : null,
                SiloPort = SiloSettingsTests.FreePort(),
                GatewayPort = SiloSettingsTests.FreePort(),
                HttpPort = SiloSettingsTests.FreePort(),
                Clustering = clustering,
            }),
        ];
        var made = InitCommand.Make().Parse(
        [
            "--cluster-file", ClusterPath,
            .. settings.SelectMany(static node =>
                new[] { "--seed", $"{node.Name}={node.Region}/{node.Zone}@http://127.0.0.1:{node.HttpPort}" }),
            .. clustering.SelectMany(static database => new[] { "--clustering", database }),
        ]);
        Assert.Equal(ExitCodes.Done, await made.InvokeAsync(cancellationToken: TestContext.Current.CancellationToken));
        return settings;
    }

    private GeoSiloProcess Start(SiloSettings settings)
    {
        var process = GeoSiloProcess.Start(settings);
        _processes.Add(process);
        return process;
    }

    private async Task UntilAsync(GeoSiloProcess silo, string what, Func<IReadOnlyCollection<MemberRow>, bool> holds)
    {
        await using var register = MembershipRegister.Of(
            ClusterFile.Read(ClusterPath).ClusterId,
            ClusterDatabases.Options(PostgresDatabases.Clustering(fixture.Servers)),
            TimeProvider.System,
            new RecordedLog<MembershipRegister>());
        await silo.UntilAsync(what, async () => holds([.. (await register.ReadAsync()).Rows.Values]));
    }
}
