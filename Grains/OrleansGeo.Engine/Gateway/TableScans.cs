using System.Collections.Immutable;
using System.Runtime.InteropServices;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// Scans. All pages of one scan are read at one timestamp, which the page token carries, signed.
/// <para>
/// <b>The first page of a strong scan</b> must see every write acknowledged before it, in every range of the span, although later pages
/// will read most of them. So every leaseholder of the span is asked at once for a timestamp at or above what it acknowledged (a strong
/// read of the
/// first and the last key the range is believed to hold, which also finds out when it has split); the first one for its rows as well.
/// With one range the page is what the first answer holds; with several the highest timestamp is the scan's, and a first page that was read
/// below it is read again. One round trip to the farthest leaseholder, or two. As for reads by key over several ranges
/// (<see cref="RowReads"/>), this is one moment that is not older than the request, and not strict serializability.
/// </para>
/// </summary>
internal sealed class TableScans(GatewayCore core, CatalogReader catalog, ReadPins pins)
{
    public async Task<GeoResult<ScanPage>> ScanAsync(RequestScope scope, TableRef name, ScanRequest scan, ReadBound bound)
    {
        var (table, error) = await catalog.TableAsync(scope, name, bound is not ReadBound.StrongRead);
        if (table is null)
        {
            return scope.Fail<ScanPage>(error!);
        }

        if (ScanPageBuilder.TryPlan(
            table.Info, name, scan, core.Host.TokenSecret.Span, out var page, out var span, out var pinned) is { } invalid)
        {
            return scope.Fail<ScanPage>(invalid);
        }

        if (pinned is not { } at)
        {
            return span.IsEmpty ? scope.Ok(page.End(), "strong") : await FirstPageAsync(scope, page, span, bound);
        }

        if (PlantedBug.Is("gateway.page-timestamp-not-pinned"))
        {
            return await FirstPageAsync(scope, page, span, bound);
        }

        // The token's own moment goes before the session's: all pages are one read, and the session was served by other reads.
        var words = $"at;ts={at}{(IsLocalOnly(bound) ? ";local-only" : string.Empty)}";
        var pin = new ReadPin(at, IsLocalOnly(bound), words, 0, core.Host.Clock.WallMillis);
        return await FillAsync(scope, page, span, pin);
    }

    private async Task<GeoResult<ScanPage>> FirstPageAsync(RequestScope scope, ScanPageBuilder page, KeySpan span, ReadBound bound)
    {
        if (bound is ReadBound.StrongRead)
        {
            return await FirstStrongPageAsync(scope, page, span);
        }

        ReadPin pin;
        GeoError? error;
        if (bound is ReadBound.Bounded bounded)
        {
            var (ranges, missing) = await CoverAsync(scope, span, bounded.LocalOnly);
            (pin, error) = missing is null ? await pins.BoundedAsync(bounded, ranges, scope) : (default, missing);
        }
        else
        {
            (pin, error) = pins.Named(bound, scope);
        }

        return error is null ? await FillAsync(scope, page, span, pin) : scope.Fail<ScanPage>(error);
    }

    private async Task<GeoResult<ScanPage>> FirstStrongPageAsync(RequestScope scope, ScanPageBuilder page, KeySpan span)
    {
        while (!scope.IsOver)
        {
            var (ranges, missing) = await CoverAsync(scope, span, localOnly: false);
            if (missing is not null)
            {
                return scope.Fail<ScanPage>(missing);
            }

            var parts = new RequestScope[ranges.Count + 1];
            var calls = new Task<CallEnd>[parts.Length];
            parts[0] = scope.Fork();
            calls[0] = parts[0].FinishAsync(AskRows(parts[0], page, span, null));
            for (var i = 0; i < ranges.Count; i++)
            {
                parts[i + 1] = scope.Fork();
                calls[i + 1] = parts[i + 1].FinishAsync(AskTime(parts[i + 1], span.Intersect(ranges[i].Span)));
            }

            var ends = await Task.WhenAll(calls);
            scope.Join(parts);
            if (Failure(ends) is { } failed)
            {
                if (failed.Outcome is RangeOutcome.Moved)
                {
                    continue;
                }

                return scope.Fail<ScanPage>(failed.Error ?? CatalogReader.Unexpected(failed.Outcome));
            }

            var first = (RangeOutcome.Scanned)ends[0].Outcome!;
            var at = ranges.Count == 1 ? first.ReadAt : Latest(ends);
            core.Host.TryObserve(at);
            var pin = new ReadPin(at, false, "strong", 0, at.WallMillis, AtLeaseholder: true);
            return first.ReadAt == at
                ? await FillAsync(scope, page, span, pin, first)
                : await FillAsync(scope, page, span, pin);
        }

        return scope.Fail<ScanPage>(GatewayCore.Deadline("the ranges of the scan kept moving"));
    }

