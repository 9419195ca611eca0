using OrleansGeo.Primitives;
using OrleansGeo.Storage;
using OrleansGeo.Storage.RocksDb;

namespace OrleansGeo.Engine;

/// <summary>The folders below which an <see cref="EmbeddedWorld"/> keeps data, for hosts that look before they start.</summary>
public static class EmbeddedData
{
    private static readonly byte[] s_end = [0xff, 0xff, 0xff, 0xff];

    /// <summary>Whose data a node's folder holds; null when the node was never made there. Opens and locks the store meanwhile.</summary>
    public static NodeIdentity? ReadIdentity(string folder, NodeRecord node)
    {
        var path = Path.Combine(folder, node.Id.ToString());
        return Directory.Exists(path) ? ReadIdentityAt(path, node.Name) : null;
    }

    /// <summary>Whose data a store holds; null when it is empty. Opens and locks it meanwhile.</summary>
    public static NodeIdentity? ReadIdentityAt(string path, string name)
    {
        using var storage = NodeStorage.Open(path);
        using var cursor = storage.OpenCursor([], s_end);
        cursor.SeekAtOrAfter([]);

        // A node's first write is one batch and holds its identity, so a store with anything in it has one.
        return cursor.IsValid ? NodeStore.ReadIdentity(storage, name) : null;
    }

    /// <summary>True for what data that cannot be used is refused with; its message is for the user.</summary>
    public static bool IsRefusal(Exception reason) => reason is StorageUnavailableException or StorageCorruptException or CodecException;
}
