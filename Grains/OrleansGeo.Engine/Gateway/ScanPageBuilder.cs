using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>A page of a scan as it fills.</summary>
internal sealed class ScanPageBuilder
{
    // A page whose condition lets few rows pass ends after this much work, with a token to go on from.
    private const int ExaminedRowsMax = 100_000;

    private readonly TableInfo _table;
    private readonly ScanRequest _scan;
    private readonly RowFilter _filter;
    private readonly ImmutableArray<byte> _queryHash;
    private readonly List<VersionedRow> _rows = [];
    private readonly RowLayout _layout;
    private int _bytes;
    private int _examined;
    private bool _isFull;

    private ScanPageBuilder(TableInfo table, TableRef name, ScanRequest scan, RowFilter filter)
    {
        (_table, _scan, _filter, _layout) = (table, scan, filter, RowLayout.Of(table));
        _queryHash = PageToken.HashOf(name, scan);
    }

    public bool Descending => _scan.Descending;

    public bool IsFull => _isFull || _rows.Count >= _scan.Limit || _examined >= ExaminedRowsMax;

    // Under a condition most rows may fall away, so more are asked for than are wanted.
    public int RowsWanted => _scan.Where.IsEmpty ? _scan.Limit - _rows.Count : GeoLimits.PageRowsMax;

    public int BytesWanted => GeoLimits.PageBytesMax;

    /// <summary>What a request asks for, or goes on with. Null when it can be done, else why not.</summary>
    /// <param name="table">The table.</param>
    /// <param name="name">Its name.</param>
    /// <param name="scan">The request.</param>
    /// <param name="secret">The cluster's secret, which page tokens are signed with.</param>
    /// <param name="page">An empty page.</param>
    /// <param name="span">What is left to read.</param>
    /// <param name="pinned">When the pages before were read; null for the first.</param>
    public static GeoError? TryPlan(
        TableInfo table, TableRef name, ScanRequest scan, ReadOnlySpan<byte> secret, out ScanPageBuilder page, out KeySpan span,
        out HlcTimestamp? pinned)
    {
        (page, span, pinned) = (null!, default, null);
        if ((CheckLimit(scan) ?? TrySpan(table, scan, out span)) is { } invalid)
        {
            return invalid;
        }

        if (RowFilter.TryCreate(table, scan.Where, out var filter) is { } senseless)
        {
            return senseless;
        }

        page = new(table, name, scan, filter);
        if (scan.PageToken is not { } text)
        {
            return null;
        }

        if (PageToken.TryOpen(secret, text) is not { } token || token.TableId != table.Id
            || !token.QueryHash.AsSpan().SequenceEqual(page._queryHash.AsSpan()) || token.SchemaVersion > table.SchemaVersion)
        {
            return new(GeoErrorKind.Invalid, "bad-page", "the page token was not given out for this query, or was changed", "page");
        }

        (span, pinned) = (token.Rest, token.At);
        return null;
    }

    /// <summary>Takes rows until the page is full, and says what of the span is left.</summary>
    /// <param name="rows">Every row of the part of the span that was read.</param>
    /// <param name="resume">The part that was not; null for none.</param>
    /// <param name="span">The span.</param>
    public KeySpan? Take(ImmutableArray<FoundValue> rows, KeySpan? resume, KeySpan span)
    {
        foreach (var row in rows)
        {
            _examined++;
            var key = RowMapper.KeyOf(row.Key);
            var columns = _layout.Decode(key.AsSpan(), row.Value);
            if (!_filter.Matches(columns))
            {
                continue;
            }

            var bytes = row.Key.Length + row.Value!.Length;
            if (_rows.Count > 0 && _bytes + bytes > GeoLimits.PageBytesMax)
            {
                _isFull = true;
                return Descending ? new(span.Start, row.Key.Successor) : new(row.Key, span.End);
            }

            _bytes += bytes;
            _rows.Add(new(key, row.Version, _layout.ToRow(columns)));
            if (_rows.Count >= _scan.Limit)
            {
                return rows[^1].Key == row.Key ? resume
                    : Descending ? new(span.Start, row.Key)
                    : new(row.Key.Successor, span.End);
            }
        }

        return resume;
    }

    public ScanPage End() => new([], null);

    public ScanPage End(KeySpan? rest, HlcTimestamp at, ReadOnlySpan<byte> secret) => new(
        [.. _rows],
        rest is { IsEmpty: false } left ? new PageToken(_table.Id, _table.SchemaVersion, _queryHash, at, left).Seal(secret) : null);

    private static GeoError? CheckLimit(ScanRequest scan) => scan.Limit is >= 1 and <= GeoLimits.PageRowsMax
        ? null
        : new(GeoErrorKind.Invalid, "bad-limit", $"a limit is 1 to {GeoLimits.PageRowsMax}", "limit");

    private static GeoError? TrySpan(TableInfo table, ScanRequest scan, out KeySpan span)
    {
        span = default;
        if (RowMapper.TryPrefix(table, scan.Prefix, "prefix", out var prefix) is { } badPrefix)
        {
            return badPrefix;
        }

        span = new(prefix, prefix.PrefixEnd);
        if (scan.From is { } from)
        {
            if (RowMapper.TryPrefix(table, from, "from", out var start) is { } badFrom)
            {
                return badFrom;
            }

            span = span with { Start = start > span.Start ? start : span.Start };
        }

        if (scan.To is { } to)
        {
            if (RowMapper.TryPrefix(table, to, "to", out var end) is { } badTo)
            {
                return badTo;
            }

            span = span with { End = end < span.End ? end : span.End };
        }

        return null;
    }
}
