using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>Every engine message with its kind byte. A new message takes a new byte; a byte is never given twice.</summary>
public static class EnvelopeCodecFormats
{
    /// <summary>The formats.</summary>
    public static ImmutableArray<NodeMessageFormat> All { get; } =
    [
        NodeMessageFormat.Of<RangeRequest>(1, WriteRequest, ReadRequest),
        NodeMessageFormat.Of<RangeReply>(2, WriteReply, ReadReply),
        NodeMessageFormat.Of<ClosedUpdate>(3, ClosedUpdate.Write, ClosedUpdate.Read),
        NodeMessageFormat.Of<ClosedResync>(4, static (_, _) => { }, static (ref _) => new ClosedResync()),
        NodeMessageFormat.Of<SnapshotFetch>(5, WriteFetch, ReadFetch),
        NodeMessageFormat.Of<SnapshotPart>(6, SnapshotPart.Write, SnapshotPart.Read),
    ];

    private static void WriteFetch(CodecWriter writer, SnapshotFetch fetch)
    {
        writer.WriteInt64(fetch.Range.Value);
        writer.WriteInt64(fetch.Snapshot);
        writer.WriteInt64(fetch.AtLeast.Value);
        writer.WriteBytes(fetch.After);
    }

    private static SnapshotFetch ReadFetch(ref CodecReader reader) => new()
    {
        Range = new(reader.ReadInt64()),
        Snapshot = reader.ReadInt64(),
        AtLeast = new(reader.ReadInt64()),
        After = reader.ReadBytes().ToArray(),
    };

    private static void WriteRequest(CodecWriter writer, RangeRequest request)
    {
        writer.WriteInt64(request.CallId);
        writer.WriteInt64(request.Range.Value);
        writer.WriteInt64(request.TimeoutMicros);
        writer.WriteTimestamp(request.Observed);
        EnvelopeCodecOperations.Write(writer, request.Operation);
    }

    private static RangeRequest ReadRequest(ref CodecReader reader) => new()
    {
        CallId = reader.ReadInt64(),
        Range = new(reader.ReadInt64()),
        TimeoutMicros = reader.ReadInt64(),
        Observed = reader.ReadTimestamp(),
        Operation = EnvelopeCodecOperations.Read(ref reader),
    };

    private static void WriteReply(CodecWriter writer, RangeReply reply)
    {
        writer.WriteInt64(reply.CallId);
        writer.WriteInt32(reply.ServedBy.Value);
        writer.WriteTimestamp(reply.Clock);
        EnvelopeCodecOutcomes.Write(writer, reply.Outcome);
    }

    private static RangeReply ReadReply(ref CodecReader reader) => new()
    {
        CallId = reader.ReadInt64(),
        ServedBy = new(reader.ReadInt32()),
        Clock = reader.ReadTimestamp(),
        Outcome = EnvelopeCodecOutcomes.Read(ref reader),
    };
}
