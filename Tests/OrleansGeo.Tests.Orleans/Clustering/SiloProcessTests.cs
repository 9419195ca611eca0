using System.Net;
using Orleans.Runtime;
using OrleansGeo.Clustering;
using OrleansGeo.Membership;
using OrleansGeo.Silo;
using OrleansGeo.Tests.Membership.Postgres;

namespace OrleansGeo.Tests.Orleans.Clustering;

/// <summary>Real geo-silo processes on three real PostgreSQL servers.</summary>
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
        var settings = await PrepareAsync();
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
        var first = (await PrepareAsync())[0];
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

    private static bool IsActive(MemberRow row) => row.Status == (int)SiloStatus.Active;

    private static bool IsDead(MemberRow row) => row.Status == (int)SiloStatus.Dead;

    private static Task PutAsync(GeoSiloProcess silo, string city) => silo.SendAsync(
        HttpMethod.Put, $"/v1/databases/geo/tables/city/rows/{city}", """{"pop":7}""", HttpStatusCode.Created);

    // A cluster of three nodes, one in each zone of a region, founded as a user does it.
    private async Task<IReadOnlyList<SiloSettings>> PrepareAsync()
    {
        await PostgresDatabases.ForgetClustersAsync(fixture.Servers);
        var clustering = PostgresDatabases.Clustering(fixture.Servers);
        SiloSettings[] settings =
        [
            .. Enumerable.Range(1, 3).Select(node => new SiloSettings
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
