using Npgsql;

namespace OrleansGeo.Silo;

/// <summary>The SQL of <c>infra/sql</c>, one text applied by hand or by this program.</summary>
internal static class PostgresScripts
{
    // How long a database may take to let somebody in, or to answer a short question.
    private const int TimeoutSeconds = 5;
    private static readonly TimeSpan s_scriptTimeout = TimeSpan.FromSeconds(30);

    // What is pooled for longer would outlive a few commands.
    private static NpgsqlDataSource Open(string connectionString) => NpgsqlDataSource.Create(
        new NpgsqlConnectionStringBuilder(connectionString) { Timeout = TimeoutSeconds, Pooling = false });

    /// <summary>Asks a database something short. Whatever it does, an answer or a failure comes in time.</summary>
    /// <exception cref="Exception">One that <see cref="IsOfDatabase"/>.</exception>
    public static Task<T> AskAsync<T>(string connectionString, Func<NpgsqlDataSource, CancellationToken, Task<T>> ask) =>
        WithinAsync(connectionString, TimeSpan.FromSeconds(TimeoutSeconds), ask);

    /// <summary>Looks whether a database answers a query.</summary>
    /// <param name="connectionString">The database.</param>
    /// <param name="query">The query; what it answers is not looked at, but that it is something.</param>
    /// <param name="cannot">How the line begins when it does not.</param>
    /// <param name="missing">The line when it has not got the tables, or answers nothing.</param>
    /// <exception cref="SiloRefusedException">It does not.</exception>
    public static async Task CheckAsync(string connectionString, string query, string cannot, string missing)
    {
        try
        {
            var answer = await AskAsync(connectionString, async (source, stop) =>
            {
                await using var command = source.CreateCommand(query);
                return await command.ExecuteScalarAsync(stop);
            });
            if (answer is null)
            {
                throw new SiloRefusedException(missing);
            }
        }
        catch (PostgresException none) when (none.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            throw new SiloRefusedException(missing);
        }
        catch (Exception failure) when (IsOfDatabase(failure))
        {
            throw new SiloRefusedException($"{cannot}: {failure.GetBaseException().Message}");
        }
    }

    /// <summary>Applies a script to a database, and does something in it.</summary>
    /// <param name="connectionString">The database.</param>
    /// <param name="script">The script's name.</param>
    /// <param name="cannot">How the line begins when it cannot be done.</param>
    /// <param name="then">What follows the script.</param>
    /// <exception cref="SiloRefusedException">It cannot be done.</exception>
    public static async Task<T> PrepareAsync<T>(
        string connectionString, string script, string cannot, Func<NpgsqlDataSource, CancellationToken, Task<T>> then)
    {
        try
        {
            return await WithinAsync(connectionString, s_scriptTimeout, async (source, stop) =>
            {
                await ApplyAsync(source, script, stop);
                return await then(source, stop);
            });
        }
        catch (Exception failure) when (IsOfDatabase(failure))
        {
            throw new SiloRefusedException($"{cannot}: {failure.GetBaseException().Message}");
        }
    }

    /// <summary>Applies a script to a database.</summary>
    /// <exception cref="SiloRefusedException">It cannot be applied.</exception>
    public static Task PrepareAsync(string connectionString, string script, string cannot) =>
        PrepareAsync(connectionString, script, cannot, static (_, _) => Task.FromResult(true));

    private static async Task<T> WithinAsync<T>(
        string connectionString, TimeSpan time, Func<NpgsqlDataSource, CancellationToken, Task<T>> act)
    {
        using var timeout = new CancellationTokenSource(time);
        await using var source = Open(connectionString);

        // The driver's own cancellation talks to the server first, which may be what does not answer.
        return await act(source, timeout.Token).WaitAsync(timeout.Token);
    }

    private static async Task ApplyAsync(NpgsqlDataSource source, string name, CancellationToken cancellation)
    {
        using var script = typeof(PostgresScripts).Assembly.GetManifestResourceStream(name)!;
        using var text = new StreamReader(script);
        await using var command = source.CreateCommand(await text.ReadToEndAsync(cancellation));
        await command.ExecuteNonQueryAsync(cancellation);
    }

    /// <summary>True for what a database, the way to it or its connection string can be the cause of.</summary>
    public static bool IsOfDatabase(Exception failure) =>
        failure is NpgsqlException or TimeoutException or OperationCanceledException or ArgumentException;
}
