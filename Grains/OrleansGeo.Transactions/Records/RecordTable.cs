using System.Diagnostics.CodeAnalysis;
using OrleansGeo.Primitives;

namespace OrleansGeo.Transactions;

/// <summary>The transaction records of one range in memory, beside storage: there are as many as there is unfinished work.</summary>
public sealed class RecordTable
{
    private readonly SortedDictionary<TransactionId, TransactionRecord> _records = [];

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
    public void Put(TransactionRecord record) => _records[record.Tag.Id] = record;

    /// <summary>Removes an attempt's record.</summary>
    public void Remove(TransactionId id) => _records.Remove(id);

    /// <summary>The record of an attempt.</summary>
    public bool TryGet(TransactionId id, [NotNullWhen(true)] out TransactionRecord? record) => _records.TryGetValue(id, out record);

    /// <summary>The record of an attempt, or null.</summary>
    public TransactionRecord? Find(TransactionId id) => _records.GetValueOrDefault(id);

    /// <summary>Forgets all records anchored at and behind a key: they went to the right half of a split.</summary>
    public void DropFrom(Key key)
    {
        foreach (var record in _records.Values.Where(held => held.Tag.Anchor >= key).ToArray())
        {
            _records.Remove(record.Tag.Id);
        }
    }

    /// <summary>Forgets everything.</summary>
    public void Clear() => _records.Clear();
}
