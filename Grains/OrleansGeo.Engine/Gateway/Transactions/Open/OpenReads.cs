using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// What an open transaction reads. All of it holds at one moment, which moves up when a range has something newer in its log of what it is
/// asked about for the first time: then what was read before is refreshed to the later moment, and where that does not hold any more the
/// transaction is over. What a range takes into its log after it was first looked at is not minded: its leader's clock was below it, and
/// this node's clock, read when the answer is here, is above that. So whoever reads on in ranges it knows is never disturbed.
/// </summary>
internal sealed class OpenReads(GatewayCore core, TransactionLooks looks)
{
    /// <summary>Test builds only: what was read earlier is not looked at again when the transaction's moment moves up.</summary>
    public const string BugMovesUnseen = "transactions.moves-unseen";

    private const int RoundsMax = 16;

    /// <summary>Rows by key as they are stored, at the transaction's moment. The rows count as read.</summary>
    public async Task<(Dictionary<Key, FoundValue>? Found, GeoError? Error)> ReadAsync(
        RequestScope scope, OpenTransaction transaction, IReadOnlyDictionary<Key, (string Table, ImmutableArray<Datum> Key)> rows)
    {
        if (transaction.Rows.Keys.Union(rows.Keys).Count() > GeoLimits.TransactionReadsMax)
        {
            return (null, OpenTransactionErrors.TooMany("reads", "rows that it reads", GeoLimits.TransactionReadsMax));
        }

        Key[] keys = [.. rows.Keys.Order()];
        for (var round = 0; round < RoundsMax && !scope.IsOver && keys.Length > 0; round++)
        {
            var at = transaction.ReadAt ?? HlcTimestamp.Later(core.Host.Clock, scope.Session);
            var look = await looks.LookAsync(scope, keys, at, range => transaction.UpTo(range.Span));
            if (look.Error is { } unread)
            {
                return (null, unread);
            }

            look.Ranges.ForEach(span => transaction.LookedAt(span, core.Host.Clock));
            var later = look.ReadAt.Max();
            if (await MoveAsync(scope, transaction, later) is { } error)
            {
                return (null, error);
            }

            // A range that answered for an earlier moment is asked again: what it answered need not hold at the later one.
            if (Array.TrueForAll(look.ReadAt, readAt => readAt == later))
            {
                foreach (var (key, found) in look.Found)
                {
                    transaction.Rows.TryAdd(key, new(rows[key].Table, rows[key].Key, found.Version));
                }

                return (look.Found, null);
            }
        }

        return keys.Length == 0
            ? ([], null)
            : (null, GatewayCore.Deadline("what the transaction reads kept changing until its deadline"));
    }

    /// <summary>Fills a page with the rows of a span as the transaction sees them. The span that was read counts as read.</summary>
    public async Task<(KeySpan? Left, GeoError? Error)> ScanAsync(
        RequestScope scope, OpenTransaction transaction, ScanPageBuilder page, KeySpan span)
    {
        KeySpan? rest = span;
        while (rest is { IsEmpty: false } todo && !page.IsFull)
        {
            if (transaction.Spans.Count >= GeoLimits.TransactionReadsMax)
            {
                return (rest, OpenTransactionErrors.TooMany("scan", "spans that it reads", GeoLimits.TransactionReadsMax));
            }

            var at = transaction.ReadAt ?? HlcTimestamp.Later(core.Host.Clock, scope.Session);
            var range = page.Descending ? core.Router.FindBefore(core.View, todo.End) : core.Router.Find(core.View, todo.Start);
            var upTo = range is null ? HlcTimestamp.Max : transaction.UpTo(range.Span);
            var look = new RangeOperation.LookOver(todo, at, upTo, page.Descending, page.RowsWanted, page.BytesWanted);
            var end = page.Descending ? await core.AskBeforeAsync(scope, todo.End, look) : await core.AskAsync(scope, todo.Start, look);
            if (end.Outcome is RangeOutcome.Moved && !scope.IsOver)
            {
                continue;
            }

            if (end.Outcome is not RangeOutcome.Looked looked)
            {
                return (rest, end.Error ?? CatalogReader.Unexpected(end.Outcome));
            }

            if (await MoveAsync(scope, transaction, looked.ReadAt) is { } error)
            {
                return (rest, error);
            }

            var covered = looked.Resume is not { } left ? todo
                : page.Descending ? new(left.End, todo.End)
                : new KeySpan(todo.Start, left.Start);
            transaction.LookedAt(looked.Held, core.Host.Clock);
            transaction.Spans.Add(covered);
            rest = page.Take(transaction.Overlay(looked.Rows, covered, page.Descending), looked.Resume, todo);
        }

        return (rest, null);
    }

    /// <summary>Whether all that was read holds at a later moment, or also now; null when it does, else why the transaction is
    /// over.</summary>
    public async Task<GeoError?> RefreshAsync(
        RequestScope scope, WhatWasRead what, HlcTimestamp from, HlcTimestamp to, bool isNewest)
    {
        for (var round = 0; round < RoundsMax && !scope.IsOver; round++)
        {
            var refresh = await looks.RefreshAsync(scope, what, from, to, isNewest);
            if (refresh.Error is not null || refresh.Holds)
            {
                return refresh.Error;
            }

            if (!refresh.MayYet)
            {
                break;
            }

            await core.BackOffAsync(scope, round);
        }

        return OpenTransactionErrors.Conflict("what the transaction has read was changed by others");
    }

    private async Task<GeoError?> MoveAsync(RequestScope scope, OpenTransaction transaction, HlcTimestamp to)
    {
        core.Host.TryObserve(to);
        if (transaction.ReadAt is { } from && to > from && !PlantedBug.Is(BugMovesUnseen)
            && await RefreshAsync(
                scope, new([.. transaction.Rows.Keys.Order()], [.. transaction.Spans], null), from, to, false) is { } error)
        {
            return error;
        }

        transaction.ReadAt = to;
        return null;
    }
}
