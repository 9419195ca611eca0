using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo;

/// <summary>
/// The one port above the engine: everything a user can ask of a cluster, through one node. The embedded store, the Orleans path and the
/// HTTP client implement it and pass one conformance suite. No method throws for anything a caller or a fault can cause; cancellation makes
/// a write's outcome unknown.
/// </summary>
public interface IGeoStore
{
    /// <summary>The cluster as this node sees it.</summary>
    Task<GeoResult<ClusterInfo>> GetClusterAsync(RequestOptions options, CancellationToken cancellation);

    /// <summary>All nodes.</summary>
    Task<GeoResult<Listing<NodeInfo>>> ListNodesAsync(RequestOptions options, CancellationToken cancellation);

    /// <summary>All ranges, or those of one table.</summary>
    Task<GeoResult<Listing<RangeInfo>>> ListRangesAsync(TableRef? table, RequestOptions options, CancellationToken cancellation);

    /// <summary>Measured round trips from this node.</summary>
    Task<GeoResult<Listing<LatencyInfo>>> ListLatenciesAsync(RequestOptions options, CancellationToken cancellation);

    /// <summary>Whether every range this node knows has a leaseholder it can reach.</summary>
    Task<GeoResult<Readiness>> GetReadinessAsync(RequestOptions options, CancellationToken cancellation);

    /// <summary>Splits a range at a row key of its table, or near its middle when null. Answers with the left half.</summary>
    Task<GeoResult<RangeInfo>> SplitRangeAsync(
        long range, ImmutableArray<Datum>? at, RequestOptions options, CancellationToken cancellation);

    /// <summary>Moves leadership of a range to a voter on the named node.</summary>
    Task<GeoResult<RangeInfo>> TransferLeaderAsync(long range, string node, RequestOptions options, CancellationToken cancellation);

    /// <summary>Creates a database; answered when every live node knows it.</summary>
    Task<GeoResult<DatabaseInfo>> CreateDatabaseAsync(DatabaseSpec spec, RequestOptions options, CancellationToken cancellation);

    /// <summary>A database by name.</summary>
    Task<GeoResult<DatabaseInfo>> GetDatabaseAsync(string database, RequestOptions options, CancellationToken cancellation);

    /// <summary>All databases, by name.</summary>
    Task<GeoResult<Listing<DatabaseInfo>>> ListDatabasesAsync(RequestOptions options, CancellationToken cancellation);

    /// <summary>Removes a database, which must have no tables.</summary>
    Task<GeoResult<DatabaseInfo>> DropDatabaseAsync(string database, RequestOptions options, CancellationToken cancellation);

    /// <summary>Creates a table; answered when every live node knows it and its range has a leaseholder.</summary>
    Task<GeoResult<TableInfo>> CreateTableAsync(string database, TableSpec spec, RequestOptions options, CancellationToken cancellation);

    /// <summary>
    /// A table by name. A node that does not know it asks the system range strongly before it answers that there is none.
    /// With a stale <paramref name="bound"/> the local copy of the catalog decides, with no contact to anyone.
    /// </summary>
    Task<GeoResult<TableInfo>> GetTableAsync(TableRef table, ReadBound bound, RequestOptions options, CancellationToken cancellation);

    /// <summary>All tables of a database, by name.</summary>
    Task<GeoResult<Listing<TableInfo>>> ListTablesAsync(string database, RequestOptions options, CancellationToken cancellation);

    /// <summary>Changes a table.</summary>
    Task<GeoResult<TableInfo>> ChangeTableAsync(TableRef table, TableChange change, RequestOptions options, CancellationToken cancellation);

    /// <summary>Removes a table and its rows.</summary>
    Task<GeoResult<TableInfo>> DropTableAsync(TableRef table, RequestOptions options, CancellationToken cancellation);

    /// <summary>One row, or not found.</summary>
    Task<GeoResult<VersionedRow>> ReadRowAsync(
        TableRef table, ImmutableArray<Datum> key, ReadBound bound, RequestOptions options, CancellationToken cancellation);

    /// <summary>Many rows at one timestamp, in the order asked; an absent row is null.</summary>
    Task<GeoResult<Listing<VersionedRow?>>> ReadRowsAsync(
        TableRef table, ImmutableArray<ImmutableArray<Datum>> keys, ReadBound bound, RequestOptions options,
        CancellationToken cancellation);

