using OrleansGeo.Primitives;

namespace OrleansGeo.Wire;

/// <summary>Transactions and what they answer as bytes.</summary>
public static class WireTransactions
{
    /// <summary>Writes a transaction. The same transaction gives the same bytes, by which it is told from others.</summary>
    public static void WriteRequest(CodecWriter writer, TransactionRequest transaction)
    {
        writer.WriteByte((byte)transaction.Isolation);
        writer.WriteList(transaction.Reads, WriteRead);
        writer.WriteList(transaction.Conditions, WriteCondition);
        writer.WriteList(transaction.Writes, WriteWrite);
    }

    internal static TransactionRequest ReadRequest(ref CodecReader reader) => new(
        ReadIsolation(ref reader), reader.ReadList(ReadRead), reader.ReadList(ReadCondition), reader.ReadList(ReadWrite));

    internal static TransactionIsolation ReadIsolation(ref CodecReader reader) => WireFields.ReadEnum<TransactionIsolation>(
        ref reader, "isolation", (byte)TransactionIsolation.Serializable, (byte)TransactionIsolation.Strict);

    internal static void WriteRead(CodecWriter writer, TransactionRead read)
    {
        writer.WriteString(read.Table);
        WireFields.WriteKey(writer, read.Key);
    }

    internal static TransactionRead ReadRead(ref CodecReader reader) => new(reader.ReadString(), WireFields.ReadKey(ref reader));

    internal static void WriteWrite(CodecWriter writer, TransactionWrite write)
    {
        writer.WriteString(write.Table);
        WireRows.WriteWrite(writer, write.Write);
    }

    internal static TransactionWrite ReadWrite(ref CodecReader reader) => new(reader.ReadString(), WireRows.ReadWrite(ref reader));

    internal static void WriteResult(CodecWriter writer, TransactionResult result)
    {
        writer.WriteTimestamp(result.CommitTimestamp);
        WireRows.WriteFound(writer, new(result.Reads));
        writer.WriteList(result.Writes, static (writer, written) =>
        {
            WireFields.WriteKey(writer, written.Key);
            writer.WriteTimestamp(written.Version);
            writer.WriteBool(written.Created);
        });
    }

    internal static TransactionResult ReadResult(ref CodecReader reader) => new(
        reader.ReadTimestamp(),
        WireRows.ReadFound(ref reader).Items,
        reader.ReadList(static (ref reader) => new TransactionWritten(
            WireFields.ReadKey(ref reader), reader.ReadTimestamp(), reader.ReadBool())));

    private static void WriteCondition(CodecWriter writer, TransactionCondition condition)
    {
        writer.WriteByte(condition switch
        {
            TransactionCondition.Existence => 1,
            TransactionCondition.VersionIs => 2,
            _ => 3,
        });
        writer.WriteString(condition.Table);
        WireFields.WriteKey(writer, condition.Key);
        switch (condition)
        {
            case TransactionCondition.Existence existence:
                writer.WriteBool(existence.Exists);
                break;
            case TransactionCondition.VersionIs version:
                writer.WriteTimestamp(version.Version);
                break;
            case TransactionCondition.Field field:
                WireRows.WriteCondition(writer, field.Condition);
                break;
            default:
                Invariant.Fail($"a condition of type {condition.GetType().Name}");
                break;
        }
    }

    private static TransactionCondition ReadCondition(ref CodecReader reader)
    {
        var kind = reader.ReadByte();
        var (table, key) = (reader.ReadString(), WireFields.ReadKey(ref reader));
        return kind switch
        {
            1 => new TransactionCondition.Existence(table, key, reader.ReadBool()),
            2 => new TransactionCondition.VersionIs(table, key, reader.ReadTimestamp()),
            3 => new TransactionCondition.Field(table, key, WireRows.ReadCondition(ref reader)),
            _ => throw new CodecException($"this build knows no condition of kind {kind}"),
        };
    }
}
