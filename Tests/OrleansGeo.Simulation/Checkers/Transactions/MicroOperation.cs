using OrleansGeo.Primitives;

namespace OrleansGeo.Simulation.Checkers.Transactions;

/// <summary>
/// One thing a transaction did to one key, or to a span of keys. A key is either a list, which is only appended to, or a register. Within a
/// key no two appends add the same element and no two writes write the same value: that is how a reader tells whose effect it saw.
/// </summary>
public abstract record MicroOperation
{
    private MicroOperation()
    {
    }

    /// <summary>Adds an element at the end of a list; a list that was never appended to is empty.</summary>
    public sealed record Append(string Key, string Element) : MicroOperation
    {
        /// <inheritdoc />
        public override string ToString() => $"append {Key} {Element}";
    }

    /// <summary>Reads a whole list; null when the transaction was not answered.</summary>
    public sealed record ReadList(string Key, IReadOnlyList<string>? Elements) : MicroOperation
    {
        /// <inheritdoc />
        public override string ToString() => $"read {Key} [{(Elements is null ? "?" : string.Join(' ', Elements))}]";
    }

    /// <summary>Sets a register; null removes it.</summary>
    public sealed record Write(string Key, string? Value) : MicroOperation
    {
        /// <inheritdoc />
        public override string ToString() => Value is null ? $"delete {Key}" : $"write {Key} {Value}";
    }

    /// <summary>Reads a register; null when it was absent.</summary>
    public sealed record Read(string Key, string? Value, HlcTimestamp? Version = null) : MicroOperation
    {
        /// <summary>False when the transaction asked and was not answered.</summary>
        public bool IsAnswered { get; init; } = true;

        /// <inheritdoc />
        public override string ToString() =>
            $"read {Key} {(IsAnswered ? Value ?? "nothing" : "?")}{(Version is { } version ? $"@{version}" : "")}";
    }

    /// <summary>
    /// Reads every key from the first up to, not including, the second, in ordinal order. The rows are a <see cref="Read"/> or
    /// <see cref="ReadList"/> for each key that was there; a key of the span without a row was absent. Null when it was not answered.
    /// </summary>
    public sealed record Scan(string From, string To, IReadOnlyList<MicroOperation>? Rows) : MicroOperation
    {
        /// <summary>True when the key is in the span.</summary>
        public bool Covers(string key) => string.CompareOrdinal(From, key) <= 0 && string.CompareOrdinal(key, To) < 0;

        /// <inheritdoc />
        public override string ToString() => $"scan {From}..{To} {(Rows is null ? "?" : "{" + string.Join(", ", Rows.Select(Row)) + "}")}";

        private static string Row(MicroOperation row) => row.ToString()!["read ".Length..];
    }
}
