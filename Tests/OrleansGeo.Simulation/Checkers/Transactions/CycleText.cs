using System.Collections.Immutable;
using System.Text;

namespace OrleansGeo.Simulation.Checkers.Transactions;

/// <summary>What a cycle is called, and why each of its transactions comes before the next, for a reader.</summary>
internal static class CycleText
{
    private const int StepsShown = 20;

    /// <summary>The cycle as an anomaly. Where it is about one key alone, <paramref name="scope"/> says so.</summary>
    public static Anomaly Describe(IReadOnlyList<Edge> cycle, HistoryIndex index, string scope = "")
    {
        var steps = StepsOf(cycle);
        var ids = steps.Select(step => step.From).ToImmutableArray();
        var text = new StringBuilder("each of these came before the next, and the last before the first").Append(scope).Append(':');
        text.Append(index.Lines(ids.Take(StepsShown)));
        foreach (var step in steps.Take(StepsShown))
        {
            text.Append($"\nT{step.From} before T{step.To} ({ShortName(step.Kind)}): {Reason(step, index)}");
        }

        if (steps.Count > StepsShown)
        {
            text.Append($"\nand so on, {steps.Count} in all");
        }

        return new(KindOf(steps), TimeOf(steps), ids, text.ToString());
    }

    // A way through nodes that are no transactions is one step: what its first edge is, to where its last one leads.
    private static List<Edge> StepsOf(IReadOnlyList<Edge> cycle)
    {
        var start = 0;
        while (cycle[start].Kind == EdgeKind.Onward)
        {
            start++;
        }

        var steps = new List<Edge>();
        for (var i = 0; i < cycle.Count; i++)
        {
            var edge = cycle[(start + i) % cycle.Count];
            if (edge.Kind != EdgeKind.Onward)
            {
                steps.Add(edge);
            }
            else
            {
                steps[^1] = steps[^1] with { To = edge.To, Target = edge.Target ?? steps[^1].Target };
            }
        }

        // A cycle has no beginning; the transaction that was begun first is as good as any.
        var first = steps.IndexOf(steps.MinBy(step => step.From));
        return [.. steps.Skip(first), .. steps.Take(first)];
    }

    private static AnomalyKind KindOf(List<Edge> steps) => steps.Count(step => step.Kind == EdgeKind.ReadWrite) switch
    {
        0 => steps.Exists(step => step.Kind == EdgeKind.WriteRead) ? AnomalyKind.G1c : AnomalyKind.G0,
        1 => AnomalyKind.GSingle,
        _ => AnomalyKind.G2,
    };

    private static CycleTime TimeOf(List<Edge> steps) =>
        steps.Exists(step => step.Kind == EdgeKind.Realtime) ? CycleTime.Realtime
        : steps.Exists(step => step.Kind == EdgeKind.Process) ? CycleTime.Process
        : CycleTime.None;

    private static string ShortName(EdgeKind kind) => kind switch
    {
        EdgeKind.WriteWrite => "ww",
        EdgeKind.WriteRead => "wr",
        EdgeKind.ReadWrite => "rw",
        EdgeKind.Process => "process",
        _ => "realtime",
    };

    private static string Reason(Edge step, HistoryIndex index)
    {
        var (from, to) = (index.Transactions[step.From], index.Transactions[step.To]);
        return step.Kind switch
        {
            EdgeKind.WriteWrite => $"T{step.To} put {step.Target} into '{step.Key!.Name}' after {step.Source} of T{step.From}",
            EdgeKind.WriteRead => $"T{step.To} read {step.Source} in '{step.Key!.Name}', which T{step.From} put there",
            EdgeKind.ReadWrite =>
                $"T{step.From} {How(from, step.Key!)} '{step.Key!.Name}' {State(step)} and not yet {step.Target}, "
                + $"which T{step.To} put there",
            EdgeKind.Process => $"client {from.Client} did one after the other",
            _ when step.Key is { } key =>
                $"it had returned at {from.ReturnedAtMicros}us when T{step.To} began at {to.InvokedAtMicros}us, and both met '{key.Name}'",
            _ => $"it had returned at {from.ReturnedAtMicros}us when T{step.To} began at {to.InvokedAtMicros}us",
        };
    }

    private static string State(Edge step) => step.Source is { } source ? $"with {source}" : "in its first state";

    // A key that no operation names was met by a scan.
    private static string How(Transaction transaction, IndexedKey key) =>
        transaction.Operations.Any(operation => operation switch
        {
            MicroOperation.Read read => read.Key == key.Name,
            MicroOperation.ReadList read => read.Key == key.Name,
            _ => false,
        })
            ? "read"
            : "scanned";
}
