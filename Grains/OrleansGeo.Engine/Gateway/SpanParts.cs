using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>Parts spans by range, and asks all ranges at once; what has moved meanwhile is parted anew.</summary>
internal static class SpanParts
{
    /// <summary>The ranges that hold a span, in key order. When one is not known the directory is brought up to date.</summary>
    public static async Task<(List<RangeDescriptor> Ranges, GeoError? Error)> CoverAsync(GatewayCore core, RequestScope scope, KeySpan span)
    {
        var ranges = new List<RangeDescriptor>();
        while (!core.Router.TryCover(core.View, span, ranges))
        {
            if (scope.IsOver)
            {
                return (ranges, GatewayCore.Deadline("a range was not found in time"));
            }

            if (await core.RefreshSystemAsync(scope) is { } error)
            {
                return (ranges, error);
            }

            await core.BackOffAsync(scope, 0);
        }

        return (ranges, null);
    }

    /// <summary>
    /// Asks every range about the part of each span that it holds, and hands each answer over. Null when all have answered; else the first
    /// error, when all that were asked have answered or failed. The hops count as those of the slowest.
    /// </summary>
    public static async Task<GeoError?> AskAsync(
        GatewayCore core, RequestScope scope, IEnumerable<KeySpan> spans, Func<KeySpan, RangeOperation> ask, Action<CallEnd> answered)
    {
        var open = spans.ToList();
        GeoError? failed = null;
        while (open.Count > 0 && failed is null)
        {
            var parts = new List<KeySpan>();
            foreach (var span in open)
            {
                var (ranges, missing) = await CoverAsync(core, scope, span);
                if (missing is not null)
                {
                    return missing;
                }

                parts.AddRange(ranges.Select(range => range.Span.Intersect(span)));
            }

            open.Clear();
            var scopes = new RequestScope[parts.Count];
            var calls = new Task<CallEnd>[parts.Count];
            for (var i = 0; i < calls.Length; i++)
            {
                scopes[i] = scope.Fork();
                calls[i] = scopes[i].FinishAsync(core.AskAsync(scopes[i], parts[i].Start, ask(parts[i])));
            }

            for (var i = 0; i < calls.Length; i++)
            {
                var end = await calls[i];
                if (end.Outcome is RangeOutcome.Moved && !scope.IsOver)
                {
                    open.Add(parts[i]);
                    continue;
                }

                failed ??= end.Error;
                answered(end);
            }

            scope.Join(scopes);
        }

        return failed;
    }
}
