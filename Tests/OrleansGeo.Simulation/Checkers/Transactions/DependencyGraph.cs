namespace OrleansGeo.Simulation.Checkers.Transactions;

/// <summary>Why one transaction comes before another.</summary>
[Flags]
internal enum EdgeKind : byte
{
    None = 0,

    /// <summary>Both wrote a key, and the second replaced what the first wrote.</summary>
    WriteWrite = 1,

    /// <summary>The second read what the first wrote.</summary>
    WriteRead = 2,

    /// <summary>The first read what the second replaced.</summary>
    ReadWrite = 4,

    /// <summary>One client did both, one after the other.</summary>
    Process = 8,

    /// <summary>The first had returned when the second began.</summary>
    Realtime = 16,

    /// <summary>The way on from a node that is no transaction.</summary>
    Onward = 32,
}

/// <summary>An edge, with the key and the versions it is about.</summary>
internal readonly record struct Edge(int From, int To, EdgeKind Kind, IndexedKey? Key, IndexedValue? Source, IndexedValue? Target);

/// <summary>
/// Transactions and why one comes before another. Where many come before many, the edges go by nodes of their own, so that there are no
/// more edges than transactions; what an edge into such a node is decides what the whole way is.
/// </summary>
internal sealed class DependencyGraph(int transactions)
{
    private readonly List<Edge> _edges = [];
    private int[] _starts = [];
    private int[] _outgoing = [];

    /// <summary>Nodes below this number are transactions.</summary>
    public int Transactions { get; } = transactions;

    public int Nodes { get; private set; } = transactions;

    public IReadOnlyList<Edge> Edges => _edges;

    public int AddNode() => Nodes++;

    public void Add(Edge edge)
    {
        if (edge.From != edge.To)
        {
            _edges.Add(edge);
        }
    }

    /// <summary>Each of the first comes before each of the second, except before itself. Neither list names a node twice.</summary>
    public void AddAll(
        EdgeKind kind,
        IndexedKey key,
        IReadOnlyList<(int Node, IndexedValue? State)> first,
        IReadOnlyList<(int Node, IndexedValue Write)> second)
    {
        const int FewEnough = 4;
        if (first.Count <= 1 || second.Count <= FewEnough)
        {
            foreach (var (from, source) in first)
            {
                foreach (var (to, target) in second)
                {
                    Add(new(from, to, kind, key, source, target));
                }
            }

            return;
        }

        AddAllByNodes(kind, key, first, second);
    }

    /// <summary>Ends the building.</summary>
    public void Freeze()
    {
        _starts = new int[Nodes + 1];
        foreach (var edge in _edges)
        {
            _starts[edge.From + 1]++;
        }

        for (var i = 0; i < Nodes; i++)
        {
            _starts[i + 1] += _starts[i];
        }

        var at = _starts.AsSpan(0, Nodes).ToArray();
        _outgoing = new int[_edges.Count];
        for (var i = 0; i < _edges.Count; i++)
        {
            _outgoing[at[_edges[i].From]++] = i;
        }
    }

    /// <summary>The numbers of the edges that leave a node.</summary>
    public ReadOnlySpan<int> From(int node) => _outgoing.AsSpan(_starts[node], _starts[node + 1] - _starts[node]);

    // One row of nodes leads to everything up to a place in the second list and one to everything from a place on: who stands in both
    // lists enters the rows beside its own place.
    private void AddAllByNodes(
        EdgeKind kind,
        IndexedKey key,
        IReadOnlyList<(int Node, IndexedValue? State)> first,
        IReadOnlyList<(int Node, IndexedValue Write)> second)
    {
        var upTo = new int[second.Count];
        var onFrom = new int[second.Count];
        var places = new Dictionary<int, int>();
        for (var i = 0; i < second.Count; i++)
        {
            (upTo[i], onFrom[i]) = (AddNode(), AddNode());
            places.Add(second[i].Node, i);
            foreach (var row in new[] { upTo[i], onFrom[i] })
            {
                Add(new(row, second[i].Node, EdgeKind.Onward, key, null, second[i].Write));
            }

            if (i > 0)
            {
                Add(new(upTo[i], upTo[i - 1], EdgeKind.Onward, key, null, null));
                Add(new(onFrom[i - 1], onFrom[i], EdgeKind.Onward, key, null, null));
            }
        }

        foreach (var (from, source) in first)
        {
            var own = places.GetValueOrDefault(from, -1);
            if (own > 0)
            {
                Add(new(from, upTo[own - 1], kind, key, source, null));
            }

            if (own + 1 < second.Count)
            {
                Add(new(from, onFrom[own + 1], kind, key, source, null));
            }
        }
    }
}
