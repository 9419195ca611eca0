using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Wire;

/// <summary>
/// The store of a node in another process, over whatever carries bytes to it. What the carrier throws becomes an outcome: a change may or
/// may not have been made, and asking again with the same idempotency key settles it; of anything else nothing was changed.
/// </summary>
public abstract class RemoteGeoStore : IGeoStore
{
    /// <inheritdoc />
    public Task<GeoResult<ClusterInfo>> GetClusterAsync(RequestOptions options, CancellationToken cancellation) =>
        AskAsync(StoreOperation.GetCluster, "", StoreWire.Begin(StoreOperation.GetCluster, options), WireCluster.ReadCluster, cancellation);

    /// <inheritdoc />
    public Task<GeoResult<Listing<NodeInfo>>> ListNodesAsync(RequestOptions options, CancellationToken cancellation) =>
        AskAsync(StoreOperation.ListNodes, "", StoreWire.Begin(StoreOperation.ListNodes, options), WireCluster.ReadNodes, cancellation);

    /// <inheritdoc />
    public Task<GeoResult<Listing<RangeInfo>>> ListRangesAsync(TableRef? table, RequestOptions options, CancellationToken cancellation)
    {
        var request = StoreWire.Begin(StoreOperation.ListRanges, options);
        request.WriteBool(table is not null);
        if (table is { } named)
        {
            WireFields.WriteTable(request, named);
        }

        return AskAsync(StoreOperation.ListRanges, "", request, WireCluster.ReadRanges, cancellation);
    }

    /// <inheritdoc />
    public Task<GeoResult<Listing<LatencyInfo>>> ListLatenciesAsync(RequestOptions options, CancellationToken cancellation) =>
        AskAsync(
            StoreOperation.ListLatencies, "", StoreWire.Begin(StoreOperation.ListLatencies, options), WireCluster.ReadLatencies,
            cancellation);

    /// <inheritdoc />
    public Task<GeoResult<Readiness>> GetReadinessAsync(RequestOptions options, CancellationToken cancellation) =>
        AskAsync(
            StoreOperation.GetReadiness, "", StoreWire.Begin(StoreOperation.GetReadiness, options), WireCluster.ReadReadiness,
            cancellation);

    /// <inheritdoc />
    public Task<GeoResult<RangeInfo>> SplitRangeAsync(
        long range, ImmutableArray<Datum>? at, RequestOptions options, CancellationToken cancellation)
    {
        var request = StoreWire.Begin(StoreOperation.SplitRange, options);
        request.WriteInt64(range);
        WireFields.WriteOptionalKey(request, at);
        return AskAsync(StoreOperation.SplitRange, "", request, WireCluster.ReadRange, cancellation);
    }

    /// <inheritdoc />
    public Task<GeoResult<RangeInfo>> TransferLeaderAsync(
        long range, string node, RequestOptions options, CancellationToken cancellation)
    {
        var request = StoreWire.Begin(StoreOperation.TransferLeader, options);
        request.WriteInt64(range);
        request.WriteString(node);
        return AskAsync(StoreOperation.TransferLeader, "", request, WireCluster.ReadRange, cancellation);
    }

    /// <inheritdoc />
    public Task<GeoResult<DatabaseInfo>> CreateDatabaseAsync(DatabaseSpec spec, RequestOptions options, CancellationToken cancellation)
    {
        var request = StoreWire.Begin(StoreOperation.CreateDatabase, options);
        WireSchema.WriteDatabaseSpec(request, spec);
        return AskAsync(StoreOperation.CreateDatabase, spec.Name, request, WireSchema.ReadDatabase, cancellation);
    }

    /// <inheritdoc />
    public Task<GeoResult<DatabaseInfo>> GetDatabaseAsync(string database, RequestOptions options, CancellationToken cancellation) =>
        AskAsync(
            StoreOperation.GetDatabase, database, Named(StoreOperation.GetDatabase, database, options), WireSchema.ReadDatabase,
            cancellation);

    /// <inheritdoc />
    public Task<GeoResult<Listing<DatabaseInfo>>> ListDatabasesAsync(RequestOptions options, CancellationToken cancellation) =>
        AskAsync(
            StoreOperation.ListDatabases, "", StoreWire.Begin(StoreOperation.ListDatabases, options), WireSchema.ReadDatabases,
            cancellation);

