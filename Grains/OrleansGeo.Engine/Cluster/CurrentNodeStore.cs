using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>The store of a node as it runs now, over crashes and restarts; while it is down, certainly nothing is carried out.</summary>
public sealed class CurrentNodeStore(string node, Func<NodeFront?> current) : IGeoStore
{
    /// <inheritdoc />
    public Task<GeoResult<ClusterInfo>> GetClusterAsync(RequestOptions options, CancellationToken cancellation) =>
        current()?.GetClusterAsync(options, cancellation) ?? Down<ClusterInfo>();

    /// <inheritdoc />
    public Task<GeoResult<Listing<NodeInfo>>> ListNodesAsync(RequestOptions options, CancellationToken cancellation) =>
        current()?.ListNodesAsync(options, cancellation) ?? Down<Listing<NodeInfo>>();

    /// <inheritdoc />
    public Task<GeoResult<Listing<RangeInfo>>> ListRangesAsync(TableRef? table, RequestOptions options, CancellationToken cancellation) =>
        current()?.ListRangesAsync(table, options, cancellation) ?? Down<Listing<RangeInfo>>();

    /// <inheritdoc />
    public Task<GeoResult<Listing<LatencyInfo>>> ListLatenciesAsync(RequestOptions options, CancellationToken cancellation) =>
        current()?.ListLatenciesAsync(options, cancellation) ?? Down<Listing<LatencyInfo>>();

    /// <inheritdoc />
    public Task<GeoResult<Readiness>> GetReadinessAsync(RequestOptions options, CancellationToken cancellation) =>
        current()?.GetReadinessAsync(options, cancellation) ?? Down<Readiness>();

    /// <inheritdoc />
    public Task<GeoResult<RangeInfo>> SplitRangeAsync(
        long range, ImmutableArray<Datum>? at, RequestOptions options, CancellationToken cancellation) =>
        current()?.SplitRangeAsync(range, at, options, cancellation) ?? Down<RangeInfo>();

    /// <inheritdoc />
    public Task<GeoResult<RangeInfo>> TransferLeaderAsync(
        long range, string node, RequestOptions options, CancellationToken cancellation) =>
        current()?.TransferLeaderAsync(range, node, options, cancellation) ?? Down<RangeInfo>();

    /// <inheritdoc />
    public Task<GeoResult<DatabaseInfo>> CreateDatabaseAsync(DatabaseSpec spec, RequestOptions options, CancellationToken cancellation) =>
        current()?.CreateDatabaseAsync(spec, options, cancellation) ?? Down<DatabaseInfo>();

    /// <inheritdoc />
    public Task<GeoResult<DatabaseInfo>> GetDatabaseAsync(string database, RequestOptions options, CancellationToken cancellation) =>
        current()?.GetDatabaseAsync(database, options, cancellation) ?? Down<DatabaseInfo>();

    /// <inheritdoc />
    public Task<GeoResult<Listing<DatabaseInfo>>> ListDatabasesAsync(RequestOptions options, CancellationToken cancellation) =>
        current()?.ListDatabasesAsync(options, cancellation) ?? Down<Listing<DatabaseInfo>>();

    /// <inheritdoc />
    public Task<GeoResult<DatabaseInfo>> DropDatabaseAsync(string database, RequestOptions options, CancellationToken cancellation) =>
        current()?.DropDatabaseAsync(database, options, cancellation) ?? Down<DatabaseInfo>();

    /// <inheritdoc />
    public Task<GeoResult<TableInfo>> CreateTableAsync(
        string database, TableSpec spec, RequestOptions options, CancellationToken cancellation) =>
        current()?.CreateTableAsync(database, spec, options, cancellation) ?? Down<TableInfo>();

    /// <inheritdoc />
    public Task<GeoResult<TableInfo>> GetTableAsync(
        TableRef table, ReadBound bound, RequestOptions options, CancellationToken cancellation) =>
        current()?.GetTableAsync(table, bound, options, cancellation) ?? Down<TableInfo>();

