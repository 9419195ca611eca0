using OrleansGeo.Primitives;

namespace OrleansGeo.Transactions;

/// <summary>
/// Reads versions from storage as of a timestamp. It keeps its buffers between calls, so one serves all ranges of a thread; not for several
/// threads.
/// </summary>
public sealed class MvccReader
{
    private const int OldBeforeSeek = 4;
    private readonly CodecWriter _start = new();
    private readonly CodecWriter _end = new();
    private readonly MvccScan _scan = new();

    /// <summary>The newest version of a key at or below a timestamp, tombstones included; false when there is none.</summary>
    public bool TryGet(IOrderedReader reader, Key key, HlcTimestamp at, out MvccValue value)
    {
        using var cursor = OpenAt(reader, key, at);
        var found = cursor.SeekAtOrAfter(_start.Written);
        value = found ? MvccValue.Decode(MvccKey.TimestampOf(cursor.Key), cursor.Value) : default;
        return found;
    }

    /// <summary>The newest version of a key, tombstones included; false when there is none.</summary>
    public bool TryGetNewest(IOrderedReader reader, Key key, out MvccValue value) => TryGet(reader, key, HlcTimestamp.Max, out value);

    /// <summary>The timestamp of a key's newest version, tombstones included, without copying the value; zero when there is none.</summary>
    public HlcTimestamp NewestTimestamp(IOrderedReader reader, Key key)
    {
        using var cursor = OpenAt(reader, key, HlcTimestamp.Max);
        return cursor.SeekAtOrAfter(_start.Written) ? MvccKey.TimestampOf(cursor.Key) : HlcTimestamp.Zero;
    }

    /// <summary>Whether a key of a span has a version, tombstones included, above one timestamp and at or below another.</summary>
    public bool HasVersion(IOrderedReader reader, KeySpan span, HlcTimestamp above, HlcTimestamp upTo)
    {
        MvccKey.EncodePrefix(_start, span.Start);
        MvccKey.EncodePrefix(_end, span.End);
        using var cursor = reader.OpenCursor(_start.Written, _end.Written);
        var valid = cursor.SeekAtOrAfter(_start.Written);
        for (var old = 0; valid;)
        {
            var timestamp = MvccKey.TimestampOf(cursor.Key);
            if (timestamp > above && timestamp <= upTo)
            {
                return true;
            }

            // The older versions of a key come last: after some, the next key is sought.
            old += timestamp <= above ? 1 : 0;
            valid = old < OldBeforeSeek ? cursor.MoveNext() : SeekPastKey(cursor, ref old);
        }

        return false;
    }

    /// <summary>
    /// The timestamp of the version of a key that a transaction made at or above a timestamp; null when there is none. What it did there is
    /// done, and must not be done again. A transaction's versions are never below the timestamp at which it began.
    /// </summary>
    public HlcTimestamp? MadeBy(IOrderedReader reader, Key key, TransactionId id, HlcTimestamp notBelow)
    {
        using var cursor = OpenAt(reader, key, HlcTimestamp.Max);
        for (var valid = cursor.SeekAtOrAfter(_start.Written); valid; valid = cursor.MoveNext())
        {
            var timestamp = MvccKey.TimestampOf(cursor.Key);
            if (timestamp < notBelow)
            {
                return null;
            }

            if (MvccValue.IsBy(cursor.Value, id))
            {
                return timestamp;
            }
        }

        return null;
    }

    /// <summary>
    /// Adds the rows of a span as of a timestamp to <paramref name="rows"/>, in key order or in reverse, until a limit is met. A first row
    /// is returned whatever its size.
    /// </summary>
    public MvccScanEnd Scan(
        IOrderedReader reader, KeySpan span, HlcTimestamp at, MvccScanLimits limits, bool reverse, List<MvccRow> rows) =>
        _scan.Run(reader, span, at, limits, reverse, rows);

    private bool SeekPastKey(IOrderedCursor cursor, ref int old)
    {
        old = 0;
        var prefix = MvccKey.PrefixOf(cursor.Key);
        _start.Clear();
        _start.WriteRaw(prefix[..^1]);
        _start.WriteByte((byte)(prefix[^1] + 1));
        return cursor.SeekAtOrAfter(_start.Written);
    }

    // Between these bounds lie the versions of this key at or below the timestamp, and nothing else.
    private IOrderedCursor OpenAt(IOrderedReader reader, Key key, HlcTimestamp at)
    {
        MvccKey.Encode(_start, key, at);
        MvccKey.EncodeEnd(_end, key);
        return reader.OpenCursor(_start.Written, _end.Written);
    }
}
