using OrleansGeo.Primitives;

namespace OrleansGeo.Simulation.Checkers.Transactions;

/// <summary>What the client knows of a transaction when it is over.</summary>
public enum TransactionOutcome
{
    /// <summary>It may commit, or have committed, at any moment from its invocation on, or never.</summary>
    Unknown,

    /// <summary>It committed.</summary>
    Committed,

    /// <summary>It certainly had no effect and never will.</summary>
    Aborted,
}

/// <summary>One transaction of one client. Times are virtual microseconds of the one clock that all clients share.</summary>
public sealed record Transaction
{
    /// <summary>Its place in the history, from 0.</summary>
    public required int Id { get; init; }

    /// <summary>The client, which does one thing at a time and is one session.</summary>
    public required int Client { get; init; }

    /// <summary>When the client began it.</summary>
    public required long InvokedAtMicros { get; init; }

    /// <summary>When the client heard of its end, or <see cref="Operation.Never"/>.</summary>
    public long ReturnedAtMicros { get; init; } = Operation.Never;

    /// <summary>What the client knows.</summary>
    public TransactionOutcome Outcome { get; init; }

    /// <summary>What it did, in order. Of a transaction that did not commit: what it tried, reads answered or not.</summary>
    public IReadOnlyList<MicroOperation> Operations { get; init; } = [];

    /// <summary>The version of everything it wrote, when the store named it.</summary>
    public HlcTimestamp? CommitTimestamp { get; init; }

    /// <summary>One line for a reader.</summary>
    public override string ToString()
    {
        var times = $"{InvokedAtMicros}..{(ReturnedAtMicros == Operation.Never ? "" : ReturnedAtMicros)}us";
        var version = CommitTimestamp is { } at ? $"@{at}" : "";
        return $"T{Id} client {Client} [{times}] {Outcome.ToString().ToLowerInvariant()}{version}: {string.Join("; ", Operations)}";
    }
}
