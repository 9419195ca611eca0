namespace OrleansGeo.Tables;

/// <summary>One call of a table's user: what all its attempts share.</summary>
internal readonly record struct RequestTerms(TimeSpan Timeout, string? RequestId, string? Session);

/// <summary>Sends one request to the store.</summary>
internal delegate Task<GeoResult<TResult>> RequestAttempt<TResult>(
    IGeoStore store, RequestOptions options, CancellationToken cancellation)
    where TResult : class;

/// <summary>
/// One call, over as many attempts as its deadline allows.
/// <para>
/// <b>Exactly once.</b> All attempts of a write carry one request id, which the ranges keep for 24 hours, answer included. So after one
/// that leaves the write open, any later <i>answer about the row</i> settles it: success, or a condition that does not hold, is what the
/// first attempt that got through was told, and no attempt that arrives later changes anything. Every other refusal is about its own
/// attempt alone: after an open one it does not make the outcome known, and at the deadline the call ends as unknown.
/// </para>
/// </summary>
internal sealed class RequestLoop(IGeoStore store, GeoClientOptions options)
{
    // The store answers by itself at an attempt's deadline and knows more then; whoever does not answer at all is not waited for longer.
    private static readonly TimeSpan s_grace = TimeSpan.FromMilliseconds(500);

    public IGeoStore Store => store;

    public async Task<GeoResult<TResult>> RunAsync<TResult>(
        RequestAttempt<TResult> attempt, RequestTerms terms, CancellationToken cancellation)
        where TResult : class
    {
        var started = options.Time.GetTimestamp();
        var roundTrips = 0;
        GeoError? open = null;
        for (var attempts = 1; ; attempts++)
        {
            var left = terms.Timeout - options.Time.GetElapsedTime(started);
            var result = await AttemptAsync(attempt, terms, left < options.AttemptTimeout ? left : options.AttemptTimeout, cancellation);
            roundTrips += result.Meta.RoundTrips;
            var elapsed = options.Time.GetElapsedTime(started);
            var meta = result.Meta with { RoundTrips = roundTrips, ElapsedMs = elapsed.TotalMilliseconds };
            if (result.IsOk || IsAboutTheRow(result.Error))
            {
                return result with { Meta = meta };
            }

            cancellation.ThrowIfCancellationRequested();
            open = LeavesOpen(result.Error) ? Unknown(result.Error) : open;
            var wait = Pause(attempts, result.Error);
            if (!IsWorthRepeating(result.Error) || elapsed + wait >= terms.Timeout)
            {
                return new(null, open ?? result.Error, meta);
            }

            await Task.Delay(wait, options.Time, cancellation);
        }
    }

    private async Task<GeoResult<TResult>> AttemptAsync<TResult>(
        RequestAttempt<TResult> attempt, RequestTerms terms, TimeSpan timeout, CancellationToken cancellation)
        where TResult : class
    {
        cancellation.ThrowIfCancellationRequested();
        using var patience = new CancellationTokenSource(timeout + s_grace, options.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, patience.Token);
        return await attempt(store, new(timeout, terms.RequestId, terms.Session), either.Token);
    }

    /// <summary>How long to wait after an attempt. Half of it by chance, so that callers that were refused together do not come back
    /// together.</summary>
    public TimeSpan Pause(int attempts, GeoError? error)
    {
        var most = options.PauseMin * Math.Pow(2, Math.Min(attempts - 1, 20));
        most = most < options.PauseMax ? most : options.PauseMax;
        var pause = most * (0.5 + (options.Chance.NextDouble() / 2));
        var asked = TimeSpan.FromMilliseconds(error?.RetryAfterMs ?? 0);
        return pause > asked ? pause : asked;
    }

    private static bool IsAboutTheRow(GeoError error) =>
        error.Kind is GeoErrorKind.PreconditionFailed or GeoErrorKind.AlreadyExists or GeoErrorKind.IdempotencyMismatch
        || GeoException.IsAbsentRow(error) || GeoException.IsOutOfRange(error)
        || string.Equals(error.Code, "transaction-conflict", StringComparison.Ordinal);

    // Whoever is still at work on this request id is an earlier attempt of this call, or another call that was given the same id.
    private static bool LeavesOpen(GeoError error) => error.Kind is GeoErrorKind.OutcomeUnknown or GeoErrorKind.IdempotencyInFlight;

    private static GeoError Unknown(GeoError error) => error.Kind == GeoErrorKind.OutcomeUnknown
        ? error
        : error with { Kind = GeoErrorKind.OutcomeUnknown, Code = "commit-outcome-unknown" };

    private static bool IsWorthRepeating(GeoError error) => !error.EndsTransaction && error.Kind is
        GeoErrorKind.OutcomeUnknown or GeoErrorKind.IdempotencyInFlight or GeoErrorKind.Overloaded or GeoErrorKind.Conflict or
        GeoErrorKind.QuorumUnavailable or GeoErrorKind.RegionUnavailable or GeoErrorKind.DeadlineExceeded;
}
