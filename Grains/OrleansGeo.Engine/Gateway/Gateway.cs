using System.Collections.Immutable;
using System.Diagnostics;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// A node's way in: everything a user can ask, turned into questions to ranges. It runs on the node's scheduler and holds no lock; what it
/// remembers (leaseholders, descriptors) are hints. What is promised, and why it holds, stands where it is done: writes at
/// <see cref="LeaseholderCall"/>, strong reads at <see cref="RowReads"/>, stale ones at <see cref="ReadPins"/>, scans at
/// <see cref="TableScans"/>, the catalog at <see cref="CatalogCommit"/>, what is known of a loss at <see cref="RangeAvailability"/>.
/// </summary>
public sealed class Gateway : IGeoStore
{
    private static readonly TimeSpan s_timeoutMax = TimeSpan.FromSeconds(60);
    private readonly IGatewayHost _host;
    private readonly GatewayCore _core;
    private readonly CatalogReader _catalog;
    private readonly CatalogChanges _changes;
    private readonly ClusterQueries _cluster;
    private readonly RowReads _reads;
    private readonly RowWrites _writes;
    private readonly RowTransactions _transactions;
    private readonly OpenTransactions _open;
    private readonly TableScans _scans;
    private readonly NodeJoins _joins;

    /// <summary>Makes the gateway of a node.</summary>
    public Gateway(IGatewayHost host)
    {
        _host = host;
        _core = new(host);
        _catalog = new(_core);
        _changes = new(_core, _catalog);
        _cluster = new(_core, _changes);
        var pins = new ReadPins(_core);
        _reads = new(_core, _catalog, pins);
        var idempotency = new IdempotencyTable(host.Time);
        _writes = new(_core, _catalog, idempotency);
        _scans = new(_core, _catalog, pins);
        var (looks, finisher) = (new TransactionLooks(_core), new TransactionFinisher(_core, new(_core)));
        _transactions = new(_core, _catalog, idempotency, looks, finisher);
        _open = new(_core, new(_core, _catalog, _reads, _scans, pins, looks, finisher));
        _joins = new(_core, _catalog);
    }

    /// <summary>
    /// Makes a node a member of the cluster and gives it its id. Asked by the node that joins, through any member; asking again with the
    /// same token gives the same answer.
    /// </summary>
    public Task<GeoResult<JoinAnswer>> JoinAsync(JoinRequest join, RequestOptions options, CancellationToken cancellation) =>
        Run("join", (options, cancellation), scope => _joins.JoinAsync(scope, join));

    /// <inheritdoc />
    public Task<GeoResult<ClusterInfo>> GetClusterAsync(RequestOptions options, CancellationToken cancellation) =>
        Run("cluster", (options, cancellation), scope => Task.FromResult(scope.Ok(_cluster.Cluster())));

    /// <inheritdoc />
    public Task<GeoResult<Listing<NodeInfo>>> ListNodesAsync(RequestOptions options, CancellationToken cancellation) =>
        Run("nodes", (options, cancellation), scope => Task.FromResult(scope.Ok(_cluster.Nodes())));

    /// <inheritdoc />
    public Task<GeoResult<Listing<LatencyInfo>>> ListLatenciesAsync(RequestOptions options, CancellationToken cancellation) =>
        Run("latencies", (options, cancellation), scope => Task.FromResult(scope.Ok(_cluster.Latencies())));

    /// <inheritdoc />
    public Task<GeoResult<Listing<RangeInfo>>> ListRangesAsync(TableRef? table, RequestOptions options, CancellationToken cancellation) =>
        Run("ranges", (options, cancellation), async scope =>
        {
            if (table is not { } name)
            {
                return scope.Ok(_cluster.Ranges(null));
            }

            var (record, error) = await _catalog.TableAsync(scope, name, localOnly: false);
            return record is null ? scope.Fail<Listing<RangeInfo>>(error!) : scope.Ok(_cluster.Ranges(record.Info));
        });

    /// <inheritdoc />
    public Task<GeoResult<Readiness>> GetReadinessAsync(RequestOptions options, CancellationToken cancellation) =>
        Run("readiness", (options, cancellation), async scope => scope.Ok(await _cluster.ReadinessAsync(scope)));

    /// <inheritdoc />
    public Task<GeoResult<RangeInfo>> SplitRangeAsync(
        long range, ImmutableArray<Datum>? at, RequestOptions options, CancellationToken cancellation) =>
        Run("split", (options, cancellation), scope => _cluster.SplitAsync(scope, range, at));

    /// <inheritdoc />
    public Task<GeoResult<RangeInfo>> TransferLeaderAsync(
        long range, string node, RequestOptions options, CancellationToken cancellation) =>
        Run("transfer-leader", (options, cancellation), scope => _cluster.TransferAsync(scope, range, node));

