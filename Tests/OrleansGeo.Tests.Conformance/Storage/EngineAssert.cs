using System.Text;
using OrleansGeo.Primitives;
using OrleansGeo.Storage;
using Xunit;

namespace OrleansGeo.Tests.Conformance.Storage;

/// <summary>Short forms, with text for keys and values.</summary>
internal static class EngineAssert
{
    internal static readonly byte[] Lowest = [];
    internal static readonly byte[] Highest = [0xFF, 0xFF];

    internal static byte[] B(string text) => Encoding.UTF8.GetBytes(text);

    internal static void Put(this IStorageEngine engine, string key, string value)
    {
        var batch = new WriteBatch();
        batch.Put(B(key), B(value));
        engine.Write(batch);
    }

    internal static void PutAll(this IStorageEngine engine, params string[] keys)
    {
        var batch = new WriteBatch();
        foreach (var key in keys)
        {
            batch.Put(B(key), B("=" + key));
        }

        engine.Write(batch);
    }

    internal static string? Get(this IOrderedReader reader, string key) =>
        reader.TryGet(B(key), out var value) ? Encoding.UTF8.GetString(value) : null;

    internal static IOrderedCursor OpenCursor(this IOrderedReader reader, string start, string end) => reader.OpenCursor(B(start), B(end));

    internal static string KeyText(this IOrderedCursor cursor) => Encoding.UTF8.GetString(cursor.Key);

    internal static string Keys(this IOrderedReader reader)
    {
        using var cursor = reader.OpenCursor(Lowest, Highest);
        return cursor.Rest();
    }

    internal static string Rest(this IOrderedCursor cursor)
    {
        var keys = new List<string>();
        for (var more = cursor.SeekAtOrAfter(Lowest); more; more = cursor.MoveNext())
        {
            keys.Add(cursor.KeyText());
        }

        Assert.False(cursor.IsValid);
        return string.Join(' ', keys);
    }
}
