using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>What all parts of a gateway share: the node, the router, and how a range or the system range is asked.</summary>
internal sealed class GatewayCore(IGatewayHost host)
{
    public IGatewayHost Host { get; } = host;

    public RangeRouter Router { get; } = new();

    public RangeAvailability Availability { get; } = new(host);

    public SystemView View => Host.System;

    /// <summary>Asks the leaseholder of the range that holds a key.</summary>
    public Task<CallEnd> AskAsync(RequestScope scope, Key route, RangeOperation operation) =>
        new LeaseholderCall(this, scope, route, before: false, operation).RunAsync();

    /// <summary>Asks the leaseholder of the range that holds the last keys before an end.</summary>
    public Task<CallEnd> AskBeforeAsync(RequestScope scope, Key end, RangeOperation operation) =>
        new LeaseholderCall(this, scope, end, before: true, operation).RunAsync();

    /// <summary>
    /// Brings this node's view of the system range up to everything that was acknowledged before now. Null when it is there, else why not.
    /// Two calls, because an answer to a read says nothing of the log: whoever served the strong read has applied at least what it read,
    /// and its index afterwards covers that.
    /// </summary>
    public async Task<GeoError?> RefreshSystemAsync(RequestScope scope)
    {
        var read = await AskAsync(scope, SystemKeys.Span.Start, new RangeOperation.Get([], null));
        if (read.Error is not null)
        {
            return read.Error;
        }

        var leaseholder = scope.ServedBy;
        for (var round = 0; !scope.IsOver; round++)
        {
            var timeout = TimeSpan.FromMilliseconds(Math.Min(1000, scope.Remaining.TotalMilliseconds));
            var status = await Host.CallAsync(leaseholder, SystemKeys.RangeId, new RangeOperation.Status(), timeout, scope.Cancellation);
            scope.Paid(status.Path);
            if (status.Outcome is RangeOutcome.Described described)
            {
                return await AwaitViewAsync(scope, described.Applied);
            }

            if (!Host.IsLive(leaseholder))
            {
                break;
            }

            // A call that is answered or refused on the spot takes no time: without a pause this would hold the node for good.
            await BackOffAsync(scope, round);
        }

        return Deadline("the catalog could not be brought up to date in time");
    }

    /// <summary>Waits until this node has applied an index of the system range. Null when it has, else why not.</summary>
    public async Task<GeoError?> AwaitViewAsync(RequestScope scope, LogIndex index)
    {
        if (View.Applied >= index)
        {
            return null;
        }

        var remaining = scope.Remaining;
        if (remaining > TimeSpan.Zero)
        {
            using var timer = new CancellationTokenSource(remaining, Host.Time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, scope.Cancellation);
            try
            {
                await Host.AwaitSystemAsync(index, either.Token);
                return null;
            }
            catch (OperationCanceledException)
            {
                // The deadline passed, which the error below says.
            }
        }

        return Deadline("this node did not apply the newest catalog in time");
    }

    /// <summary>Waits a little, longer each time, never to the same beat as others, never beyond the deadline.</summary>
    public async Task BackOffAsync(RequestScope scope, int round)
    {
        var longestMs = Math.Min(BackOffMaxMs, BackOffMinMs << Math.Min(round, 5));
        var remaining = scope.Remaining;
        var delay = TimeSpan.FromMilliseconds((longestMs / 2) + Host.Prng.Below((longestMs / 2) + 1));
        if (remaining <= TimeSpan.Zero)
        {
            return;
        }

        try
        {
            // Delays count whole milliseconds and drop the rest: less than one would be no pause at all.
            var pause = delay < remaining ? delay : remaining;
            await Task.Delay(TimeSpan.FromMilliseconds(Math.Ceiling(pause.TotalMilliseconds)), Host.Time, scope.Cancellation);
        }
        catch (OperationCanceledException)
        {
            // Whoever waited looks at the scope and sees that it is over.
        }
    }

    public static GeoError Deadline(string detail) => new(GeoErrorKind.DeadlineExceeded, "deadline-exceeded", detail, RetryAfterMs: 500);

    // A takeover takes about a second: probing more often than this does not find its end sooner, much more seldom would add to the outage.
    private const int BackOffMinMs = 8;
    private const int BackOffMaxMs = 160;
}

/// <summary>How a call of a range ended: an outcome that settles it, or why there is none.</summary>
/// <param name="Outcome">What was answered; null when nothing settles it.</param>
/// <param name="Error">Why there is no outcome.</param>
/// <param name="IsOpen">An attempt that was not answered may still be carried out.</param>
internal readonly record struct CallEnd(RangeOutcome? Outcome, GeoError? Error, bool IsOpen = false);
