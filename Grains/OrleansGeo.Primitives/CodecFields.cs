using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace OrleansGeo.Primitives;

/// <summary>Writes one item of a list.</summary>
public delegate void ItemWriter<in T>(CodecWriter writer, T item);

/// <summary>Reads one item of a list.</summary>
public delegate T ItemReader<out T>(ref CodecReader reader);

/// <summary>Forms that messages and records on disk share: lists behind their count, and values that may be absent.</summary>
public static class CodecFields
{
    /// <summary>A list behind its count.</summary>
    public static void WriteList<T>(this CodecWriter writer, ImmutableArray<T> items, ItemWriter<T> write)
    {
        writer.WriteUInt64((ulong)items.Length);
        foreach (var item in items)
        {
            write(writer, item);
        }
    }

    /// <summary>A collection behind its count, in its own order.</summary>
    public static void WriteList<T>(this CodecWriter writer, IReadOnlyCollection<T> items, ItemWriter<T> write)
    {
        writer.WriteUInt64((ulong)items.Count);
        foreach (var item in items)
        {
            write(writer, item);
        }
    }

    /// <summary>A list behind its count.</summary>
    public static void WriteList<T>(this CodecWriter writer, List<T> items, ItemWriter<T> write)
    {
        writer.WriteUInt64((ulong)items.Count);
        foreach (var item in CollectionsMarshal.AsSpan(items))
        {
            write(writer, item);
        }
    }

    /// <summary>Reads what <see cref="WriteList{T}(CodecWriter, ImmutableArray{T}, ItemWriter{T})"/> wrote.</summary>
    public static ImmutableArray<T> ReadList<T>(this ref CodecReader reader, ItemReader<T> read)
    {
        var items = new T[reader.ReadCount()];
        for (var i = 0; i < items.Length; i++)
        {
            items[i] = read(ref reader);
        }

        return ImmutableCollectionsMarshal.AsImmutableArray(items);
    }

    /// <summary>Adds to a list what <see cref="WriteList{T}(CodecWriter, List{T}, ItemWriter{T})"/> wrote.</summary>
    public static void ReadList<T>(this ref CodecReader reader, List<T> into, ItemReader<T> read)
    {
        for (var left = reader.ReadCount(); left > 0; left--)
        {
            into.Add(read(ref reader));
        }
    }

    /// <summary>Keys behind their count.</summary>
    public static void WriteKeys(this CodecWriter writer, ImmutableArray<Key> keys) =>
        writer.WriteList(keys, static (w, key) => w.WriteKey(key));

    /// <summary>Keys behind their count.</summary>
    public static ImmutableArray<Key> ReadKeys(this ref CodecReader reader) => reader.ReadList(static (ref r) => r.ReadKey());

    /// <summary>Texts behind their count.</summary>
    public static void WriteStrings(this CodecWriter writer, ImmutableArray<string> texts) =>
        writer.WriteList(texts, static (w, text) => w.WriteString(text));

    /// <summary>Texts behind their count.</summary>
    public static ImmutableArray<string> ReadStrings(this ref CodecReader reader) => reader.ReadList(static (ref r) => r.ReadString());

    /// <summary>A text or none.</summary>
    public static void WriteOptional(this CodecWriter writer, string? text)
    {
        writer.WriteBool(text is not null);
        if (text is not null)
        {
            writer.WriteString(text);
        }
    }

    /// <summary>A text or none.</summary>
    public static string? ReadOptionalString(this ref CodecReader reader) => reader.ReadBool() ? reader.ReadString() : null;

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
}
