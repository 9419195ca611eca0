using OrleansGeo.Primitives;

namespace OrleansGeo.Consensus;

/// <summary>
/// One encoding of messages, log entries and durable state for wire, disk and simulator. A value begins with its format version; an unknown
/// version, kind or field is refused with <see cref="CodecException"/>. Fields at their default are left out.
/// </summary>
public static class MessageCodec
{
    private const byte Version = 1;

    [Flags]
    private enum Fields
    {
        None = 0,
        LogTerm = 1,
        Index = 2,
        Commit = 4,
        Entries = 8,
        Reject = 16,
        Hint = 32,
        HintTerm = 64,
        NeedsSnapshot = 128,
        Leader = 256,
        RemainingMicros = 512,
        Epoch = 1024,
        Bound = 2048,
        Transfer = 4096,
        Path = 8192,
        All = 16383,
    }

    /// <summary>Writes a consensus message.</summary>
    public static void Write(CodecWriter writer, Message message)
    {
        var fields = FieldsOf(message);
        writer.WriteByte(Version);
        writer.WriteByte((byte)message.Kind);
        writer.WriteInt64(message.Range.Value);
        writer.WriteInt32(message.From.Value);
        writer.WriteInt32(message.To.Value);
        writer.WriteInt64(message.Term.Value);
        writer.WriteUInt64((ulong)fields);
        WriteIf(writer, fields, Fields.LogTerm, message.LogTerm.Value);
        WriteIf(writer, fields, Fields.Index, message.Index.Value);
        WriteIf(writer, fields, Fields.Commit, message.Commit.Value);
        if (fields.HasFlag(Fields.Entries))
        {
            writer.WriteUInt64((ulong)message.Entries.Count);
            foreach (var entry in message.Entries)
            {
                WriteEntry(writer, entry);
            }
        }

        WriteIf(writer, fields, Fields.Hint, message.Hint.Value);
        WriteIf(writer, fields, Fields.HintTerm, message.HintTerm.Value);
        WriteIf(writer, fields, Fields.Leader, message.Leader.Value);
        WriteIf(writer, fields, Fields.RemainingMicros, message.RemainingMicros);
        WriteIf(writer, fields, Fields.Epoch, message.Epoch.Value);
        if (fields.HasFlag(Fields.Bound))
        {
            writer.WriteTimestamp(message.Bound);
        }

        if (fields.HasFlag(Fields.Path))
        {
            WanPath.Write(writer, message.Path);
        }
    }

    /// <summary>Reads a consensus message. Payloads are copied out of the source.</summary>
    public static Message ReadMessage(ref CodecReader reader)
    {
        reader.ReadVersion("a consensus message", Version);
        var kind = (MessageKind)reader.ReadByte();
        if (kind is < MessageKind.Append or > MessageKind.SnapshotOffer)
        {
            throw new CodecException($"a consensus message of unknown kind {(byte)kind}");
        }

        RangeId range = new(reader.ReadInt64());
        NodeId from = new(reader.ReadInt32());
        NodeId to = new(reader.ReadInt32());
        Term term = new(reader.ReadInt64());
        var raw = reader.ReadUInt64();
        if (raw > (ulong)Fields.All)
        {
            throw new CodecException($"a consensus message with unknown fields {raw:x}");
        }

        var fields = (Fields)raw;
        return new()
        {
            Kind = kind,
            Range = range,
            From = from,
            To = to,
            Term = term,
            LogTerm = new(ReadIf(ref reader, fields, Fields.LogTerm)),
            Index = new(ReadIf(ref reader, fields, Fields.Index)),
            Commit = new(ReadIf(ref reader, fields, Fields.Commit)),
            Entries = fields.HasFlag(Fields.Entries) ? ReadEntries(ref reader) : [],
            Reject = fields.HasFlag(Fields.Reject),
            NeedsSnapshot = fields.HasFlag(Fields.NeedsSnapshot),
            Transfer = fields.HasFlag(Fields.Transfer),
            Hint = new(ReadIf(ref reader, fields, Fields.Hint)),
            HintTerm = new(ReadIf(ref reader, fields, Fields.HintTerm)),
            Leader = ReadNodeIf(ref reader, fields, Fields.Leader),
            RemainingMicros = ReadIf(ref reader, fields, Fields.RemainingMicros),
            Epoch = new(ReadIf(ref reader, fields, Fields.Epoch)),
            Bound = fields.HasFlag(Fields.Bound) ? reader.ReadTimestamp() : default,
            Path = fields.HasFlag(Fields.Path) ? WanPath.Read(ref reader) : null,
        };
    }

    /// <summary>Writes a heartbeat or its answer.</summary>
    public static void Write(CodecWriter writer, LivenessMessage message)
    {
        writer.WriteByte(Version);
        writer.WriteInt32(message.From.Value);
        writer.WriteInt32(message.To.Value);
        writer.WriteInt64(message.Incarnation.Value);
        writer.WriteBool(message.IsReply);
        writer.WriteInt64(message.SentAt.Micros);
        writer.WriteInt64(message.AskerIncarnation.Value);
        writer.WriteInt64(message.Epoch.Value);
        writer.WriteBool(message.Granted);
        writer.WriteInt64(message.RemainingMicros);
        writer.WriteTimestamp(message.Bound);
        writer.WriteTimestamp(message.Clock);
        writer.WriteInt64(message.LatestWallMillis);
        writer.WriteBool(message.IsDraining);
    }

