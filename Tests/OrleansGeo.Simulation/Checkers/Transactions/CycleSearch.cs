namespace OrleansGeo.Simulation.Checkers.Transactions;

/// <summary>
/// Finds cycles, the plainest first: in each tangle of transactions that all come before each other it looks for a cycle of writes, then
/// for one with reads of writes, then for one with a single missed write, and so on, and last for those that need time.
/// </summary>
internal sealed class CycleSearch(DependencyGraph graph)
{
    /// <summary>Cycles shown of one history.</summary>
    public const int CyclesMax = 50;

    // Edges looked at for one component: a tangle of a whole history gives a cycle in a second, though maybe not the shortest.
    private const int StepsMax = 5_000_000;
    private const EdgeKind Writes = EdgeKind.WriteWrite;
    private const EdgeKind Flow = Writes | EdgeKind.WriteRead;
    private const EdgeKind Data = Flow | EdgeKind.ReadWrite;
    private const EdgeKind Time = EdgeKind.Process | EdgeKind.Realtime;

    private static readonly (EdgeKind Kinds, bool HasOneMiss)[] s_looks =
    [
        (Writes, false), (Flow, false), (Data, true), (Data, false),
        (Writes | EdgeKind.Process, false), (Flow | EdgeKind.Process, false),
        (Data | EdgeKind.Process, true), (Data | EdgeKind.Process, false),
        (Writes | Time, false), (Flow | Time, false), (Data | Time, true), (Data | Time, false),
    ];

    private readonly StronglyConnected _connected = new(graph);
    private readonly int[] _component = new int[graph.Nodes];
    private readonly int[] _reachedBy = new int[graph.Nodes];
    private readonly int[] _reachedIn = new int[graph.Nodes];
    private int _components;
    private int _walks;
    private int _steps;

    /// <summary>Cycles, each as the edges on its way. Nothing is found exactly when there is no cycle.</summary>
    public List<List<Edge>> Find()
    {
        var found = new List<List<Edge>>();
        foreach (var tangle in _connected.Of([.. Enumerable.Range(0, graph.Nodes)], Data | Time | EdgeKind.Onward))
        {
            foreach (var (kinds, hasOneMiss) in s_looks)
            {
                var cycles = _connected.Of(tangle, kinds | EdgeKind.Onward)
                    .Select(component => CycleIn(component, kinds | EdgeKind.Onward, hasOneMiss)).OfType<List<Edge>>()
                    .Take(CyclesMax - found.Count).ToList();
                found.AddRange(cycles);
                if (cycles.Count > 0)
                {
                    break;
                }
            }

            if (found.Count >= CyclesMax)
            {
                break;
            }
        }

        return found;
    }

    // A component without a transaction of its own cannot be: nodes that are none lead onward only.
    private List<Edge>? CycleIn(List<int> component, EdgeKind kinds, bool hasOneMiss)
    {
        _components++;
        _steps = 0;
        component.ForEach(node => _component[node] = _components);
        List<Edge>? best = null;
        foreach (var start in component)
        {
            foreach (var first in graph.From(start))
            {
                var edge = graph.Edges[first];
                var isStart = hasOneMiss
                    ? edge.Kind == EdgeKind.ReadWrite
                    : start < graph.Transactions && (edge.Kind & kinds) != EdgeKind.None;
                if (isStart && _component[edge.To] == _components
                    && Way(edge.To, start, hasOneMiss ? kinds & ~EdgeKind.ReadWrite : kinds) is { } way
                    && (best is null || Length(way) + 1 < Length(best)))
                {
                    best = [edge, .. way];
                }

                if (_steps > StepsMax || (best is not null && Length(best) == 2))
                {
                    return best;
                }
            }
        }

        return best;
    }

    // The onward edges of a way count nothing: the edge that led to them does.
    private static int Length(List<Edge> way) => way.Count(edge => edge.Kind != EdgeKind.Onward);

    // A shortest way from one node to another within the component.
    private List<Edge>? Way(int from, int to, EdgeKind kinds)
    {
        _walks++;
        _reachedIn[from] = _walks;
        _reachedBy[from] = -1;
        var now = new Stack<int>([from]);
        var later = new List<int>();
        while (now.Count > 0)
        {
            while (now.TryPop(out var node))
            {
                foreach (var number in graph.From(node))
                {
                    _steps++;
                    var edge = graph.Edges[number];
                    if ((edge.Kind & kinds) == EdgeKind.None || _component[edge.To] != _components || _reachedIn[edge.To] == _walks)
                    {
                        continue;
                    }

                    _reachedIn[edge.To] = _walks;
                    _reachedBy[edge.To] = number;
                    if (edge.To == to)
                    {
                        return Back(from, to);
                    }

                    if (edge.Kind == EdgeKind.Onward)
                    {
                        now.Push(edge.To);
                    }
                    else
                    {
                        later.Add(edge.To);
                    }
                }
            }

            later.Reverse();
            now = new(later);
            later.Clear();
        }

        return null;
    }

    private List<Edge> Back(int from, int to)
    {
        var way = new List<Edge>();
        for (var node = to; node != from; node = way[^1].From)
        {
            way.Add(graph.Edges[_reachedBy[node]]);
        }

        way.Reverse();
        return way;
    }
}
