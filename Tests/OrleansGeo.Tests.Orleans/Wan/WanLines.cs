using System.Collections.Concurrent;
using System.Diagnostics;

namespace OrleansGeo.Tests.Orleans.Wan;

/// <summary>
/// The lines between regions, each way for itself: how long something takes on one, and whether anything gets through now. What is under
/// way on a line that is cut waits until the line is joined again, as TCP would have it sent anew.
/// </summary>
internal sealed class WanLines(Func<string, string, TimeSpan> delay)
{
    private readonly ConcurrentDictionary<(string From, string To), Line> _lines = new();

    public Line Between(string from, string to) => _lines.GetOrAdd((from, to), pair => new(delay(pair.From, pair.To)));

    /// <summary>One line in one direction.</summary>
    internal sealed class Line(TimeSpan delay)
    {
        private volatile TaskCompletionSource? _cut;

        public void Cut() => _cut ??= new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Join()
        {
            var cut = _cut;
            _cut = null;
            cut?.TrySetResult();
        }

        /// <summary>When something arrives that is sent now.</summary>
        public long Due() => Stopwatch.GetTimestamp() + (long)(delay.TotalSeconds * Stopwatch.Frequency);

        /// <summary>Waits until something has arrived.</summary>
        public async Task ArriveAsync(long due, CancellationToken cancellation)
        {
            // Timers count whole milliseconds, and may be early by a part of one.
            while (Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), due) is { Ticks: > 0 } wait)
            {
                await Task.Delay((int)Math.Ceiling(wait.TotalMilliseconds), cancellation);
            }

            while (_cut is { } cut)
            {
                await cut.Task.WaitAsync(cancellation);
            }
        }
    }
}
