using OrleansGeo.Primitives;
using OrleansGeo.Transactions;

namespace OrleansGeo.Engine;

// The operations of transactions.
public static partial class EnvelopeCodecOperations
{
    private static void WriteTransactional(CodecWriter writer, RangeOperation operation)
    {
        switch (operation)
        {
            case RangeOperation.Lay lay:
                writer.WriteByte(12);
                WriteLay(writer, lay);
                break;
            case RangeOperation.Look look:
                writer.WriteByte(13);
                writer.WriteKeys(look.Keys);
                writer.WriteTimestamp(look.AtLeast);
                writer.WriteTimestamp(look.UpTo);
                break;
            case RangeOperation.Refresh refresh:
                writer.WriteByte(14);
                WriteRefresh(writer, refresh);
                break;
            case RangeOperation.FindIntents find:
                writer.WriteByte(15);
                writer.WriteKeys(find.Keys);
                find.Id.Write(writer);
                writer.WriteTimestamp(find.At);
                break;
            case RangeOperation.Conclude conclude:
                writer.WriteByte(16);
                WriteConclude(writer, conclude);
                break;
            case RangeOperation.RefuseRequest refuse:
                writer.WriteByte(19);
                writer.WriteKey(refuse.Anchor);
                refuse.Request.Write(writer);
                EnvelopeCodecOutcomes.Write(writer, refuse.Refusal);
                break;
            case RangeOperation.LookOver look:
                writer.WriteByte(20);
                writer.WriteSpan(look.Span);
                writer.WriteTimestamp(look.AtLeast);
                writer.WriteTimestamp(look.UpTo);
                writer.WriteBool(look.Descending);
                writer.WriteInt32(look.RowsMax);
                writer.WriteInt32(look.BytesMax);
                break;
            case RangeOperation.AskGateway ask:
                writer.WriteByte(21);
                writer.WriteBytes(ask.Request.AsSpan());
                break;
            case RangeOperation.Finish finish:
                writer.WriteByte(22);
                writer.WriteList(finish.Commits, WriteConclude);
                writer.WriteList(finish.Resolutions, static (w, one) => one.Write(w));
                writer.WriteList(finish.Forgotten, static (w, place) =>
                {
                    w.WriteKey(place.Anchor);
                    place.Id.Write(w);
                });
                break;
            default:
                Invariant.Fail($"{operation.GetType().Name} has no wire format");
                break;
        }
    }

    private static RangeOperation ReadTransactional(ref CodecReader reader, byte which) => which switch
    {
        12 => ReadLay(ref reader),
        13 => new RangeOperation.Look(reader.ReadKeys(), reader.ReadTimestamp(), reader.ReadTimestamp()),
        14 => ReadRefresh(ref reader),
        15 => new RangeOperation.FindIntents(reader.ReadKeys(), TransactionId.Read(ref reader), reader.ReadTimestamp()),
        16 => ReadConclude(ref reader),
        19 => new RangeOperation.RefuseRequest(
            reader.ReadKey(),
            RequestName.Read(ref reader),
            EnvelopeCodecOutcomes.Read(ref reader) as RangeOutcome.Refused ?? throw new CodecException("a refusal is none")),
        20 => new RangeOperation.LookOver(
            reader.ReadSpan(), reader.ReadTimestamp(), reader.ReadTimestamp(), reader.ReadBool(), reader.ReadInt32(), reader.ReadInt32()),
        21 => new RangeOperation.AskGateway(ReadBlob(ref reader)),
        22 => new RangeOperation.Finish(
            reader.ReadList(ReadConclude),
            reader.ReadList(static (ref r) => Resolution.Read(ref r)),
            reader.ReadList(static (ref r) => new RecordPlace(r.ReadKey(), TransactionId.Read(ref r)))),
        _ => throw new CodecException($"this build knows no range operation {which}"),
    };

    private static void WriteRefresh(CodecWriter writer, RangeOperation.Refresh refresh)
    {
        writer.WriteKeys(refresh.Keys);
        writer.WriteList(refresh.Spans, static (w, span) => w.WriteSpan(span));
        writer.WriteTimestamp(refresh.From);
        writer.WriteTimestamp(refresh.To);
        writer.WriteBool(refresh.IsNewest);
        writer.WriteBool(refresh.By is not null);
        refresh.By?.Write(writer);
    }

    private static RangeOperation.Refresh ReadRefresh(ref CodecReader reader) => new(
        reader.ReadKeys(),
        reader.ReadList(static (ref r) => r.ReadSpan()),
        reader.ReadTimestamp(),
        reader.ReadTimestamp(),
        reader.ReadBool(),
        reader.ReadBool() ? TransactionId.Read(ref reader) : null);

    private static void WriteConclude(CodecWriter writer, RangeOperation.Conclude conclude)
    {
        conclude.Transaction.Write(writer);
        writer.WriteByte((byte)conclude.Verdict);
        writer.WriteTimestamp(conclude.At);
        writer.WriteKeys(conclude.Keys);
        conclude.Request.Write(writer);
    }

