using OrleansGeo.Primitives;

namespace OrleansGeo.Wire;

/// <summary>Rows, writes, scans and read bounds as bytes.</summary>
internal static class WireRows
{
    public static void WriteBound(CodecWriter writer, ReadBound bound)
    {
        switch (bound)
        {
            case ReadBound.StrongRead:
                writer.WriteByte(1);
                break;
            case ReadBound.Bounded bounded:
                writer.WriteByte(2);
                writer.WriteInt64(bounded.MaxStalenessMs);
                writer.WriteBool(bounded.LocalOnly);
                break;
            case ReadBound.Exact exact:
                writer.WriteByte(3);
                writer.WriteInt64(exact.StalenessMs);
                writer.WriteBool(exact.LocalOnly);
                break;
            case ReadBound.At at:
                writer.WriteByte(4);
                writer.WriteTimestamp(at.Timestamp);
                writer.WriteBool(at.LocalOnly);
                break;
            default:
                Invariant.Fail($"a read bound of type {bound.GetType().Name}");
                break;
        }
    }

    public static ReadBound ReadReadBound(ref CodecReader reader) => reader.ReadByte() switch
    {
        1 => ReadBound.Strong,
        2 => new ReadBound.Bounded(reader.ReadInt64(), reader.ReadBool()),
        3 => new ReadBound.Exact(reader.ReadInt64(), reader.ReadBool()),
        4 => new ReadBound.At(reader.ReadTimestamp(), reader.ReadBool()),
        var kind => throw new CodecException($"this build knows no read bound of kind {kind}"),
    };

    public static void WriteWrite(CodecWriter writer, RowWrite write)
    {
        writer.WriteByte((byte)write.Kind);
        WireFields.WriteKey(writer, write.Key);
        WireFields.WriteValues(writer, write.Values);
        WireFields.WriteTimestamps(writer, write.Precondition.IfMatch);
        writer.WriteBool(write.Precondition.IfExists);
        writer.WriteBool(write.Precondition.IfAbsent);
        WireFields.WriteTimestamps(writer, write.Precondition.IfNoneMatch);
    }

    public static RowWrite ReadWrite(ref CodecReader reader) => new(
        WireFields.ReadEnum<WriteKind>(ref reader, "kind of write", (byte)WriteKind.Put, (byte)WriteKind.Increment),
        WireFields.ReadKey(ref reader),
        WireFields.ReadValues(ref reader),
        new(WireFields.ReadTimestamps(ref reader), reader.ReadBool(), reader.ReadBool(), WireFields.ReadTimestamps(ref reader)));

    public static void WriteCondition(CodecWriter writer, ScanCondition condition)
    {
        writer.WriteString(condition.Column);
        writer.WriteByte((byte)condition.Operator);
        WireFields.WriteDatum(writer, condition.Literal);
    }

    public static ScanCondition ReadCondition(ref CodecReader reader) => new(
        reader.ReadString(),
        WireFields.ReadEnum<ScanOperator>(ref reader, "operator", (byte)ScanOperator.Equal, (byte)ScanOperator.GreaterOrEqual),
        WireFields.ReadDatum(ref reader));

    public static void WriteScan(CodecWriter writer, ScanRequest scan)
    {
        WireFields.WriteKey(writer, scan.Prefix);
        WireFields.WriteOptionalKey(writer, scan.From);
        WireFields.WriteOptionalKey(writer, scan.To);
        writer.WriteList(scan.Where, WriteCondition);
        writer.WriteBool(scan.Descending);
        writer.WriteInt32(scan.Limit);
        writer.WriteOptional(scan.PageToken);
    }

    public static ScanRequest ReadScan(ref CodecReader reader) => new(
        WireFields.ReadKey(ref reader),
        WireFields.ReadOptionalKey(ref reader),
        WireFields.ReadOptionalKey(ref reader),
        reader.ReadList(ReadCondition),
        reader.ReadBool(),
        reader.ReadInt32(),
        reader.ReadOptionalString());

    public static void WriteVersioned(CodecWriter writer, VersionedRow row)
    {
        WireFields.WriteKey(writer, row.Key);
        writer.WriteTimestamp(row.Version);
        WireFields.WriteValues(writer, row.Row.Values);
    }

    public static VersionedRow ReadVersioned(ref CodecReader reader) =>
        new(WireFields.ReadKey(ref reader), reader.ReadTimestamp(), new(WireFields.ReadValues(ref reader)));

    public static void WriteFound(CodecWriter writer, Listing<VersionedRow?> rows) =>
        writer.WriteList(rows.Items, static (writer, row) =>
        {
            writer.WriteBool(row is not null);
            if (row is not null)
            {
                WriteVersioned(writer, row);
            }
        });

    public static Listing<VersionedRow?> ReadFound(ref CodecReader reader) =>
        new(reader.ReadList(static (ref reader) => reader.ReadBool() ? ReadVersioned(ref reader) : null));

    public static void WriteWritten(CodecWriter writer, WriteResult result)
    {
        writer.WriteBool(result.Created);
        WireFields.WriteKey(writer, result.Key);
        writer.WriteTimestamp(result.Version);
        writer.WriteBool(result.Row is not null);
        if (result.Row is { } row)
        {
            WireFields.WriteValues(writer, row.Values);
        }
    }

    public static WriteResult ReadWritten(ref CodecReader reader) => new(
        reader.ReadBool(),
        WireFields.ReadKey(ref reader),
        reader.ReadTimestamp(),
        reader.ReadBool() ? new(WireFields.ReadValues(ref reader)) : null);

    public static void WriteEachWritten(CodecWriter writer, Listing<GeoResult<WriteResult>> results) =>
        writer.WriteList(results.Items, static (writer, result) => WireResults.Write(writer, result, WriteWritten));

    public static Listing<GeoResult<WriteResult>> ReadEachWritten(ref CodecReader reader) =>
        new(reader.ReadList(static (ref reader) => WireResults.Read(ref reader, ReadWritten)));

    public static void WritePage(CodecWriter writer, ScanPage page)
    {
        writer.WriteList(page.Rows, WriteVersioned);
        writer.WriteOptional(page.Next);
    }

    public static ScanPage ReadPage(ref CodecReader reader) =>
        new(reader.ReadList(ReadVersioned), reader.ReadOptionalString());
}