    // Reads on at one moment until the page is full or the span is done.
    private async Task<GeoResult<ScanPage>> FillAsync(
        RequestScope scope, ScanPageBuilder page, KeySpan span, ReadPin pin, RangeOutcome.Scanned? first = null)
    {
        KeySpan? rest = span;
        var scanned = first;
        while (rest is { IsEmpty: false } todo)
        {
            if (scanned is null)
            {
                var end = await AskPinnedAsync(scope, page, todo, pin);
                if (end.Outcome is RangeOutcome.Moved && !scope.IsOver)
                {
                    continue;
                }

                scanned = end.Outcome as RangeOutcome.Scanned;
                if (scanned is null)
                {
                    return scope.Fail<ScanPage>(end.Error ?? CatalogReader.Unexpected(end.Outcome), pin.Consistency, pin.At);
                }
            }

            rest = page.Take(scanned.Rows, scanned.Resume, todo);
            if (page.IsFull)
            {
                break;
            }

            Invariant.Holds(rest is null || rest != todo || scanned.Rows.Length > 0);
            scanned = null;
        }

        scope.Saw(pin.At);
        var staleness = pin.Consistency == "strong" ? 0 : pins.StalenessMs(pin);
        return scope.Ok(page.End(rest, pin.At, core.Host.TokenSecret.Span), pin.Consistency, pin.At, staleness);
    }

    private Task<CallEnd> AskPinnedAsync(RequestScope scope, ScanPageBuilder page, KeySpan span, ReadPin pin) => pins.AskAsync(
        scope,
        page.Descending ? span.End : span.Start,
        page.Descending,
        pin,
        new RangeOperation.Scan(span, pin.At, page.Descending, page.RowsWanted, page.BytesWanted));

    private Task<CallEnd> AskRows(RequestScope scope, ScanPageBuilder page, KeySpan span, HlcTimestamp? at)
    {
        var scan = new RangeOperation.Scan(span, at, page.Descending, page.RowsWanted, page.BytesWanted);
        return page.Descending ? core.AskBeforeAsync(scope, span.End, scan) : core.AskAsync(scope, span.Start, scan);
    }

    // Two keys, so that the range chooses one time for all it holds and notices when it no longer reaches to the last one.
    private Task<CallEnd> AskTime(RequestScope scope, KeySpan part)
    {
        var last = RowMapper.LastBefore(part.End);
        return core.AskAsync(scope, part.Start, new RangeOperation.Get(last == part.Start ? [last] : [part.Start, last], null));
    }

    private async Task<(List<RangeDescriptor> Ranges, GeoError? Error)> CoverAsync(RequestScope scope, KeySpan span, bool localOnly)
    {
        var ranges = new List<RangeDescriptor>();
        return !localOnly ? await SpanParts.CoverAsync(core, scope, span)
            : core.Router.TryCover(core.View, span, ranges) ? (ranges, null)
            : (ranges, pins.TooFresh(HlcTimestamp.Zero));
    }

    private static CallEnd? Failure(CallEnd[] ends)
    {
        CallEnd? failed = null;
        foreach (var end in ends)
        {
            if (end.Outcome is not (RangeOutcome.Found or RangeOutcome.Scanned) && (failed is null || end.Error is not null))
            {
                failed = end;
            }
        }

        return failed;
    }

    private static HlcTimestamp Latest(CallEnd[] ends)
    {
        var latest = HlcTimestamp.Zero;
        foreach (var end in ends)
        {
            latest = HlcTimestamp.Later(latest, end.Outcome switch
            {
                RangeOutcome.Found found => found.ReadAt,
                RangeOutcome.Scanned scanned => scanned.ReadAt,
                _ => HlcTimestamp.Zero,
            });
        }

        return latest;
    }

    private static bool IsLocalOnly(ReadBound bound) => bound switch
    {
        ReadBound.Bounded bounded => bounded.LocalOnly,
        ReadBound.Exact exact => exact.LocalOnly,
        ReadBound.At at => at.LocalOnly,
        _ => false,
    };
}
