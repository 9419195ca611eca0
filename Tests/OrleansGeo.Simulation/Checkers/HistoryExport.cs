using System.Text.Json;

namespace OrleansGeo.Simulation.Checkers;

/// <summary>Writes histories for checkers of other people. <c>docs/checking-histories.md</c> says how to run them.</summary>
public static class HistoryExport
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        DefaultIgnoreCondition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull,
    };

    /// <summary>One JSON object per operation and line: everything that is known, in the order of invocation.</summary>
    public static void WriteJsonLines(History history, TextWriter output)
    {
        foreach (var operation in history.Operations)
        {
            output.Write(JsonSerializer.Serialize(
                new
                {
                    id = operation.Id,
                    client = operation.Client,
                    key = operation.Key,
                    kind = Name(operation.Kind),
                    invokedAtMicros = operation.InvokedAtMicros,
                    returnedAtMicros = operation.ReturnedAtMicros == Operation.Never ? null : (long?)operation.ReturnedAtMicros,
                    outcome = operation.Outcome.ToString().ToLowerInvariant(),
                    value = operation.Value,
                    expectedValue = operation.ExpectedValue,
                    expectedVersion = operation.ExpectedVersion?.ToString(),
                    applied = operation.Applied,
                    version = operation.Version?.ToString(),
                    requestId = operation.RequestId,
                },
                s_json));
            output.Write('\n');
        }
    }

    /// <summary>
    /// One EDN map per event and line, as Jepsen writes them: a register per key, times in nanoseconds. A condition that did not hold is a
    /// <c>:fail</c> with <c>:error :condition</c>, and a process is not used again after an <c>:info</c>.
    /// </summary>
    public static void WriteEdn(History history, TextWriter output) =>
        WriteEvents(history, output, (operation, isAnswer) =>
            $":f :{Name(operation.Kind)}, :key {EdnEvents.Quote(operation.Key)}, :value {RegisterValue(operation, isAnswer)}");

    /// <summary>
    /// The same as one-operation transactions on registers, the form of Elle's rw-register checker. A delete writes nil; a compare-and-set
    /// by value, when it was applied, reads and writes.
    /// </summary>
    public static void WriteElle(History history, TextWriter output) =>
        WriteEvents(history, output, (operation, isAnswer) => $":f :txn, :value [{Transaction(operation, isAnswer)}]");

    private static void WriteEvents(History history, TextWriter output, Func<Operation, bool, string> body) => EdnEvents.Write(
        [.. history.Operations.Select(operation => new EdnEntry(
            operation.Id,
            operation.Client,
            operation.InvokedAtMicros,
            operation.ReturnedAtMicros,
            AnswerType(operation),
            operation.Applied == false ? ", :error :condition" : ""))],
        output,
        (id, isAnswer) => body(history.Operations[id], isAnswer));

    private static string AnswerType(Operation operation) => operation.Outcome switch
    {
        OperationOutcome.Ok => operation.Applied == false ? ":fail" : ":ok",
        OperationOutcome.Failed => ":fail",
        _ => ":info",
    };

    private static string RegisterValue(Operation operation, bool isAnswer) => operation.Kind switch
    {
        OperationKind.Read when !isAnswer => "nil",
        OperationKind.CompareAndSet =>
            $"[{EdnEvents.Quote(operation.ExpectedVersion?.ToString() ?? operation.ExpectedValue)} {EdnEvents.Quote(operation.Value)}]",
        _ => EdnEvents.Quote(operation.Value),
    };

    private static string Transaction(Operation operation, bool isAnswer)
    {
        var key = EdnEvents.Quote(operation.Key);
        return operation.Kind switch
        {
            OperationKind.Read => $"[:r {key} {(isAnswer ? EdnEvents.Quote(operation.Value) : "nil")}]",
            OperationKind.CompareAndSet when operation.ExpectedVersion is null =>
                $"[:r {key} {(isAnswer ? EdnEvents.Quote(operation.ExpectedValue) : "nil")}] [:w {key} {EdnEvents.Quote(operation.Value)}]",
            OperationKind.Delete => $"[:w {key} nil]",
            _ => $"[:w {key} {EdnEvents.Quote(operation.Value)}]",
        };
    }

    private static string Name(OperationKind kind) => kind switch
    {
        OperationKind.Read => "read",
        OperationKind.Put => "write",
        OperationKind.CompareAndSet => "cas",
        OperationKind.Insert => "insert",
        _ => "delete",
    };
}
