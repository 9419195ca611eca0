using System.Diagnostics.CodeAnalysis;
using OrleansGeo.Primitives;

namespace OrleansGeo.Transactions;

/// <summary>The transaction records of one range in memory, beside storage: there are as many as there is unfinished work.</summary>
public sealed class RecordTable
{
    private readonly SortedDictionary<TransactionId, TransactionRecord> _records = [];

    // There are few that are not decided, and as many aborted ones as attempts that were, for minutes: what is due is looked for by time.
    private readonly SortedSet<(HlcTimestamp At, TransactionId Id)> _unfinished = [];
    private readonly SortedSet<(HlcTimestamp Until, TransactionId Id)> _aborted = [];

    /// <summary>Records held.</summary>
    public int Count => _records.Count;

    /// <summary>All records, by id.</summary>
    public IEnumerable<TransactionRecord> All => _records.Values;

    /// <summary>Adds the records anchored in a span that are in storage.</summary>
    public void Load(IOrderedReader reader, KeySpan span)
    {
        var bounds = TransactionRecordKey.SpanBounds(span);
        using var cursor = reader.OpenCursor(bounds.Start, bounds.End);
        for (cursor.SeekAtOrAfter(bounds.Start); cursor.IsValid; cursor.MoveNext())
        {
            Put(TransactionRecord.Decode(cursor.Value));
        }
    }

    /// <summary>Adds a record, in place of an earlier one of the attempt.</summary>
    public void Put(TransactionRecord record)
    {
        Remove(record.Tag.Id);
        _records.Add(record.Tag.Id, record);
        TimesOf(record).Add((record.Timestamp, record.Tag.Id));
    }

    /// <summary>Removes an attempt's record.</summary>
    public void Remove(TransactionId id)
    {
        if (_records.Remove(id, out var record))
        {
            TimesOf(record).Remove((record.Timestamp, id));
        }
    }

    /// <summary>True when a record is staged or committed, or aborted and kept until before a time: somebody has something to do.</summary>
    public bool HasWork(HlcTimestamp now) => _unfinished.Count > 0 || (_aborted.Count > 0 && _aborted.Min.Until < now);

    /// <summary>Staged and committed records with timestamps before a time, earliest first.</summary>
    public IEnumerable<TransactionRecord> UnfinishedBefore(HlcTimestamp time) =>
        _unfinished.TakeWhile(one => one.At < time).Select(one => _records[one.Id]);

    /// <summary>Aborted records that are kept until before a time, earliest first.</summary>
    public IEnumerable<TransactionRecord> AbortedUntil(HlcTimestamp time) =>
        _aborted.TakeWhile(one => one.Until < time).Select(one => _records[one.Id]);

    /// <summary>The record of an attempt.</summary>
    public bool TryGet(TransactionId id, [NotNullWhen(true)] out TransactionRecord? record) => _records.TryGetValue(id, out record);

    /// <summary>The record of an attempt, or null.</summary>
    public TransactionRecord? Find(TransactionId id) => _records.GetValueOrDefault(id);

    /// <summary>Forgets all records anchored at and behind a key: they went to the right half of a split.</summary>
    public void DropFrom(Key key)
    {
        foreach (var record in _records.Values.Where(held => held.Tag.Anchor >= key).ToArray())
        {
            Remove(record.Tag.Id);
        }
    }

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        _records.Clear();
        _unfinished.Clear();
        _aborted.Clear();
    }

    private SortedSet<(HlcTimestamp At, TransactionId Id)> TimesOf(TransactionRecord record) =>
        record.Status == TransactionStatus.Aborted ? _aborted : _unfinished;
}
