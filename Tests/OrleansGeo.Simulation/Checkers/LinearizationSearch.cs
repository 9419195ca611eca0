namespace OrleansGeo.Simulation.Checkers;

/// <summary>
/// Looks for an order of one key's operations that explains every answer and agrees with real time: Wing and Gong's search (1993) over a
/// linked list of calls and returns, with the states seen before remembered as Lowe (2017) showed.
/// <para>
/// These rules keep the search small and lose no order. An answer that changes nothing and can come next does come next, because whatever
/// order exists still exists after it. An operation whose outcome is unknown may be left out for good, so it is tried only when the
/// answered ones give no way on, and only where what follows depends on it: before a blind write it might as well not have happened. Of
/// unknown operations that do the same the first called is tried, because it can stand wherever a later one can. And a place in the search
/// reached before with fewer unknown operations used up is not entered again.
/// </para>
/// </summary>
internal sealed class LinearizationSearch
{
    private const int Nothing = int.MinValue;
    private const int ComparisonsAStep = 16;

    private readonly RegisterModel _model;
    private readonly Operation[] _answered;
    private readonly Operation[] _unknown;
    private readonly int[] _conditionalUnknown;
    private readonly int[] _sameAs;

    // The list: node 0 is its head, operation i is called at node _call[i] and returns at _return[i].
    private readonly int[] _next;
    private readonly int[] _previous;
    private readonly int[] _operationAt;
    private readonly int[] _call;
    private readonly int[] _return;

    private readonly BitSet _answeredDone;
    private readonly BitSet _unknownDone;
    private readonly Dictionary<ulong[], List<ulong[]>> _seen = new(BitSet.KeyComparer.Instance);
    private readonly Stack<Frame> _stack = new();
    private readonly List<Operation> _order = [];
    private int _remaining;

    public LinearizationSearch(RegisterModel model, IEnumerable<Operation> operations)
    {
        _model = model;
        var all = operations.OrderBy(operation => operation.InvokedAtMicros).ThenBy(operation => operation.Id).ToList();
        _answered = [.. all.Where(operation => operation.Outcome == OperationOutcome.Ok)];
        _unknown = [.. all.Where(operation => operation is { Outcome: OperationOutcome.Unknown, Kind: not OperationKind.Read })];
        _conditionalUnknown = [.. Enumerable.Range(0, _unknown.Length).Where(i => !RegisterModel.IsBlind(_unknown[i]))];
        _sameAs = [.. _unknown.Select((operation, i) => Array.FindIndex(_unknown, other => DoTheSame(operation, other)))];
        _remaining = _answered.Length;
        _answeredDone = new(_answered.Length);
        _unknownDone = new(_unknown.Length);
        _next = new int[(_answered.Length * 2) + 1];
        _previous = new int[_next.Length];
        _operationAt = new int[_next.Length];
        _call = new int[_answered.Length];
        _return = new int[_answered.Length];
        LinkEvents();
    }

    /// <summary>How many placements were tried, or their worth in comparisons.</summary>
    public long Steps { get; private set; }

    /// <summary>How many operations were answered and must find a place.</summary>
    public int AnsweredCount => _answered.Length;

    /// <summary>The longest order found.</summary>
    public IReadOnlyList<Operation> Longest { get; private set; } = [];

    /// <summary>The answered operations of which one would have had to come after <see cref="Longest"/>.</summary>
    public IReadOnlyList<Operation> Stuck { get; private set; } = [];

    /// <summary>True when an order exists, false when none does, null when the budget ran out first.</summary>
    public bool? Run(int initialState, long stepBudget)
    {
        _stack.Push(Enter(initialState, false));
        while (_remaining > 0)
        {
            var frame = _stack.Peek();
            if (frame.Chosen != Nothing)
            {
                TakeBack(frame.Chosen);
                frame.Chosen = Nothing;
            }

            if (frame.NextChoice == frame.Choices.Count && !frame.HasUnknown)
            {
                AddUnknown(frame);
            }
            else if (frame.NextChoice == frame.Choices.Count)
            {
                Remember();
                Leave(_stack.Pop());
                if (_stack.Count == 0)
                {
                    return false;
                }
            }
            else if (Steps++ >= stepBudget)
            {
                return null;
            }
            else
            {
                Follow(frame, frame.Choices[frame.NextChoice++]);
            }
        }

        return true;
    }

    private void Follow(Frame frame, int choice)
    {
        var isUnknown = choice < 0;
        var state = _model.Step(isUnknown ? _unknown[~choice] : _answered[choice], frame.State);
        Place(choice);
        frame.Chosen = choice;
        if (IsNew(state))
        {
            _stack.Push(Enter(state, isUnknown));
        }
    }

    private bool IsNew(int state)
    {
        var key = _answeredDone.KeyWith(state);
        if (!_seen.TryGetValue(key, out var usedUp))
        {
            _seen.Add(key, usedUp = []);
        }

        // Looking through many places costs as much as trying some: the budget is one of time.
        Steps += usedUp.Count / ComparisonsAStep;
        if (usedUp.Exists(_unknownDone.Includes))
        {
            return false;
        }

        usedUp.Add(_unknownDone.ToWords());
        return true;
    }

    private bool DoTheSame(Operation a, Operation b) =>
        a.Kind == b.Kind && a.ExpectedValue == b.ExpectedValue && a.ExpectedVersion == b.ExpectedVersion
        && _model.StateAfter(a) == _model.StateAfter(b);

