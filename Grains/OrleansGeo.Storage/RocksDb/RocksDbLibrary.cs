using System.Reflection;
using System.Runtime.InteropServices;

namespace OrleansGeo.Storage.RocksDb;

/// <summary>Finds the system's RocksDB. Nothing is shipped with the product: the distribution keeps the library patched.</summary>
public static class RocksDbLibrary
{
    /// <summary>
    /// The names tried, in order: this build is tested with the first, then what Debian and Ubuntu releases and Homebrew carry.
    /// </summary>
    public static IReadOnlyList<string> DefaultNames { get; } =
    [
        "librocksdb.so.7.8", "librocksdb.so.8.9", "librocksdb.so.9.10", "librocksdb.so.9", "librocksdb.so.8", "librocksdb.so.7",
        "librocksdb.so", "librocksdb.dylib", "/opt/homebrew/lib/librocksdb.dylib", "/usr/local/lib/librocksdb.dylib", "rocksdb",
    ];

    private static readonly Lock s_gate = new();
    private static nint s_library;

    /// <summary>
    /// Loads the first library of the names that exists. Throws <see cref="StorageUnavailableException"/> with one sentence when none does.
    /// The first library that was loaded serves the process to its end.
    /// </summary>
    public static void Load(IReadOnlyList<string> names)
    {
        var library = Find(names);
        lock (s_gate)
        {
            if (s_library == 0)
            {
                s_library = library;
                NativeLibrary.SetDllImportResolver(typeof(RocksDbLibrary).Assembly, Resolve);
            }
        }
    }

    private static nint Find(IReadOnlyList<string> names)
    {
        foreach (var name in names)
        {
            if (NativeLibrary.TryLoad(name, out var library))
            {
                return library;
            }
        }

        throw new StorageUnavailableException(
            $"RocksDB's library is missing (tried {string.Join(", ", names)}): install it, on Debian with `apt-get install librocksdb7.8`, "
            + "on macOS with `brew install rocksdb`.");
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path) =>
        string.Equals(name, RocksDbNative.Library, StringComparison.Ordinal) ? s_library : 0;
}