    /// <inheritdoc />
    public Task<GeoResult<DatabaseInfo>> CreateDatabaseAsync(DatabaseSpec spec, RequestOptions options, CancellationToken cancellation) =>
        Run("create-database", (options, cancellation), scope => _changes.CreateDatabaseAsync(scope, spec, options.IdempotencyKey));

    /// <inheritdoc />
    public Task<GeoResult<DatabaseInfo>> GetDatabaseAsync(string database, RequestOptions options, CancellationToken cancellation) =>
        Run("get-database", (options, cancellation), async scope =>
        {
            var (record, error) = await _catalog.DatabaseAsync(scope, database);
            return record is null ? scope.Fail<DatabaseInfo>(error!) : scope.Ok(_changes.Info(record));
        });

    /// <inheritdoc />
    public Task<GeoResult<Listing<DatabaseInfo>>> ListDatabasesAsync(RequestOptions options, CancellationToken cancellation) =>
        Run("list-databases", (options, cancellation), scope => Task.FromResult(
            scope.Ok(new Listing<DatabaseInfo>([.. _core.View.Databases.Values.Select(_changes.Info)]))));

    /// <inheritdoc />
    public Task<GeoResult<DatabaseInfo>> DropDatabaseAsync(string database, RequestOptions options, CancellationToken cancellation) =>
        Run("drop-database", (options, cancellation), scope => _changes.DropDatabaseAsync(scope, database, options.IdempotencyKey));

    /// <inheritdoc />
    public Task<GeoResult<TableInfo>> CreateTableAsync(
        string database, TableSpec spec, RequestOptions options, CancellationToken cancellation) =>
        Run("create-table", (options, cancellation), scope => _changes.CreateTableAsync(scope, database, spec, options.IdempotencyKey));

    /// <inheritdoc />
    public Task<GeoResult<TableInfo>> GetTableAsync(
        TableRef table, ReadBound bound, RequestOptions options, CancellationToken cancellation) =>
        Run("get-table", (options, cancellation), async scope =>
        {
            var (record, error) = await _catalog.TableAsync(scope, table, bound is not ReadBound.StrongRead);
            return record is null ? scope.Fail<TableInfo>(error!) : scope.Ok(record.Info);
        });

    /// <inheritdoc />
    public Task<GeoResult<Listing<TableInfo>>> ListTablesAsync(string database, RequestOptions options, CancellationToken cancellation) =>
        Run("list-tables", (options, cancellation), async scope =>
        {
            var (record, error) = await _catalog.DatabaseAsync(scope, database);
            return record is null
                ? scope.Fail<Listing<TableInfo>>(error!)
                : scope.Ok(new Listing<TableInfo>(
                    [.. _core.View.Tables.Values.Where(table => table.Info.Database == database).Select(table => table.Info)]));
        });

    /// <inheritdoc />
    public Task<GeoResult<TableInfo>> ChangeTableAsync(
        TableRef table, TableChange change, RequestOptions options, CancellationToken cancellation) =>
        Run("change-table", (options, cancellation), scope => _changes.ChangeTableAsync(scope, table, change, options.IdempotencyKey));

    /// <inheritdoc />
    public Task<GeoResult<TableInfo>> DropTableAsync(TableRef table, RequestOptions options, CancellationToken cancellation) =>
        Run("drop-table", (options, cancellation), scope => _changes.DropTableAsync(scope, table, options.IdempotencyKey));

    /// <inheritdoc />
    public async Task<GeoResult<VersionedRow>> ReadRowAsync(
        TableRef table, ImmutableArray<Datum> key, ReadBound bound, RequestOptions options, CancellationToken cancellation)
    {
        // This and a single write are the hot path: no closure.
        if (Begin("read-row", options, cancellation, out var scope) is { } invalid)
        {
            return Answered("read-row", scope, scope.Fail<VersionedRow>(invalid));
        }

        return Answered("read-row", scope, await _reads.ReadAsync(scope, table, key, bound));
    }

    /// <inheritdoc />
    public Task<GeoResult<Listing<VersionedRow?>>> ReadRowsAsync(
        TableRef table, ImmutableArray<ImmutableArray<Datum>> keys, ReadBound bound, RequestOptions options,
            CancellationToken cancellation) =>
        Run("read-rows", (options, cancellation), scope => _reads.ReadManyAsync(scope, table, keys, bound));

    /// <inheritdoc />
    public async Task<GeoResult<WriteResult>> WriteRowAsync(
        TableRef table, RowWrite write, RequestOptions options, CancellationToken cancellation)
    {
        if (Begin("write-row", options, cancellation, out var scope) is { } invalid)
        {
            return Answered("write-row", scope, scope.Fail<WriteResult>(invalid));
        }

        return Answered("write-row", scope, await _writes.WriteAsync(scope, table, write, options.IdempotencyKey));
    }

