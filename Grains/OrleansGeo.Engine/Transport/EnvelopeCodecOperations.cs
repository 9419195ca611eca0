using System.Collections.Immutable;
using System.Runtime.InteropServices;
using OrleansGeo.Consensus;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>The wire form of <see cref="RangeOperation"/>: a byte for the case, then its fields in order.</summary>
public static partial class EnvelopeCodecOperations
{
    /// <summary>Writes an operation.</summary>
    public static void Write(CodecWriter writer, RangeOperation operation)
    {
        switch (operation)
        {
            case RangeOperation.Get get:
                writer.WriteByte(1);
                writer.WriteKeys(get.Keys);
                writer.WriteOptional(get.At);
                writer.WriteBool(get.LocalOnly);
                break;
            case RangeOperation.Scan scan:
                WriteScan(writer, scan);
                break;
            case RangeOperation.Write write:
                writer.WriteByte(write.Checks.IsEmpty ? (byte)3 : (byte)11);
                writer.WriteList(write.Writes, WriteOne);
                writer.WriteBytes(write.RequestId.AsSpan());
                writer.WriteBytes(write.BodyHash.AsSpan());
                writer.WriteInt64(write.RetainMs);
                writer.WriteBool(write.MayRepeat);
                if (!write.Checks.IsEmpty)
                {
                    writer.WriteList(write.Checks, WriteCheck);
                }

                break;
            case RangeOperation.Freshness:
                writer.WriteByte(4);
                break;
            case RangeOperation.Split split:
                writer.WriteByte(5);
                writer.WriteOptional(split.At?.Array);
                writer.WriteInt64(split.NewRange.Value);
                break;
            case RangeOperation.TransferLeader transfer:
                writer.WriteByte(6);
                writer.WriteInt32(transfer.To.Value);
                break;
            case RangeOperation.AwaitApplied await:
                writer.WriteByte(7);
                writer.WriteInt64(await.Index.Value);
                break;
            case RangeOperation.Status:
                writer.WriteByte(8);
                break;
            case RangeOperation.Reconfigure change:
                writer.WriteByte(9);
                change.Target.Write(writer);
                writer.WriteInt64(change.Generation);
                break;
            case RangeOperation.MeasuredRtts:
                writer.WriteByte(10);
                break;
            default:
                WriteTransactional(writer, operation);
                break;
        }
    }

    /// <summary>Reads an operation.</summary>
    public static RangeOperation Read(ref CodecReader reader) => reader.ReadByte() switch
    {
        1 => new RangeOperation.Get(
            reader.ReadKeys(), reader.ReadOptionalTimestamp(), reader.ReadBool()),
        2 => new RangeOperation.Scan(
            reader.ReadSpan(),
            reader.ReadOptionalTimestamp(),
            reader.ReadBool(),
            reader.ReadInt32(),
            reader.ReadInt32(),
            reader.ReadBool()),
        3 => ReadWrite(ref reader),
        11 => ReadWrite(ref reader) with { Checks = reader.ReadList(ReadCheck) },
        4 => new RangeOperation.Freshness(),
        5 => new RangeOperation.Split(reader.ReadOptionalBytes() is { } at ? new Key(at) : null, new(reader.ReadInt64())),
        6 => new RangeOperation.TransferLeader(new(reader.ReadInt32())),
        7 => new RangeOperation.AwaitApplied(new(reader.ReadInt64())),
        8 => new RangeOperation.Status(),
        9 => new RangeOperation.Reconfigure(Configuration.Read(ref reader), reader.ReadInt64()),
        10 => new RangeOperation.MeasuredRtts(),
        var other => ReadTransactional(ref reader, other),
    };

    private static void WriteScan(CodecWriter writer, RangeOperation.Scan scan)
    {
        writer.WriteByte(2);
        writer.WriteSpan(scan.Span);
        writer.WriteOptional(scan.At);
        writer.WriteBool(scan.Descending);
        writer.WriteInt32(scan.RowsMax);
        writer.WriteInt32(scan.BytesMax);
        writer.WriteBool(scan.LocalOnly);
    }

    private static void WriteOne(CodecWriter writer, KeyWrite write)
    {
        writer.WriteByte((byte)write.Kind);
        writer.WriteKey(write.Key);
        writer.WriteBytes(write.Value.Span);
        WriteCondition(writer, write.Precondition);
    }

    private static void WriteCondition(CodecWriter writer, Precondition condition)
    {
        writer.WriteBool(condition.IfExists);
        writer.WriteBool(condition.IfAbsent);
        writer.WriteList(condition.IfMatch, static (w, version) => w.WriteTimestamp(version));
        writer.WriteList(condition.IfNoneMatch, static (w, version) => w.WriteTimestamp(version));
    }

    private static KeyWrite ReadOne(ref CodecReader reader)
    {
        var kind = reader.ReadEnum<WriteKind>("kind of write", (byte)WriteKind.Put, (byte)WriteKind.Increment);
        var key = reader.ReadKey();
        var value = reader.ReadBytes().ToArray();
        return new(kind, key, value, ReadCondition(ref reader));
    }

    private static RangeOperation.Write ReadWrite(ref CodecReader reader) => new(
        reader.ReadList(ReadOne), ReadBlob(ref reader), ReadBlob(ref reader), reader.ReadInt64(), reader.ReadBool());

    private static Precondition ReadCondition(ref CodecReader reader)
    {
        var (exists, absent) = (reader.ReadBool(), reader.ReadBool());
        var match = reader.ReadList(static (ref r) => r.ReadTimestamp());
        var noneMatch = reader.ReadList(static (ref r) => r.ReadTimestamp());
        var isNone = !exists && !absent && match.IsEmpty && noneMatch.IsEmpty;
        return isNone ? Precondition.None : new(match, exists, absent, noneMatch);
    }

    private static ImmutableArray<byte> ReadBlob(ref CodecReader reader) =>
        ImmutableCollectionsMarshal.AsImmutableArray(reader.ReadBytes().ToArray());
}
