namespace OrleansGeo.Simulation.Checkers.Transactions;

/// <summary>What a history of transactions is held to.</summary>
public enum TransactionLevel
{
    /// <summary>Some serial order explains every answer.</summary>
    Serializable,

    /// <summary>
    /// Some serial order does, in which of two transactions that conflict on a key, the one that ended before the other began comes first;
    /// and each key on its own is linearizable.
    /// </summary>
    LinearizablePerKey,

    /// <summary>Some serial order does, in which a transaction that ended before another began comes first.</summary>
    StrictSerializable,
}

/// <summary>What to check for.</summary>
/// <param name="Level">The order that has to be there.</param>
/// <param name="Sessions">Whether each client's transactions have to come one after another in it too.</param>
public sealed record TransactionCheckOptions(TransactionLevel Level = TransactionLevel.LinearizablePerKey, bool Sessions = false)
{
    /// <summary>What is promised without further wishes: serializable, and linearizable per key.</summary>
    public static TransactionCheckOptions Default { get; } = new();

    /// <summary>What <c>isolation: strict</c> promises.</summary>
    public static TransactionCheckOptions Strict { get; } = new(TransactionLevel.StrictSerializable);
}

/// <summary>What is wrong with a history; nothing, when it is good.</summary>
public sealed record TransactionReport(IReadOnlyList<Anomaly> Anomalies)
{
    /// <summary>The same as a verdict.</summary>
    public Verdict Verdict => Verdict.Of(Anomalies.Select(anomaly => anomaly.ToString()));
}

/// <summary>
/// Decides whether a history of transactions is serializable, by what its reads show (after Adya, 1999, and Kingsbury and Alvaro, "Elle",
/// 2020): reads name the writes they saw, from that follows which transaction comes before which, and a cycle proves that no serial order
/// explains every answer.
/// </summary>
/// <remarks>
/// What is reported is wrong in any case. The opposite holds as far as the order of values shows: for lists always, for registers when
/// every committed write has a version (then that order counts as promised). Of registers without versions only the first state, and
/// values that one transaction read and replaced, are put in order; and that a register which may have been removed was absent says
/// nothing.
/// <para>
/// Per key: a serial order that keeps conflicting transactions in real time exists when the history is serializable and every key is
/// linearizable, because in an order of values that agrees with real time a conflict is a way from the one to the other. Two
/// transactions that only read a key need no order between them, but the values they saw do: so each key is looked at once more on its own,
/// with all who met it in real time. Strictness includes that.
/// </para>
/// </remarks>
public static class SerializabilityChecker
{
    /// <summary>What is wrong with the history, the most basic things first.</summary>
    public static TransactionReport Check(TransactionHistory history, TransactionCheckOptions? options = null)
    {
        var (level, sessions) = options ?? TransactionCheckOptions.Default;
        var index = new HistoryIndex(history.Transactions);
        if (index.Anomalies.Count > 0)
        {
            return new(index.Anomalies);
        }

        ReadWalk.Run(index);
        var graph = new DependencyGraph(history.Transactions.Count);
        new VersionOrders(index, graph).AddEdges(level != TransactionLevel.Serializable);
        var dataEdges = graph.Edges.Count;
        var times = new TimeOrders(history.Transactions, index.IsIncluded);
        if (sessions)
        {
            times.AddProcesses(graph);
        }

        if (level == TransactionLevel.StrictSerializable)
        {
            times.AddRealtime(graph);
        }
        else if (level == TransactionLevel.LinearizablePerKey)
        {
            index.Keys.ForEach(key => times.AddConflicts(graph, key));
        }

        graph.Freeze();
        var anomalies = new CycleSearch(graph).Find().Select(cycle => CycleText.Describe(cycle, index)).ToList();
        if (anomalies.Count == 0 && level == TransactionLevel.LinearizablePerKey)
        {
            anomalies = [.. KeyByKey(index, times, graph.Edges.Take(dataEdges)).Take(CycleSearch.CyclesMax)];
        }

        return new([.. index.Anomalies.OrderBy(anomaly => anomaly.Kind), .. anomalies.OrderBy(anomaly => anomaly.Kind)]);
    }

    private static IEnumerable<Anomaly> KeyByKey(HistoryIndex index, TimeOrders times, IEnumerable<Edge> edges)
    {
        var byKey = edges.ToLookup(edge => edge.Key!.Id);
        foreach (var key in index.Keys)
        {
            var met = key.Writers.Union(key.Reads.Select(read => read.Reader)).Order().ToList();
            var graph = new DependencyGraph(met.Count);
            var nodes = met.Select((id, i) => (id, i)).ToDictionary(entry => entry.id, entry => entry.i);
            foreach (var edge in byKey[key.Id])
            {
                graph.Add(edge with { From = NodeOf(edge.From), To = NodeOf(edge.To) });
            }

            times.Add(graph, met, met, id => nodes[id], key);
            graph.Freeze();
            foreach (var cycle in new CycleSearch(graph).Find())
            {
                var named = cycle.ConvertAll(edge => edge with { From = IdOf(edge.From), To = IdOf(edge.To) });
                yield return CycleText.Describe(named, index, $", looking at '{key.Name}' alone");
            }

            int NodeOf(int node) => nodes.TryGetValue(node, out var known) ? known : nodes[node] = graph.AddNode();

            int IdOf(int node) => node < met.Count ? met[node] : -1;
        }
    }
}
