using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Wire;

/// <summary>The pieces that requests and answers are put together from. Reading throws <see cref="CodecException"/> for anything
/// else.</summary>
internal static class WireFields
{
    public static void WriteOptional(this CodecWriter writer, long? number)
    {
        writer.WriteBool(number is not null);
        if (number is { } value)
        {
            writer.WriteInt64(value);
        }
    }

    public static long? ReadOptionalInt64(ref CodecReader reader) => reader.ReadBool() ? reader.ReadInt64() : null;

    public static void WriteDouble(CodecWriter writer, double number) => writer.WriteFixed64(BitConverter.DoubleToUInt64Bits(number));

    public static double ReadDouble(ref CodecReader reader) => BitConverter.UInt64BitsToDouble(reader.ReadFixed64());

    public static void WriteOptional(this CodecWriter writer, double? number)
    {
        writer.WriteBool(number is not null);
        if (number is { } value)
        {
            WriteDouble(writer, value);
        }
    }

    public static double? ReadOptionalDouble(ref CodecReader reader) => reader.ReadBool() ? ReadDouble(ref reader) : null;

    public static T ReadEnum<T>(ref CodecReader reader, string what, byte first, byte last)
        where T : struct, Enum
    {
        var value = reader.ReadByte();
        return value >= first && value <= last
            ? (T)Enum.ToObject(typeof(T), value)
            : throw new CodecException($"this build knows no {what} of number {value}");
    }

    // Null is the one value that has no type of its own on the wire.
    public static void WriteDatum(CodecWriter writer, Datum datum)
    {
        writer.WriteBool(!datum.IsNull);
        if (!datum.IsNull)
        {
            RowCodec.WriteValue(writer, datum);
        }
    }

    public static Datum ReadDatum(ref CodecReader reader) => reader.ReadBool() ? RowCodec.ReadValue(ref reader) : Datum.Null;

    public static void WriteKey(CodecWriter writer, ImmutableArray<Datum> key) => writer.WriteList(key, WriteDatum);

    public static ImmutableArray<Datum> ReadKey(ref CodecReader reader) => reader.ReadList(ReadDatum);

    public static void WriteOptionalKey(CodecWriter writer, ImmutableArray<Datum>? key)
    {
        writer.WriteBool(key is not null);
        if (key is { } values)
        {
            WriteKey(writer, values);
        }
    }

    public static ImmutableArray<Datum>? ReadOptionalKey(ref CodecReader reader) => reader.ReadBool() ? ReadKey(ref reader) : null;

    public static void WriteTable(CodecWriter writer, TableRef table)
    {
        writer.WriteString(table.Database);
        writer.WriteString(table.Table);
    }

    public static TableRef ReadTable(ref CodecReader reader) => new(reader.ReadString(), reader.ReadString());

    public static void WriteValues(CodecWriter writer, IReadOnlyCollection<KeyValuePair<string, Datum>> values) =>
        writer.WriteList(values, static (writer, value) =>
        {
            writer.WriteString(value.Key);
            WriteDatum(writer, value.Value);
        });

    public static ImmutableArray<KeyValuePair<string, Datum>> ReadValues(ref CodecReader reader) =>
        reader.ReadList(static (ref reader) => KeyValuePair.Create(reader.ReadString(), ReadDatum(ref reader)));

    public static void WriteTimestamps(CodecWriter writer, ImmutableArray<HlcTimestamp> timestamps) =>
        writer.WriteList(timestamps, static (writer, timestamp) => writer.WriteTimestamp(timestamp));

    public static ImmutableArray<HlcTimestamp> ReadTimestamps(ref CodecReader reader) =>
        reader.ReadList(static (ref reader) => reader.ReadTimestamp());
}
