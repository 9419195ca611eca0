using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>The wire form of <see cref="RangeOutcome"/>: a byte for the case, then its fields in order.</summary>
public static partial class EnvelopeCodecOutcomes
{
    /// <summary>Writes an outcome.</summary>
    public static void Write(CodecWriter writer, RangeOutcome outcome)
    {
        switch (outcome)
        {
            case RangeOutcome.Found or RangeOutcome.Scanned:
                WriteRead(writer, outcome);
                break;
            case RangeOutcome.Written written:
                writer.WriteByte(written.Checked.IsEmpty ? (byte)3 : (byte)16);
                writer.WriteTimestamp(written.Version);
                writer.WriteList(written.Keys, WriteWritten);
                writer.WriteBool(written.Replayed);
                writer.WriteInt64(written.Index.Value);
                WanPath.Write(writer, written.QuorumPath);
                if (!written.Checked.IsEmpty)
                {
                    writer.WriteList(written.Checked, WriteFound);
                }

                break;
            case RangeOutcome.Refused refused:
                writer.WriteByte(refused.IsRecorded ? (byte)21 : (byte)4);
                writer.WriteInt32(refused.Position);
                writer.WriteByte((byte)refused.Reason);
                writer.WriteTimestamp(refused.Current);
                break;
            case RangeOutcome.NotLeaseholder or RangeOutcome.Moved or RangeOutcome.Described:
                WriteDirections(writer, outcome);
                break;
            default:
                WriteShort(writer, outcome);
                break;
        }
    }

    /// <summary>Reads an outcome.</summary>
    public static RangeOutcome Read(ref CodecReader reader) => reader.ReadByte() switch
    {
        1 => new RangeOutcome.Found(reader.ReadList(ReadFound), reader.ReadTimestamp(), reader.ReadBool(), new(reader.ReadInt32())),
        2 => new RangeOutcome.Scanned(
            reader.ReadList(ReadFound),
            reader.ReadBool() ? reader.ReadSpan() : null,
            reader.ReadTimestamp(),
            reader.ReadBool(),
            new(reader.ReadInt32())),
        3 => ReadMade(ref reader),
        16 => ReadMade(ref reader) with { Checked = reader.ReadList(ReadFound) },
        4 => ReadRefused(ref reader),
        21 => ReadRefused(ref reader) with { IsRecorded = true },
        5 => new RangeOutcome.NotLeaseholder(
            new(reader.ReadInt32()), reader.ReadBool(), reader.ReadBool(), reader.ReadBool() ? ReadDescriptor(ref reader) : null),
        6 => new RangeOutcome.Moved(reader.ReadList(ReadDescriptor)),
        7 => new RangeOutcome.NoReplica(),
        8 => new RangeOutcome.TooFresh(reader.ReadTimestamp()),
        9 => new RangeOutcome.Fresh(reader.ReadTimestamp(), reader.ReadInt64()),
        10 => new RangeOutcome.Overloaded(reader.ReadString()),
        11 => new RangeOutcome.Expired(reader.ReadBool()),
        12 => new RangeOutcome.Described(
            reader.ReadList(ReadDescriptor), new(reader.ReadInt32()), new(reader.ReadInt64()), new(reader.ReadInt64()), reader.ReadInt64()),
        13 => new RangeOutcome.RequestMismatch(),
        14 => new RangeOutcome.Unsuitable(reader.ReadString()),
        15 => new RangeOutcome.Rtts(reader.ReadList(
            static (ref r) => KeyValuePair.Create(new NodeId(r.ReadInt32()), r.ReadInt64()))),
        24 => new RangeOutcome.TooOld(reader.ReadTimestamp()),
        var other => ReadTransactional(ref reader, other),
    };

    private static RangeOutcome.Refused ReadRefused(ref CodecReader reader) => new(
        reader.ReadInt32(),
        reader.ReadEnum<RefusalReason>("reason of refusal", (byte)RefusalReason.Exists, (byte)RefusalReason.Check),
        reader.ReadTimestamp());

    private static RangeOutcome.Written ReadMade(ref CodecReader reader) => new(
        reader.ReadTimestamp(), reader.ReadList(ReadWritten), reader.ReadBool(), new(reader.ReadInt64()), WanPath.Read(ref reader));

