using OrleansGeo.Primitives;

namespace OrleansGeo.Transactions;

/// <summary>Part of a listing of expired records.</summary>
/// <param name="StorageKeys">Storage keys of records that may be removed.</param>
/// <param name="Resume">The storage key to go on from; null when the span was listed to its end.</param>
public readonly record struct RequestExpiryPage(List<byte[]> StorageKeys, byte[]? Resume);

/// <summary>Finds request records that have been kept long enough.</summary>
public static class RequestRecordExpiry
{
    /// <summary>Records anchored in a span and that are kept no longer; a page looks at no more than <paramref name="workMax"/>.</summary>
    public static RequestExpiryPage List(
        IOrderedReader reader, KeySpan span, HlcTimestamp now, int workMax, byte[]? resume = null)
    {
        Invariant.Holds(workMax > 0);
        var expired = new List<byte[]>();
        if (span.IsEmpty)
        {
            return new(expired, null);
        }

        var bounds = RequestRecordKey.SpanBounds(span);
        using var cursor = reader.OpenCursor(resume ?? bounds.Start, bounds.End);
        cursor.SeekAtOrAfter(resume ?? bounds.Start);
        for (var work = 0; cursor.IsValid; work++, cursor.MoveNext())
        {
            if (work == workMax)
            {
                return new(expired, cursor.Key.ToArray());
            }

            if (RequestRecord.KeepUntilOf(cursor.Value) < now)
            {
                expired.Add(cursor.Key.ToArray());
            }
        }

        return new(expired, null);
    }
}
