using OrleansGeo.Primitives;

namespace OrleansGeo.Simulation.Checkers;

/// <summary>
/// What one key of a correct store does: a register that holds a value with a version, or nothing. States are small numbers. A version that
/// no answer names is not known, and then any version agrees with it. Values that no operation tells apart are one state: those without a
/// known version that were neither read nor expected.
/// </summary>
internal sealed class RegisterModel
{
    private const string AnyUnseen = "a value that no answer names";

    /// <summary>The state that holds nothing.</summary>
    public const int Absent = 0;

    /// <summary>Not a state: the operation cannot come next.</summary>
    public const int Illegal = -1;

    private readonly HashSet<string> _seen;
    private readonly List<(string? Value, HlcTimestamp? Version)> _states = [(null, null)];
    private readonly Dictionary<(string? Value, HlcTimestamp? Version), int> _ids = new() { [(null, null)] = Absent };

    public RegisterModel(IEnumerable<Operation> operations) =>
        _seen = [.. operations.SelectMany(operation =>
            new[] { operation.ExpectedValue, operation.Kind == OperationKind.Read ? operation.Value : null }).OfType<string>()];

    /// <summary>The state that holds this value, or nothing when it is null.</summary>
    public int StateOf(string? value, HlcTimestamp? version)
    {
        var isUnseen = value is not null && version is null && !_seen.Contains(value);
        var content = value is null ? (null, null) : (isUnseen ? AnyUnseen : value, version);
        if (!_ids.TryGetValue(content, out var id))
        {
            id = _states.Count;
            _states.Add(content);
            _ids.Add(content, id);
        }

        return id;
    }

    /// <summary>True when the operation, placed anywhere, leaves the state as it is.</summary>
    public static bool IsObservation(Operation operation) =>
        operation.Outcome == OperationOutcome.Ok && (operation.Kind == OperationKind.Read || operation.Applied == false);

    /// <summary>True when the operation takes effect in every state, so that what went before it does not matter.</summary>
    public static bool IsBlind(Operation operation) =>
        operation.Kind == OperationKind.Put
        || (operation.Kind == OperationKind.Delete && operation.Outcome == OperationOutcome.Ok && operation.Applied is null);

    /// <summary>
    /// The state after the operation took effect with the answer it got, or <see cref="Illegal"/>. An unknown operation takes effect: where
    /// it would change nothing it is illegal, because leaving it out says the same.
    /// </summary>
    public int Step(Operation operation, int state) => operation.Kind switch
    {
        OperationKind.Read => Agrees(state, operation) ? state : Illegal,
        OperationKind.Put => Written(operation),
        OperationKind.Insert when operation.Applied == false => state == Absent ? Illegal : state,
        OperationKind.Insert => state == Absent ? Written(operation) : Illegal,
        OperationKind.CompareAndSet when operation.Applied == false => Holds(state, operation) == true ? Illegal : state,
        OperationKind.CompareAndSet => Holds(state, operation) == false ? Illegal : Written(operation),
        OperationKind.Delete when operation.Applied == false => state == Absent ? state : Illegal,
        OperationKind.Delete => state != Absent || IsBlind(operation) ? Absent : Illegal,
        _ => Illegal,
    };

    /// <summary>What the key holds after a write took effect, wherever it did.</summary>
    public int StateAfter(Operation write) => write.Kind == OperationKind.Delete ? Absent : Written(write);

    /// <summary>True when operations tell this state from others by its value.</summary>
    public bool IsNamed(int state) => _states[state].Value is not (null or AnyUnseen);

    private int Written(Operation operation) => StateOf(operation.Value, operation.Version);

    private bool Agrees(int state, Operation read)
    {
        var (value, version) = _states[state];
        return value == read.Value && (version is null || read.Version is null || version == read.Version);
    }

    private bool? Holds(int state, Operation operation)
    {
        var (value, version) = _states[state];
        if (operation.ExpectedVersion is not { } expected)
        {
            return value == operation.ExpectedValue;
        }

        return value is null ? false : version is null ? null : version == expected;
    }
}
