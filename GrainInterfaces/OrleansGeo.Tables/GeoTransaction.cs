using System.Collections.Immutable;
using System.Linq.Expressions;
using System.Runtime.CompilerServices;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tables;

/// <summary>
/// A transaction that stays open: it reads at one moment, sees what it has written, and shows it to others when it commits, if all it has
/// read still holds then. It locks nothing meanwhile. One call at a time. When it is disposed of before that, it is rolled back.
/// <see cref="GeoTransactionOverException"/> from any call means that it has to be begun again, which <see cref="GeoDatabase.RunAsync"/>
/// does by itself.
/// </summary>
public sealed class GeoTransaction : IAsyncDisposable
{
    private readonly GeoClient _client;
    private readonly GeoSession? _session;
    private readonly string _database;
    private bool _isOpen = true;

    internal GeoTransaction(GeoClient client, GeoSession? session, string database, TransactionBegun begun) =>
        (_client, _session, _database, Begun) = (client, session, database, begun);

    /// <summary>Its id, the node it is open on, and how long it may stand idle.</summary>
    public TransactionBegun Begun { get; }

    /// <summary>A row, as it is with what the transaction has written. The version of a row that it has written is zero.</summary>
    /// <exception cref="GeoException">It could not be read, or the transaction is over.</exception>
    public async Task<RowRead<TRow>> GetAsync<TRow>(GeoTable<TRow> table, RowKey key, CancellationToken cancellation = default)
        where TRow : class
    {
        var (answer, meta) = await StepAsync<TransactionAnswer.Rows>(
            await BuildAsync(steps => steps.Read(table, key), static request => new TransactionStep.Read(request.Reads), cancellation),
            null,
            cancellation);
        return answer.Items[0] is { } row ? table.ToRead(row, meta) : new(null, HlcTimestamp.Zero, meta);
    }

    /// <summary>Rows in key order, as they are with what the transaction has written.</summary>
    /// <exception cref="GeoException">They could not be read, or the transaction is over.</exception>
    public async IAsyncEnumerable<RowRead<TRow>> ScanAsync<TRow>(
        GeoTable<TRow> table, ScanQuery<TRow>? query = null, [EnumeratorCancellation] CancellationToken cancellation = default)
        where TRow : class
    {
        await table.CheckAsync(cancellation);
        var asked = query ?? new();
        var left = asked.Take ?? long.MaxValue;
        string? page = null;
        while (left > 0)
        {
            var step = new TransactionStep.Scan(table.Reference.Table, asked.ToRequest(left, page));
            var (answer, meta) = await StepAsync<TransactionAnswer.Page>(step, null, cancellation);
            foreach (var row in answer.Content.Rows)
            {
                left--;
                yield return table.ToRead(row, meta);
            }

            page = answer.Content.Next;
            if (page is null)
            {
                yield break;
            }
        }
    }

    /// <summary>
    /// Writes rows, all of them or none; the keys are those of the rows, defaults filled in. A row may be written again.
    /// <see cref="GeoConditionException"/> when a row is not as a write demands; the transaction goes on without the writes.
    /// </summary>
    /// <param name="steps">Adds the writes: <c>t => t.Put(…).Delete(…)</c>. Runs once; what it reads or requires is not asked.</param>
    /// <param name="cancellation">Ends the call.</param>
    /// <exception cref="GeoException">They were refused, or the transaction is over.</exception>
    public async Task<ImmutableArray<RowKey>> WriteAsync(Action<TransactionSteps> steps, CancellationToken cancellation = default)
    {
        var step = await BuildAsync(steps, static request => new TransactionStep.Write(request.Writes), cancellation);
        var (answer, _) = await StepAsync<TransactionAnswer.Written>(step, WriteOptions.NewRequestId(), cancellation);
        return [.. answer.Keys.Select(RowKey.OfValues)];
    }

    /// <summary>Creates a row, as <see cref="GeoTable{TRow}.InsertAsync"/>.</summary>
    /// <exception cref="GeoException">It was refused, or the transaction is over.</exception>
    public async Task<RowKey> InsertAsync<TRow>(GeoTable<TRow> table, TRow row, CancellationToken cancellation = default)
        where TRow : class => (await WriteAsync(steps => steps.Insert(table, row), cancellation))[0];

    /// <summary>Creates a row or replaces it whole, as <see cref="GeoTable{TRow}.PutAsync"/>.</summary>
    /// <exception cref="GeoException">It was refused, or the transaction is over.</exception>
    public Task PutAsync<TRow>(GeoTable<TRow> table, TRow row, CancellationToken cancellation = default)
        where TRow : class => WriteAsync(steps => steps.Put(table, row), cancellation);

