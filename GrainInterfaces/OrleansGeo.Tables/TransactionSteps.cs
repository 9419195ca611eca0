using System.Collections.Immutable;
using System.Linq.Expressions;
using OrleansGeo.Primitives;
using OrleansGeo.Tables.Mapping;

namespace OrleansGeo.Tables;

/// <summary>What a table does for the transactions that name it.</summary>
internal interface ITransactionTable
{
    TableRef Reference { get; }

    /// <summary>Checks that type and table fit.</summary>
    Task CheckAsync(CancellationToken cancellation = default);

    /// <summary>Lets the next call check again.</summary>
    void Forget();
}

/// <summary>
/// What a transaction reads, requires and writes, over any tables of its database. Reads and conditions see the rows as they are before the
/// writes; no row is written twice. Nothing is asked before the steps are complete.
/// </summary>
public sealed class TransactionSteps
{
    private readonly string _database;
    private readonly ImmutableArray<TransactionRead>.Builder _reads = ImmutableArray.CreateBuilder<TransactionRead>();
    private readonly ImmutableArray<TransactionCondition>.Builder _conditions = ImmutableArray.CreateBuilder<TransactionCondition>();
    private readonly List<Func<CancellationToken, ValueTask<TransactionWrite>>> _writes = [];
    private readonly HashSet<ITransactionTable> _tables = [];

    internal TransactionSteps(string database) => _database = database;

    internal IEnumerable<ITransactionTable> Tables => _tables;

    /// <summary>Reads a row; <see cref="TransactionDone.Read"/> has it then.</summary>
    public TransactionSteps Read<TRow>(GeoTable<TRow> table, RowKey key)
        where TRow : class
    {
        _reads.Add(new(NameOf(table), key.Values));
        return this;
    }

    /// <summary>The column of a property must compare so with a value. No row, and a null column, satisfy nothing.</summary>
    /// <exception cref="GeoMappingException">The lambda names no column, or the value has no place in it.</exception>
    public TransactionSteps Require<TRow, TValue>(
        GeoTable<TRow> table, RowKey key, Expression<Func<TRow, TValue>> property, ScanOperator comparison, TValue literal)
        where TRow : class
    {
        var column = RowMap<TRow>.Instance.ColumnOf(property);
        return Add(new TransactionCondition.Field(NameOf(table), key.Values, new(column.Column, comparison, column.Write(literal))));
    }

    /// <summary>There must be a row with the key.</summary>
    public TransactionSteps RequireExists<TRow>(GeoTable<TRow> table, RowKey key)
        where TRow : class => Add(new TransactionCondition.Existence(NameOf(table), key.Values, true));

    /// <summary>There must be no row with the key.</summary>
    public TransactionSteps RequireAbsent<TRow>(GeoTable<TRow> table, RowKey key)
        where TRow : class => Add(new TransactionCondition.Existence(NameOf(table), key.Values, false));

    /// <summary>The row must have this version, as an earlier read or write gave it: nobody wrote it since.</summary>
    public TransactionSteps RequireVersion<TRow>(GeoTable<TRow> table, RowKey key, HlcTimestamp version)
        where TRow : class => Add(new TransactionCondition.VersionIs(NameOf(table), key.Values, version));

    /// <summary>Creates a row, as <see cref="GeoTable{TRow}.InsertAsync"/>.</summary>
    public TransactionSteps Insert<TRow>(GeoTable<TRow> table, TRow row)
        where TRow : class => Write(table, WriteKind.Insert, fit => (fit.KeyOf(row), fit.ValuesOf(row, withNulls: false)));

    /// <summary>Creates a row or replaces it whole, as <see cref="GeoTable{TRow}.PutAsync"/>.</summary>
    public TransactionSteps Put<TRow>(GeoTable<TRow> table, TRow row)
        where TRow : class => Write(table, WriteKind.Put, fit => (fit.KeyOf(row), fit.ValuesOf(row, withNulls: true)));

    /// <summary>Changes some columns of a row, which must be there.</summary>
    public TransactionSteps Patch<TRow>(GeoTable<TRow> table, RowKey key, Patch<TRow> patch)
        where TRow : class => Write(table, WriteKind.Merge, _ => (key.Values, patch.Values));

    /// <summary>Removes a row, which must be there.</summary>
    public TransactionSteps Delete<TRow>(GeoTable<TRow> table, RowKey key)
        where TRow : class => Write(table, WriteKind.Delete, _ => (key.Values, []));

    /// <summary>Adds to columns of a row, which must be there.</summary>
    public TransactionSteps Increment<TRow>(GeoTable<TRow> table, RowKey key, Increment<TRow> increment)
        where TRow : class => Write(table, WriteKind.Increment, _ => (key.Values, increment.Values));

    /// <summary>Adds to one column of a row, which must be there.</summary>
    /// <exception cref="GeoMappingException">The lambda names no column that holds numbers.</exception>
    public TransactionSteps Increment<TRow, TValue>(
        GeoTable<TRow> table, RowKey key, Expression<Func<TRow, TValue>> property, TValue by)
        where TRow : class => Increment(table, key, new Increment<TRow>().By(property, by));