    /// <summary>Writes one row.</summary>
    Task<GeoResult<WriteResult>> WriteRowAsync(TableRef table, RowWrite write, RequestOptions options, CancellationToken cancellation);

    /// <summary>Writes many rows, each on its own: each has its own outcome, in the order given.</summary>
    Task<GeoResult<Listing<GeoResult<WriteResult>>>> WriteRowsAsync(
        TableRef table, ImmutableArray<RowWrite> writes, RequestOptions options, CancellationToken cancellation);

    /// <summary>
    /// Carries out a transaction over rows of any tables of a database: all of it at one moment, or nothing. Retried by the server when it
    /// meets others. A condition that does not hold is <see cref="GeoErrorKind.PreconditionFailed"/> and names it. With an idempotency key
    /// it is made at most once, however often and through whichever nodes it is asked for.
    /// </summary>
    Task<GeoResult<TransactionResult>> TransactAsync(
        string database, TransactionRequest transaction, RequestOptions options, CancellationToken cancellation);

    /// <summary>
    /// Begins a transaction that stays open: it reads at one moment, holds back what it writes until it commits, and locks nothing in
    /// between. It lives on the node that is asked here.
    /// </summary>
    Task<GeoResult<TransactionBegun>> BeginTransactionAsync(
        string database, TransactionBegin begin, RequestOptions options, CancellationToken cancellation);

    /// <summary>
    /// One step of an open transaction, through any node; one step at a time. When what it has read was changed by others before it could
    /// commit, the transaction is over: a retryable <see cref="GeoErrorKind.Conflict"/> whose code is <c>transaction-conflict</c>. With an
    /// idempotency key the last step, asked again, is not carried out again.
    /// </summary>
    /// <param name="database">The transaction's database.</param>
    /// <param name="transaction">The <see cref="TransactionBegun.Id"/>.</param>
    /// <param name="step">What to do.</param>
    /// <param name="options">Of this step.</param>
    /// <param name="cancellation">Ends the wait; the step may be carried out all the same.</param>
    Task<GeoResult<TransactionAnswer>> StepTransactionAsync(
        string database, string transaction, TransactionStep step, RequestOptions options, CancellationToken cancellation);

    /// <summary>A page of rows in key order at one timestamp, over as many ranges as it takes.</summary>
    Task<GeoResult<ScanPage>> ScanAsync(
        TableRef table, ScanRequest scan, ReadBound bound, RequestOptions options, CancellationToken cancellation);
}

/// <summary>Limits that are part of the contract.</summary>
public static class GeoLimits
{
    /// <summary>Longest encoded key, in bytes.</summary>
    public const int KeyBytesMax = 4 * 1024;

    /// <summary>Largest encoded row, in bytes.</summary>
    public const int RowBytesMax = 1024 * 1024;

    /// <summary>Most rows in a page.</summary>
    public const int PageRowsMax = 10_000;

    /// <summary>Most bytes in a page.</summary>
    public const int PageBytesMax = 4 * 1024 * 1024;

    /// <summary>Longest name of a database, table or column.</summary>
    public const int NameCharsMax = 63;

    /// <summary>Most columns of a table.</summary>
    public const int ColumnsMax = 256;

    /// <summary>Most columns of a primary key.</summary>
    public const int KeyColumnsMax = 16;

    /// <summary>Most reads, conditions and writes of one transaction, each.</summary>
    public const int TransactionStepsMax = 1_000;

    /// <summary>Most bytes of keys and values that one transaction writes.</summary>
    public const int TransactionBytesMax = 16 * 1024 * 1024;

    /// <summary>Most rows and spans that one open transaction reads, each.</summary>
    public const int TransactionReadsMax = 10_000;

    /// <summary>Most savepoints of one open transaction.</summary>
    public const int SavepointsMax = 100;

    /// <summary>How long an open transaction may stand idle when nothing is said.</summary>
    public static readonly TimeSpan IdleTimeoutDefault = TimeSpan.FromSeconds(30);

    /// <summary>The longest time for which an open transaction may stand idle.</summary>
    public static readonly TimeSpan IdleTimeoutMax = TimeSpan.FromMinutes(10);

    /// <summary>Most writes in one batch call.</summary>
    public const int BatchWritesMax = 1_000;

    /// <summary>Longest idempotency key, in characters.</summary>
    public const int IdempotencyKeyCharsMax = 128;
}
