using System.Text;
using OrleansGeo.Primitives;

namespace OrleansGeo.Simulation.Checkers;

/// <summary>
/// Decides whether a history is linearizable (Herlihy and Wing, 1990), key by key: linearizability is local, so a history is linearizable
/// exactly when each key's part is.
/// </summary>
public static class LinearizabilityChecker
{
    /// <summary>Placements tried per key before the checker gives up: a few seconds.</summary>
    public const long DefaultStepBudget = 2_000_000;

    private const int PrefixShown = 8;

    /// <summary>The verdict on every key. Keys hold nothing at first, except where <paramref name="initial"/> names a value.</summary>
    public static Verdict Check(
        History history,
        long stepBudget = DefaultStepBudget,
        IReadOnlyDictionary<string, string>? initial = null) =>
        Verdict.Worst(history.ByKey.Select(key => CheckKey([.. key], stepBudget, initial?.GetValueOrDefault(key.Key))));

    /// <summary>The verdict on the operations of one key.</summary>
    public static Verdict CheckKey(IReadOnlyList<Operation> operations, long stepBudget = DefaultStepBudget, string? initial = null)
    {
        Invariant.Holds(operations.All(operation => operation.Key == operations[0].Key));
        if (ConflictingVersions(operations, initial) is { } conflict)
        {
            return new Verdict.Violated(conflict);
        }

        var key = operations[0].Key;
        if (ValueZones.Contradiction(operations, initial) is { } contradiction)
        {
            return new Verdict.Violated($"key '{key}' is not linearizable: {contradiction}");
        }

        return Search(operations, stepBudget, initial);
    }

    /// <summary>The verdict by search alone, without the quick look for contradictions first.</summary>
    public static Verdict Search(IReadOnlyList<Operation> operations, long stepBudget = DefaultStepBudget, string? initial = null)
    {
        var key = operations[0].Key;
        var model = new RegisterModel(operations);
        var search = new LinearizationSearch(model, WithVersionsSeen(operations, initial));
        return search.Run(model.StateOf(initial, null), stepBudget) switch
        {
            true => new Verdict.Good(),
            false => new Verdict.Violated(Explain(key, search, initial)),
            null => new Verdict.Inconclusive(
                $"key '{key}', {operations.Count} operations: no answer within {stepBudget} steps"),
        };
    }

    // A value that only one operation can have written has one version, and who read it knows the version of a write that was not answered.
    private static IEnumerable<Operation> WithVersionsSeen(IReadOnlyList<Operation> operations, string? initial)
    {
        var writers = WritersByValue(operations, initial);
        var seen = new Dictionary<string, HlcTimestamp>();
        foreach (var read in operations.Where(operation => IsVersionedRead(operation) && writers.GetValueOrDefault(operation.Value!) == 1))
        {
            seen[read.Value!] = read.Version!.Value;
        }

        return operations.Select(operation =>
            operation is { WritesValue: true, Version: null } && seen.TryGetValue(operation.Value!, out var version)
                ? operation with { Version = version }
                : operation);
    }

    private static string? ConflictingVersions(IReadOnlyList<Operation> operations, string? initial)
    {
        var writers = WritersByValue(operations, initial);
        return operations
            .Where(operation => IsVersionedRead(operation) && writers.GetValueOrDefault(operation.Value!) == 1)
            .GroupBy(operation => operation.Value)
            .Where(group => group.Select(operation => operation.Version).Distinct().Count() > 1)
            .Select(group => $"one write was read with several versions:\n{Lines(group)}")
            .FirstOrDefault();
    }

    private static Dictionary<string, int> WritersByValue(IReadOnlyList<Operation> operations, string? initial) =>
        operations.Where(operation => operation.WritesValue && operation.Outcome != OperationOutcome.Failed)
            .Select(operation => operation.Value!)
            .Concat(initial is null ? [] : [initial])
            .GroupBy(value => value)
            .ToDictionary(group => group.Key, group => group.Count());

    private static bool IsVersionedRead(Operation operation) =>
        operation is { Kind: OperationKind.Read, Outcome: OperationOutcome.Ok, Value: not null, Version: not null };

    private static string Explain(string key, LinearizationSearch search, string? initial)
    {
        var text = new StringBuilder();
        var last = search.Longest.LastOrDefault(operation => !RegisterModel.IsObservation(operation));
        var value = last is null ? initial : last.Kind == OperationKind.Delete ? null : last.Value;
        var holds = value is null ? "nothing" : last?.Version is { } version ? new KeyVersion(version, value).ToString() : $"'{value}'";
        var placed = search.Longest.Count(operation => operation.Outcome == OperationOutcome.Ok);
        text.AppendLine($"key '{key}' is not linearizable: no order of its operations explains every answer");
        text.AppendLine($"the longest order that works has {placed} of {search.AnsweredCount} answered operations; it ends with:");
        text.AppendLine(Lines(search.Longest.TakeLast(PrefixShown)));
        text.AppendLine($"then the key holds {holds}, and none of these can come next:");
        text.Append(Lines(search.Stuck));
        return text.ToString();
    }

    private static string Lines(IEnumerable<Operation> operations) => string.Join('\n', operations.Select(operation => "  " + operation));
}