    private static void WriteRead(CodecWriter writer, RangeOutcome outcome)
    {
        if (outcome is RangeOutcome.Found found)
        {
            writer.WriteByte(1);
            writer.WriteList(found.Values, WriteFound);
            writer.WriteTimestamp(found.ReadAt);
            writer.WriteBool(found.Strong);
            writer.WriteInt32(found.Leaseholder.Value);
            return;
        }

        var scanned = (RangeOutcome.Scanned)outcome;
        writer.WriteByte(2);
        writer.WriteList(scanned.Rows, WriteFound);
        writer.WriteBool(scanned.Resume is not null);
        if (scanned.Resume is { } rest)
        {
            writer.WriteSpan(rest);
        }

        writer.WriteTimestamp(scanned.ReadAt);
        writer.WriteBool(scanned.Strong);
        writer.WriteInt32(scanned.Leaseholder.Value);
    }

    private static void WriteDirections(CodecWriter writer, RangeOutcome outcome)
    {
        switch (outcome)
        {
            case RangeOutcome.NotLeaseholder other:
                writer.WriteByte(5);
                writer.WriteInt32(other.Hint.Value);
                writer.WriteBool(other.Ambiguous);
                writer.WriteBool(other.NoQuorum);
                writer.WriteBool(other.Descriptor is not null);
                other.Descriptor?.Write(writer);
                break;
            case RangeOutcome.Moved moved:
                writer.WriteByte(6);
                writer.WriteList(moved.Descriptors, static (w, descriptor) => descriptor.Write(w));
                break;
            case RangeOutcome.Described described:
                writer.WriteByte(12);
                writer.WriteList(described.Descriptors, static (w, descriptor) => descriptor.Write(w));
                writer.WriteInt32(described.Leader.Value);
                writer.WriteInt64(described.Term.Value);
                writer.WriteInt64(described.Applied.Value);
                writer.WriteInt64(described.SizeBytes);
                break;
        }
    }

    private static void WriteShort(CodecWriter writer, RangeOutcome outcome)
    {
        switch (outcome)
        {
            case RangeOutcome.NoReplica:
                writer.WriteByte(7);
                break;
            case RangeOutcome.TooFresh tooFresh:
                writer.WriteByte(8);
                writer.WriteTimestamp(tooFresh.Newest);
                break;
            case RangeOutcome.TooOld tooOld:
                writer.WriteByte(24);
                writer.WriteTimestamp(tooOld.Oldest);
                break;
            case RangeOutcome.Fresh fresh:
                writer.WriteByte(9);
                writer.WriteTimestamp(fresh.Resolved);
                writer.WriteInt64(fresh.PromiseAgeMicros);
                break;
            case RangeOutcome.Overloaded overloaded:
                writer.WriteByte(10);
                writer.WriteString(overloaded.Queue);
                break;
            case RangeOutcome.Expired expired:
                writer.WriteByte(11);
                writer.WriteBool(expired.Ambiguous);
                break;
            case RangeOutcome.RequestMismatch:
                writer.WriteByte(13);
                break;
            case RangeOutcome.Unsuitable unsuitable:
                writer.WriteByte(14);
                writer.WriteString(unsuitable.Why);
                break;
            case RangeOutcome.Rtts rtts:
                writer.WriteByte(15);
                writer.WriteList(rtts.Micros, static (w, pair) =>
                {
                    w.WriteInt32(pair.Key.Value);
                    w.WriteInt64(pair.Value);
                });
                break;
            default:
                WriteTransactional(writer, outcome);
                break;
        }
    }

    private static void WriteFound(CodecWriter writer, FoundValue found)
    {
        writer.WriteKey(found.Key);
        writer.WriteTimestamp(found.Version);
        writer.WriteOptional(found.Value);
    }

    private static FoundValue ReadFound(ref CodecReader reader) =>
        new(reader.ReadKey(), reader.ReadTimestamp(), reader.ReadOptionalBytes());

    private static void WriteWritten(CodecWriter writer, KeyWritten written)
    {
        writer.WriteBool(written.Created);
        writer.WriteOptional(written.Value);
    }

    private static KeyWritten ReadWritten(ref CodecReader reader) => new(reader.ReadBool(), reader.ReadOptionalBytes());

    // The descriptor's own reader takes any byte for its goal; what comes from the wire is held to the goals there are.
    private static RangeDescriptor ReadDescriptor(ref CodecReader reader)
    {
        var descriptor = RangeDescriptor.Read(ref reader);
        return Enum.IsDefined(descriptor.Goal)
            ? descriptor
            : throw new CodecException($"this build knows no survival goal {(byte)descriptor.Goal}");
    }
}
