namespace OrleansGeo.Simulation.Checkers.Transactions;

/// <summary>
/// What comes before what because of when it happened. Only a transaction that was answered was over at a known time; one of unknown
/// outcome may have committed long after its client went on.
/// </summary>
internal sealed class TimeOrders(IReadOnlyList<Transaction> transactions, bool[] isIncluded)
{
    /// <summary>Each client's transactions one after another.</summary>
    public void AddProcesses(DependencyGraph graph)
    {
        var last = new Dictionary<int, int>();
        foreach (var transaction in transactions.Where(transaction => isIncluded[transaction.Id]))
        {
            if (last.TryGetValue(transaction.Client, out var before))
            {
                graph.Add(new(before, transaction.Id, EdgeKind.Process, null, null, null));
            }

            if (IsAnswered(transaction))
            {
                last[transaction.Client] = transaction.Id;
            }
        }
    }

    /// <summary>All transactions in real time.</summary>
    public void AddRealtime(DependencyGraph graph)
    {
        var all = transactions.Where(transaction => isIncluded[transaction.Id]).Select(transaction => transaction.Id).ToList();
        Add(graph, all, all, id => id, null);
    }

    /// <summary>In real time those that conflict: both met the key, and one at least wrote it.</summary>
    public void AddConflicts(DependencyGraph graph, IndexedKey key)
    {
        var writers = key.Writers;
        var readers = key.Reads.Select(read => read.Reader).Except(writers).ToList();
        Add(graph, writers, [.. writers, .. readers], id => id, key);
        Add(graph, readers, writers, id => id, key);
    }

    /// <summary>
    /// In real time everyone of the first before everyone of the second who began when it had returned: one node for each return, in the
    /// order of returns, that leads to the next one and to who began before that.
    /// </summary>
    public void Add(DependencyGraph graph, IReadOnlyList<int> first, IReadOnlyList<int> second, Func<int, int> nodeOf, IndexedKey? key)
    {
        var returns = first.Where(id => IsAnswered(transactions[id]))
            .OrderBy(id => transactions[id].ReturnedAtMicros).ThenBy(id => id).ToList();
        var (done, moment) = (0, -1);
        foreach (var id in second.OrderBy(id => transactions[id].InvokedAtMicros).ThenBy(id => id))
        {
            for (; done < returns.Count && transactions[returns[done]].ReturnedAtMicros < transactions[id].InvokedAtMicros; done++)
            {
                var next = graph.AddNode();
                graph.Add(new(nodeOf(returns[done]), next, EdgeKind.Realtime, key, null, null));
                if (moment >= 0)
                {
                    graph.Add(new(moment, next, EdgeKind.Onward, key, null, null));
                }

                moment = next;
            }

            if (moment >= 0)
            {
                graph.Add(new(moment, nodeOf(id), EdgeKind.Onward, key, null, null));
            }
        }
    }

    private static bool IsAnswered(Transaction transaction) =>
        transaction is { Outcome: TransactionOutcome.Committed, ReturnedAtMicros: not Operation.Never };
}
