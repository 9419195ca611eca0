using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>Field forms that several messages share.</summary>
public static class EnvelopeCodecFields
{
    /// <summary>Writes one item.</summary>
    public delegate void ItemWriter<in T>(CodecWriter writer, T item);

    /// <summary>Reads one item.</summary>
    public delegate T ItemReader<out T>(ref CodecReader reader);

    /// <summary>A list behind its count.</summary>
    public static void WriteList<T>(this CodecWriter writer, ImmutableArray<T> items, ItemWriter<T> write)
    {
        writer.WriteUInt64((ulong)items.Length);
        foreach (var item in items)
        {
            write(writer, item);
        }
    }

    /// <summary>A list behind its count.</summary>
    public static ImmutableArray<T> ReadList<T>(this ref CodecReader reader, ItemReader<T> read)
    {
        var items = new T[reader.ReadCount()];
        for (var i = 0; i < items.Length; i++)
        {
            items[i] = read(ref reader);
        }

        return ImmutableCollectionsMarshal.AsImmutableArray(items);
    }

    /// <summary>A timestamp or none.</summary>
    public static void WriteOptional(this CodecWriter writer, HlcTimestamp? value)
    {
        writer.WriteBool(value is not null);
        if (value is { } timestamp)
        {
            writer.WriteTimestamp(timestamp);
        }
    }

    /// <summary>A timestamp or none.</summary>
    public static HlcTimestamp? ReadOptionalTimestamp(this ref CodecReader reader) => reader.ReadBool() ? reader.ReadTimestamp() : null;

    /// <summary>Bytes or none.</summary>
    public static void WriteOptional(this CodecWriter writer, byte[]? value)
    {
        writer.WriteBool(value is not null);
        if (value is not null)
        {
            writer.WriteBytes(value);
        }
    }

    /// <summary>Bytes or none.</summary>
    public static byte[]? ReadOptionalBytes(this ref CodecReader reader) => reader.ReadBool() ? reader.ReadBytes().ToArray() : null;

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