    /// <inheritdoc />
    public Task<GeoResult<DatabaseInfo>> DropDatabaseAsync(string database, RequestOptions options, CancellationToken cancellation) =>
        AskAsync(
            StoreOperation.DropDatabase, database, Named(StoreOperation.DropDatabase, database, options), WireSchema.ReadDatabase,
            cancellation);

    /// <inheritdoc />
    public Task<GeoResult<TableInfo>> CreateTableAsync(
        string database, TableSpec spec, RequestOptions options, CancellationToken cancellation)
    {
        var request = Named(StoreOperation.CreateTable, database, options);
        WireSchema.WriteTableSpec(request, spec);
        return AskAsync(StoreOperation.CreateTable, database, request, WireSchema.ReadTable, cancellation);
    }

    /// <inheritdoc />
    public Task<GeoResult<TableInfo>> GetTableAsync(
        TableRef table, ReadBound bound, RequestOptions options, CancellationToken cancellation)
    {
        var request = Of(StoreOperation.GetTable, table, options);
        WireRows.WriteBound(request, bound);
        return AskAsync(StoreOperation.GetTable, Subject(table), request, WireSchema.ReadTable, cancellation);
    }

    /// <inheritdoc />
    public Task<GeoResult<Listing<TableInfo>>> ListTablesAsync(string database, RequestOptions options, CancellationToken cancellation) =>
        AskAsync(
            StoreOperation.ListTables, database, Named(StoreOperation.ListTables, database, options), WireSchema.ReadTables, cancellation);

    /// <inheritdoc />
    public Task<GeoResult<TableInfo>> ChangeTableAsync(
        TableRef table, TableChange change, RequestOptions options, CancellationToken cancellation)
    {
        var request = Of(StoreOperation.ChangeTable, table, options);
        WireSchema.WriteColumns(request, change.AddColumns);
        return AskAsync(StoreOperation.ChangeTable, Subject(table), request, WireSchema.ReadTable, cancellation);
    }

    /// <inheritdoc />
    public Task<GeoResult<TableInfo>> DropTableAsync(TableRef table, RequestOptions options, CancellationToken cancellation) =>
        AskAsync(
            StoreOperation.DropTable, Subject(table), Of(StoreOperation.DropTable, table, options), WireSchema.ReadTable, cancellation);

    /// <inheritdoc />
    public Task<GeoResult<VersionedRow>> ReadRowAsync(
        TableRef table, ImmutableArray<Datum> key, ReadBound bound, RequestOptions options, CancellationToken cancellation)
    {
        var request = Of(StoreOperation.ReadRow, table, options);
        WireFields.WriteKey(request, key);
        WireRows.WriteBound(request, bound);
        return AskAsync(StoreOperation.ReadRow, Subject(table), request, WireRows.ReadVersioned, cancellation);
    }

    /// <inheritdoc />
    public Task<GeoResult<Listing<VersionedRow?>>> ReadRowsAsync(
        TableRef table, ImmutableArray<ImmutableArray<Datum>> keys, ReadBound bound, RequestOptions options,
        CancellationToken cancellation)
    {
        var request = Of(StoreOperation.ReadRows, table, options);
        request.WriteList(keys, WireFields.WriteKey);
        WireRows.WriteBound(request, bound);
        return AskAsync(StoreOperation.ReadRows, Subject(table), request, WireRows.ReadFound, cancellation);
    }

    /// <inheritdoc />
    public Task<GeoResult<WriteResult>> WriteRowAsync(
        TableRef table, RowWrite write, RequestOptions options, CancellationToken cancellation)
    {
        var request = Of(StoreOperation.WriteRow, table, options);
        WireRows.WriteWrite(request, write);
        return AskAsync(StoreOperation.WriteRow, Subject(table), request, WireRows.ReadWritten, cancellation);
    }

    /// <inheritdoc />
    public Task<GeoResult<Listing<GeoResult<WriteResult>>>> WriteRowsAsync(
        TableRef table, ImmutableArray<RowWrite> writes, RequestOptions options, CancellationToken cancellation)
    {
        var request = Of(StoreOperation.WriteRows, table, options);
        request.WriteList(writes, WireRows.WriteWrite);
        return AskAsync(StoreOperation.WriteRows, Subject(table), request, WireRows.ReadEachWritten, cancellation);
    }