    /// <summary>Reads a heartbeat or its answer.</summary>
    public static LivenessMessage ReadLiveness(ref CodecReader reader)
    {
        reader.ReadVersion("a heartbeat", Version);
        return new()
        {
            From = new(reader.ReadInt32()),
            To = new(reader.ReadInt32()),
            Incarnation = new(reader.ReadInt64()),
            IsReply = reader.ReadBool(),
            SentAt = new(reader.ReadInt64()),
            AskerIncarnation = new(reader.ReadInt64()),
            Epoch = new(reader.ReadInt64()),
            Granted = reader.ReadBool(),
            RemainingMicros = reader.ReadInt64(),
            Bound = reader.ReadTimestamp(),
            Clock = reader.ReadTimestamp(),
            LatestWallMillis = reader.ReadInt64(),
            IsDraining = reader.ReadBool(),
        };
    }

    /// <summary>Writes a hard state.</summary>
    public static void Write(CodecWriter writer, HardState state)
    {
        writer.WriteByte(Version);
        writer.WriteInt64(state.Term.Value);
        writer.WriteInt32(state.Vote.Value);
        writer.WriteInt32(state.FortifiedLeader.Value);
        writer.WriteInt64(state.FortifiedEpoch.Value);
        writer.WriteInt64(state.FortifiedTerm.Value);
    }

    /// <summary>Reads a hard state.</summary>
    public static HardState ReadHardState(ref CodecReader reader)
    {
        reader.ReadVersion("a hard state", Version);
        return new(
            new(reader.ReadInt64()), new(reader.ReadInt32()), new(reader.ReadInt32()), new(reader.ReadInt64()), new(reader.ReadInt64()));
    }

    /// <summary>Writes a stored log entry.</summary>
    public static void Write(CodecWriter writer, in LogEntry entry)
    {
        writer.WriteByte(Version);
        WriteEntry(writer, entry);
    }

    /// <summary>Reads a stored log entry. The payload is copied out of the source.</summary>
    public static LogEntry ReadEntry(ref CodecReader reader)
    {
        reader.ReadVersion("a log entry", Version);
        return ReadBareEntry(ref reader);
    }

    /// <summary>Writes a support record.</summary>
    public static void Write(CodecWriter writer, SupportRecord record)
    {
        writer.WriteByte(Version);
        writer.WriteInt32(record.To.Value);
        writer.WriteInt64(record.Incarnation.Value);
        writer.WriteInt64(record.Epoch.Value);
    }

    /// <summary>Reads a support record.</summary>
    public static SupportRecord ReadSupportRecord(ref CodecReader reader)
    {
        reader.ReadVersion("a support record", Version);
        return new(new(reader.ReadInt32()), new(reader.ReadInt64()), new(reader.ReadInt64()));
    }

    private static Fields FieldsOf(Message m) =>
        When(m.LogTerm.Value != 0, Fields.LogTerm) | When(m.Index.Value != 0, Fields.Index) | When(m.Commit.Value != 0, Fields.Commit)
        | When(m.Entries.Count > 0, Fields.Entries) | When(m.Reject, Fields.Reject) | When(m.Hint.Value != 0, Fields.Hint)
        | When(m.HintTerm.Value != 0, Fields.HintTerm) | When(m.NeedsSnapshot, Fields.NeedsSnapshot) | When(m.Leader.IsSome, Fields.Leader)
        | When(m.RemainingMicros != 0, Fields.RemainingMicros) | When(m.Epoch.Value != 0, Fields.Epoch)
        | When(m.Bound.Value != 0, Fields.Bound) | When(m.Transfer, Fields.Transfer) | When(m.Path is not null, Fields.Path);

    private static Fields When(bool present, Fields field) => present ? field : Fields.None;

    private static void WriteIf(CodecWriter writer, Fields fields, Fields field, long value)
    {
        if (fields.HasFlag(field))
        {
            writer.WriteInt64(value);
        }
    }

    private static long ReadIf(ref CodecReader reader, Fields fields, Fields field) => fields.HasFlag(field) ? reader.ReadInt64() : 0;

    private static NodeId ReadNodeIf(ref CodecReader reader, Fields fields, Fields field) =>
        fields.HasFlag(field) ? new(reader.ReadInt32()) : NodeId.None;

    private static void WriteEntry(CodecWriter writer, in LogEntry entry)
    {
        writer.WriteInt64(entry.Term.Value);
        writer.WriteInt64(entry.Index.Value);
        writer.WriteByte((byte)entry.Kind);
        writer.WriteBytes(entry.Payload.Span);
    }

    private static LogEntry[] ReadEntries(ref CodecReader reader)
    {
        var entries = new LogEntry[reader.ReadCount()];
        for (var i = 0; i < entries.Length; i++)
        {
            entries[i] = ReadBareEntry(ref reader);
        }

        return entries;
    }

    private static LogEntry ReadBareEntry(ref CodecReader reader)
    {
        Term term = new(reader.ReadInt64());
        LogIndex index = new(reader.ReadInt64());
        var kind = (EntryKind)reader.ReadByte();
        return kind is >= EntryKind.LeaderStart and <= EntryKind.Configuration
            ? new(term, index, kind, reader.ReadBytes().ToArray())
            : throw new CodecException($"a log entry of unknown kind {(byte)kind}");
    }
}
