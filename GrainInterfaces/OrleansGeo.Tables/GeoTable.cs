using System.Collections.Immutable;
using OrleansGeo.Primitives;
using OrleansGeo.Tables.Mapping;

namespace OrleansGeo.Tables;

/// <summary>
/// A table whose rows are a <typeparamref name="TRow"/> each. Safe for concurrent use. Reads are strong unless they say otherwise. Calls
/// repeat what can be repeated until <see cref="GeoClientOptions.Timeout"/>; every refusal that remains is a <see cref="GeoException"/>.
/// </summary>
/// <typeparam name="TRow">A class or record; its public properties are columns.</typeparam>
public sealed class GeoTable<TRow> : ITransactionTable
    where TRow : class
{
    // What a node knows of its catalog by itself is enough to lay a type over a table, also in a region that is cut off.
    private static readonly ReadBound s_known = ReadBound.BoundedStaleness(TimeSpan.FromDays(365));

    private readonly GeoClient _client;
    private readonly RowMap<TRow> _map;
    private readonly GeoSession? _session;
    private volatile TableFit<TRow>? _fit;

    internal GeoTable(GeoClient client, TableRef reference, RowMap<TRow> map, GeoSession? session) =>
        (_client, Reference, _map, _session) = (client, reference, map, session);

    /// <summary>Database and table.</summary>
    public TableRef Reference { get; }

    /// <summary>A row by its key.</summary>
    /// <param name="key">All values of the primary key.</param>
    /// <param name="bound">How fresh; null for strong.</param>
    /// <param name="cancellation">Ends the call.</param>
    /// <exception cref="GeoException">It could not be read.</exception>
    public async Task<RowRead<TRow>> GetAsync(RowKey key, ReadBound? bound = null, CancellationToken cancellation = default)
    {
        await CheckAsync(cancellation);
        var result = await RunAsync<VersionedRow>(
            (store, options, token) => store.ReadRowAsync(Reference, key.Values, bound ?? ReadBound.Strong, options, token),
            null, null, cancellation);
        return result.Error switch
        {
            null => ToRead(result.Value!, result.Meta),
            { } error when GeoException.IsAbsentRow(error) => new(null, HlcTimestamp.Zero, result.Meta),
            { } error => throw Refused(error, result.Meta, null),
        };
    }

    /// <summary>Many rows by their keys, all at one timestamp, in the order of the keys.</summary>
    /// <exception cref="GeoException">They could not be read.</exception>
    public async Task<ImmutableArray<RowRead<TRow>>> GetManyAsync(
        IEnumerable<RowKey> keys, ReadBound? bound = null, CancellationToken cancellation = default)
    {
        await CheckAsync(cancellation);
        var wanted = keys.Select(key => key.Values).ToImmutableArray();
        var result = await RunAsync<Listing<VersionedRow?>>(
            (store, options, token) => store.ReadRowsAsync(Reference, wanted, bound ?? ReadBound.Strong, options, token),
            null, null, cancellation);
        return result.Error is { } error
            ? throw Refused(error, result.Meta, null)
            : [.. result.Value!.Items.Select(row => row is null ? new(null, HlcTimestamp.Zero, result.Meta) : ToRead(row, result.Meta))];
    }

    /// <summary>
    /// Creates a row. A null property is left to the column's default; one in the key too. <see cref="GeoConditionException"/> when there
    /// is a row with the key.
    /// </summary>
    /// <exception cref="GeoException">It was refused, or its outcome is not known.</exception>
    public async Task<RowWritten<TRow>> InsertAsync(TRow row, WriteOptions? options = null, CancellationToken cancellation = default)
    {
        var fit = await FitAsync(cancellation);
        return await WriteAsync(WriteKind.Insert, fit.KeyOf(row), fit.ValuesOf(row, withNulls: false), options, cancellation);
    }

    /// <summary>
    /// Creates a row or replaces it whole: a null property makes its column null, and a column without a property takes its default. To
    /// keep what the type does not know of, patch.
    /// </summary>
    /// <exception cref="GeoException">It was refused, or its outcome is not known.</exception>
    public async Task<RowWritten<TRow>> PutAsync(TRow row, WriteOptions? options = null, CancellationToken cancellation = default)
    {
        var fit = await FitAsync(cancellation);
        return await WriteAsync(WriteKind.Put, fit.KeyOf(row), fit.ValuesOf(row, withNulls: true), options, cancellation);
    }

    /// <summary>Changes some columns of a row. <see cref="GeoConditionException"/> when there is none.</summary>
    /// <exception cref="GeoException">It was refused, or its outcome is not known.</exception>
    public async Task<RowWritten<TRow>> PatchAsync(
        RowKey key, Patch<TRow> patch, WriteOptions? options = null, CancellationToken cancellation = default)
    {
        await CheckAsync(cancellation);
        return await WriteAsync(WriteKind.Merge, key.Values, patch.Values, options, cancellation);
    }

    /// <summary>Removes a row. <see cref="GeoConditionException"/> when there is none.</summary>
    /// <exception cref="GeoException">It was refused, or its outcome is not known.</exception>
    public async Task<RowWritten<TRow>> DeleteAsync(RowKey key, WriteOptions? options = null, CancellationToken cancellation = default)
    {
        await CheckAsync(cancellation);
        return await WriteAsync(WriteKind.Delete, key.Values, [], options, cancellation);
    }

    /// <summary>
    /// Adds to columns of a row, wherever they stand. <see cref="GeoConditionException"/> when there is no row, or a sum does not fit.
    /// </summary>
    /// <exception cref="GeoException">It was refused, or its outcome is not known.</exception>
    public async Task<RowWritten<TRow>> IncrementAsync(
        RowKey key, Increment<TRow> increment, WriteOptions? options = null, CancellationToken cancellation = default)
    {
        await CheckAsync(cancellation);
        return await WriteAsync(WriteKind.Increment, key.Values, increment.Values, options, cancellation);
    }

    /// <summary>Rows in key order at one moment; all of them when no query is given. Nothing is asked before it is enumerated.</summary>
    public TableScan<TRow> Scan(ScanQuery<TRow>? query = null, ReadBound? bound = null) =>
        new(this, query ?? new(), bound ?? ReadBound.Strong);

    /// <summary>Checks now that the table is there and that the type fits it, which else the first call does.</summary>
    /// <exception cref="GeoMappingException">They do not fit.</exception>
    /// <exception cref="GeoException">There is no such table, or nobody can be asked.</exception>
    public async Task CheckAsync(CancellationToken cancellation = default)
    {
        if (_fit is null)
        {
            await FitAsync(cancellation);
        }
    }

    internal async Task<bool> ExistsAsync(CancellationToken cancellation)
    {
        var result = await LookUpAsync(ReadBound.Strong, cancellation);
        return result.Error switch
        {
            null => true,
            { Kind: GeoErrorKind.NotFound, Code: "table-not-found" } => false,
            { } error => throw GeoException.Of(error, result.Meta, null),
        };
    }

    internal async Task<GeoResult<ScanPage>> PageAsync(ScanRequest scan, ReadBound bound, CancellationToken cancellation)
    {
        await CheckAsync(cancellation);
        var page = await RunAsync<ScanPage>(
            (store, options, token) => store.ScanAsync(Reference, scan, bound, options, token), null, null, cancellation);
        return page.Error is { } error ? throw Refused(error, page.Meta, null) : page;
    }

    internal RowRead<TRow> ToRead(VersionedRow row, ResponseMeta meta) => new(_map.Read(row.Row), row.Version, meta);

    private async Task<RowWritten<TRow>> WriteAsync(
        WriteKind kind, ImmutableArray<Datum> key, ImmutableArray<KeyValuePair<string, Datum>> values, WriteOptions? options,
        CancellationToken cancellation)
    {
        var write = new RowWrite(kind, key, values, options?.Condition ?? Precondition.None);
        var requestId = options?.RequestId ?? WriteOptions.NewRequestId();
        var result = await RunAsync<WriteResult>(
            (store, terms, token) => store.WriteRowAsync(Reference, write, terms, token),
            requestId, written => written.Version, cancellation);
        return result.Error is { } error
            ? throw Refused(error, result.Meta, requestId)
            : new(
                result.Value!.Row is { } row ? _map.Read(row) : null, RowKey.OfValues(result.Value.Key), result.Value.Created,
                result.Value.Version, result.Meta);
    }

    private Task<GeoResult<TResult>> RunAsync<TResult>(
        RequestAttempt<TResult> attempt, string? requestId, Func<TResult, HlcTimestamp>? writtenAt, CancellationToken cancellation)
        where TResult : class => _client.RunAsync(attempt, _session, requestId, writtenAt, cancellation);

    internal async ValueTask<TableFit<TRow>> FitAsync(CancellationToken cancellation)
    {
        if (_fit is { } known)
        {
            return known;
        }

        var result = await LookUpAsync(s_known, cancellation);
        if (result.Error is { Kind: GeoErrorKind.NotFound })
        {
            result = await LookUpAsync(ReadBound.Strong, cancellation);
        }

        return result.Error is { } error
            ? throw GeoException.Of(error, result.Meta, null)
            : _fit = TableFit<TRow>.Of(_map, result.Value!);
    }

    private Task<GeoResult<TableInfo>> LookUpAsync(ReadBound bound, CancellationToken cancellation) => _client.Requests.RunAsync(
        (store, options, token) => store.GetTableAsync(Reference, bound, options, token),
        new(_client.Options.Timeout, null, null),
        cancellation);

    // A table that was made anew under its name may look different: what does not fit it any more is looked up again.
    private GeoException Refused(GeoError error, ResponseMeta meta, string? requestId)
    {
        var refused = GeoException.Of(error, meta, requestId);
        if (refused is GeoRequestException)
        {
            Forget();
        }

        return refused;
    }

    void ITransactionTable.Forget() => Forget();

    private void Forget() => _fit = null;
}
