using OrleansGeo.Primitives;

namespace OrleansGeo.Transactions;

/// <summary>A row as of a timestamp: its key, the version that was current, and the value.</summary>
public readonly record struct MvccRow(Key Key, HlcTimestamp Timestamp, byte[] Value);

/// <summary>How much one scan may return: rows, and bytes of keys and values.</summary>
public readonly record struct MvccScanLimits(int RowsMax, long BytesMax);

/// <summary>How a scan ended.</summary>
/// <param name="Read">The part of the span whose rows were all returned: what the timestamp cache has to remember.</param>
/// <param name="Rest">What is left to scan, which holds at least one more row; null when the span was read to its end.</param>
/// <param name="Bytes">Bytes of keys and values returned.</param>
public readonly record struct MvccScanEnd(KeySpan Read, KeySpan? Rest, long Bytes);

/// <summary>
/// One scan at a time over the versions of a span. Versions that cannot be seen are stepped over a few times, then sought past.
/// </summary>
internal sealed class MvccScan
{
    // A step is several times cheaper than a seek in an LSM tree, and most keys have few versions.
    private const int StepsBeforeSeek = 4;

    private readonly CodecWriter _key = new();
    private readonly CodecWriter _target = new();
    private readonly CodecWriter _value = new();

    public MvccScanEnd Run(
        IOrderedReader reader, KeySpan span, HlcTimestamp at, MvccScanLimits limits, bool reverse, List<MvccRow> rows)
    {
        Invariant.Holds(limits.RowsMax > 0);
        if (span.IsEmpty)
        {
            return new(span, null, 0);
        }

        MvccKey.EncodePrefix(_key, span.Start);
        MvccKey.EncodePrefix(_target, span.End);
        using var cursor = reader.OpenCursor(_key.Written, _target.Written);
        var page = new Page(limits, rows);
        return reverse ? Backward(cursor, span, at, page) : Forward(cursor, span, at, page);
    }

    private MvccScanEnd Forward(IOrderedCursor cursor, KeySpan span, HlcTimestamp at, Page page)
    {
        cursor.SeekAtOrAfter(_key.Written);
        while (cursor.IsValid)
        {
            EnterKey(cursor);
            if (StepToVisible(cursor, at))
            {
                if (!MvccValue.IsStoredTombstone(cursor.Value)
                    && !page.TryAdd(_key.Written, MvccKey.TimestampOf(cursor.Key), cursor.Value, out var key))
                {
                    return new(new(span.Start, key), new(key, span.End), page.Bytes);
                }

                StepPastKey(cursor);
            }
        }

        return new(span, null, page.Bytes);
    }

    private MvccScanEnd Backward(IOrderedCursor cursor, KeySpan span, HlcTimestamp at, Page page)
    {
        cursor.SeekBefore(_target.Written);
        while (cursor.IsValid)
        {
            EnterKey(cursor);
            if (StepBackToVisible(cursor, at, out var timestamp)
                && !MvccValue.IsStoredTombstone(_value.Written)
                && !page.TryAdd(_key.Written, timestamp, _value.Written, out var key))
            {
                var end = key.Successor;
                return new(new(end, span.End), new(span.Start, end), page.Bytes);
            }

            StepBackPastKey(cursor);
        }

        return new(span, null, page.Bytes);
    }

    private void EnterKey(IOrderedCursor cursor)
    {
        _key.Clear();
        _key.WriteRaw(MvccKey.PrefixOf(cursor.Key));
    }

    private bool InKey(IOrderedCursor cursor) => cursor.IsValid && cursor.Key.StartsWith(_key.Written);

    private bool StepToVisible(IOrderedCursor cursor, HlcTimestamp at)
    {
        for (var steps = 0; InKey(cursor); steps++)
        {
            if (MvccKey.TimestampOf(cursor.Key) <= at)
            {
                return true;
            }

            _ = steps < StepsBeforeSeek ? cursor.MoveNext() : SeekToVisible(cursor, at);
        }

        return false;
    }

    private void StepPastKey(IOrderedCursor cursor)
    {
        for (var steps = 0; InKey(cursor); steps++)
        {
            if (steps < StepsBeforeSeek)
            {
                cursor.MoveNext();
                continue;
            }

            _target.Clear();
            _target.WriteRaw(_key.Written[..^1]);
            _target.WriteByte((byte)(_key.Written[^1] + 1));
            cursor.SeekAtOrAfter(_target.Written);
        }
    }

    // Going back, older versions come first: the last one at or below the timestamp is the visible one, so each is kept until the next is
    // seen.
    private bool StepBackToVisible(IOrderedCursor cursor, HlcTimestamp at, out HlcTimestamp timestamp)
    {
        timestamp = default;
        var found = false;
        for (var steps = 0; InKey(cursor) && MvccKey.TimestampOf(cursor.Key) <= at; steps++)
        {
            if (steps == StepsBeforeSeek)
            {
                SeekToVisible(cursor, at);
            }

            found = true;
            timestamp = MvccKey.TimestampOf(cursor.Key);
            _value.Clear();
            _value.WriteRaw(cursor.Value);
            cursor.MovePrevious();
        }

        return found;
    }

    private void StepBackPastKey(IOrderedCursor cursor)
    {
        for (var steps = 0; InKey(cursor); steps++)
        {
            _ = steps < StepsBeforeSeek ? cursor.MovePrevious() : cursor.SeekBefore(_key.Written);
        }
    }

    private bool SeekToVisible(IOrderedCursor cursor, HlcTimestamp at)
    {
        _target.Clear();
        _target.WriteRaw(_key.Written);
        _target.WriteFixed64(~at.Value);
        return cursor.SeekAtOrAfter(_target.Written);
    }

    private sealed class Page(MvccScanLimits limits, List<MvccRow> rows)
    {
        private int _count;

        public long Bytes { get; private set; }

        public bool TryAdd(ReadOnlySpan<byte> prefix, HlcTimestamp timestamp, ReadOnlySpan<byte> stored, out Key key)
        {
            key = MvccKey.DecodeKey(prefix);
            var value = MvccValue.StoredBytes(stored);
            var bytes = key.Length + value.Length;
            if (_count > 0 && (_count == limits.RowsMax || Bytes + bytes > limits.BytesMax))
            {
                return false;
            }

            rows.Add(new(key, timestamp, value.ToArray()));
            _count++;
            Bytes += bytes;
            return true;
        }
    }
}