    /// <inheritdoc />
    public Task<GeoResult<Listing<TableInfo>>> ListTablesAsync(string database, RequestOptions options, CancellationToken cancellation) =>
        current()?.ListTablesAsync(database, options, cancellation) ?? Down<Listing<TableInfo>>();

    /// <inheritdoc />
    public Task<GeoResult<TableInfo>> ChangeTableAsync(
        TableRef table, TableChange change, RequestOptions options, CancellationToken cancellation) =>
        current()?.ChangeTableAsync(table, change, options, cancellation) ?? Down<TableInfo>();

    /// <inheritdoc />
    public Task<GeoResult<TableInfo>> DropTableAsync(TableRef table, RequestOptions options, CancellationToken cancellation) =>
        current()?.DropTableAsync(table, options, cancellation) ?? Down<TableInfo>();

    /// <inheritdoc />
    public Task<GeoResult<VersionedRow>> ReadRowAsync(
        TableRef table, ImmutableArray<Datum> key, ReadBound bound, RequestOptions options, CancellationToken cancellation) =>
        current()?.ReadRowAsync(table, key, bound, options, cancellation) ?? Down<VersionedRow>();

    /// <inheritdoc />
    public Task<GeoResult<Listing<VersionedRow?>>> ReadRowsAsync(
        TableRef table, ImmutableArray<ImmutableArray<Datum>> keys, ReadBound bound, RequestOptions options,
        CancellationToken cancellation) =>
        current()?.ReadRowsAsync(table, keys, bound, options, cancellation) ?? Down<Listing<VersionedRow?>>();

    /// <inheritdoc />
    public Task<GeoResult<WriteResult>> WriteRowAsync(
        TableRef table, RowWrite write, RequestOptions options, CancellationToken cancellation) =>
        current()?.WriteRowAsync(table, write, options, cancellation) ?? Down<WriteResult>();

    /// <inheritdoc />
    public Task<GeoResult<Listing<GeoResult<WriteResult>>>> WriteRowsAsync(
        TableRef table, ImmutableArray<RowWrite> writes, RequestOptions options, CancellationToken cancellation) =>
        current()?.WriteRowsAsync(table, writes, options, cancellation) ?? Down<Listing<GeoResult<WriteResult>>>();

    /// <inheritdoc />
    public Task<GeoResult<TransactionResult>> TransactAsync(
        string database, TransactionRequest transaction, RequestOptions options, CancellationToken cancellation) =>
        current()?.TransactAsync(database, transaction, options, cancellation) ?? Down<TransactionResult>();

    /// <inheritdoc />
    public Task<GeoResult<TransactionBegun>> BeginTransactionAsync(
        string database, TransactionBegin begin, RequestOptions options, CancellationToken cancellation) =>
        current()?.BeginTransactionAsync(database, begin, options, cancellation) ?? Down<TransactionBegun>();

    /// <inheritdoc />
    public Task<GeoResult<TransactionAnswer>> StepTransactionAsync(
        string database, string transaction, TransactionStep step, RequestOptions options, CancellationToken cancellation) =>
        current()?.StepTransactionAsync(database, transaction, step, options, cancellation) ?? Down<TransactionAnswer>();

    /// <inheritdoc />
    public Task<GeoResult<ScanPage>> ScanAsync(
        TableRef table, ScanRequest scan, ReadBound bound, RequestOptions options, CancellationToken cancellation) =>
        current()?.ScanAsync(table, scan, bound, options, cancellation) ?? Down<ScanPage>();

    private Task<GeoResult<T>> Down<T>()
        where T : class
    {
        var error = new GeoError(GeoErrorKind.RegionUnavailable, "node-down", $"Node {node} is down; nothing was done.");
        return Task.FromResult(new GeoResult<T>(null, error, ResponseMeta.Local()));
    }
}
