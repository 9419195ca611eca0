using OrleansGeo.Clustering;
using OrleansGeo.Silo;
using OrleansGeo.Tests.Membership.Postgres;

namespace OrleansGeo.Tests.Orleans.Clustering;

/// <summary>A cluster's file in three real databases.</summary>
[Collection(PostgresServers.Name)]
public sealed class ControlDatabaseTests(PostgresFixture fixture) : IAsyncLifetime
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("geo-control-");
    private readonly ClusterFile _cluster = ClusterFile.New(
        null, [new(1, "n1", "r1", "r1-a", null), new(2, "n2", "r1", "r1-b", "http://h")]);

    private IReadOnlyList<MembershipDatabase> Databases => ClusterDatabases.All(PostgresDatabases.Clustering(fixture.Servers));

    public async ValueTask InitializeAsync() => await PostgresDatabases.ForgetClustersAsync(fixture.Servers);

    public ValueTask DisposeAsync()
    {
        _folder.Delete(recursive: true);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_cluster_file_is_read_from_whichever_database_answers()
    {
        await ControlDatabases.WriteAsync(_cluster, Databases);
        await ControlDatabases.WriteAsync(_cluster, Databases);
        Assert.Equal(_cluster.ToText(), (await ControlDatabases.ReadAsync(null, Databases)).ToText());

        // One was taken in again and has no copy, one is away.
        await PostgresDatabases.ExecuteAsync(fixture.Servers[0], "DROP TABLE geo_control");
        fixture.Servers[1].Kill();
        try
        {
            Assert.Equal(_cluster.ToText(), (await ControlDatabases.ReadAsync(null, Databases)).ToText());
            fixture.Servers[2].Kill();
            try
            {
                await Assert.ThrowsAsync<ControlUnavailableException>(() => ControlDatabases.ReadAsync(null, [.. Databases.Skip(1)]));

                // Who has a file needs none of them.
                Assert.Equal(_cluster.ToText(), (await ControlDatabases.ReadAsync(File(_cluster), Databases)).ToText());
            }
            finally
            {
                fixture.Servers[2].Launch();
            }
        }
        finally
        {
            fixture.Servers[1].Launch();
        }
    }

    [Fact]
    public async Task Copies_and_files_that_differ_are_refused_with_one_line()
    {
        await ControlDatabases.WriteAsync(_cluster, Databases);
        var other = ClusterFile.New(_cluster.ClusterId, _cluster.Seeds);
        await RefusedAsync(() => ControlDatabases.ReadAsync(File(other), Databases), "is not the one in the membership database ap");
        await RefusedAsync(() => ControlDatabases.WriteAsync(other, Databases), "ap has another cluster file of cluster");
        await PostgresDatabases.ExecuteAsync(fixture.Servers[2], $"UPDATE geo_control SET document = '{other.ToText()}'");
        await RefusedAsync(() => ControlDatabases.ReadAsync(null, Databases), "database ap is not the one in the membership database us");
        await PostgresDatabases.ExecuteAsync(fixture.Servers[2], "UPDATE geo_control SET document = 'x'");
        await RefusedAsync(() => ControlDatabases.ReadAsync(null, Databases), "the membership database us cannot be read");
    }

    [Fact]
    public async Task Databases_of_several_clusters_need_a_file_that_says_which()
    {
        var second = ClusterFile.New(null, _cluster.Seeds);
        await RefusedAsync(() => ControlDatabases.ReadAsync(null, Databases), "No database of --clustering has a cluster file");
        await ControlDatabases.WriteAsync(_cluster, Databases);
        await ControlDatabases.WriteAsync(second, Databases);
        await RefusedAsync(() => ControlDatabases.ReadAsync(null, Databases), "--cluster-file must say which");
        Assert.Equal(second.ToText(), (await ControlDatabases.ReadAsync(File(second), Databases)).ToText());
    }

    private static async Task RefusedAsync(Func<Task> act, string words)
    {
        var refused = await Assert.ThrowsAsync<SiloRefusedException>(act);
        Assert.Contains(words, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
    }

    private string File(ClusterFile cluster)
    {
        var path = Path.Combine(_folder.FullName, Guid.NewGuid().ToString("N"));
        cluster.Write(path);
        return path;
    }
}
