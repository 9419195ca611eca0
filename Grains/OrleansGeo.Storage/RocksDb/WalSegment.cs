using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using OrleansGeo.Primitives;

namespace OrleansGeo.Storage.RocksDb;

/// <summary>
/// One file of the write-ahead log. It takes its blocks when it is made and is used again and again, so that a sync writes data and no
/// metadata: about a third less time than for a file that grows.
/// <para>
/// Format 1, integers little-endian. Header, 48 bytes: magic (8), its number (8), sequence of its first record (8), number of the oldest
/// segment that was needed when this one was begun (8), checksum of these (4), zeros (12). Record: bytes of the batch (4), checksum (4),
/// sequence (8), the batch. A checksum is CRC-32C. The first bad record ends the segment, as does one out of sequence, which an earlier use
/// of the file left behind.
/// </para>
/// </summary>
internal sealed partial class WalSegment : IDisposable
{
    internal const int HeaderBytes = 48;
    private const int CheckedBytes = 32;
    internal const int RecordHeaderBytes = 16;
    private const ulong Magic = 0x3130_4C41_574F_4547;
    private const int Interrupted = 4;
    private const int InvalidArgument = 22;
    private const int NotSupported = 95;

    private readonly SafeFileHandle _file;
    private readonly Action<string>? _synced;
    private readonly byte[] _header = new byte[HeaderBytes];
    private long _size;

    private WalSegment(string path, SafeFileHandle file, Action<string>? synced)
    {
        _synced = synced;
        Path = path;
        _file = file;
        _size = RandomAccess.GetLength(file);
    }

    internal string Path { get; }

    /// <summary>Which segment it is; 0 when it holds none.</summary>
    internal long Number { get; private set; }

    /// <summary>Sequence of the first record.</summary>
    internal long FirstSequence { get; private set; }

    /// <summary>The oldest segment that was needed when this one was begun.</summary>
    internal long OldestNeeded { get; private set; }

    /// <summary>Where the next record goes.</summary>
    internal long Written { get; set; }

    /// <summary>Log entries that were written here and are nowhere else.</summary>
    internal long YoungEntries { get; set; }

    /// <summary>The segment may be given up once tables hold what was written while this one was active.</summary>
    internal long NeededUntilStored { get; set; }