    /// <inheritdoc />
    public Task<GeoResult<Listing<GeoResult<WriteResult>>>> WriteRowsAsync(
        TableRef table, ImmutableArray<RowWrite> writes, RequestOptions options, CancellationToken cancellation) =>
        Run("write-rows", (options, cancellation), async scope => writes.Length > GeoLimits.BatchWritesMax
            ? scope.Fail<Listing<GeoResult<WriteResult>>>(new(
                GeoErrorKind.TooLarge, "too-many-writes", $"{writes.Length} writes are given and {GeoLimits.BatchWritesMax} is the limit",
                    "writes"))
            : scope.Ok(new Listing<GeoResult<WriteResult>>(await _writes.WriteManyAsync(scope, table, writes, options.IdempotencyKey))));

    /// <inheritdoc />
    public Task<GeoResult<TransactionResult>> TransactAsync(
        string database, TransactionRequest transaction, RequestOptions options, CancellationToken cancellation) =>
        Run("transact", (options, cancellation), scope =>
            _transactions.RunAsync(scope, database, transaction, options.IdempotencyKey));

    /// <inheritdoc />
    public Task<GeoResult<TransactionBegun>> BeginTransactionAsync(
        string database, TransactionBegin begin, RequestOptions options, CancellationToken cancellation) =>
        Run("begin-transaction", (options, cancellation), scope => _open.BeginAsync(scope, database, begin));

    /// <inheritdoc />
    public Task<GeoResult<TransactionAnswer>> StepTransactionAsync(
        string database, string transaction, TransactionStep step, RequestOptions options, CancellationToken cancellation) =>
        Run("step-transaction", (options, cancellation), scope => _open.StepAsync(scope, database, transaction, step, options));

    /// <inheritdoc />
    public Task<GeoResult<ScanPage>> ScanAsync(
        TableRef table, ScanRequest scan, ReadBound bound, RequestOptions options, CancellationToken cancellation) =>
        Run("scan", (options, cancellation), scope => _scans.ScanAsync(scope, table, scan, bound));

    private async Task<GeoResult<T>> Run<T>(
        string operation, (RequestOptions Options, CancellationToken Cancellation) request, Func<RequestScope, Task<GeoResult<T>>> work)
        where T : class =>
        Begin(operation, request.Options, request.Cancellation, out var scope) is { } invalid
            ? Answered(operation, scope, scope.Fail<T>(invalid))
            : Answered(operation, scope, await work(scope));

    private GeoResult<T> Answered<T>(string operation, RequestScope scope, GeoResult<T> result)
        where T : class
    {
        var outcome = NodeMetrics.OutcomeOf(result.Error);
        _host.Metrics?.Answered(operation, outcome, result.Meta);
        scope.Span.End(_host.Time, outcome, result.Error is { Kind: >= GeoErrorKind.Overloaded }, result.Meta.RoundTrips);
        return result;
    }

    // A session's timestamp raises this node's clock, which the node sends along with every call: so every leaseholder reads and writes
    // above it.
    private GeoError? Begin(string operation, RequestOptions options, CancellationToken cancellation, out RequestScope scope)
    {
        var session = HlcTimestamp.Zero;
        GeoError? error = null;
        if (options.Timeout <= TimeSpan.Zero || options.Timeout > s_timeoutMax)
        {
            error = new(GeoErrorKind.Invalid, "bad-timeout", "a timeout is above 0 and at most 60,000 ms", "Geo-Timeout-Ms");
        }
        else if (options.IdempotencyKey is { Length: 0 or > GeoLimits.IdempotencyKeyCharsMax })
        {
            error = new(
                GeoErrorKind.Invalid, "bad-idempotency-key", $"an idempotency key has 1 to {GeoLimits.IdempotencyKeyCharsMax} characters",
                "Idempotency-Key");
        }
        else if (options.Session is { } text && !SessionToken.TryOpen(_host.TokenSecret.Span, text, out session))
        {
            error = new(GeoErrorKind.Invalid, "bad-session", "the session token was not given out by this cluster, or was changed",
                "Geo-Session");
        }
        else if (session > _host.Clock && !_host.TryObserve(session))
        {
            error = new(
                GeoErrorKind.Invalid, "session-ahead", $"the session has seen {session}, too far ahead of this node's clock {_host.Clock}",
                "Geo-Session");
        }

        scope = new(_host, options.Timeout, session, cancellation)
        {
            Span = NodeTraces.Ambient is { } caller ? NodeTraces.Begin(operation, ActivityKind.Internal, caller, _host) : null,
        };
        return error;
    }
}
