using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo;

/// <summary>What a transaction may assume of the transactions beside it. See <c>docs/consistency.md</c>.</summary>
public enum TransactionIsolation : byte
{
    /// <summary>
    /// All transactions behave as if they ran one after the other; those on one key in the order in which they were acknowledged, and
    /// those of one session in its order.
    /// </summary>
    Serializable = 1,

    /// <summary>As <see cref="Serializable"/>, in the order in which they were acknowledged, whatever keys they touch.</summary>
    Strict = 2,
}

/// <summary>A transaction that is given whole and carried out by the server: it happens at one moment, or not at all.</summary>
/// <param name="Isolation">What it may assume.</param>
/// <param name="Reads">Rows to answer with, as they are before the writes.</param>
/// <param name="Conditions">What must hold before the writes; otherwise nothing is written.</param>
/// <param name="Writes">What is written. No row twice.</param>
public sealed record TransactionRequest(
    TransactionIsolation Isolation,
    ImmutableArray<TransactionRead> Reads,
    ImmutableArray<TransactionCondition> Conditions,
    ImmutableArray<TransactionWrite> Writes);

/// <summary>A row that a transaction reads.</summary>
/// <param name="Table">A table of the transaction's database.</param>
/// <param name="Key">All primary key values.</param>
public sealed record TransactionRead(string Table, ImmutableArray<Datum> Key);

/// <summary>A row that a transaction writes.</summary>
/// <param name="Table">A table of the transaction's database.</param>
/// <param name="Write">What to do; an increment is allowed here as everywhere.</param>
public sealed record TransactionWrite(string Table, RowWrite Write);

/// <summary>What must hold of one row for a transaction to be made. Closed.</summary>
/// <param name="Table">A table of the transaction's database.</param>
/// <param name="Key">All primary key values.</param>
public abstract record TransactionCondition(string Table, ImmutableArray<Datum> Key)
{
    /// <summary>The row is there, or is not.</summary>
    public sealed record Existence(string Table, ImmutableArray<Datum> Key, bool Exists) : TransactionCondition(Table, Key);

    /// <summary>The row is there with this version.</summary>
    public sealed record VersionIs(string Table, ImmutableArray<Datum> Key, HlcTimestamp Version) : TransactionCondition(Table, Key);

    /// <summary>The row is there and one of its columns compares so. A null column satisfies nothing.</summary>
    public sealed record Field(string Table, ImmutableArray<Datum> Key, ScanCondition Condition) : TransactionCondition(Table, Key);
}

/// <summary>What a transaction did.</summary>
/// <param name="CommitTimestamp">The moment at which all of it happened; the version of every row it wrote.</param>
/// <param name="Reads">The rows asked for, in that order; null where there is none.</param>
/// <param name="Writes">What was written, in the order given.</param>
public sealed record TransactionResult(
    HlcTimestamp CommitTimestamp, ImmutableArray<VersionedRow?> Reads, ImmutableArray<TransactionWritten> Writes);

/// <summary>A row that a transaction wrote.</summary>
/// <param name="Key">Its key, defaults filled in.</param>
/// <param name="Version">The version it has now; for a delete, that of the deletion.</param>
/// <param name="Created">True when no row was there before.</param>
public sealed record TransactionWritten(ImmutableArray<Datum> Key, HlcTimestamp Version, bool Created);
