using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Checkers;
using OrleansGeo.Simulation.Checkers.Transactions;

namespace OrleansGeo.Tests.Simulation.Checkers.Transactions;

/// <summary>
/// Decides the same questions the dumb way, for a handful of transactions: every order of the committed ones, with every choice of the
/// unknown ones, is run against a plain store. Where values have versions, an order also has to write them in the order of those.
/// </summary>
internal sealed class SerialOrderSearch
{
    private readonly Transaction[] _transactions;
    private readonly Dictionary<int, HlcTimestamp> _versions = [];
    private readonly bool[,] _mustPrecede;
    private readonly List<int> _order = [];

    private SerialOrderSearch(IEnumerable<Transaction> transactions, Func<Transaction, Transaction, bool> mustPrecede)
    {
        _transactions = [.. transactions.Where(transaction => transaction.Outcome != TransactionOutcome.Aborted)];
        var count = _transactions.Length;
        _mustPrecede = new bool[count, count];
        for (var i = 0; i < count; i++)
        {
            for (var j = 0; j < count; j++)
            {
                _mustPrecede[i, j] = i != j && mustPrecede(_transactions[i], _transactions[j]);
            }
        }

        FindVersions();
    }

    public static bool Exists(TransactionHistory history, TransactionLevel level, bool sessions)
    {
        var all = history.Transactions;
        return level switch
        {
            TransactionLevel.Serializable => Search(all, (a, b) => sessions && InSession(a, b)),
            TransactionLevel.StrictSerializable => Search(all, (a, b) => InTime(a, b) || (sessions && InSession(a, b))),
            _ => Search(all, (a, b) => (InTime(a, b) && Conflict(a, b)) || (sessions && InSession(a, b))) && KeyByKey(all),
        };
    }

    private static bool Search(IEnumerable<Transaction> transactions, Func<Transaction, Transaction, bool> mustPrecede) =>
        new SerialOrderSearch(transactions, mustPrecede).Extend([]);

    private static bool KeyByKey(IReadOnlyList<Transaction> all)
    {
        string[] keys = [.. all.SelectMany(transaction => transaction.Operations).SelectMany(KeysOf).Distinct()];
        return keys.All(key => Search(
            all.Select(transaction => transaction with { Operations = [.. transaction.Operations.SelectMany(op => On(op, key))] })
                .Where(transaction => transaction.Operations.Count > 0),
            InTime));
    }

    private static IEnumerable<MicroOperation> On(MicroOperation operation, string key) => operation switch
    {
        MicroOperation.Scan scan when scan.Covers(key) =>
            [new MicroOperation.Scan(key, key + "\0", scan.Rows?.Where(row => KeysOf(row).Contains(key)).ToList())],
        MicroOperation.Scan => [],
        _ => KeysOf(operation).Contains(key) ? [operation] : [],
    };

    private static bool InTime(Transaction a, Transaction b) =>
        a.Outcome == TransactionOutcome.Committed && a.ReturnedAtMicros < b.InvokedAtMicros;

    private static bool InSession(Transaction a, Transaction b) =>
        a.Client == b.Client && a.Id < b.Id && a.Outcome == TransactionOutcome.Committed;

    private static bool Conflict(Transaction a, Transaction b) =>
        a.Operations.Any(left => b.Operations.Any(right => (Writes(left) && Meets(right, left)) || (Writes(right) && Meets(left, right))));

    private static bool Writes(MicroOperation operation) => operation is MicroOperation.Append or MicroOperation.Write;

    private static bool Meets(MicroOperation operation, MicroOperation write) =>
        operation is MicroOperation.Scan scan
            ? scan.Rows is not null && scan.Covers(KeysOf(write)[0])
            : KeysOf(operation).Contains(KeysOf(write)[0]);

    private static string[] KeysOf(MicroOperation operation) => operation switch
    {
        MicroOperation.Append append => [append.Key],
        MicroOperation.Write write => [write.Key],
        MicroOperation.ReadList read => [read.Key],
        MicroOperation.Read read => [read.Key],
        MicroOperation.Scan { Rows: { } rows } => [.. rows.SelectMany(KeysOf)],
        _ => [],
    };

    private void FindVersions()
    {
        var writers = new Dictionary<(string, string), int>();
        foreach (var transaction in _transactions)
        {
            if (transaction.CommitTimestamp is { } at)
            {
                _versions[transaction.Id] = at;
            }

            foreach (var write in transaction.Operations.OfType<MicroOperation.Write>().Where(write => write.Value is not null))
            {
                writers[(write.Key, write.Value!)] = transaction.Id;
            }
        }

        var reads = _transactions.SelectMany(transaction => transaction.Operations)
            .SelectMany(operation => operation is MicroOperation.Scan { Rows: { } rows } ? rows : [operation])
            .OfType<MicroOperation.Read>().Where(read => read is { Value: not null, Version: not null });
        foreach (var read in reads)
        {
            if (writers.TryGetValue((read.Key, read.Value!), out var writer))
            {
                _versions.TryAdd(writer, read.Version!.Value);
            }
        }
    }

    private bool Extend(Dictionary<string, State> states)
    {
        if (!Enumerable.Range(0, _transactions.Length).Any(i => IsCommitted(i) && !_order.Contains(i)))
        {
            return true;
        }

        for (var i = 0; i < _transactions.Length; i++)
        {
            if (_order.Contains(i) || !MayComeNext(i))
            {
                continue;
            }

            var after = new Dictionary<string, State>(states);
            if (Array.TrueForAll([.. _transactions[i].Operations], operation => Run(operation, _transactions[i].Id, after)))
            {
                _order.Add(i);
                if (Extend(after))
                {
                    return true;
                }

                _order.RemoveAt(_order.Count - 1);
            }
        }

        return false;
    }

    private bool IsCommitted(int i) => _transactions[i].Outcome == TransactionOutcome.Committed;

    private bool MayComeNext(int i) => !Enumerable.Range(0, _transactions.Length).Any(j => _mustPrecede[j, i] && !_order.Contains(j));

    private bool Run(MicroOperation operation, int id, Dictionary<string, State> states)
    {
        switch (operation)
        {
            case MicroOperation.Append append:
                states[append.Key] = new([.. Of(states, append.Key).Values, append.Element], null);
                return true;
            case MicroOperation.Write write:
                HlcTimestamp? version = _versions.TryGetValue(id, out var known) ? known : null;
                var isInOrder = version is null || Of(states, write.Key).Version is not { } last || last <= version;
                states[write.Key] = new(write.Value is null ? [] : [write.Value], version ?? Of(states, write.Key).Version);
                return isInOrder;
            case MicroOperation.ReadList { Elements: { } elements } read:
                return Of(states, read.Key).Values.SequenceEqual(elements);
            case MicroOperation.Read { IsAnswered: true } read:
                return Of(states, read.Key).Values.SequenceEqual(read.Value is null ? [] : [read.Value]);
            case MicroOperation.Scan { Rows: { } rows } scan:
                var there = states.Where(state => state.Value.Values.Length > 0 && scan.Covers(state.Key));
                return rows.All(row => Run(row, id, states)) && there.All(state => rows.Any(row => KeysOf(row).Contains(state.Key)));
            default:
                return true;
        }
    }

    private static State Of(Dictionary<string, State> states, string key) => states.GetValueOrDefault(key) ?? new([], null);

    private sealed record State(string[] Values, HlcTimestamp? Version);
}
