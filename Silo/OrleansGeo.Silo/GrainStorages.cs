using Npgsql;
using Orleans.Hosting;
using OrleansGeo.Clustering;

namespace OrleansGeo.Silo;

/// <summary>
/// Orleans' own grain storage in PostgreSQL for the grains of users, as <c>--grain-storage</c> names it: NAME=CONNECTION-STRING, where a
/// grain asks for storage NAME. Nothing of OrleansGeo is in it.
/// </summary>
internal static class GrainStorages
{
    private const string Script = "grain-storage.sql";
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(30);

    /// <summary>What cannot be, a line each.</summary>
    public static IEnumerable<string> Wrong(IReadOnlyList<string> storages)
    {
        var named = storages.Select(ClusterDatabases.Named).ToList();
        if (named.Count(static storage => storage is null or { Name: "" }) is > 0 and var nameless)
        {
            yield return $"--grain-storage: each is given as {ClusterDatabases.Form}; {nameless} of {storages.Count} are not.";
        }

        var names = named.OfType<MembershipDatabase>().GroupBy(static storage => storage.Name, StringComparer.Ordinal);
        foreach (var same in names.Where(static same => same.Count() > 1))
        {
            yield return $"--grain-storage: {same.Count()} are named {same.Key}.";
        }
    }

    /// <summary>Gives them to the silo.</summary>
    public static void Add(ISiloBuilder silo, IReadOnlyList<string> storages)
    {
        foreach (var storage in All(storages))
        {
            silo.AddAdoNetGrainStorage(storage.Name, options =>
            {
                options.Invariant = "Npgsql";
                options.ConnectionString = storage.ConnectionString;

                // A cleared state leaves nothing behind; the next write begins anew.
                options.DeleteStateOnClear = true;
            });
        }
    }

    /// <summary>Makes the tables and statements in each. Again is harmless.</summary>
    /// <exception cref="SiloRefusedException">One cannot be used.</exception>
    public static Task PrepareAsync(IReadOnlyList<string> storages) => WithAsync(
        storages, "prepared", s_timeout, static (source, stop) => PostgresScripts.ApplyAsync(source, Script, stop));

    /// <summary>Looks whether each can be used.</summary>
    /// <exception cref="SiloRefusedException">One cannot be.</exception>
    public static Task CheckAsync(IReadOnlyList<string> storages) => WithAsync(
        storages,
        "used",
        TimeSpan.FromSeconds(PostgresScripts.TimeoutSeconds),
        static async (source, stop) =>
        {
            await using var command = source.CreateCommand("SELECT count(*) FROM orleansquery, geo_grain_state WHERE false");
            await command.ExecuteScalarAsync(stop);
        });

    private static async Task WithAsync(
        IReadOnlyList<string> storages, string what, TimeSpan time, Func<NpgsqlDataSource, CancellationToken, Task> act)
    {
        foreach (var storage in All(storages))
        {
            try
            {
                using var timeout = new CancellationTokenSource(time);
                await using var source = PostgresScripts.Open(storage.ConnectionString);
                await act(source, timeout.Token);
            }
            catch (PostgresException missing) when (missing.SqlState == PostgresErrorCodes.UndefinedTable)
            {
                throw new SiloRefusedException(
                    $"The grain storage {storage.Name} has no tables: 'geo-silo init --grain-storage' or infra/sql/{Script} makes them.");
            }
            catch (Exception failure) when (PostgresScripts.IsOfDatabase(failure))
            {
                throw new SiloRefusedException($"The grain storage {storage.Name} cannot be {what}: {failure.GetBaseException().Message}");
            }
        }
    }

    private static IEnumerable<MembershipDatabase> All(IReadOnlyList<string> storages) =>
        storages.Select(static storage => ClusterDatabases.Named(storage)!);
}