    internal static WalSegment Open(string path, Action<string>? synced)
    {
        var file = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite);
        var segment = new WalSegment(path, file, synced);
        segment.ReadHeader();
        return segment;
    }

    /// <summary>
    /// Begins a segment in this file, with room for the given bytes. The header is durable before any record is written: otherwise a power
    /// cut could leave the old header in front of new records.
    /// </summary>
    internal void Begin(long number, long firstSequence, long oldestNeeded, long bytes)
    {
        if (_size < bytes)
        {
            Allocate(bytes);
        }

        Number = number;
        FirstSequence = firstSequence;
        OldestNeeded = oldestNeeded;
        YoungEntries = 0;
        NeededUntilStored = number;
        BinaryPrimitives.WriteUInt64LittleEndian(_header, Magic);
        BinaryPrimitives.WriteInt64LittleEndian(_header.AsSpan(8), number);
        BinaryPrimitives.WriteInt64LittleEndian(_header.AsSpan(16), firstSequence);
        BinaryPrimitives.WriteInt64LittleEndian(_header.AsSpan(24), oldestNeeded);
        BinaryPrimitives.WriteUInt32LittleEndian(_header.AsSpan(CheckedBytes), Crc32C.Append(0, _header.AsSpan(0, CheckedBytes)));
        RandomAccess.Write(_file, _header, 0);
        Sync();
        Written = HeaderBytes;
    }

    /// <summary>True when a batch of this size fits.</summary>
    internal bool Fits(int batchBytes) => Written + RecordHeaderBytes + batchBytes <= _size;

    /// <summary>Appends a record: the buffer has room for its header in front of the batch.</summary>
    internal void Append(Span<byte> record, long sequence)
    {
        BinaryPrimitives.WriteInt32LittleEndian(record, record.Length - RecordHeaderBytes);
        BinaryPrimitives.WriteInt64LittleEndian(record[8..], sequence);
        BinaryPrimitives.WriteUInt32LittleEndian(record[4..], RecordChecksum(record));
        RandomAccess.Write(_file, record, Written);
        Written += record.Length;
    }

    /// <summary>
    /// Reads the record at an offset into the buffer, made larger as needed. Null when there is no good one: the segment ends here.
    /// </summary>
    internal (long Sequence, int Bytes)? Read(long offset, ref byte[] buffer)
    {
        if (offset + RecordHeaderBytes > _size || !Fill(buffer.AsSpan(0, RecordHeaderBytes), offset))
        {
            return null;
        }

        var length = BinaryPrimitives.ReadInt32LittleEndian(buffer);
        if (length <= 0 || length > _size - offset - RecordHeaderBytes)
        {
            return null;
        }

        if (buffer.Length < RecordHeaderBytes + length)
        {
            Array.Resize(ref buffer, Math.Max(buffer.Length * 2, RecordHeaderBytes + length));
        }

        var record = buffer.AsSpan(0, RecordHeaderBytes + length);
        return Fill(record[RecordHeaderBytes..], offset + RecordHeaderBytes)
            && BinaryPrimitives.ReadUInt32LittleEndian(record[4..]) == RecordChecksum(record)
            ? (BinaryPrimitives.ReadInt64LittleEndian(record[8..]), length)
            : null;
    }

    /// <summary>Takes everything written so far to the disk. From any thread.</summary>
    internal void Sync()
    {
        if (!OperatingSystem.IsLinux())
        {
            RandomAccess.FlushToDisk(_file);
            return;
        }

        var added = false;
        try
        {
            _file.DangerousAddRef(ref added);
            if (FDataSync((int)_file.DangerousGetHandle()) != 0)
            {
                throw new IOException($"{Path} cannot be synced (error {Marshal.GetLastPInvokeError()})");
            }

            _synced?.Invoke(Path);
        }
        finally
        {
            if (added)
            {
                _file.DangerousRelease();
            }
        }
    }

    public void Dispose() => _file.Dispose();

    // The blocks first and the length then: a full disk is met here, and later writes change neither.
    private void Allocate(long bytes)
    {
        if (OperatingSystem.IsLinux())
        {
            int error;
            do
            {
                error = PosixFAllocate((int)_file.DangerousGetHandle(), 0, bytes);
            }
            while (error == Interrupted);

            if (error != 0 && error != NotSupported && error != InvalidArgument)
            {
                throw new IOException($"{Path} cannot take {bytes} bytes (error {error})");
            }
        }

        if (RandomAccess.GetLength(_file) < bytes)
        {
            RandomAccess.SetLength(_file, bytes);
        }

        _size = bytes;
    }

    private void ReadHeader()
    {
        if (Fill(_header, 0)
            && BinaryPrimitives.ReadUInt64LittleEndian(_header) == Magic
            && BinaryPrimitives.ReadUInt32LittleEndian(_header.AsSpan(CheckedBytes)) == Crc32C.Append(0, _header.AsSpan(0, CheckedBytes)))
        {
            Number = BinaryPrimitives.ReadInt64LittleEndian(_header.AsSpan(8));
            FirstSequence = BinaryPrimitives.ReadInt64LittleEndian(_header.AsSpan(16));
            OldestNeeded = BinaryPrimitives.ReadInt64LittleEndian(_header.AsSpan(24));
        }
    }

    private bool Fill(Span<byte> bytes, long offset)
    {
        var filled = 0;
        while (filled < bytes.Length)
        {
            var count = RandomAccess.Read(_file, bytes[filled..], offset + filled);
            if (count == 0)
            {
                return false;
            }

            filled += count;
        }

        return true;
    }

    // A record of zeros must not be a good one.
    private static uint RecordChecksum(ReadOnlySpan<byte> record) =>
        Crc32C.Append(Crc32C.Append(uint.MaxValue, record[..4]), record[8..]);

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int FDataSync(int descriptor);

    [LibraryImport("libc", EntryPoint = "posix_fallocate")]
    private static partial int PosixFAllocate(int descriptor, long offset, long bytes);
}