    private static RangeOperation.Conclude ReadConclude(ref CodecReader reader) => new(
        TransactionTag.Read(ref reader),
        reader.ReadEnum<TransactionVerdict>("verdict", (byte)TransactionVerdict.Ask, (byte)TransactionVerdict.AbortAbsent),
        reader.ReadTimestamp(),
        reader.ReadKeys(),
        RequestName.Read(ref reader));

    private static void WriteLay(CodecWriter writer, RangeOperation.Lay lay)
    {
        lay.Transaction.Write(writer);
        writer.WriteTimestamp(lay.At);
        writer.WriteList(lay.Writes, WriteOne);
        writer.WriteList(lay.Checks, WriteCheck);
        writer.WriteBool(lay.Stage is not null);
        if (lay.Stage is { } stage)
        {
            writer.WriteKeys(stage.Keys);
            writer.WriteBool(stage.MayMove);
            stage.Request.Write(writer);
        }
    }

    private static RangeOperation.Lay ReadLay(ref CodecReader reader)
    {
        var (tag, at) = (TransactionTag.Read(ref reader), reader.ReadTimestamp());
        var (writes, checks) = (reader.ReadList(ReadOne), reader.ReadList(ReadCheck));
        return new(
            tag, at, writes, checks,
            reader.ReadBool() ? new(reader.ReadKeys(), reader.ReadBool(), RequestName.Read(ref reader)) : null);
    }

    private static void WriteCheck(CodecWriter writer, KeyCheck check)
    {
        writer.WriteKey(check.Key);
        WriteCondition(writer, check.Precondition);
        writer.WriteBool(check.IsWanted);
        writer.WriteBool(check.Row is not null);
        check.Row?.Write(writer);
    }

    private static KeyCheck ReadCheck(ref CodecReader reader)
    {
        var (key, condition, wanted) = (reader.ReadKey(), ReadCondition(ref reader), reader.ReadBool());
        return new(key, condition, reader.ReadBool() ? RowCheck.Read(ref reader) : null, wanted);
    }
}

// The outcomes of transactions.
public static partial class EnvelopeCodecOutcomes
{
    private static void WriteTransactional(CodecWriter writer, RangeOutcome outcome)
    {
        switch (outcome)
        {
            case RangeOutcome.Laid laid:
                writer.WriteByte(17);
                writer.WriteTimestamp(laid.Timestamp);
                writer.WriteList(laid.Keys, WriteWritten);
                writer.WriteList(laid.Checked, WriteFound);
                writer.WriteBool(laid.Staged);
                WanPath.Write(writer, laid.QuorumPath);
                break;
            case RangeOutcome.Standing standing:
                writer.WriteByte(18);
                writer.WriteBool(standing.Record is not null);
                standing.Record?.Write(writer);
                WanPath.Write(writer, standing.QuorumPath);
                break;
            case RangeOutcome.Claimed claimed:
                writer.WriteByte(19);
                claimed.By.Write(writer);
                break;
            case RangeOutcome.Holding holding:
                writer.WriteByte(20);
                writer.WriteBool(holding.Holds);
                writer.WriteBool(holding.MayYet);
                break;
            case RangeOutcome.Looked looked:
                writer.WriteByte(23);
                writer.WriteList(looked.Rows, WriteFound);
                writer.WriteBool(looked.Resume is not null);
                if (looked.Resume is { } rest)
                {
                    writer.WriteSpan(rest);
                }

                writer.WriteTimestamp(looked.ReadAt);
                writer.WriteSpan(looked.Held);
                break;
            case RangeOutcome.GatewayAnswered answered:
                writer.WriteByte(22);
                writer.WriteBytes(answered.Answer.AsSpan());
                break;
            case RangeOutcome.Finished finished:
                writer.WriteByte(25);
                writer.WriteList(finished.CommittedAt, static (w, at) => w.WriteOptional(at));
                writer.WriteSpan(finished.Span);
                break;
            default:
                Invariant.Fail($"{outcome.GetType().Name} has no wire format");
                break;
        }
    }

    private static RangeOutcome ReadTransactional(ref CodecReader reader, byte which) => which switch
    {
        17 => new RangeOutcome.Laid(
            reader.ReadTimestamp(), reader.ReadList(ReadWritten), reader.ReadList(ReadFound), reader.ReadBool(), WanPath.Read(ref reader)),
        18 => new RangeOutcome.Standing(reader.ReadBool() ? TransactionRecord.Read(ref reader) : null, WanPath.Read(ref reader)),
        19 => new RangeOutcome.Claimed(TransactionTag.Read(ref reader)),
        20 => new RangeOutcome.Holding(reader.ReadBool(), reader.ReadBool()),
        23 => new RangeOutcome.Looked(
            reader.ReadList(ReadFound), reader.ReadBool() ? reader.ReadSpan() : null, reader.ReadTimestamp(), reader.ReadSpan()),
        22 => new RangeOutcome.GatewayAnswered([.. reader.ReadBytes()]),
        25 => new RangeOutcome.Finished(reader.ReadList(static (ref r) => r.ReadOptionalTimestamp()), reader.ReadSpan()),
        _ => throw new CodecException($"this build knows no range outcome {which}"),
    };
}
