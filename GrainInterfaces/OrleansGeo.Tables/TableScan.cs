using System.Runtime.CompilerServices;

namespace OrleansGeo.Tables;

/// <summary>
/// A scan: each enumeration asks anew, and shows one moment however many pages and ranges it goes over. The moment is that of its first
/// page: a strong scan sees every write acknowledged before it began. Pages are asked for as they are needed, and each is repeated like any
/// read.
/// </summary>
/// <typeparam name="TRow">The type of the rows.</typeparam>
public sealed class TableScan<TRow> : IAsyncEnumerable<TRow>
    where TRow : class
{
    private readonly GeoTable<TRow> _table;
    private readonly ScanQuery<TRow> _query;
    private readonly ReadBound _bound;

    internal TableScan(GeoTable<TRow> table, ScanQuery<TRow> query, ReadBound bound) => (_table, _query, _bound) = (table, query, bound);

    /// <summary>The rows.</summary>
    public async IAsyncEnumerator<TRow> GetAsyncEnumerator(CancellationToken cancellationToken = default)
    {
        await foreach (var row in WithVersions(cancellationToken))
        {
            yield return row.Value!;
        }
    }

    /// <summary>The rows with their versions, and what the page that brought them cost.</summary>
    public async IAsyncEnumerable<RowRead<TRow>> WithVersions([EnumeratorCancellation] CancellationToken cancellation = default)
    {
        var left = _query.Take ?? long.MaxValue;
        string? page = null;
        while (left > 0)
        {
            var answer = await _table.PageAsync(_query.ToRequest(left, page), _bound, cancellation);
            foreach (var row in answer.Value!.Rows)
            {
                left--;
                yield return _table.ToRead(row, answer.Meta);
            }

            page = answer.Value.Next;
            if (page is null)
            {
                yield break;
            }
        }
    }
}
