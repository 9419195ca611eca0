using System.Runtime.InteropServices;

namespace OrleansGeo.Storage.RocksDb;

/// <summary>
/// Folders whose existence survives a power cut: RocksDB syncs what is in its folder, and its folder's name is in the parent's.
/// </summary>
internal static partial class DurableFolder
{
    /// <summary>Creates the folder and the missing ones above it, and syncs each parent that got a new entry.</summary>
    internal static void Create(string folder)
    {
        try
        {
            CreateMissing(folder);
        }
        catch (Exception reason) when (reason is IOException or UnauthorizedAccessException)
        {
            throw new StorageUnavailableException($"The folder {folder} cannot be created: {reason.Message}", reason);
        }
    }

    private static void CreateMissing(string folder)
    {
        if (Directory.Exists(folder))
        {
            return;
        }

        var parent = Path.GetDirectoryName(folder);
        if (parent is not null)
        {
            CreateMissing(parent);
        }

        Directory.CreateDirectory(folder);
        if (parent is not null)
        {
            SyncEntries(parent);
        }
    }

    /// <summary>Makes durable which files and folders there are in a folder.</summary>
    internal static void SyncEntries(string folder)
    {
        if (!OperatingSystem.IsWindows())
        {
            Sync(folder);
        }
    }

    // .NET opens no handle on a folder. Opening one needs no flag beyond read-only, which is zero everywhere.
    private static void Sync(string folder)
    {
        var descriptor = Open(folder, 0);
        if (descriptor < 0)
        {
            throw new IOException($"{folder} cannot be opened to sync it (error {Marshal.GetLastPInvokeError()})");
        }

        var failed = FSync(descriptor) != 0;
        var error = Marshal.GetLastPInvokeError();
        _ = Close(descriptor);
        if (failed)
        {
            throw new IOException($"{folder} cannot be synced (error {error})");
        }
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FSync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
