using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>A row that an open transaction has looked at.</summary>
/// <param name="Table">Its table.</param>
/// <param name="Key">Its key, as the user sees it.</param>
/// <param name="Version">The version found; zero when there was no row.</param>
internal sealed record ReadRow(string Table, ImmutableArray<Datum> Key, HlcTimestamp Version);

/// <summary>A row as an open transaction is about to leave it.</summary>
/// <param name="Table">Its table.</param>
/// <param name="Key">Its key, as the user sees it.</param>
/// <param name="Value">The encoded row; null for none.</param>
/// <param name="Order">Rows are answered in the order in which they were first written.</param>
internal sealed record WrittenRow(TableInfo Table, ImmutableArray<Datum> Key, byte[]? Value, int Order);

/// <summary>
/// What a transaction that stays open has read, and is about to write. It holds nothing in any range: what it has read is looked at again
/// when it commits, and nobody waits for it before. Pure.
/// </summary>
internal sealed class OpenTransaction(TransactionHandle handle, string database, TransactionBegin begin)
{
    /// <summary>Test builds only: nothing above the transaction's moment is minded, not even what was there when it began.</summary>
    public const string BugTrustsClocks = "transactions.trusts-clocks";

    private readonly List<(KeySpan Span, HlcTimestamp UpTo)> _lookedAt = [];
    // What savepoints keep may come to several times what a transaction writes, and no more.
    private const long MarkedBytesMax = 4L * GeoLimits.TransactionBytesMax;
    private const int BytesPerRead = 128;

    private readonly List<(string Name, ImmutableSortedDictionary<Key, WrittenRow> Writes)> _savepoints = [];

    public TransactionHandle Handle => handle;

    public string Database => database;

    public bool IsStrict => begin.Isolation == TransactionIsolation.Strict;

    public bool IsReadOnly => begin.ReadOnly || begin.AsOf is not null;

    /// <summary>The moment it was told to read at; null when it chooses one.</summary>
    public HlcTimestamp? AsOf => begin.AsOf;

    /// <summary>How long it may stand idle.</summary>
    public TimeSpan IdleTimeout { get; } = begin.IdleTimeout ?? GeoLimits.IdleTimeoutDefault;

    /// <summary>The moment at which all that was read holds; null before anything was read.</summary>
    public HlcTimestamp? ReadAt { get; set; }

    /// <summary>Rows it has looked at, there or not.</summary>
    public Dictionary<Key, ReadRow> Rows { get; } = [];

    /// <summary>Spans of which it has read every row.</summary>
    public List<KeySpan> Spans { get; } = [];

    /// <summary>Rows as it will leave them.</summary>
    public ImmutableSortedDictionary<Key, WrittenRow> Writes { get; set; } = ImmutableSortedDictionary<Key, WrittenRow>.Empty;

    /// <summary>About how much memory it takes, what its savepoints keep counted as if they shared nothing.</summary>
    public long Bytes => BytesOf(Writes) + MarkedBytes() + (BytesPerRead * (long)(Rows.Count + Spans.Count));

    /// <summary>Bytes of keys and values.</summary>
    public static long BytesOf(IEnumerable<KeyValuePair<Key, WrittenRow>> writes) =>
        writes.Sum(row => (long)row.Key.Length + (row.Value.Value?.Length ?? 0));

    /// <summary>
    /// What was written in a span later than the transaction first looked at its range lies above this, and is no business of the
    /// transaction's: the moment it reads at is settled. The highest timestamp there is when it has not looked there yet.
    /// </summary>
    public HlcTimestamp UpTo(KeySpan span)
    {
        if (PlantedBug.Is(BugTrustsClocks))
        {
            return HlcTimestamp.Zero;
        }

        foreach (var (seen, upTo) in _lookedAt)
        {
            if (seen.Intersect(span) == span)
            {
                return upTo;
            }
        }

        return HlcTimestamp.Max;
    }

    /// <summary>Notes that a range was looked at: what it had in its log then lies at or below a timestamp.</summary>
    public void LookedAt(KeySpan span, HlcTimestamp upTo)
    {
        if (UpTo(span) == HlcTimestamp.Max)
        {
            _lookedAt.Add((span, upTo));
        }
    }

    /// <summary>Marks the writes so far. False when there are too many marks, or they keep too much.</summary>
    public bool TryMark(string name)
    {
        _savepoints.RemoveAll(mark => string.Equals(mark.Name, name, StringComparison.Ordinal));
        if (_savepoints.Count >= GeoLimits.SavepointsMax || MarkedBytes() + BytesOf(Writes) > MarkedBytesMax)
        {
            return false;
        }

        _savepoints.Add((name, Writes));
        return true;
    }

    /// <summary>Takes back what was written since a mark, and the marks made since. False when there is no such mark.</summary>
    public bool TryReturnTo(string name)
    {
        var place = _savepoints.FindIndex(mark => string.Equals(mark.Name, name, StringComparison.Ordinal));
        if (place < 0)
        {
            return false;
        }

        Writes = _savepoints[place].Writes;
        _savepoints.RemoveRange(place + 1, _savepoints.Count - place - 1);
        return true;
    }

