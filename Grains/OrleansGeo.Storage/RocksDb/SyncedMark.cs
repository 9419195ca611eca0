using System.Buffers.Binary;

namespace OrleansGeo.Storage.RocksDb;

/// <summary>
/// Remembers, beside the database, the last sequence number that a completed sync covered. RocksDB's recovery drops the tail of a log
/// from the first bad record on, and cannot tell a batch torn by a power cut from a batch that was durable and rotted; this can: whoever
/// recovers less than the mark has lost what was promised.
/// The mark is written after the sync and not synced itself, so it may be older than the truth and never newer: it gives no false alarm,
/// and misses at most what was synced in the seconds before a power cut.
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
    internal ulong Sequence { get; }

    internal void Write(ulong sequence)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(_bytes, Magic);
        BinaryPrimitives.WriteUInt64LittleEndian(_bytes.AsSpan(8), sequence);
        BinaryPrimitives.WriteUInt64LittleEndian(_bytes.AsSpan(16), ~sequence);
        RandomAccess.Write(_file, _bytes, 0);
    }

    public void Dispose() => _file.Dispose();

    private ulong Read()
    {
        var bytes = new byte[Length];
        if (RandomAccess.Read(_file, bytes, 0) != Length || BinaryPrimitives.ReadUInt64LittleEndian(bytes) != Magic)
        {
            return 0;
        }

        var sequence = BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(8));
        return BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(16)) == ~sequence ? sequence : 0;
    }
}
