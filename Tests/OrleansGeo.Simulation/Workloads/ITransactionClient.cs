using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Checkers.Transactions;

namespace OrleansGeo.Simulation.Workloads;

/// <summary>What came of a transaction.</summary>
/// <param name="Outcome">What the client knows.</param>
/// <param name="Operations">What it did; for one that did not commit: what it tried, its writes named.</param>
/// <param name="CommitTimestamp">The version of everything it wrote, when the store named it.</param>
public sealed record TransactionEnd(
    TransactionOutcome Outcome, IReadOnlyList<MicroOperation> Operations, HlcTimestamp? CommitTimestamp = null);

/// <summary>Something that runs whole transactions: by one request, or step by step.</summary>
public interface ITransactionClient
{
    /// <summary>
    /// Runs a transaction to its end; may retry it as long as it certainly had no effect. Before anything can commit,
    /// <paramref name="about"/> is told the operations so far, the writes that may take effect among them. Throws nothing.
    /// </summary>
    Task<TransactionEnd> RunAsync(
        AbstractTransaction transaction, Action<IReadOnlyList<MicroOperation>> about, CancellationToken cancellation);
}

/// <summary>What a session read of one key.</summary>
public sealed record SessionRow(string Key, string? Value, HlcTimestamp? Version = null);

/// <summary>
/// One open transaction of a store of text by key. A list is its elements with a space between. When a method answers that the transaction
/// is over, it certainly had no effect; only a commit can end in the unknown.
/// </summary>
public interface ITransactionSession
{
    /// <summary>Reads a key; null when the transaction is over.</summary>
    Task<SessionRow?> ReadAsync(string key, CancellationToken cancellation);

    /// <summary>Reads the rows of a span in ordinal order; null when the transaction is over.</summary>
    Task<IReadOnlyList<SessionRow>?> ScanAsync(string from, string to, CancellationToken cancellation);

    /// <summary>Writes a key; false when the transaction is over.</summary>
    Task<bool> WriteAsync(string key, string value, CancellationToken cancellation);

    /// <summary>Commits.</summary>
    Task<(TransactionOutcome Outcome, HlcTimestamp? Version)> CommitAsync(CancellationToken cancellation);

    /// <summary>Gives up.</summary>
    Task RollbackAsync(CancellationToken cancellation);
}
