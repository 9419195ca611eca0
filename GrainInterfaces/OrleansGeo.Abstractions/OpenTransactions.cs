using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo;

/// <summary>How a transaction that stays open is begun.</summary>
/// <param name="Isolation">What it may assume of transactions beside it.</param>
/// <param name="ReadOnly">It writes nothing.</param>
/// <param name="AsOf">It reads the rows as they were then, near the caller where that is possible, and writes nothing; null for
/// now.</param>
/// <param name="IdleTimeout">How long it may stand idle before it ends; null for <see cref="GeoLimits.IdleTimeoutDefault"/>.</param>
public sealed record TransactionBegin(
    TransactionIsolation Isolation = TransactionIsolation.Serializable,
    bool ReadOnly = false,
    HlcTimestamp? AsOf = null,
    TimeSpan? IdleTimeout = null);

/// <summary>A transaction that is open.</summary>
/// <param name="Id">Names it, on every node, until it ends.</param>
/// <param name="Node">The node that holds what it has read and is about to write. When that is lost, so is the transaction.</param>
/// <param name="IdleTimeout">How long it may stand idle before it ends.</param>
public sealed record TransactionBegun(string Id, string Node, TimeSpan IdleTimeout);

/// <summary>What an open transaction can be asked. Closed.</summary>
public abstract record TransactionStep
{
    private TransactionStep()
    {
    }

    /// <summary>Reads rows, as they are with what the transaction has written. Answered with
    /// <see cref="TransactionAnswer.Rows"/>.</summary>
    public sealed record Read(ImmutableArray<TransactionRead> Rows) : TransactionStep;

    /// <summary>A page of rows, as they are with what the transaction has written. Answered with
    /// <see cref="TransactionAnswer.Page"/>.</summary>
    public sealed record Scan(string Table, ScanRequest Request) : TransactionStep;

    /// <summary>
    /// Writes rows: nobody else sees them before the commit. All of them or none; a row may be written again. Answered with
    /// <see cref="TransactionAnswer.Written"/>.
    /// </summary>
    public sealed record Write(ImmutableArray<TransactionWrite> Writes) : TransactionStep;

    /// <summary>Marks the writes so far with a name, in place of an earlier mark of that name. Answered with
    /// <see cref="TransactionAnswer.Done"/>.</summary>
    public sealed record Savepoint(string Name) : TransactionStep;

    /// <summary>Takes back every write since a mark; the mark stays. Answered with <see cref="TransactionAnswer.Done"/>.</summary>
    public sealed record RollbackTo(string Name) : TransactionStep;

    /// <summary>Makes all writes visible at one moment, at which all that was read still holds. Asked again it answers the same. Answered
    /// with <see cref="TransactionAnswer.Committed"/>.</summary>
    public sealed record Commit : TransactionStep;

    /// <summary>Ends the transaction; nothing is written. Asked again it answers the same. Answered with
    /// <see cref="TransactionAnswer.Done"/>.</summary>
    public sealed record Rollback : TransactionStep;
}

/// <summary>What an open transaction answers. Closed.</summary>
public abstract record TransactionAnswer
{
    private TransactionAnswer()
    {
    }

    /// <summary>The rows in the order asked; null where there is none. The version of a row that the transaction itself has written is
    /// zero.</summary>
    public sealed record Rows(ImmutableArray<VersionedRow?> Items) : TransactionAnswer;

    /// <summary>A page, its rows as in <see cref="Rows"/>.</summary>
    public sealed record Page(ScanPage Content) : TransactionAnswer;

    /// <summary>The key of each row that is written, defaults filled in, in the order given.</summary>
    public sealed record Written(ImmutableArray<ImmutableArray<Datum>> Keys) : TransactionAnswer;

    /// <summary>It is done.</summary>
    public sealed record Done : TransactionAnswer;

    /// <summary>The transaction is made. Its writes are the rows that it leaves changed, in the order in which they were first
    /// written.</summary>
    public sealed record Committed(TransactionResult Result) : TransactionAnswer;
}