    private Frame Enter(int state, bool isAfterUnknown)
    {
        var frame = new Frame(state, isAfterUnknown);
        while (FirstObservation(state) is var observation && observation != Nothing)
        {
            Place(observation);
            frame.Observations.Add(observation);
            frame.IsAfterUnknown = false;
        }

        foreach (var i in Callable())
        {
            var operation = _answered[i];
            if (!(frame.IsAfterUnknown && RegisterModel.IsBlind(operation)) && !RegisterModel.IsObservation(operation)
                && _model.Step(operation, state) != RegisterModel.Illegal)
            {
                frame.Choices.Add(i);
            }
        }

        // A guess at the order that was: versions go up. Any order is allowed here; a good guess only finds one sooner.
        frame.Choices.Sort((a, b) => GuessedOrder(_answered[a]).CompareTo(GuessedOrder(_answered[b])));
        return frame;
    }

    // Unknown operations that were called before anything still open returned, and that make a difference to what can follow.
    private void AddUnknown(Frame frame)
    {
        frame.HasUnknown = true;
        var firstReturnMicros = FirstReturnMicros();
        var tried = new HashSet<int>();
        var unnamed = new List<int>();
        for (var i = 0; i < _unknown.Length && _unknown[i].InvokedAtMicros <= firstReturnMicros; i++)
        {
            if (_unknownDone[i] || (frame.IsAfterUnknown && RegisterModel.IsBlind(_unknown[i])))
            {
                continue;
            }

            var after = _model.Step(_unknown[i], frame.State);
            if (after != RegisterModel.Illegal && after != frame.State && tried.Add(_sameAs[i]) && Matters(after, i, firstReturnMicros))
            {
                (_model.IsNamed(after) ? frame.Choices : unnamed).Add(~i);
            }
        }

        frame.Choices.AddRange(unnamed);
    }

    private bool Matters(int state, int except, long firstReturnMicros)
    {
        foreach (var i in Callable())
        {
            if (!RegisterModel.IsBlind(_answered[i]) && _model.Step(_answered[i], state) != RegisterModel.Illegal)
            {
                return true;
            }
        }

        foreach (var i in _conditionalUnknown)
        {
            if (i != except && !_unknownDone[i] && _unknown[i].InvokedAtMicros <= firstReturnMicros
                && _model.Step(_unknown[i], state) != RegisterModel.Illegal)
            {
                return true;
            }
        }

        return false;
    }

    private long FirstReturnMicros()
    {
        var node = _next[0];
        while (IsCall(node))
        {
            node = _next[node];
        }

        return _answered[_operationAt[node]].ReturnedAtMicros;
    }

    private static ulong GuessedOrder(Operation operation) => operation.Version?.Value ?? ulong.MaxValue;

    private int FirstObservation(int state)
    {
        foreach (var i in Callable())
        {
            if (RegisterModel.IsObservation(_answered[i]) && _model.Step(_answered[i], state) == state)
            {
                return i;
            }
        }

        return Nothing;
    }

    private void Leave(Frame frame)
    {
        for (var i = frame.Observations.Count - 1; i >= 0; i--)
        {
            TakeBack(frame.Observations[i]);
        }
    }

    private void Remember()
    {
        if (_order.Count > Longest.Count || Stuck.Count == 0)
        {
            Longest = [.. _order];
            Stuck = [.. Callable().Select(i => _answered[i])];
        }
    }

    // The answered operations that can come next in time: those called before anything still open returned.
    private IEnumerable<int> Callable()
    {
        for (var node = _next[0]; node != 0 && IsCall(node); node = _next[node])
        {
            yield return _operationAt[node];
        }
    }

    // A negative choice is the complement of an index into the unknown operations.
    private void Place(int choice)
    {
        if (choice < 0)
        {
            _unknownDone.Set(~choice);
            _order.Add(_unknown[~choice]);
            return;
        }

        Unlink(_call[choice]);
        Unlink(_return[choice]);
        _answeredDone.Set(choice);
        _order.Add(_answered[choice]);
        _remaining--;
    }

    private void TakeBack(int choice)
    {
        _order.RemoveAt(_order.Count - 1);
        if (choice < 0)
        {
            _unknownDone.Clear(~choice);
            return;
        }

        Relink(_return[choice]);
        Relink(_call[choice]);
        _answeredDone.Clear(choice);
        _remaining++;
    }

    private bool IsCall(int node) => _call[_operationAt[node]] == node;

    private void Unlink(int node)
    {
        _next[_previous[node]] = _next[node];
        _previous[_next[node]] = _previous[node];
    }

    private void Relink(int node)
    {
        _next[_previous[node]] = node;
        _previous[_next[node]] = node;
    }

    // At one moment calls come before returns: operations that touch in time count as overlapping.
    private void LinkEvents()
    {
        var calls = _answered.Select((operation, i) => (At: operation.InvokedAtMicros, IsReturn: false, Operation: i));
        var returns = _answered.Select((operation, i) => (At: operation.ReturnedAtMicros, IsReturn: true, Operation: i));
        var node = 0;
        var events = calls.Concat(returns).OrderBy(entry => entry.At).ThenBy(entry => entry.IsReturn).ThenBy(entry => entry.Operation);
        foreach (var entry in events)
        {
            _next[node] = ++node;
            _previous[node] = node - 1;
            _operationAt[node] = entry.Operation;
            (entry.IsReturn ? _return : _call)[entry.Operation] = node;
        }

        _next[node] = 0;
        _previous[0] = node;
    }

    private sealed class Frame(int state, bool isAfterUnknown)
    {
        public bool IsAfterUnknown { get; set; } = isAfterUnknown;

        public bool HasUnknown { get; set; }

        public int State { get; } = state;

        public List<int> Observations { get; } = [];

        public List<int> Choices { get; } = [];

        public int NextChoice { get; set; }

        public int Chosen { get; set; } = Nothing;
    }
}
