using Npgsql;

namespace OrleansGeo.Silo;

/// <summary>The SQL of <c>infra/sql</c>, one text applied by hand or by this program.</summary>
internal static class PostgresScripts
{
    /// <summary>How long a database may take to let somebody in, or to answer a short question.</summary>
    public const int TimeoutSeconds = 5;

    /// <summary>A database for a few commands: what is pooled for longer would outlive them.</summary>
    public static NpgsqlDataSource Open(string connectionString) => NpgsqlDataSource.Create(
        new NpgsqlConnectionStringBuilder(connectionString) { Timeout = TimeoutSeconds, Pooling = false });

    /// <summary>Asks a database something short. Whatever it does, an answer or a failure comes in time.</summary>
    /// <exception cref="Exception">One that <see cref="IsOfDatabase"/>.</exception>
    public static async Task<T> AskAsync<T>(string connectionString, Func<NpgsqlDataSource, CancellationToken, Task<T>> ask)
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(TimeoutSeconds));
        await using var source = Open(connectionString);

        // The driver's own cancellation talks to the server first, which may be what does not answer.
        return await ask(source, timeout.Token).WaitAsync(timeout.Token);
    }

    /// <summary>Applies a script.</summary>
    public static async Task ApplyAsync(NpgsqlDataSource source, string name, CancellationToken cancellation)
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
