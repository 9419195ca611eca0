using OrleansGeo.Storage.RocksDb;

namespace OrleansGeo.Engine;

/// <summary>A node's storage on files.</summary>
public static class NodeStorage
{
    /// <summary>
    /// Opens the store in a folder as a node does, which tells the engine what its logs' keys are. Throws as
    /// <see cref="RocksDbEngine.Open"/> does.
    /// </summary>
    public static RocksDbEngine Open(string folder, RocksDbOptions? options = null) =>
        RocksDbEngine.Open(folder, (options ?? new()) with { LogKeys = LocalKeys.LogEntries });
}
