using OrleansGeo.Primitives;

namespace OrleansGeo.Simulation.Checkers;

/// <summary>What a client asked of one key.</summary>
public enum OperationKind
{
    /// <summary>A strong read.</summary>
    Read,

    /// <summary>Sets the value, whatever is there.</summary>
    Put,

    /// <summary>Sets the value when the one there is the expected one.</summary>
    CompareAndSet,

    /// <summary>Sets the value when there is none.</summary>
    Insert,

    /// <summary>Removes the value.</summary>
    Delete,
}

/// <summary>What the client knows of an operation when it is over.</summary>
public enum OperationOutcome
{
    /// <summary>It may take effect, or have taken effect, at any moment from its invocation on, or never.</summary>
    Unknown,

    /// <summary>It was answered. A condition that did not hold is an answer too.</summary>
    Ok,

    /// <summary>It certainly had no effect and never will.</summary>
    Failed,
}

/// <summary>One operation of one client on one key. Times are virtual microseconds of the one clock that all clients share.</summary>
public sealed record Operation
{
    /// <summary>The return time of an operation that has not returned.</summary>
    public const long Never = long.MaxValue;

    /// <summary>Its place in the history, from 0.</summary>
    public required int Id { get; init; }

    /// <summary>The client, which does one thing at a time.</summary>
    public required int Client { get; init; }

    /// <summary>The key.</summary>
    public required string Key { get; init; }

    /// <summary>What was asked.</summary>
    public required OperationKind Kind { get; init; }

    /// <summary>When the client asked.</summary>
    public required long InvokedAtMicros { get; init; }

    /// <summary>When the client was answered, or <see cref="Never"/>.</summary>
    public long ReturnedAtMicros { get; init; } = Never;

    /// <summary>What the client knows.</summary>
    public OperationOutcome Outcome { get; init; }

    /// <summary>The value to write, or the value that was read: null when the key was absent.</summary>
    public string? Value { get; init; }

    /// <summary>For a compare-and-set by value: the value that has to be there.</summary>
    public string? ExpectedValue { get; init; }

    /// <summary>For a compare-and-set by version: the version that has to be there.</summary>
    public HlcTimestamp? ExpectedVersion { get; init; }

    /// <summary>
    /// For an answered conditional write: whether its condition held. For an answered delete: whether there was something to delete, or
    /// null when the answer did not say.
    /// </summary>
    public bool? Applied { get; init; }

    /// <summary>The version that was read or written, when the answer named it.</summary>
    public HlcTimestamp? Version { get; init; }

    /// <summary>The request id of a write that may be retried.</summary>
    public string? RequestId { get; init; }

    /// <summary>True when the answer proves that the operation changed the key.</summary>
    public bool IsAcknowledgedWrite => Outcome == OperationOutcome.Ok && Kind != OperationKind.Read && Applied != false;

    /// <summary>True when the key holds <see cref="Value"/> after the operation took effect.</summary>
    public bool WritesValue => Kind is OperationKind.Put or OperationKind.CompareAndSet or OperationKind.Insert;

    /// <summary>One line for a reader.</summary>
    public override string ToString()
    {
        var times = $"{InvokedAtMicros}..{(ReturnedAtMicros == Never ? "" : ReturnedAtMicros)}us";
        var version = Version is { } v ? $"@{v}" : "";
        var expected = ExpectedVersion is { } e ? $"@{e}" : Text(ExpectedValue);
        var what = Kind switch
        {
            OperationKind.Read => $"read {Key}",
            OperationKind.Put => $"put {Key}={Text(Value)}",
            OperationKind.CompareAndSet => $"cas {Key}: {expected} to {Text(Value)}",
            OperationKind.Insert => $"insert {Key}={Text(Value)}",
            _ => $"delete {Key}",
        };
        var answer = Outcome switch
        {
            OperationOutcome.Failed => "failed",
            OperationOutcome.Unknown => "unknown",
            _ when Kind == OperationKind.Read => Text(Value),
            _ => Applied == false ? "refused" : "done",
        };
        return $"#{Id} client {Client} [{times}] {what} -> {answer}{version}";
    }

    private static string Text(string? value) => value is null ? "nothing" : $"'{value}'";
}
