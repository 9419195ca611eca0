using System.Collections.Immutable;
using System.Diagnostics;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// A node's store for callers on any thread: hands each request to the node's scheduler and the answer back. A caller whose node dies in
/// the middle hears that the outcome is unknown; nobody waits for a dead node.
/// </summary>
public sealed class NodeFront(Gateway gateway, NodeScheduler scheduler) : IGeoStore
{
    private static readonly GeoError s_stopped = new(
        GeoErrorKind.OutcomeUnknown, "node-stopped", "The node stopped while the request was under way; it may have been carried out.");

    private readonly HashSet<Pending> _outstanding = [];
    private TaskCompletionSource? _quiet;
    private readonly Lock _lock = new();
    private bool _stopped;

    /// <summary>Answers everything that is under way, and everything to come, with an unknown outcome.</summary>
    public void Stop()
    {
        Pending[] outstanding;
        lock (_lock)
        {
            _stopped = true;
            outstanding = [.. _outstanding];
            _outstanding.Clear();
            _quiet?.TrySetResult();
        }

        foreach (var pending in outstanding.OrderBy(pending => pending.Order))
        {
            pending.Abandon();
        }
    }

    /// <summary>Completes at the first moment when no request is under way.</summary>
    public Task QuietAsync()
    {
        lock (_lock)
        {
            return _outstanding.Count == 0
                ? Task.CompletedTask
                : (_quiet ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }

    /// <summary>See <see cref="Engine.Gateway.JoinAsync"/>.</summary>
    public Task<GeoResult<JoinAnswer>> JoinAsync(JoinRequest join, RequestOptions options, CancellationToken cancellation) =>
        Run(gateway => gateway.JoinAsync(join, options, cancellation));

    /// <inheritdoc />
    public Task<GeoResult<ClusterInfo>> GetClusterAsync(RequestOptions options, CancellationToken cancellation) =>
        Run(store => store.GetClusterAsync(options, cancellation));

    /// <inheritdoc />
    public Task<GeoResult<Listing<NodeInfo>>> ListNodesAsync(RequestOptions options, CancellationToken cancellation) =>
        Run(store => store.ListNodesAsync(options, cancellation));

    /// <inheritdoc />
    public Task<GeoResult<Listing<RangeInfo>>> ListRangesAsync(TableRef? table, RequestOptions options, CancellationToken cancellation) =>
        Run(store => store.ListRangesAsync(table, options, cancellation));

    /// <inheritdoc />
    public Task<GeoResult<Listing<LatencyInfo>>> ListLatenciesAsync(RequestOptions options, CancellationToken cancellation) =>
        Run(store => store.ListLatenciesAsync(options, cancellation));

    /// <inheritdoc />
    public Task<GeoResult<Readiness>> GetReadinessAsync(RequestOptions options, CancellationToken cancellation) =>
        Run(store => store.GetReadinessAsync(options, cancellation));

    /// <inheritdoc />
    public Task<GeoResult<RangeInfo>> SplitRangeAsync(
        long range, ImmutableArray<Datum>? at, RequestOptions options, CancellationToken cancellation) =>
        Run(store => store.SplitRangeAsync(range, at, options, cancellation));

    /// <inheritdoc />
    public Task<GeoResult<RangeInfo>> TransferLeaderAsync(
        long range, string node, RequestOptions options, CancellationToken cancellation) =>
        Run(store => store.TransferLeaderAsync(range, node, options, cancellation));

    /// <inheritdoc />
    public Task<GeoResult<DatabaseInfo>> CreateDatabaseAsync(DatabaseSpec spec, RequestOptions options, CancellationToken cancellation) =>
        Run(store => store.CreateDatabaseAsync(spec, options, cancellation));

    /// <inheritdoc />
    public Task<GeoResult<DatabaseInfo>> GetDatabaseAsync(string database, RequestOptions options, CancellationToken cancellation) =>
        Run(store => store.GetDatabaseAsync(database, options, cancellation));

    /// <inheritdoc />
    public Task<GeoResult<Listing<DatabaseInfo>>> ListDatabasesAsync(RequestOptions options, CancellationToken cancellation) =>
        Run(store => store.ListDatabasesAsync(options, cancellation));

    /// <inheritdoc />
    public Task<GeoResult<DatabaseInfo>> DropDatabaseAsync(string database, RequestOptions options, CancellationToken cancellation) =>
        Run(store => store.DropDatabaseAsync(database, options, cancellation));

    /// <inheritdoc />
    public Task<GeoResult<TableInfo>> CreateTableAsync(
        string database, TableSpec spec, RequestOptions options, CancellationToken cancellation) =>
        Run(store => store.CreateTableAsync(database, spec, options, cancellation));

    /// <inheritdoc />
    public Task<GeoResult<TableInfo>> GetTableAsync(
        TableRef table, ReadBound bound, RequestOptions options, CancellationToken cancellation) =>
        Run(store => store.GetTableAsync(table, bound, options, cancellation));

    /// <inheritdoc />
    public Task<GeoResult<Listing<TableInfo>>> ListTablesAsync(string database, RequestOptions options, CancellationToken cancellation) =>
        Run(store => store.ListTablesAsync(database, options, cancellation));

    /// <inheritdoc />
    public Task<GeoResult<TableInfo>> ChangeTableAsync(
        TableRef table, TableChange change, RequestOptions options, CancellationToken cancellation) =>
        Run(store => store.ChangeTableAsync(table, change, options, cancellation));

    /// <inheritdoc />
    public Task<GeoResult<TableInfo>> DropTableAsync(TableRef table, RequestOptions options, CancellationToken cancellation) =>
        Run(store => store.DropTableAsync(table, options, cancellation));

    /// <inheritdoc />
    public Task<GeoResult<VersionedRow>> ReadRowAsync(
        TableRef table, ImmutableArray<Datum> key, ReadBound bound, RequestOptions options, CancellationToken cancellation) =>
        Run(store => store.ReadRowAsync(table, key, bound, options, cancellation));

    /// <inheritdoc />
    public Task<GeoResult<Listing<VersionedRow?>>> ReadRowsAsync(
        TableRef table, ImmutableArray<ImmutableArray<Datum>> keys, ReadBound bound, RequestOptions options,
        CancellationToken cancellation) =>
        Run(store => store.ReadRowsAsync(table, keys, bound, options, cancellation));

    /// <inheritdoc />
    public Task<GeoResult<WriteResult>> WriteRowAsync(
        TableRef table, RowWrite write, RequestOptions options, CancellationToken cancellation) =>
        Run(store => store.WriteRowAsync(table, write, options, cancellation));

    /// <inheritdoc />
    public Task<GeoResult<Listing<GeoResult<WriteResult>>>> WriteRowsAsync(
        TableRef table, ImmutableArray<RowWrite> writes, RequestOptions options, CancellationToken cancellation) =>
        Run(store => store.WriteRowsAsync(table, writes, options, cancellation));

    /// <inheritdoc />
    public Task<GeoResult<TransactionResult>> TransactAsync(
        string database, TransactionRequest transaction, RequestOptions options, CancellationToken cancellation) =>
        Run(store => store.TransactAsync(database, transaction, options, cancellation));

    /// <inheritdoc />
    public Task<GeoResult<TransactionBegun>> BeginTransactionAsync(
        string database, TransactionBegin begin, RequestOptions options, CancellationToken cancellation) =>
        Run(store => store.BeginTransactionAsync(database, begin, options, cancellation));

    /// <inheritdoc />
    public Task<GeoResult<TransactionAnswer>> StepTransactionAsync(
        string database, string transaction, TransactionStep step, RequestOptions options, CancellationToken cancellation) =>
        Run(store => store.StepTransactionAsync(database, transaction, step, options, cancellation));

    /// <inheritdoc />
    public Task<GeoResult<ScanPage>> ScanAsync(
        TableRef table, ScanRequest scan, ReadBound bound, RequestOptions options, CancellationToken cancellation) =>
        Run(store => store.ScanAsync(table, scan, bound, options, cancellation));

    private Task<GeoResult<T>> Run<T>(Func<Gateway, Task<GeoResult<T>>> request)
        where T : class
    {
        var pending = new Pending<T>(this, request);
        lock (_lock)
        {
            if (_stopped)
            {
                return Task.FromResult(new GeoResult<T>(null, s_stopped, ResponseMeta.Local()));
            }

            pending.Order = ++_lastOrder;
            _outstanding.Add(pending);
        }

        scheduler.Post(static request => ((Pending)request!).Start(), pending);
        return pending.Task;
    }

    private long _lastOrder;

    private void Forget(Pending pending)
    {
        lock (_lock)
        {
            _outstanding.Remove(pending);
            if (_outstanding.Count == 0)
            {
                _quiet?.TrySetResult();
                _quiet = null;
            }
        }
    }

    private abstract class Pending
    {
        public long Order { get; set; }

        public abstract void Start();

        public abstract void Abandon();
    }

    private sealed class Pending<T>(NodeFront front, Func<Gateway, Task<GeoResult<T>>> request) : Pending
        where T : class
    {
        private readonly TaskCompletionSource<GeoResult<T>> _source = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly Activity? _caller = NodeTraces.Ambient is null ? null : Activity.Current;

        public Task<GeoResult<T>> Task => _source.Task;

        public override void Start() => _ = RunAsync();

        public override void Abandon() => _source.TrySetResult(new(null, s_stopped, ResponseMeta.Local()));

        private async Task RunAsync()
        {
            try
            {
                // Ambient for this request's flow alone: a method like this one leaves what is ambient as it found it.
                if (_caller is not null)
                {
                    Activity.Current = _caller;
                }

                _source.TrySetResult(await request(front.Gateway));
            }
            catch (Exception bug)
            {
                _source.TrySetException(bug);
            }
            finally
            {
                front.Forget(this);
            }
        }
    }

    private Gateway Gateway => gateway;
}
