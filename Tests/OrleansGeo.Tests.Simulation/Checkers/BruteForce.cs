using OrleansGeo.Simulation.Checkers;

namespace OrleansGeo.Tests.Simulation.Checkers;

/// <summary>
/// Decides linearizability the dumb way, for a handful of operations without versions: every order of the answered operations with every
/// choice of the unknown ones is tried against a plain register.
/// </summary>
internal static class BruteForce
{
    public static bool IsLinearizable(IReadOnlyList<Operation> operations) =>
        Extend([.. operations.Where(operation => operation.Outcome != OperationOutcome.Failed)], null);

    private static bool Extend(List<Operation> rest, string? value)
    {
        if (rest.TrueForAll(operation => operation.Outcome == OperationOutcome.Unknown))
        {
            return true;
        }

        foreach (var next in rest)
        {
            var mustWait = rest.Exists(other =>
                other.Outcome == OperationOutcome.Ok && other.ReturnedAtMicros < next.InvokedAtMicros);
            if (mustWait)
            {
                continue;
            }

            var (isExplained, after) = Do(next, value);
            if (isExplained && Extend([.. rest.Where(other => other != next)], after))
            {
                return true;
            }
        }

        return false;
    }

    private static (bool IsExplained, string? After) Do(Operation operation, string? value)
    {
        var isUnknown = operation.Outcome == OperationOutcome.Unknown;
        switch (operation.Kind)
        {
            case OperationKind.Read:
                return (isUnknown || operation.Value == value, value);
            case OperationKind.Put:
                return (true, operation.Value);
            case OperationKind.Delete:
                return (isUnknown || operation.Applied is null || operation.Applied == (value is not null), null);
            default:
                var holds = operation.Kind == OperationKind.Insert ? value is null : value == operation.ExpectedValue;
                return (isUnknown || operation.Applied == holds, holds ? operation.Value : value);
        }
    }
}