    /// <inheritdoc />
    public Task<GeoResult<TransactionResult>> TransactAsync(
        string database, TransactionRequest transaction, RequestOptions options, CancellationToken cancellation)
    {
        var request = Named(StoreOperation.Transact, database, options);
        WireTransactions.WriteRequest(request, transaction);
        return AskAsync(
            StoreOperation.Transact, database, request, WireTransactions.ReadResult, cancellation, changes: !transaction.Writes.IsEmpty);
    }

    /// <inheritdoc />
    public Task<GeoResult<TransactionBegun>> BeginTransactionAsync(
        string database, TransactionBegin begin, RequestOptions options, CancellationToken cancellation)
    {
        var request = Named(StoreOperation.BeginTransaction, database, options);
        WireOpenTransactions.WriteBegin(request, begin);
        return AskAsync(StoreOperation.BeginTransaction, database, request, WireOpenTransactions.ReadBegun, cancellation);
    }

    /// <inheritdoc />
    public Task<GeoResult<TransactionAnswer>> StepTransactionAsync(
        string database, string transaction, TransactionStep step, RequestOptions options, CancellationToken cancellation)
    {
        var request = Named(StoreOperation.StepTransaction, database, options);
        request.WriteString(transaction);
        WireOpenTransactions.WriteStep(request, step);
        return AskAsync(
            StoreOperation.StepTransaction, database, request, WireOpenTransactions.ReadAnswer, cancellation,
            changes: step is TransactionStep.Commit);
    }

    /// <inheritdoc />
    public Task<GeoResult<ScanPage>> ScanAsync(
        TableRef table, ScanRequest scan, ReadBound bound, RequestOptions options, CancellationToken cancellation)
    {
        var request = Of(StoreOperation.Scan, table, options);
        WireRows.WriteScan(request, scan);
        WireRows.WriteBound(request, bound);
        return AskAsync(StoreOperation.Scan, Subject(table), request, WireRows.ReadPage, cancellation);
    }

    /// <summary>Brings a request to a node's <see cref="StoreWire.AnswerAsync"/> and its answer back.</summary>
    /// <param name="area">The part of the store that is asked.</param>
    /// <param name="subject">The table as <c>database/table</c>, the database, or nothing: what the request is about.</param>
    /// <param name="request">The request.</param>
    /// <param name="cancellation">Ends the wait; the request may be carried out all the same.</param>
    protected abstract Task<byte[]> SendAsync(StoreArea area, string subject, byte[] request, CancellationToken cancellation);

    private static string Subject(TableRef table) => $"{table.Database}/{table.Table}";

    private static CodecWriter Named(StoreOperation operation, string database, RequestOptions options)
    {
        var request = StoreWire.Begin(operation, options);
        request.WriteString(database);
        return request;
    }

    private static CodecWriter Of(StoreOperation operation, TableRef table, RequestOptions options)
    {
        var request = StoreWire.Begin(operation, options);
        WireFields.WriteTable(request, table);
        return request;
    }

    private static bool Changes(StoreOperation operation) => operation is
        StoreOperation.SplitRange or StoreOperation.TransferLeader or StoreOperation.CreateDatabase or StoreOperation.DropDatabase or
        StoreOperation.CreateTable or StoreOperation.ChangeTable or StoreOperation.DropTable or StoreOperation.WriteRow or
        StoreOperation.WriteRows;

    private async Task<GeoResult<T>> AskAsync<T>(
        StoreOperation operation, string subject, CodecWriter request, ItemReader<T> read, CancellationToken cancellation,
        bool changes = false)
        where T : class
    {
        try
        {
            return StoreWire.ReadAnswer(
                await SendAsync(StoreWire.AreaOf(operation), subject, request.ToArray(), cancellation), read);
        }
        catch (Exception failure)
        {
            var why = failure is OperationCanceledException ? "The caller gave up" : $"The node could not be asked: {failure.Message}";
            var error = changes || Changes(operation)
                ? new GeoError(GeoErrorKind.OutcomeUnknown, "commit-outcome-unknown", $"{why}; the request may have been carried out.")
                : new(GeoErrorKind.RegionUnavailable, "region-unavailable", why);
            return new(null, error, ResponseMeta.Local());
        }
    }
}
