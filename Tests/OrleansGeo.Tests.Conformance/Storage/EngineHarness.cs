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

public class RocksDbHarness : EngineHarness
{
    public override bool KeepsFiles => true;

    protected virtual RocksDbOptions Options => new();

    public string Folder => Path.Combine(Scratch.Root, "db");

    public override IStorageEngine Open() => RocksDbEngine.Open(Folder, Options);

    public override IStorageEngine OpenAt(string folder) => RocksDbEngine.Open(folder, Options);

    public override void FillDisk() => OpenFiles.ReplaceNewestLog(Folder, OpenFiles.Replacement.FullDevice);

    public override void BreakSync() => OpenFiles.ReplaceNewestLog(Folder, OpenFiles.Replacement.NullDevice);
}

/// <summary>Everything with a key of six bytes is a log entry, and segments are small enough to be full again and again.</summary>
public sealed class RocksDbLogsHarness : RocksDbHarness
{
    protected override RocksDbOptions Options =>
        new() { LogKeys = new([0x00], [0xFE], 6), SegmentBytes = 16 << 10, SegmentsMax = 3, WriteBufferBytes = 64 << 10 };
}

/// <summary>Everything with a key of two bytes is a log entry: of one log, in no order.</summary>
public sealed class RocksDbShortLogsHarness : RocksDbHarness
{
    protected override RocksDbOptions Options =>
        new() { LogKeys = new([0x00], [0xFE], 2), SegmentBytes = 1 << 10, SegmentsMax = 3, WriteBufferBytes = 8 << 10 };
}
