using OrleansGeo.Primitives;

namespace OrleansGeo.Wire;

/// <summary>Transactions that stay open, their steps and what those answer, as bytes.</summary>
public static class WireOpenTransactions
{
    internal static void WriteBegin(CodecWriter writer, TransactionBegin begin)
    {
        writer.WriteByte((byte)begin.Isolation);
        writer.WriteBool(begin.ReadOnly);
        writer.WriteOptional(begin.AsOf);
        writer.WriteOptional(begin.IdleTimeout?.Ticks);
    }

    internal static TransactionBegin ReadBegin(ref CodecReader reader) => new(
        WireTransactions.ReadIsolation(ref reader),
        reader.ReadBool(),
        reader.ReadOptionalTimestamp(),
        WireFields.ReadOptionalInt64(ref reader) is { } ticks ? TimeSpan.FromTicks(ticks) : null);

    internal static void WriteBegun(CodecWriter writer, TransactionBegun begun)
    {
        writer.WriteString(begun.Id);
        writer.WriteString(begun.Node);
        writer.WriteInt64(begun.IdleTimeout.Ticks);
    }

    internal static TransactionBegun ReadBegun(ref CodecReader reader) =>
        new(reader.ReadString(), reader.ReadString(), TimeSpan.FromTicks(reader.ReadInt64()));

    /// <summary>Writes a step. The same step gives the same bytes, by which it is told from others.</summary>
    public static void WriteStep(CodecWriter writer, TransactionStep step)
    {
        switch (step)
        {
            case TransactionStep.Read read:
                writer.WriteByte(1);
                writer.WriteList(read.Rows, WireTransactions.WriteRead);
                break;
            case TransactionStep.Scan scan:
                writer.WriteByte(2);
                writer.WriteString(scan.Table);
                WireRows.WriteScan(writer, scan.Request);
                break;
            case TransactionStep.Write write:
                writer.WriteByte(3);
                writer.WriteList(write.Writes, WireTransactions.WriteWrite);
                break;
            case TransactionStep.Savepoint savepoint:
                writer.WriteByte(4);
                writer.WriteString(savepoint.Name);
                break;
            case TransactionStep.RollbackTo back:
                writer.WriteByte(5);
                writer.WriteString(back.Name);
                break;
            case TransactionStep.Commit:
                writer.WriteByte(6);
                break;
            case TransactionStep.Rollback:
                writer.WriteByte(7);
                break;
            default:
                Invariant.Fail($"a step of type {step.GetType().Name}");
                break;
        }
    }

    internal static TransactionStep ReadStep(ref CodecReader reader) => reader.ReadByte() switch
    {
        1 => new TransactionStep.Read(reader.ReadList(WireTransactions.ReadRead)),
        2 => new TransactionStep.Scan(reader.ReadString(), WireRows.ReadScan(ref reader)),
        3 => new TransactionStep.Write(reader.ReadList(WireTransactions.ReadWrite)),
        4 => new TransactionStep.Savepoint(reader.ReadString()),
        5 => new TransactionStep.RollbackTo(reader.ReadString()),
        6 => new TransactionStep.Commit(),
        7 => new TransactionStep.Rollback(),
        var other => throw new CodecException($"this build knows no step of kind {other}"),
    };

    internal static void WriteAnswer(CodecWriter writer, TransactionAnswer answer)
    {
        switch (answer)
        {
            case TransactionAnswer.Rows rows:
                writer.WriteByte(1);
                WireRows.WriteFound(writer, new(rows.Items));
                break;
            case TransactionAnswer.Page page:
                writer.WriteByte(2);
                WireRows.WritePage(writer, page.Content);
                break;
            case TransactionAnswer.Written written:
                writer.WriteByte(3);
                writer.WriteList(written.Keys, WireFields.WriteKey);
                break;
            case TransactionAnswer.Done:
                writer.WriteByte(4);
                break;
            case TransactionAnswer.Committed committed:
                writer.WriteByte(5);
                WireTransactions.WriteResult(writer, committed.Result);
                break;
            default:
                Invariant.Fail($"an answer of type {answer.GetType().Name}");
                break;
        }
    }

    internal static TransactionAnswer ReadAnswer(ref CodecReader reader) => reader.ReadByte() switch
    {
        1 => new TransactionAnswer.Rows(WireRows.ReadFound(ref reader).Items),
        2 => new TransactionAnswer.Page(WireRows.ReadPage(ref reader)),
        3 => new TransactionAnswer.Written(reader.ReadList(WireFields.ReadKey)),
        4 => new TransactionAnswer.Done(),
        5 => new TransactionAnswer.Committed(WireTransactions.ReadResult(ref reader)),
        var other => throw new CodecException($"this build knows no answer of kind {other}"),
    };
}
