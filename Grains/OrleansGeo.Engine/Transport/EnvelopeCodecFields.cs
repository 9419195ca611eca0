using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>Field forms that several messages share, besides those of <see cref="CodecFields"/>.</summary>
public static class EnvelopeCodecFields
{
    /// <summary>Both ends of a span.</summary>
    public static void WriteSpan(this CodecWriter writer, KeySpan span)
    {
        writer.WriteKey(span.Start);
        writer.WriteKey(span.End);
    }

    /// <summary>Both ends of a span.</summary>
    public static KeySpan ReadSpan(this ref CodecReader reader) => new(reader.ReadKey(), reader.ReadKey());

    /// <summary>A value of a closed vocabulary whose bytes run without a gap.</summary>
    public static T ReadEnum<T>(this ref CodecReader reader, string what, byte first, byte last)
        where T : struct, Enum
    {
        Invariant.Holds(Unsafe.SizeOf<T>() == 1);
        var value = reader.ReadByte();
        return value >= first && value <= last
            ? Unsafe.BitCast<byte, T>(value)
            : throw new CodecException($"this build knows no {what} {value}");
    }

    /// <summary>About how many bytes an engine message takes on the wire.</summary>
    public static int EstimateBytes(this NodeMessage message) => message switch
    {
        RangeRequest { Operation: RangeOperation.Write write } => EstimateBytes(write),
        RangeReply { Outcome: RangeOutcome.Found found } => EstimateBytes(found.Values),
        RangeReply { Outcome: RangeOutcome.Scanned scanned } => EstimateBytes(scanned.Rows),
        RangeReply { Outcome: RangeOutcome.Looked looked } => EstimateBytes(looked.Rows),
        _ => 64,
    };

    private static int EstimateBytes(RangeOperation.Write write)
    {
        var bytes = 96;
        foreach (var one in write.Writes)
        {
            bytes += 8 + one.Key.Length + one.Value.Length;
        }

        return bytes;
    }

    private static int EstimateBytes(ImmutableArray<FoundValue> values)
    {
        var bytes = 64;
        foreach (var value in values)
        {
            bytes += 16 + value.Key.Length + (value.Value?.Length ?? 0);
        }

        return bytes;
    }
}
