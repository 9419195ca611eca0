using OrleansGeo.Primitives;

namespace OrleansGeo.Transactions;

/// <summary>One version of one key.</summary>
public readonly record struct MvccVersion(Key Key, HlcTimestamp Timestamp, bool IsTombstone, byte[] Bytes);

/// <summary>Part of a listing of versions.</summary>
/// <param name="Versions">Keys ascending, newest version first within a key.</param>
/// <param name="Resume">The storage key to go on from; null when the span was listed to its end.</param>
public readonly record struct MvccVersionPage(List<MvccVersion> Versions, byte[]? Resume);

/// <summary>Lists versions as they are stored, tombstones included.</summary>
public static class MvccVersions
{
    /// <summary>
    /// Versions above <paramref name="after"/> and at or below <paramref name="upTo"/>; a page looks at no more than so many.
    /// </summary>
    public static MvccVersionPage List(
        IOrderedReader reader, KeySpan span, HlcTimestamp after, HlcTimestamp upTo, int workMax, byte[]? resume = null)
    {
        Invariant.Holds(workMax > 0);
        var versions = new List<MvccVersion>();
        if (span.IsEmpty)
        {
            return new(versions, null);
        }

        var bounds = MvccKey.SpanBounds(span);
        using var cursor = reader.OpenCursor(resume ?? bounds.Start, bounds.End);
        cursor.SeekAtOrAfter(resume ?? bounds.Start);
        for (var work = 0; cursor.IsValid; work++, cursor.MoveNext())
        {
            if (work == workMax)
            {
                return new(versions, cursor.Key.ToArray());
            }

            var timestamp = MvccKey.TimestampOf(cursor.Key);
            if (timestamp > after && timestamp <= upTo)
            {
                var value = MvccValue.Decode(timestamp, cursor.Value);
                versions.Add(new(MvccKey.DecodeKey(MvccKey.PrefixOf(cursor.Key)), timestamp, value.IsTombstone, value.Bytes));
            }
        }

        return new(versions, null);
    }
}
