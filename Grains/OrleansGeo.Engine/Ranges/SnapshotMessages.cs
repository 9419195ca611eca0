using OrleansGeo.Consensus;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// Asks for the next part of a snapshot. The receiver pulls: it asks for what lies behind the last key it holds, one part at a time, and
/// asks again when no answer comes; so a cut costs one part and the pace is the receiver's.
/// </summary>
internal sealed class SnapshotFetch : NodeMessage
{
    public required RangeId Range { get; init; }

    /// <summary>The snapshot being read; 0 to begin a new one.</summary>
    public required long Snapshot { get; init; }

    /// <summary>At least this far: the index of the offer.</summary>
    public required LogIndex AtLeast { get; init; }

    /// <summary>The last storage key received; empty for the beginning.</summary>
    public required byte[] After { get; init; }
}

/// <summary>A part of a snapshot, or the news that the snapshot is no longer kept.</summary>
internal sealed class SnapshotPart : NodeMessage
{
    public required RangeId Range { get; init; }

    public required long Snapshot { get; init; }

    /// <summary>The sender keeps no such snapshot; begin again.</summary>
    public bool Gone { get; init; }

    /// <summary>What the whole snapshot replaces.</summary>
    public LogIndex Index { get; init; }

    public Term Term { get; init; }

    /// <summary>The range as of the snapshot; null only when gone.</summary>
    public RangeDescriptor? Descriptor { get; init; }

    /// <summary>Echo of the request, so that a late answer is told from the awaited one.</summary>
    public byte[] After { get; init; } = [];

    public (byte[] Key, byte[] Value)[] Pairs { get; init; } = [];

    /// <summary>True when nothing lies behind these pairs.</summary>
    public bool IsLast { get; init; }

    /// <summary>CRC-32C of all keys and values, checked before anything is kept.</summary>
    public uint Checksum { get; init; }

    public static uint ChecksumOf((byte[] Key, byte[] Value)[] pairs)
    {
        var crc = uint.MaxValue;
        foreach (var (key, value) in pairs)
        {
            crc = Crc32C.Append(Crc32C.Append(crc, key), value);
        }

        return ~crc;
    }

    public static void Write(CodecWriter writer, SnapshotPart part)
    {
        writer.WriteInt64(part.Range.Value);
        writer.WriteInt64(part.Snapshot);
        writer.WriteBool(part.Gone);
        if (part.Gone)
        {
            return;
        }

        writer.WriteInt64(part.Index.Value);
        writer.WriteInt64(part.Term.Value);
        part.Descriptor!.Write(writer);
        writer.WriteBytes(part.After);
        writer.WriteUInt64((ulong)part.Pairs.Length);
        foreach (var (key, value) in part.Pairs)
        {
            writer.WriteBytes(key);
            writer.WriteBytes(value);
        }

        writer.WriteBool(part.IsLast);
        writer.WriteUInt64(part.Checksum);
    }

    public static SnapshotPart Read(ref CodecReader reader)
    {
        var range = new RangeId(reader.ReadInt64());
        var snapshot = reader.ReadInt64();
        if (reader.ReadBool())
        {
            return new() { Range = range, Snapshot = snapshot, Gone = true };
        }

        var index = new LogIndex(reader.ReadInt64());
        var term = new Term(reader.ReadInt64());
        var descriptor = RangeDescriptor.Read(ref reader);
        var after = reader.ReadBytes().ToArray();
        var pairs = new (byte[], byte[])[reader.ReadCount()];
        for (var i = 0; i < pairs.Length; i++)
        {
            pairs[i] = (reader.ReadBytes().ToArray(), reader.ReadBytes().ToArray());
        }

        return new()
        {
            Range = range,
            Snapshot = snapshot,
            Index = index,
            Term = term,
            Descriptor = descriptor,
            After = after,
            Pairs = pairs,
            IsLast = reader.ReadBool(),
            Checksum = (uint)reader.ReadUInt64(),
        };
    }

    public SnapshotPoint Point => new(Index, Term, Descriptor!.Configuration);

    /// <summary>What the receiver's rules look at; not for one that is gone.</summary>
    public SnapshotPartInfo Info =>
        new(Snapshot, Point, After, Pairs.Length > 0 ? Pairs[^1].Key : After, IsLast, Checksum == ChecksumOf(Pairs));
}
