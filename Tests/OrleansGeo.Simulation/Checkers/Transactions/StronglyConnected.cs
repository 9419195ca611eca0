namespace OrleansGeo.Simulation.Checkers.Transactions;

/// <summary>Strongly connected components (Tarjan, 1972), with a stack of its own: a path may be as long as the history.</summary>
internal sealed class StronglyConnected(DependencyGraph graph)
{
    private const int Outside = -1;
    private readonly int[] _numbers = NoNumbers(graph.Nodes);
    private readonly int[] _lowest = new int[graph.Nodes];
    private readonly int[] _nextEdge = new int[graph.Nodes];
    private readonly bool[] _isOpen = new bool[graph.Nodes];
    private readonly Stack<int> _open = [];
    private readonly Stack<int> _path = [];
    private EdgeKind _kinds;
    private int _visited;

    /// <summary>
    /// The components of more than one of these nodes, over edges of these kinds between them. Components come in the order of their first
    /// nodes, and so do the nodes of each.
    /// </summary>
    public List<List<int>> Of(IReadOnlyList<int> nodes, EdgeKind kinds)
    {
        (_kinds, _visited) = (kinds, 0);
        foreach (var node in nodes)
        {
            (_numbers[node], _nextEdge[node]) = (0, 0);
        }

        var found = new List<List<int>>();
        foreach (var node in nodes)
        {
            Visit(node, found);
        }

        foreach (var node in nodes)
        {
            _numbers[node] = Outside;
        }

        found.ForEach(component => component.Sort());
        found.Sort((a, b) => a[0].CompareTo(b[0]));
        return found;
    }

    private static int[] NoNumbers(int count)
    {
        var numbers = new int[count];
        Array.Fill(numbers, Outside);
        return numbers;
    }

    private void Visit(int root, List<List<int>> found)
    {
        if (_numbers[root] != 0)
        {
            return;
        }

        Enter(root);
        while (_path.TryPeek(out var node))
        {
            if (NextOf(node) is not { } next)
            {
                Leave(node, found);
            }
            else if (_numbers[next] == 0)
            {
                Enter(next);
            }
            else if (_isOpen[next])
            {
                _lowest[node] = Math.Min(_lowest[node], _numbers[next]);
            }
        }
    }

    private int? NextOf(int node)
    {
        var edges = graph.From(node);
        while (_nextEdge[node] < edges.Length)
        {
            var edge = graph.Edges[edges[_nextEdge[node]++]];
            if ((edge.Kind & _kinds) != EdgeKind.None && _numbers[edge.To] != Outside)
            {
                return edge.To;
            }
        }

        return null;
    }

    private void Enter(int node)
    {
        _numbers[node] = _lowest[node] = ++_visited;
        _isOpen[node] = true;
        _open.Push(node);
        _path.Push(node);
    }

    private void Leave(int node, List<List<int>> found)
    {
        _path.Pop();
        if (_path.TryPeek(out var parent))
        {
            _lowest[parent] = Math.Min(_lowest[parent], _lowest[node]);
        }

        if (_lowest[node] != _numbers[node])
        {
            return;
        }

        var component = new List<int>();
        int member;
        do
        {
            member = _open.Pop();
            _isOpen[member] = false;
            component.Add(member);
        }
        while (member != node);
        if (component.Count > 1)
        {
            found.Add(component);
        }
    }
}
