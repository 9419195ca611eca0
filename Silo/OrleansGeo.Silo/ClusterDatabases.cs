using Npgsql;
using OrleansGeo.Clustering;
using OrleansGeo.Membership;

namespace OrleansGeo.Silo;

/// <summary>
/// The PostgreSQL databases of the membership, as <c>--clustering</c> names them: one by its connection string alone, or three and more,
/// each as NAME=CONNECTION-STRING.
/// </summary>
internal static class ClusterDatabases
{
    /// <summary>How one of several is written.</summary>
    public const string Form = "NAME=CONNECTION-STRING";

    private const string OneScript = "membership-single.sql";
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(30);

    /// <summary>What cannot be, a line each; none for no database and for one.</summary>
    public static IEnumerable<string> Wrong(IReadOnlyList<string> clustering) =>
        clustering.Count < 2
            ? clustering.Where(static one => Named(one) is not null)
                .Select(static _ => $"--clustering: one database is given by its connection string alone, not as {Form}.")
            : WrongMany(clustering);

    /// <summary>Several databases as options, whatever is wrong with them.</summary>
    public static MajorityClusteringOptions Options(IReadOnlyList<string> clustering)
    {
        var options = new MajorityClusteringOptions();
        Fill(options, clustering);
        return options;
    }

    /// <summary>The same into options that are there.</summary>
    public static void Fill(MajorityClusteringOptions options, IReadOnlyList<string> clustering)
    {
        foreach (var database in All(clustering))
        {
            options.Databases.Add(database);
        }
    }

    /// <summary>Every one of them, whether one or several; one has no name.</summary>
    public static IReadOnlyList<MembershipDatabase> All(IReadOnlyList<string> clustering) =>
        [.. clustering.Select(static database => Named(database) ?? new("", database))];

    /// <summary>One that is written as <see cref="Form"/>; null for a connection string alone.</summary>
    public static MembershipDatabase? Named(string text)
    {
        // A connection string is KEY=VALUE;…, so one with a name before it has an equals sign more, and a first word that is no key.
        var (name, rest) = text.Split('=', 2) is [var first, var second] ? (first.Trim(), second) : ("", "");
        var hasName = rest.Split(';', 2)[0].Contains('=', StringComparison.Ordinal)
            && (name.Length == 0 || !new NpgsqlConnectionStringBuilder().ContainsKey(name));
        return hasName ? new(name, rest) : null;
    }

    /// <summary>The databases of a command that is about several.</summary>
    /// <exception cref="SiloRefusedException">They cannot be.</exception>
    public static IReadOnlyList<string> Several(string[] clustering)
    {
        var wrong = clustering.Length < 2
            ? [$"--clustering must be given: three databases or more, each as {Form}."]
            : Wrong(clustering).ToArray();
        return wrong.Length == 0 ? clustering : throw new SiloRefusedException(wrong);
    }

    /// <summary>Makes the tables and statements in a cluster's one database. Again is harmless.</summary>
    /// <exception cref="SiloRefusedException">The database could not be used, or has the statements of another script.</exception>
    public static Task PrepareOneAsync(string connectionString) =>
        PostgresScripts.PrepareAsync(connectionString, OneScript, "The PostgreSQL of --clustering cannot be prepared");

    /// <summary>Looks whether a cluster's one database can be used, with these statements or Orleans' own.</summary>
    /// <exception cref="SiloRefusedException">It cannot be.</exception>
    public static Task CheckOneAsync(string connectionString) => PostgresScripts.CheckAsync(
        connectionString,
        "SELECT querykey FROM orleansquery WHERE querykey = 'MembershipReadAllKey'",
        "The PostgreSQL of --clustering cannot be used",
        $"The PostgreSQL of --clustering has no membership tables: 'geo-silo init' or infra/sql/{OneScript} makes them.");

    /// <summary>Makes the table of the register in every database, and founds the cluster's. Again is harmless.</summary>
    /// <exception cref="SiloRefusedException">A database could not be used, or the register is there and has lost a part.</exception>
    public static Task FoundAsync(string clusterId, IReadOnlyList<string> clustering) =>
        WithAsync(clusterId, clustering, async (all, stop) =>
        {
            foreach (var acceptor in all)
            {
                await PrepareAsync(acceptor, stop);
            }

            return await RegisterSeats.FoundAsync(all, stop);
        });

    /// <summary>Makes the table in the named database, and gives it a record that follows from the others'.</summary>
    /// <exception cref="SiloRefusedException">The database could not be used, or too few of the others.</exception>
    public static Task ReadmitAsync(string clusterId, IReadOnlyList<string> clustering, string name) =>
        WithAsync(clusterId, clustering, async (all, stop) =>
        {
            if (all.FirstOrDefault(acceptor => acceptor.Identity.Acceptor == name) is { } acceptor)
            {
                await PrepareAsync(acceptor, stop);
            }

            return await RegisterSeats.ReadmitAsync(all, name, stop);
        });

    private static async Task WithAsync(
        string clusterId,
        IReadOnlyList<string> clustering,
        Func<IReadOnlyList<PostgresAcceptor>, CancellationToken, Task<SeatingOutcome>> act)
    {
        var acceptors = MembershipRegister.AcceptorsOf(clusterId, Options(clustering));
        try
        {
            using var timeout = new CancellationTokenSource(s_timeout);
            if (await act(acceptors, timeout.Token) is SeatingOutcome.Declined declined)
            {
                throw new SiloRefusedException($"The membership databases cannot be prepared: {declined.Reason}.");
            }
        }
        catch (Exception failure) when (PostgresScripts.IsOfDatabase(failure))
        {
            throw new SiloRefusedException($"The membership databases cannot be prepared: {failure.GetBaseException().Message}");
        }
        finally
        {
            foreach (var acceptor in acceptors)
            {
                await acceptor.DisposeAsync();
            }
        }
    }

    private static async Task PrepareAsync(PostgresAcceptor acceptor, CancellationToken cancellation)
    {
        try
        {
            await acceptor.ApplySchemaAsync(cancellation);
        }
        catch (Exception failure) when (PostgresScripts.IsOfDatabase(failure))
        {
            throw new SiloRefusedException(
                $"The membership database {acceptor.Identity.Acceptor} cannot be prepared: {failure.GetBaseException().Message}");
        }
    }

    private static IEnumerable<string> WrongMany(IReadOnlyList<string> clustering)
    {
        var nameless = clustering.Count(static database => Named(database) is null);
        return nameless > 0
            ? [$"--clustering: of several databases each is given as {Form}; {nameless} of {clustering.Count} are not."]
            : Options(clustering).Wrong().Select(static wrong => $"--clustering: {wrong}.");
    }
}
