using System.Buffers.Binary;

namespace OrleansGeo.Storage.RocksDb;

/// <summary>
/// Remembers, beside the write-ahead log, the last batch that a completed sync covered. Recovery drops the tail of a log from the first bad
/// record on, and cannot tell a batch torn by a power cut from a batch that was durable and rotted; this can: whoever recovers less than
/// the mark has lost what was promised. The mark is written after the sync and not synced itself, so it may be older than the truth and
/// never newer: it gives no false alarm, and misses at most what was synced in the seconds before a power cut.
/// </summary>
internal sealed class SyncedMark : IDisposable
{
    private const string FileName = "SYNCED";
    private const ulong Magic = 0x3152_4D53_4F45_474F;
    private const int Length = 24;

    private readonly Microsoft.Win32.SafeHandles.SafeFileHandle _file;
    private readonly byte[] _bytes = new byte[Length];

    internal SyncedMark(string folder)
    {
        _file = File.OpenHandle(Path.Combine(folder, FileName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite);
        Sequence = Read();
        // Takes its block now, so that a disk that is full later still takes the mark.
        Write(Sequence);
    }

    /// <summary>What the file said when it was opened; 0 when it said nothing that can be believed.</summary>
    internal long Sequence { get; }

    internal void Write(long sequence)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(_bytes, Magic);
        BinaryPrimitives.WriteInt64LittleEndian(_bytes.AsSpan(8), sequence);
        BinaryPrimitives.WriteInt64LittleEndian(_bytes.AsSpan(16), ~sequence);
        RandomAccess.Write(_file, _bytes, 0);
    }

    public void Dispose() => _file.Dispose();

    /// <summary>True when a mark is in the folder.</summary>
    internal static bool Exists(string folder) => File.Exists(Path.Combine(folder, FileName));

    /// <summary>Removes the mark from the folder.</summary>
    internal static void Delete(string folder) => File.Delete(Path.Combine(folder, FileName));

    private long Read()
    {
        var bytes = new byte[Length];
        if (RandomAccess.Read(_file, bytes, 0) != Length || BinaryPrimitives.ReadUInt64LittleEndian(bytes) != Magic)
        {
            return 0;
        }

        var sequence = BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(8));
        return BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(16)) == ~sequence ? sequence : 0;
    }
}
