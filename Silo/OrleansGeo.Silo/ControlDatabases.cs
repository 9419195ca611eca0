using Npgsql;
using OrleansGeo.Clustering;

namespace OrleansGeo.Silo;

/// <summary>
/// What is known of a cluster while its own store is down, <c>geo-control</c>: its cluster file, in the databases that hold its membership,
/// so that a new node needs no file.
/// <para>
/// <b>Why in each of several databases, and not in the register that they agree on.</b> The file is written once, before the first
/// node starts, and never changed: there is nothing to agree on, and any copy is as good as another. So a node takes it from whichever
/// database answers, also without a majority, and whatever became of the register. That the copies are one is checked where they meet:
/// each reader compares those that answer, with each other and with the file that it was given, and is refused when two differ.
/// </para>
/// </summary>
internal static class ControlDatabases
{
    private const string Script = "geo-control.sql";

    /// <summary>Writes the cluster's file into every database. Again is harmless.</summary>
    /// <exception cref="SiloRefusedException">A database could not be used, or has another file of this cluster.</exception>
    public static async Task WriteAsync(ClusterFile cluster, IReadOnlyList<MembershipDatabase> databases)
    {
        var text = cluster.ToText();
        foreach (var database in databases)
        {
            var there = await PostgresScripts.PrepareAsync(
                database.ConnectionString,
                Script,
                $"{Called(database)} cannot take the cluster file",
                async (source, stop) =>
                {
                    await using var write = source.CreateCommand(
                        "INSERT INTO geo_control (cluster_id, document) VALUES ($1, $2) ON CONFLICT DO NOTHING");
                    write.Parameters.AddWithValue(cluster.ClusterId);
                    write.Parameters.AddWithValue(text);
                    await write.ExecuteNonQueryAsync(stop);
                    return await DocumentsAsync(source, stop);
                });
            var (_, kept) = there.First(document => document.ClusterId == cluster.ClusterId);
            if (ClusterFile.Parse(kept, Called(database)).ToText() != text)
            {
                throw new SiloRefusedException(
                    $"{Called(database)} has another cluster file of cluster {cluster.ClusterId}; nothing in it was changed.");
            }
        }
    }

    /// <summary>The cluster that a node is of: by its file, by the databases, or by both.</summary>
    /// <exception cref="SiloRefusedException">They differ, or there is none.</exception>
    /// <exception cref="ControlUnavailableException">No database answers, and there is no file; later one may.</exception>
    public static async Task<ClusterFile> ReadAsync(string? path, IReadOnlyList<MembershipDatabase> databases)
    {
        var file = string.IsNullOrWhiteSpace(path) ? null : ClusterFile.Read(path);
        var answers = await Task.WhenAll(databases.Select(AskAsync));

        // Databases may hold more than one cluster; a file says which.
        var known = answers
            .SelectMany(static answer => answer.Documents, static (answer, document) =>
                (From: Called(answer.Database), document.ClusterId, document.Text))
            .Where(document => file is null || document.ClusterId == file.ClusterId)
            .Select(static document => (document.From, Cluster: ClusterFile.Parse(document.Text, document.From)))
            .ToList();
        if (file is not null)
        {
            known.Insert(0, (path!, file));
        }

        if (known.Count == 0)
        {
            throw answers.All(answer => answer.Failure is not null) && answers.Length > 0
                ? new ControlUnavailableException(answers.Select(answer => $"{Called(answer.Database)}: {answer.Failure}"))
                : new SiloRefusedException(
                    "No database of --clustering has a cluster file: 'geo-silo init' writes it, or --cluster-file gives it.");
        }

        var (from, cluster) = known[0];
        if (known.FirstOrDefault(other => other.Cluster.ClusterId != cluster.ClusterId) is { Cluster: { } another })
        {
            throw new SiloRefusedException(
                $"The databases of --clustering hold clusters {cluster.ClusterId} and {another.ClusterId}: "
                + "--cluster-file must say which is meant.");
        }

        if (known.FirstOrDefault(other => other.Cluster.ToText() != cluster.ToText()) is { From: { } differing })
        {
            throw new SiloRefusedException(
                $"The cluster file of cluster {cluster.ClusterId} in {from} is not the one in {differing}; one of them is wrong.");
        }

        return cluster;
    }

    private static async Task<Answer> AskAsync(MembershipDatabase database)
    {
        try
        {
            return new(database, await PostgresScripts.AskAsync(database.ConnectionString, DocumentsAsync), null);
        }
        catch (PostgresException missing) when (missing.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            return new(database, [], null);
        }
        catch (Exception failure) when (PostgresScripts.IsOfDatabase(failure))
        {
            return new(database, [], failure.GetBaseException().Message);
        }
    }

    private static async Task<List<(string ClusterId, string Text)>> DocumentsAsync(NpgsqlDataSource source, CancellationToken cancellation)
    {
        await using var command = source.CreateCommand("SELECT cluster_id, document FROM geo_control ORDER BY cluster_id");
        await using var rows = await command.ExecuteReaderAsync(cancellation);
        var documents = new List<(string, string)>();
        while (await rows.ReadAsync(cancellation))
        {
            documents.Add((rows.GetString(0), rows.GetString(1)));
        }

        return documents;
    }

    private static string Called(MembershipDatabase database) =>
        database.Name.Length > 0 ? $"the membership database {database.Name}" : "the PostgreSQL of --clustering";

    private sealed record Answer(MembershipDatabase Database, List<(string ClusterId, string Text)> Documents, string? Failure);
}

/// <summary>No database that could say which cluster this is answers now.</summary>
internal sealed class ControlUnavailableException(IEnumerable<string> answers)
    : Exception($"The cluster file cannot be had from any database: {string.Join("; ", answers)}.");
