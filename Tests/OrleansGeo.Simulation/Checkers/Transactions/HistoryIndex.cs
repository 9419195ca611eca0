using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Simulation.Checkers.Transactions;

/// <summary>A value that some transaction writes: an element of a list, a value of a register, or the removal of one.</summary>
internal sealed class IndexedValue(int id, IndexedKey key, string? text, int writer)
{
    public int Id => id;

    public IndexedKey Key => key;

    /// <summary>Null for a removal.</summary>
    public string? Text => text;

    /// <summary>The transaction that writes it.</summary>
    public int Writer => writer;

    /// <summary>False when its own transaction wrote the key again afterwards.</summary>
    public bool IsFinal { get; set; } = true;

    /// <summary>Its version, from its writer or from who read it.</summary>
    public HlcTimestamp? Version { get; set; }

    /// <summary>The number of the last list it was met in.</summary>
    public int LastMetIn { get; set; }

    public override string ToString() => Text is null ? $"the removal by T{Writer}" : $"'{Text}'";
}

/// <summary>A key, what is written to it, and how transactions met it.</summary>
internal sealed class IndexedKey(int id, string name)
{
    public int Id => id;

    public string Name => name;

    public bool IsList { get; set; }

    /// <summary>What is written, in the order of the history.</summary>
    public List<IndexedValue> Values { get; } = [];

    public Dictionary<string, IndexedValue> ByText { get; } = new(StringComparer.Ordinal);

    /// <summary>What others' transactions left in it, as those that committed saw it.</summary>
    public List<ExternalRead> Reads { get; } = [];

    /// <summary>Committed transactions that wrote it, each once, in the order of the history.</summary>
    public List<int> Writers { get; } = [];
}

/// <summary>The state of a key that a transaction found before it changed it.</summary>
/// <param name="Reader">The transaction.</param>
/// <param name="Elements">Of a list: what was in it.</param>
/// <param name="Value">Of a register: what was in it; null when it had never been written.</param>
internal sealed record ExternalRead(int Reader, IndexedValue[] Elements, IndexedValue? Value)
{
    /// <summary>The value that made the state; null for the first one.</summary>
    public IndexedValue? State => Elements.Length > 0 ? Elements[^1] : Value;
}

/// <summary>The keys and values of a history. Which transactions committed is found out later, by who read what.</summary>
internal sealed class HistoryIndex
{
    private readonly Dictionary<string, IndexedKey> _byName = new(StringComparer.Ordinal);
    private readonly HashSet<IndexedKey> _kinds = [];
    private int _values;

    public HistoryIndex(IReadOnlyList<Transaction> transactions)
    {
        Transactions = transactions;
        IsIncluded = new bool[transactions.Count];
        foreach (var transaction in transactions)
        {
            foreach (var operation in transaction.Operations)
            {
                Learn(transaction, operation);
            }
        }

        ReportOverlaps();
        KeysInOrder = [.. Keys.OrderBy(key => key.Name, StringComparer.Ordinal)];
    }

    public IReadOnlyList<Transaction> Transactions { get; }

    /// <summary>Transactions that committed, as far as anyone can know.</summary>
    public bool[] IsIncluded { get; }

    /// <summary>Keys in the order in which they appear.</summary>
    public List<IndexedKey> Keys { get; } = [];

    /// <summary>Keys by name.</summary>
    public IndexedKey[] KeysInOrder { get; }

    public List<Anomaly> Anomalies { get; } = [];

    public IndexedKey Key(string name) => _byName[name];

    /// <summary>The keys of a span, by name.</summary>
    public ReadOnlySpan<IndexedKey> KeysOf(MicroOperation.Scan scan)
    {
        var first = FirstAtOrAbove(scan.From);
        return KeysInOrder.AsSpan(first, Math.Max(0, FirstAtOrAbove(scan.To) - first));
    }

    public void Report(AnomalyKind kind, string explanation, params int[] transactions) =>
        Anomalies.Add(new(kind, CycleTime.None, [.. transactions], explanation + Lines(transactions)));

    /// <summary>The transactions, a line each.</summary>
    public string Lines(IEnumerable<int> transactions) => string.Concat(transactions.Distinct().Select(id => $"\n  {Transactions[id]}"));

    private void ReportOverlaps()
    {
        var last = new Dictionary<int, Transaction>();
        foreach (var transaction in Transactions)
        {
            if (last.TryGetValue(transaction.Client, out var before) && before.ReturnedAtMicros > transaction.InvokedAtMicros)
            {
                Report(AnomalyKind.Malformed, $"client {transaction.Client} did two things at once:", before.Id, transaction.Id);
            }

            last[transaction.Client] = transaction;
        }
    }

    private int FirstAtOrAbove(string name)
    {
        var (low, high) = (0, KeysInOrder.Length);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = string.CompareOrdinal(KeysInOrder[middle].Name, name) < 0 ? (middle + 1, high) : (low, middle);
        }

        return low;
    }

    private void Learn(Transaction transaction, MicroOperation operation)
    {
        switch (operation)
        {
            case MicroOperation.Append append:
                Write(transaction, Key(append.Key, true), append.Element);
                break;
            case MicroOperation.Write write:
                Write(transaction, Key(write.Key, false), write.Value);
                break;
            case MicroOperation.ReadList read:
                Key(read.Key, true);
                break;
            case MicroOperation.Read read:
                Key(read.Key, false);
                break;
            case MicroOperation.Scan { Rows: { } rows }:
                foreach (var row in rows)
                {
                    Learn(transaction, row);
                }

                break;
            default:
                break;
        }
    }

    private IndexedKey Key(string name, bool isList)
    {
        if (!_byName.TryGetValue(name, out var key))
        {
            key = new(Keys.Count, name) { IsList = isList };
            _byName.Add(name, key);
            Keys.Add(key);
        }

        if (key.IsList != isList && _kinds.Add(key))
        {
            Report(AnomalyKind.Malformed, $"key '{name}' is used as a list and as a register");
        }

        return key;
    }

    private void Write(Transaction transaction, IndexedKey key, string? text)
    {
        var value = new IndexedValue(_values++, key, text, transaction.Id) { Version = transaction.CommitTimestamp };
        if (text is not null && !key.ByText.TryAdd(text, value))
        {
            Report(AnomalyKind.Malformed, $"{value} is written to key '{key.Name}' twice", key.ByText[text].Writer, transaction.Id);
            return;
        }

        // Values of one transaction follow each other.
        for (var i = key.Values.Count - 1; i >= 0 && key.Values[i].Writer == transaction.Id; i--)
        {
            key.Values[i].IsFinal = false;
        }

        key.Values.Add(value);
    }
}