    /// <summary>
    /// The rows of a span as they are stored, with what the transaction has written there. The version of such a row is zero: it has none
    /// yet.
    /// </summary>
    /// <param name="stored">The rows.</param>
    /// <param name="covered">The span of which it holds every row.</param>
    /// <param name="descending">Rows come in reverse key order.</param>
    public ImmutableArray<FoundValue> Overlay(ImmutableArray<FoundValue> stored, KeySpan covered, bool descending)
    {
        var written = Writes.Where(write => covered.Contains(write.Key)).ToDictionary();
        if (written.Count == 0)
        {
            return stored;
        }

        var rows = stored.Where(row => !written.ContainsKey(row.Key))
            .Concat(written.Where(write => write.Value.Value is not null)
                .Select(write => new FoundValue(write.Key, HlcTimestamp.Zero, write.Value.Value)));
        return [.. descending ? rows.OrderByDescending(row => row.Key) : rows.OrderBy(row => row.Key)];
    }

    /// <summary>A row as the transaction sees it, given what was found.</summary>
    public FoundValue Seen(FoundValue found) =>
        Writes.TryGetValue(found.Key, out var write) ? new(found.Key, HlcTimestamp.Zero, write.Value) : found;

    /// <summary>
    /// What the commit asks of the ranges: the rows that are left otherwise than they were found, each still as it was looked at.
    /// </summary>
    public WritePlan Plan()
    {
        var writes = Writes.Where(pair => pair.Value.Value is not null || Rows[pair.Key].Version > HlcTimestamp.Zero)
            .OrderBy(pair => pair.Value.Order)
            .Select(pair => pair.Value.Value is { } value
                ? new KeyWrite(WriteKind.Put, pair.Key, value, Precondition.None)
                : new KeyWrite(WriteKind.Delete, pair.Key, default, Precondition.None));
        var checks = Rows.OrderBy(pair => pair.Key).Select(pair => new KeyCheck(
            pair.Key,
            pair.Value.Version == HlcTimestamp.Zero ? Precondition.Absent : Precondition.VersionIs(pair.Value.Version),
            null,
            false));
        return new([.. writes], [.. checks]);
    }

    private long MarkedBytes() => _savepoints.Sum(mark => BytesOf(mark.Writes));

    /// <summary>The spans it has read without the rows that it writes.</summary>
    public IEnumerable<KeySpan> SpansBeside(IReadOnlyCollection<Key> written)
    {
        foreach (var span in Spans)
        {
            var start = span.Start;
            foreach (var key in written.Where(key => Rows.ContainsKey(key) && span.Contains(key)).Order())
            {
                yield return new(start, key);
                start = key.Successor;
            }

            yield return new(start, span.End);
        }
    }

    /// <summary>Forgets what it has read and written: it has ended.</summary>
    public void Clear()
    {
        Rows.Clear();
        Spans.Clear();
        _lookedAt.Clear();
        Writes = Writes.Clear();
        _savepoints.Clear();
    }
}

/// <summary>What open transactions are refused with.</summary>
internal static class OpenTransactionErrors
{
    /// <summary>The code of a transaction that is over because of others.</summary>
    public const string ConflictCode = "transaction-conflict";

    public static GeoError Conflict(string what) => new(
        GeoErrorKind.Conflict, ConflictCode, $"{what}; nothing was written, and the transaction is over: begin it again");

    public static GeoError Lost(string node, string why) => new(
        GeoErrorKind.Conflict,
        "transaction-lost",
        $"the transaction was open on node {node}, which {why}; what it had not committed is gone, begin it again",
        "id",
        Facts: ImmutableSortedDictionary<string, string>.Empty.Add("node", node));

    public static GeoError Unknown() => new(
        GeoErrorKind.NotFound, "transaction-not-found", "there is no such transaction: it ended, or stood idle for too long", "id");

    public static GeoError Ended(string how) => new(
        GeoErrorKind.Unprocessable, "transaction-ended", $"the transaction is {how} already", "id");

    public static GeoError InDoubt() => new(
        GeoErrorKind.Unprocessable,
        "transaction-in-doubt",
        "the transaction's commit was asked for and its outcome is not known; ask for the commit again",
        "id");

    public static GeoError ReadOnly() => new(
        GeoErrorKind.Unprocessable, "transaction-read-only", "the transaction was begun to read only", "writes");

    public static GeoError Busy() => new(
        GeoErrorKind.Conflict, "transaction-busy", "an earlier step of the transaction is still under way", "id", RetryAfterMs: 50);

    public static GeoError TooMany(string field, string what, int limit) => new(
        GeoErrorKind.TooLarge, "too-many-steps", $"an open transaction has at most {limit} {what}", field);
}
