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
    public static async Task PrepareAsync(IReadOnlyList<string> storages)
    {
        foreach (var storage in All(storages))
        {
            await PostgresScripts.PrepareAsync(
                storage.ConnectionString, Script, $"The grain storage {storage.Name} cannot be prepared");
        }
    }

    /// <summary>Looks whether each can be used.</summary>
    /// <exception cref="SiloRefusedException">One cannot be.</exception>
    public static async Task CheckAsync(IReadOnlyList<string> storages)
    {
        foreach (var storage in All(storages))
        {
            await PostgresScripts.CheckAsync(
                storage.ConnectionString,
                "SELECT count(*) FROM orleansquery, geo_grain_state WHERE false",
                $"The grain storage {storage.Name} cannot be used",
                $"The grain storage {storage.Name} has no tables: 'geo-silo init --grain-storage' or infra/sql/{Script} makes them.");
        }
    }

    private static IEnumerable<MembershipDatabase> All(IReadOnlyList<string> storages) =>
        storages.Select(static storage => ClusterDatabases.Named(storage)!);
}
