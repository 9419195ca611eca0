using System.Globalization;
using System.Text;
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
            $":f :{Name(operation.Kind)}, :key {Quote(operation.Key)}, :value {RegisterValue(operation, isAnswer)}");

    /// <summary>
    /// The same as one-operation transactions on registers, the form of Elle's rw-register checker. A delete writes nil; a compare-and-set
    /// by value, when it was applied, reads and writes.
    /// </summary>
    public static void WriteElle(History history, TextWriter output) =>
        WriteEvents(history, output, (operation, isAnswer) => $":f :txn, :value [{Transaction(operation, isAnswer)}]");

    private static void WriteEvents(History history, TextWriter output, Func<Operation, bool, string> body)
    {
        var processes = new Dictionary<int, int>();
        var step = history.Operations.Select(operation => operation.Client).DefaultIfEmpty(0).Max() + 1;
        var index = 0;
        foreach (var (operation, isAnswer) in EventsOf(history))
        {
            var process = processes.GetValueOrDefault(operation.Client, operation.Client);
            var type = isAnswer ? AnswerType(operation) : ":invoke";
            var error = isAnswer && operation.Applied == false ? ", :error :condition" : "";
            var time = (isAnswer ? operation.ReturnedAtMicros : operation.InvokedAtMicros) * 1000;
            output.Write($"{{:index {index++}, :process {process}, :type {type}, {body(operation, isAnswer)}, :time {time}{error}}}\n");
            if (type == ":info")
            {
                processes[operation.Client] = process + step;
            }
        }
    }

    // At one moment questions come before answers, which only adds overlap; but a client's answer comes before its own next question.
    private static IEnumerable<(Operation Operation, bool IsAnswer)> EventsOf(History history)
    {
        var events = new List<(long At, int Phase, Operation Operation, bool IsAnswer)>();
        foreach (var client in history.Operations.GroupBy(operation => operation.Client))
        {
            var (lastAt, phase) = (long.MinValue, 0);
            foreach (var (at, operation, isAnswer) in client.OrderBy(operation => operation.Id).SelectMany(BothEnds))
            {
                phase = at == lastAt ? phase + 1 : isAnswer ? 1 : 0;
                lastAt = at;
                events.Add((at, phase, operation, isAnswer));
            }
        }

        return events.OrderBy(entry => entry.At).ThenBy(entry => entry.Phase).ThenBy(entry => entry.Operation.Id)
            .Select(entry => (entry.Operation, entry.IsAnswer));
    }

    private static IEnumerable<(long At, Operation Operation, bool IsAnswer)> BothEnds(Operation operation)
    {
        yield return (operation.InvokedAtMicros, operation, false);
        if (operation.ReturnedAtMicros != Operation.Never)
        {
            yield return (operation.ReturnedAtMicros, operation, true);
        }
    }

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
            $"[{Quote(operation.ExpectedVersion?.ToString() ?? operation.ExpectedValue)} {Quote(operation.Value)}]",
        _ => Quote(operation.Value),
    };

    private static string Transaction(Operation operation, bool isAnswer)
    {
        var key = Quote(operation.Key);
        return operation.Kind switch
        {
            OperationKind.Read => $"[:r {key} {(isAnswer ? Quote(operation.Value) : "nil")}]",
            OperationKind.CompareAndSet when operation.ExpectedVersion is null =>
                $"[:r {key} {(isAnswer ? Quote(operation.ExpectedValue) : "nil")}] [:w {key} {Quote(operation.Value)}]",
            OperationKind.Delete => $"[:w {key} nil]",
            _ => $"[:w {key} {Quote(operation.Value)}]",
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

    private static string Quote(string? value)
    {
        if (value is null)
        {
            return "nil";
        }

        // Numbers stay numbers: models of registers in other checkers expect them.
        if (long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && value == number.ToString())
        {
            return value;
        }

        var text = new StringBuilder("\"");
        foreach (var c in value)
        {
            text.Append(c switch
            {
                '"' => "\\\"",
                '\\' => @"\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                < ' ' => $"\\u{(int)c:x4}",
                _ => c.ToString(),
            });
        }

        return text.Append('"').ToString();
    }
}
