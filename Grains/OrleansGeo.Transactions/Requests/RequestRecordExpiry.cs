using OrleansGeo.Primitives;

namespace OrleansGeo.Transactions;

/// <summary>Part of a listing of expired records.</summary>
/// <param name="StorageKeys">Storage keys of records that may be removed.</param>
/// <param name="Resume">The storage key to go on from; null when the span was listed to its end.</param>
/// <param name="Looked">Records that were looked at.</param>
/// <param name="NextExpiry">The earliest time until which one of the others is kept; the highest there is when there is no other.</param>
public readonly record struct RequestExpiryPage(List<byte[]> StorageKeys, byte[]? Resume, int Looked, HlcTimestamp NextExpiry);

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
            return new(expired, null, 0, HlcTimestamp.Max);
        }

        var next = HlcTimestamp.Max;
        var bounds = RequestRecordKey.SpanBounds(span);
        using var cursor = reader.OpenCursor(resume ?? bounds.Start, bounds.End);
        cursor.SeekAtOrAfter(resume ?? bounds.Start);
        var work = 0;
        for (; cursor.IsValid; work++, cursor.MoveNext())
        {
            if (work == workMax)
            {
                return new(expired, cursor.Key.ToArray(), work, next);
            }

            var keepUntil = RequestRecord.KeepUntilOf(cursor.Value);
            if (keepUntil < now)
            {
                expired.Add(cursor.Key.ToArray());
            }
            else
            {
                next = HlcTimestamp.Earlier(next, keepUntil);
            }
        }

        return new(expired, null, work, next);
    }
}
