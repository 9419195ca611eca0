using OrleansGeo.Storage;
using OrleansGeo.Storage.Memory;
using OrleansGeo.Storage.RocksDb;

namespace OrleansGeo.Tests.Conformance.Storage;

/// <summary>One place where an engine keeps its data over a test, and the ways to break it that every place has.</summary>
public abstract class EngineHarness : IDisposable
{
    /// <summary>True when the engine keeps files.</summary>
    public abstract bool KeepsFiles { get; }

    /// <summary>Opens the engine on what is there.</summary>
    public abstract IStorageEngine Open();

    /// <summary>Opens what an engine's checkpoint wrote.</summary>
    public abstract IStorageEngine OpenAt(string folder);

    /// <summary>From now on the open engine's writes find no room.</summary>
    public abstract void FillDisk();

    /// <summary>The next sync of the open engine fails.</summary>
    public abstract void BreakSync();

    /// <summary>A folder that does not exist yet and goes with the harness.</summary>
    public string NewFolder() => Path.Combine(Scratch.Root, Guid.NewGuid().ToString("N"));

    /// <summary>The folder of files that goes with the harness.</summary>
    public Scratch Scratch { get; } = new();

    /// <inheritdoc />
    public void Dispose()
    {
        Scratch.Dispose();
        GC.SuppressFinalize(this);
    }
}

/// <summary>A folder that is removed in the end.</summary>
public sealed class Scratch : IDisposable
{
    /// <summary>Where it is.</summary>
    public string Root { get; } = Directory.CreateTempSubdirectory("orleansgeo-").FullName;

    /// <inheritdoc />
    public void Dispose() => Directory.Delete(Root, recursive: true);
}

public sealed class MemoryHarness : EngineHarness
{
    public override bool KeepsFiles => false;

    public MemoryDisk Disk { get; } = new();

    public override IStorageEngine Open() => Disk.Open(TimeProvider.System);

    public override IStorageEngine OpenAt(string folder) => throw new NotSupportedException();

    public override void FillDisk() => Disk.CapacityBytes = Disk.UsedBytes;

    public override void BreakSync() => Disk.FailNextSync = true;
}

public sealed class RocksDbHarness : EngineHarness
{
    public override bool KeepsFiles => true;

    public string Folder => Path.Combine(Scratch.Root, "db");

    public override IStorageEngine Open() => RocksDbEngine.Open(Folder);

    public override IStorageEngine OpenAt(string folder) => RocksDbEngine.Open(folder);

    public override void FillDisk() => OpenFiles.ReplaceNewestLog(Folder, OpenFiles.Replacement.FullDevice);

    public override void BreakSync() => OpenFiles.ReplaceNewestLog(Folder, OpenFiles.Replacement.Pipe);
}
