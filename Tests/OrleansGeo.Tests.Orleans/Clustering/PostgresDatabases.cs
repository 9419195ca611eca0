using Npgsql;
using OrleansGeo.Clustering;
using OrleansGeo.Membership;
using OrleansGeo.Tests.Membership.Postgres;

namespace OrleansGeo.Tests.Orleans.Clustering;

/// <summary>Three real servers. A stopped one was killed, as a lost machine is.</summary>
internal sealed class PostgresDatabases(IReadOnlyList<PostgresServer> servers) : IMembershipDatabases
{
    public MajorityClusteringOptions Options { get; } = WithDatabases(new()
    {
        CallTimeout = TimeSpan.FromSeconds(30),
        Register = new()
        {
            AcceptorTimeout = TimeSpan.FromSeconds(3),
            RoundsMax = 40,
            RetryPause = TimeSpan.FromMilliseconds(5),
            RetryPauseMax = TimeSpan.FromMilliseconds(200),
        },
    }, servers);

    public bool AreInMemory => false;

    /// <summary>The servers as geo-silo is told of them.</summary>
    public static string[] Clustering(IReadOnlyList<PostgresServer> servers) =>
        [.. servers.Select(static (server, i) => $"{MemoryDatabases.Names[i]}={server.ConnectionString}")];

    /// <summary>Other clusters may have been made on these servers; a silo without a file finds its own when it is the only one.</summary>
    public static async Task ForgetClustersAsync(IReadOnlyList<PostgresServer> servers)
    {
        foreach (var server in servers)
        {
            await ExecuteAsync(server, "DROP TABLE IF EXISTS geo_control");
        }
    }

    public static async Task ExecuteAsync(PostgresServer server, string sql)
    {
        await using var source = NpgsqlDataSource.Create(server.ConnectionString + ";Pooling=false");
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    public IReadOnlyList<IAcceptor> Connect(string clusterId) => MembershipRegister.AcceptorsOf(clusterId, Options);

    public async Task PrepareAsync(string clusterId)
    {
        foreach (var acceptor in MembershipRegister.AcceptorsOf(clusterId, Options))
        {
            await using (acceptor)
            {
                await acceptor.ApplySchemaAsync(CancellationToken.None);
            }
        }
    }

    public void Stop(int database) => servers[database].Kill();

    public void Start(int database) => servers[database].Launch();

    public Action BackUp(int database)
    {
        var backup = servers[database].BackUp();
        return () => servers[database].Restore(backup);
    }

    private static MajorityClusteringOptions WithDatabases(MajorityClusteringOptions options, IReadOnlyList<PostgresServer> servers)
    {
        for (var i = 0; i < servers.Count; i++)
        {
            options.Databases.Add(new(MemoryDatabases.Names[i], servers[i].ConnectionString));
        }

        return options;
    }
}
