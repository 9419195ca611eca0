using System.Diagnostics.CodeAnalysis;
using OrleansGeo.Primitives;

namespace OrleansGeo.Transactions;

/// <summary>
/// The intents of one range, as every one of its replicas holds them in memory beside storage: what is locked is asked with each read and
/// write, and most of the time the answer is that nothing is.
/// </summary>
public sealed class IntentTable
{
    private readonly Dictionary<Key, Intent> _byKey = [];
    private readonly SortedSet<Key> _keys = [];
    private readonly Dictionary<TransactionId, List<Key>> _byTransaction = [];
    private readonly SortedSet<(HlcTimestamp Timestamp, Key Key)> _byTime = [];

    /// <summary>Intents held.</summary>
    public int Count => _byKey.Count;

    /// <summary>Bytes of keys and values held.</summary>
    public long Bytes { get; private set; }

    /// <summary>The earliest timestamp from which a key is locked; the highest there is when none is.</summary>
    public HlcTimestamp Earliest => _byTime.Count == 0 ? HlcTimestamp.Max : _byTime.Min.Timestamp;

    /// <summary>All intents, by key.</summary>
    public IEnumerable<Intent> All => _keys.Select(key => _byKey[key]);

    /// <summary>The intents of a span, by key.</summary>
    public IEnumerable<Intent> In(KeySpan span) =>
        span.IsEmpty ? [] : _keys.GetViewBetween(span.Start, span.End).Where(key => key < span.End).Select(key => _byKey[key]);

    /// <summary>Adds the intents of a span that are in storage.</summary>
    public void Load(IOrderedReader reader, KeySpan span)
    {
        var bounds = IntentKey.SpanBounds(span);
        using var cursor = reader.OpenCursor(bounds.Start, bounds.End);
        for (cursor.SeekAtOrAfter(bounds.Start); cursor.IsValid; cursor.MoveNext())
        {
            Put(Intent.Decode(cursor.Value));
        }
    }

    /// <summary>Adds an intent, in place of one that the key has.</summary>
    public void Put(Intent intent)
    {
        Remove(intent.Key);
        _byKey.Add(intent.Key, intent);
        _keys.Add(intent.Key);
        _byTime.Add((intent.Timestamp, intent.Key));
        Bytes += SizeOf(intent);
        if (!_byTransaction.TryGetValue(intent.By.Id, out var keys))
        {
            _byTransaction.Add(intent.By.Id, keys = []);
        }

        keys.Add(intent.Key);
    }

    /// <summary>The intent of a key.</summary>
    public bool TryGet(Key key, [NotNullWhen(true)] out Intent? intent) => _byKey.TryGetValue(key, out intent);

    /// <summary>Takes a transaction's intent off a key; false when the key has none of that transaction.</summary>
    public bool TryRemove(Key key, TransactionId id, [NotNullWhen(true)] out Intent? intent) =>
        _byKey.TryGetValue(key, out intent) && intent.By.Id == id && Remove(key);

    /// <summary>The keys on which a transaction has intents here, in the order in which they were laid.</summary>
    public IReadOnlyList<Key> Of(TransactionId id) => _byTransaction.TryGetValue(id, out var keys) ? keys : [];

    /// <summary>The first intent of a span that locks its key at or below a timestamp; null when there is none.</summary>
    public Intent? FirstLocked(KeySpan span, HlcTimestamp at)
    {
        if (at < Earliest || span.IsEmpty)
        {
            return null;
        }

        return In(span).FirstOrDefault(intent => intent.Timestamp <= at);
    }

    /// <summary>The intents that lock their keys earliest, at or below a timestamp.</summary>
    public IEnumerable<Intent> LockedBefore(HlcTimestamp timestamp)
    {
        foreach (var (at, key) in _byTime)
        {
            if (at > timestamp)
            {
                break;
            }

            yield return _byKey[key];
        }
    }

    /// <summary>Forgets all intents at and behind a key: they went to the right half of a split.</summary>
    public void DropFrom(Key key)
    {
        foreach (var dropped in _keys.Where(held => held >= key).ToArray())
        {
            Remove(dropped);
        }
    }

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        _byKey.Clear();
        _keys.Clear();
        _byTime.Clear();
        _byTransaction.Clear();
        Bytes = 0;
    }

    private static long SizeOf(Intent intent) => intent.Key.Length + (intent.Value?.Length ?? 0);

    private bool Remove(Key key)
    {
        if (!_byKey.Remove(key, out var intent))
        {
            return false;
        }

        _keys.Remove(key);
        _byTime.Remove((intent.Timestamp, key));
        Bytes -= SizeOf(intent);
        var keys = _byTransaction[intent.By.Id];
        keys.Remove(key);
        if (keys.Count == 0)
        {
            _byTransaction.Remove(intent.By.Id);
        }

        return true;
    }
}