    internal async Task<TransactionRequest> BuildAsync(TransactionIsolation isolation, CancellationToken cancellation)
    {
        foreach (var table in _tables)
        {
            await table.CheckAsync(cancellation);
        }

        var writes = ImmutableArray.CreateBuilder<TransactionWrite>(_writes.Count);
        foreach (var write in _writes)
        {
            writes.Add(await write(cancellation));
        }

        return new(isolation, _reads.ToImmutable(), _conditions.ToImmutable(), writes.MoveToImmutable());
    }

    private TransactionSteps Add(TransactionCondition condition)
    {
        _conditions.Add(condition);
        return this;
    }

    private TransactionSteps Write<TRow>(
        GeoTable<TRow> table, WriteKind kind,
        Func<TableFit<TRow>, (ImmutableArray<Datum> Key, ImmutableArray<KeyValuePair<string, Datum>> Values)> parts)
        where TRow : class
    {
        var name = NameOf(table);
        _writes.Add(async cancellation =>
        {
            var (key, values) = parts(await table.FitAsync(cancellation));
            return new(name, new(kind, key, values, Precondition.None));
        });
        return this;
    }

    private string NameOf<TRow>(GeoTable<TRow> table)
        where TRow : class
    {
        var reference = table.Reference;
        if (!string.Equals(reference.Database, _database, StringComparison.Ordinal))
        {
            throw new ArgumentException(
                $"a transaction of the database {_database} has no place for the table {reference.Table} of {reference.Database}",
                nameof(table));
        }

        _tables.Add(table);
        return reference.Table;
    }
}

/// <summary>What a transaction may be told besides its steps.</summary>
public sealed record TransactionOptions
{
    /// <summary>What it may assume of transactions beside it.</summary>
    public TransactionIsolation Isolation { get; init; } = TransactionIsolation.Serializable;

    /// <summary>As <see cref="WriteOptions.RequestId"/>, for the transaction as a whole.</summary>
    public string? RequestId { get; init; }
}

/// <summary>What a transaction that stays open may be told when it begins.</summary>
public sealed record OpenOptions
{
    /// <summary>What it may assume of transactions beside it.</summary>
    public TransactionIsolation Isolation { get; init; } = TransactionIsolation.Serializable;

    /// <summary>It writes nothing.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>It reads the rows as they were then, near the caller where that is possible, and writes nothing.</summary>
    public HlcTimestamp? AsOf { get; init; }

    /// <summary>How long it may stand idle before it ends; null for <see cref="GeoLimits.IdleTimeoutDefault"/>.</summary>
    public TimeSpan? IdleTimeout { get; init; }

    internal TransactionBegin ToBegin() => new(Isolation, ReadOnly, AsOf, IdleTimeout);
}

/// <summary>A row that a transaction wrote.</summary>
/// <param name="Key">Its key, defaults filled in.</param>
/// <param name="Created">True when there was no row before.</param>
public readonly record struct RowChange(RowKey Key, bool Created);

/// <summary>What a transaction did.</summary>
public sealed class TransactionDone
{
    private readonly TransactionRequest _request;
    private readonly TransactionResult _result;

    internal TransactionDone(TransactionRequest request, TransactionResult result, ResponseMeta meta)
    {
        (_request, _result, Meta) = (request, result, meta);
        Writes = [.. result.Writes.Select(written => new RowChange(RowKey.OfValues(written.Key), written.Created))];
    }

    /// <summary>The moment at which all of it happened; the version of every row it wrote.</summary>
    public HlcTimestamp CommitTimestamp => _result.CommitTimestamp;

    /// <summary>What was written, in the order of the steps.</summary>
    public ImmutableArray<RowChange> Writes { get; }

    /// <summary>What it cost.</summary>
    public ResponseMeta Meta { get; }

    /// <summary>Wide-area round trips paid, over all attempts.</summary>
    public int RoundTrips => Meta.RoundTrips;

    /// <summary>A row that the transaction read, as it was before the writes.</summary>
    /// <exception cref="ArgumentException">It did not read that row.</exception>
    /// <exception cref="GeoMappingException">A value has no place in the type.</exception>
    public RowRead<TRow> Read<TRow>(GeoTable<TRow> table, RowKey key)
        where TRow : class
    {
        for (var i = 0; i < _request.Reads.Length; i++)
        {
            var (name, values) = _request.Reads[i];
            if (string.Equals(name, table.Reference.Table, StringComparison.Ordinal) && values.AsSpan().SequenceEqual(key.Values.AsSpan()))
            {
                return _result.Reads[i] is { } row ? table.ToRead(row, Meta) : new(null, HlcTimestamp.Zero, Meta);
            }
        }

        throw new ArgumentException($"the transaction did not read the row {key} of {table.Reference.Table}", nameof(key));
    }
}
