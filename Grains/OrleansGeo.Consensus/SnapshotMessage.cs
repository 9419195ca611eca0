using System.Buffers.Binary;
using System.Numerics;
using OrleansGeo.Primitives;

namespace OrleansGeo.Consensus;

/// <summary>Kinds of <see cref="SnapshotMessage"/>.</summary>
public enum SnapshotMessageKind : byte
{
    /// <summary>Receiver to sender: the chunk behind a position, of a snapshot or, with id 0, of a new one.</summary>
    Fetch = 1,

    /// <summary>Sender to receiver: that chunk.</summary>
    Chunk = 2,

    /// <summary>Sender to receiver: that snapshot is no more; begin anew.</summary>
    Gone = 3,
}

/// <summary>A message of a snapshot's transfer, on the lane for bulk data.</summary>
public sealed record SnapshotMessage
{
    private const byte Version = 1;

    /// <summary>What it is.</summary>
    public required SnapshotMessageKind Kind { get; init; }

    /// <summary>The range.</summary>
    public required RangeId Range { get; init; }

    /// <summary>The sender of this message.</summary>
    public required NodeId From { get; init; }

    /// <summary>Its receiver.</summary>
    public required NodeId To { get; init; }

    /// <summary>The snapshot, as its sender's node named it; 0 asks for a new one.</summary>
    public long Snapshot { get; init; }

    /// <summary>The last key received; empty at the start. A chunk repeats the position it was asked for.</summary>
    public ReadOnlyMemory<byte> Position { get; init; }

    /// <summary>With a chunk: the position behind it.</summary>
    public ReadOnlyMemory<byte> Next { get; init; }

    /// <summary>With a chunk: the content, which only the engine reads.</summary>
    public ReadOnlyMemory<byte> Data { get; init; }

    /// <summary>With a chunk: there is nothing behind it.</summary>
    public bool IsLast { get; init; }

    /// <summary>With a chunk: the point in the log that the snapshot replaces.</summary>
    public SnapshotPoint? Point { get; init; }

    /// <summary>With a chunk: CRC-32C of <see cref="Data"/>.</summary>
    public uint Checksum { get; init; }

    /// <summary>CRC-32C (Castagnoli) of some bytes.</summary>
    public static uint ChecksumOf(ReadOnlySpan<byte> data)
    {
        var crc = uint.MaxValue;
        for (; data.Length >= 8; data = data[8..])
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(data));
        }

        foreach (var b in data)
        {
            crc = BitOperations.Crc32C(crc, b);
        }

        return ~crc;
    }

    /// <summary>Writes the message behind a version byte.</summary>
    public void Write(CodecWriter writer)
    {
        writer.WriteByte(Version);
        writer.WriteByte((byte)Kind);
        writer.WriteInt64(Range.Value);
        writer.WriteInt32(From.Value);
        writer.WriteInt32(To.Value);
        writer.WriteInt64(Snapshot);
        writer.WriteBytes(Position.Span);
        if (Kind != SnapshotMessageKind.Chunk)
        {
            return;
        }

        writer.WriteBytes(Next.Span);
        writer.WriteBytes(Data.Span);
        writer.WriteBool(IsLast);
        writer.WriteUInt64(Checksum);
        MessageCodec.Write(writer, Point!);
    }

    /// <summary>Reads what <see cref="Write"/> wrote. Bytes are copied out of the source.</summary>
    public static SnapshotMessage Read(ref CodecReader reader)
    {
        reader.ReadVersion("a snapshot message", Version);
        var kind = (SnapshotMessageKind)reader.ReadByte();
        if (kind is < SnapshotMessageKind.Fetch or > SnapshotMessageKind.Gone)
        {
            throw new CodecException($"a snapshot message of unknown kind {(byte)kind}");
        }

        var message = new SnapshotMessage
        {
            Kind = kind,
            Range = new(reader.ReadInt64()),
            From = new(reader.ReadInt32()),
            To = new(reader.ReadInt32()),
            Snapshot = reader.ReadInt64(),
            Position = reader.ReadBytes().ToArray(),
        };
        return kind != SnapshotMessageKind.Chunk ? message : message with
        {
            Next = reader.ReadBytes().ToArray(),
            Data = reader.ReadBytes().ToArray(),
            IsLast = reader.ReadBool(),
            Checksum = ReadChecksum(ref reader),
            Point = MessageCodec.ReadSnapshotPoint(ref reader),
        };
    }

    private static uint ReadChecksum(ref CodecReader reader)
    {
        var value = reader.ReadUInt64();
        return value <= uint.MaxValue ? (uint)value : throw new CodecException($"a checksum of {value}");
    }
}
