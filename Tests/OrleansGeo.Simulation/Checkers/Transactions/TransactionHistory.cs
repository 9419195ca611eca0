using OrleansGeo.Primitives;

namespace OrleansGeo.Simulation.Checkers.Transactions;

/// <summary>
/// The transactions of all clients, in the order of invocation. A transaction is unknown until its end is recorded, so a history that is
/// cut short needs no closing. Used from one thread.
/// </summary>
public sealed class TransactionHistory
{
    private readonly List<Transaction> _transactions = [];

    /// <summary>An empty history.</summary>
    public TransactionHistory()
    {
    }

    /// <summary>A history of what is known already; ids are the places in it.</summary>
    public TransactionHistory(IEnumerable<Transaction> transactions)
    {
        _transactions.AddRange(transactions.Select((transaction, i) => transaction with { Id = i }));
    }

    /// <summary>Every transaction, by id.</summary>
    public IReadOnlyList<Transaction> Transactions => _transactions;

    /// <summary>
    /// Notes that a client begins a transaction which may do this. Writes it may make have to be named before they can take effect, here
    /// or by <see cref="Did"/>: of a transaction that never ends nothing else is known. The id is for its end.
    /// </summary>
    public int Begin(int client, long nowMicros, IReadOnlyList<MicroOperation>? planned = null)
    {
        var id = _transactions.Count;
        _transactions.Add(new() { Id = id, Client = client, InvokedAtMicros = nowMicros, Operations = planned ?? [] });
        return id;
    }

    /// <summary>Replaces what an open transaction did or is about to do.</summary>
    public void Did(int id, IReadOnlyList<MicroOperation> operations)
    {
        Invariant.Holds(_transactions[id].ReturnedAtMicros == Operation.Never);
        _transactions[id] = _transactions[id] with { Operations = operations };
    }

    /// <summary>The transaction committed, having done this.</summary>
    public void Committed(int id, IReadOnlyList<MicroOperation> operations, long nowMicros, HlcTimestamp? commitTimestamp = null) =>
        End(id, TransactionOutcome.Committed, operations, nowMicros, commitTimestamp);

    /// <summary>The transaction certainly had no effect.</summary>
    public void Aborted(int id, IReadOnlyList<MicroOperation> operations, long nowMicros) =>
        End(id, TransactionOutcome.Aborted, operations, nowMicros, null);

    /// <summary>The client gave up and does not know.</summary>
    public void Unknown(int id, IReadOnlyList<MicroOperation> operations, long nowMicros) =>
        End(id, TransactionOutcome.Unknown, operations, nowMicros, null);

    private void End(
        int id, TransactionOutcome outcome, IReadOnlyList<MicroOperation> operations, long nowMicros, HlcTimestamp? commitTimestamp)
    {
        var open = _transactions[id];
        Invariant.Holds(open.ReturnedAtMicros == Operation.Never);
        Invariant.Holds(nowMicros >= open.InvokedAtMicros);
        _transactions[id] = open with
        {
            Outcome = outcome,
            Operations = operations,
            ReturnedAtMicros = nowMicros,
            CommitTimestamp = commitTimestamp,
        };
    }
}
