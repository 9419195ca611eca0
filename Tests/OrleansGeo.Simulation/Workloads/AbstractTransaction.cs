using System.Globalization;

namespace OrleansGeo.Simulation.Workloads;

/// <summary>One step of a transaction before it runs: what to do, not what came of it.</summary>
public abstract record AbstractStep
{
    private AbstractStep()
    {
    }

    /// <summary>Reads a register.</summary>
    public sealed record Get(string Key) : AbstractStep;

    /// <summary>Reads a list.</summary>
    public sealed record GetList(string Key) : AbstractStep;

    /// <summary>Reads the registers from the first key up to, not including, the second.</summary>
    public sealed record Span(string From, string To) : AbstractStep;

    /// <summary>Sets a register, whatever is there. Within a workload no value is written to a key twice.</summary>
    public sealed record Put(string Key, string Value) : AbstractStep;

    /// <summary>Reads a list and writes it with one more element.</summary>
    public sealed record Append(string Key, string Element) : AbstractStep;

    /// <summary>Reads the number of a register, 0 where there is none, and writes another one, tagged as the transaction's own.</summary>
    public sealed record Add(string Key, long By) : AbstractStep;

    /// <summary>Reads numbers, and goes on only when their sum is within bounds; else the transaction rolls back.</summary>
    public sealed record RequireSum(IReadOnlyList<string> Keys, long Least, long Most = long.MaxValue) : AbstractStep;

    /// <summary>Reads a span, and goes on only when it has fewer rows than this.</summary>
    public sealed record RequireFewer(string From, string To, int Rows) : AbstractStep;
}

/// <summary>
/// A transaction as data, for any client that can read, write and commit. The token is unique in the workload; it makes every number that
/// is written a value of its own.
/// </summary>
public sealed record AbstractTransaction(string Token, IReadOnlyList<AbstractStep> Steps)
{
    /// <summary>True when it writes nothing.</summary>
    public bool IsReadOnly => Steps.All(step => step is AbstractStep.Get or AbstractStep.GetList or AbstractStep.Span);

    /// <summary>True when it reads a span, which conditions on single rows cannot stand for.</summary>
    public bool ReadsSpans => Steps.Any(step => step is AbstractStep.Span or AbstractStep.RequireFewer);
}

/// <summary>Numbers as registers hold them: the number, and the token of who wrote it, as in <c>95#t17</c>.</summary>
public static class TaggedNumber
{
    /// <summary>The text of a number written by a transaction, in its step of this place.</summary>
    public static string Text(long number, string token, int step) =>
        string.Create(CultureInfo.InvariantCulture, $"{number}#{token}.{step}");

    /// <summary>The number in a text; 0 where there is none.</summary>
    public static long Of(string? text) =>
        text is null ? 0 : long.Parse(text.AsSpan(0, text.IndexOf('#', StringComparison.Ordinal)), CultureInfo.InvariantCulture);
}
