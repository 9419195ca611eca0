using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Wire;

/// <summary>Outcomes as bytes: a value or why there is none, and what it cost.</summary>
internal static class WireResults
{
    public static void Write<T>(CodecWriter writer, GeoResult<T> result, Action<CodecWriter, T> write)
        where T : class
    {
        writer.WriteBool(result.IsOk);
        if (result.IsOk)
        {
            write(writer, result.Value);
        }
        else
        {
            WriteError(writer, result.Error);
        }

        WriteMeta(writer, result.Meta);
    }

    public static GeoResult<T> Read<T>(ref CodecReader reader, ItemReader<T> read)
        where T : class =>
        reader.ReadBool()
            ? new(read(ref reader), null, ReadMeta(ref reader))
            : new(null, ReadError(ref reader), ReadMeta(ref reader));

    private static void WriteError(CodecWriter writer, GeoError error)
    {
        writer.WriteByte((byte)error.Kind);
        writer.WriteString(error.Code);
        writer.WriteString(error.Detail);
        writer.WriteOptional(error.Field);
        writer.WriteOptional(error.RetryAfterMs);
        writer.WriteBool(error.Facts is not null);
        if (error.Facts is { } facts)
        {
            writer.WriteList(facts, static (writer, fact) =>
            {
                writer.WriteString(fact.Key);
                writer.WriteString(fact.Value);
            });
        }
    }

    private static GeoError ReadError(ref CodecReader reader) => new(
        (GeoErrorKind)reader.ReadByte() is var kind && Enum.IsDefined(kind)
            ? kind
            : throw new CodecException($"this build knows no error of kind {kind}"),
        reader.ReadString(),
        reader.ReadString(),
        reader.ReadOptionalString(),
        WireFields.ReadOptionalInt64(ref reader),
        reader.ReadBool() ? ReadFacts(ref reader) : null);

    private static ImmutableSortedDictionary<string, string> ReadFacts(ref CodecReader reader)
    {
        var facts = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (var (name, fact) in
            reader.ReadList(static (ref reader) => KeyValuePair.Create(reader.ReadString(), reader.ReadString())))
        {
            facts[name] = fact;
        }

        return facts.ToImmutable();
    }

    private static void WriteMeta(CodecWriter writer, ResponseMeta meta)
    {
        writer.WriteString(meta.Consistency);
        writer.WriteOptional(meta.ReadTimestamp);
        WireFields.WriteDouble(writer, meta.StalenessMs);
        writer.WriteOptional(meta.ServedBy);
        writer.WriteOptional(meta.ServedByRegion);
        writer.WriteOptional(meta.Leaseholder);
        writer.WriteInt32(meta.RoundTrips);
        WireFields.WriteDouble(writer, meta.ElapsedMs);
        writer.WriteStrings(meta.WanPath);
        writer.WriteOptional(meta.Session);
    }

    private static ResponseMeta ReadMeta(ref CodecReader reader) => new(
        reader.ReadString(),
        reader.ReadOptionalTimestamp(),
        WireFields.ReadDouble(ref reader),
        reader.ReadOptionalString(),
        reader.ReadOptionalString(),
        reader.ReadOptionalString(),
        reader.ReadInt32(),
        WireFields.ReadDouble(ref reader),
        reader.ReadStrings(),
        reader.ReadOptionalString());
}
