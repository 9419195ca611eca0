using System.Buffers.Binary;
using System.Diagnostics;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// The span that caused a request, as it travels between nodes: trace id, span id and flags of W3C's Trace Context. Nothing else of that
/// travels: a trace state is for vendors between themselves.
/// </summary>
/// <param name="High">The first half of the trace id.</param>
/// <param name="Low">The second half.</param>
/// <param name="Span">The span id.</param>
/// <param name="Flags">The trace flags; bit 0 says that the trace is recorded.</param>
public sealed record TraceParent(ulong High, ulong Low, ulong Span, byte Flags)
{
    /// <summary>The span as it travels; null for one that nobody records, or that has no W3C id.</summary>
    public static TraceParent? Of(ActivityContext context)
    {
        if (context.TraceId == default || context.SpanId == default || !context.TraceFlags.HasFlag(ActivityTraceFlags.Recorded))
        {
            return null;
        }

        Span<byte> id = stackalloc byte[24];
        context.TraceId.CopyTo(id[..16]);
        context.SpanId.CopyTo(id[16..]);
        return new(
            BinaryPrimitives.ReadUInt64BigEndian(id), BinaryPrimitives.ReadUInt64BigEndian(id[8..]),
            BinaryPrimitives.ReadUInt64BigEndian(id[16..]), (byte)context.TraceFlags);
    }

    /// <summary>The parent of what the request makes this node do.</summary>
    public ActivityContext ToContext()
    {
        Span<byte> id = stackalloc byte[24];
        BinaryPrimitives.WriteUInt64BigEndian(id, High);
        BinaryPrimitives.WriteUInt64BigEndian(id[8..], Low);
        BinaryPrimitives.WriteUInt64BigEndian(id[16..], Span);
        return new(
            ActivityTraceId.CreateFromBytes(id[..16]), ActivitySpanId.CreateFromBytes(id[16..]), (ActivityTraceFlags)Flags, isRemote: true);
    }

    /// <summary>Writes it, or that there is none.</summary>
    public static void Write(CodecWriter writer, TraceParent? parent)
    {
        writer.WriteBool(parent is not null);
        if (parent is not null)
        {
            writer.WriteUInt64(parent.High);
            writer.WriteUInt64(parent.Low);
            writer.WriteUInt64(parent.Span);
            writer.WriteByte(parent.Flags);
        }
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    public static TraceParent? Read(ref CodecReader reader) =>
        reader.ReadBool() ? new(reader.ReadUInt64(), reader.ReadUInt64(), reader.ReadUInt64(), reader.ReadByte()) : null;
}