    /// <summary>Changes some columns of a row, which must be there.</summary>
    /// <exception cref="GeoException">It was refused, or the transaction is over.</exception>
    public Task PatchAsync<TRow>(GeoTable<TRow> table, RowKey key, Patch<TRow> patch, CancellationToken cancellation = default)
        where TRow : class => WriteAsync(steps => steps.Patch(table, key, patch), cancellation);

    /// <summary>Removes a row, which must be there.</summary>
    /// <exception cref="GeoException">It was refused, or the transaction is over.</exception>
    public Task DeleteAsync<TRow>(GeoTable<TRow> table, RowKey key, CancellationToken cancellation = default)
        where TRow : class => WriteAsync(steps => steps.Delete(table, key), cancellation);

    /// <summary>Adds to one column of a row, which must be there.</summary>
    /// <exception cref="GeoException">It was refused, or the transaction is over.</exception>
    public Task IncrementAsync<TRow, TValue>(
        GeoTable<TRow> table, RowKey key, Expression<Func<TRow, TValue>> property, TValue by, CancellationToken cancellation = default)
        where TRow : class => WriteAsync(steps => steps.Increment(table, key, property, by), cancellation);

    /// <summary>Marks what was written so far with a name.</summary>
    /// <exception cref="GeoException">It was refused, or the transaction is over.</exception>
    public Task SavepointAsync(string name, CancellationToken cancellation = default) =>
        StepAsync<TransactionAnswer.Done>(new TransactionStep.Savepoint(name), WriteOptions.NewRequestId(), cancellation);

    /// <summary>Takes back what was written since a mark, which stays.</summary>
    /// <exception cref="GeoException">There is no such mark, or the transaction is over.</exception>
    public Task RollbackToAsync(string name, CancellationToken cancellation = default) =>
        StepAsync<TransactionAnswer.Done>(new TransactionStep.RollbackTo(name), WriteOptions.NewRequestId(), cancellation);

    /// <summary>
    /// Makes everything written visible at one moment. <see cref="GeoOutcomeUnknownException"/> when it cannot be found out whether that
    /// was done; calling again asks again.
    /// </summary>
    /// <exception cref="GeoException">It was not committed, or that is not known.</exception>
    public async Task<TransactionResult> CommitAsync(CancellationToken cancellation = default)
    {
        var (answer, _) = await StepAsync<TransactionAnswer.Committed>(new TransactionStep.Commit(), null, cancellation);
        _isOpen = false;
        return answer.Result;
    }

    /// <summary>Ends the transaction; nothing is written.</summary>
    /// <exception cref="GeoException">Nobody could be asked; then it ends by standing idle.</exception>
    public async Task RollbackAsync(CancellationToken cancellation = default)
    {
        _isOpen = false;
        await StepAsync<TransactionAnswer.Done>(new TransactionStep.Rollback(), null, cancellation);
    }

    /// <summary>Rolls back what was not committed. One attempt: what is not reached ends by standing idle.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_isOpen)
        {
            _isOpen = false;
            await _client.Store.StepTransactionAsync(
                _database, Begun.Id, new TransactionStep.Rollback(), new(_client.Options.AttemptTimeout), CancellationToken.None);
        }
    }

    private async Task<TransactionStep> BuildAsync(
        Action<TransactionSteps> steps, Func<TransactionRequest, TransactionStep> toStep, CancellationToken cancellation)
    {
        var building = new TransactionSteps(_database);
        steps(building);
        return toStep(await building.BuildAsync(TransactionIsolation.Serializable, cancellation));
    }

    private async Task<(TAnswer Answer, ResponseMeta Meta)> StepAsync<TAnswer>(
        TransactionStep step, string? requestId, CancellationToken cancellation)
        where TAnswer : TransactionAnswer
    {
        var result = await _client.RunAsync<TransactionAnswer>(
            (store, terms, token) => store.StepTransactionAsync(_database, Begun.Id, step, terms, token),
            _session,
            requestId,
            answer => answer is TransactionAnswer.Committed made ? made.Result.CommitTimestamp : HlcTimestamp.Zero,
            cancellation);
        if (result.Error is { } error)
        {
            _isOpen &= !error.EndsTransaction && step is not TransactionStep.Commit;
            throw GeoException.Of(error, result.Meta, requestId);
        }

        return ((TAnswer)result.Value!, result.Meta);
    }
}
