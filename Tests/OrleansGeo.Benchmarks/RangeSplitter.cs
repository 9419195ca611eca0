using System.Collections.Immutable;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;

namespace OrleansGeo.Benchmarks;

/// <summary>Splits a table's one range into many, halving again and again, many at once.</summary>
internal sealed class RangeSplitter(EmbeddedCluster cluster, TableInfo table, long rows, int ranges) : IDisposable
{
    private const int AttemptsMax = 1_000;
    private readonly SemaphoreSlim _inFlight = new(64);
    private long _lastId = 1L << 40;

    /// <summary>
    /// Splits the one range. A split leaves both halves with one leader, so there are thirds first, each handed to a node of its own.
    /// </summary>
    public async Task SplitAsync(long whole, Func<long, string, Task> handOver)
    {
        if (ranges < 3)
        {
            await SplitAsync(whole, 0, ranges);
            return;
        }

        var (second, third) = (++_lastId, ++_lastId);
        var (endOfFirst, endOfSecond) = (ranges / 3, 2 * ranges / 3);
        await SplitAtAsync(whole, second, endOfFirst);
        await SplitAtAsync(second, third, endOfSecond);
        await Task.WhenAll(handOver(whole, "n1"), handOver(second, "n2"), handOver(third, "n3"));
        await Task.WhenAll(
            SplitAsync(whole, 0, endOfFirst), SplitAsync(second, endOfFirst, endOfSecond), SplitAsync(third, endOfSecond, ranges));
    }

    public void Dispose() => _inFlight.Dispose();

    // The range that holds the pieces from first up to, not including, end.
    private async Task SplitAsync(long id, int first, int end)
    {
        if (end - first == 1)
        {
            return;
        }

        var middle = (first + end) / 2;
        var right = Interlocked.Increment(ref _lastId);
        await _inFlight.WaitAsync();
        try
        {
            await SplitAtAsync(id, right, middle);
        }
        finally
        {
            _inFlight.Release();
        }

        await Task.WhenAll(SplitAsync(id, first, middle), SplitAsync(right, middle, end));
    }

    private async Task SplitAtAsync(long id, long right, int piece)
    {
        ImmutableArray<Datum> values = [Datum.FromInt64(rows * piece / ranges)];
        if (RowMapper.TryPrefix(table, values, "at", out var key) is { } invalid)
        {
            throw new BenchFailedException(invalid.ToString());
        }

        var split = new RangeOperation.Split(key, new(right));
        for (var attempt = 0; attempt < AttemptsMax; attempt++)
        {
            foreach (var node in cluster.Nodes.Values)
            {
                if (await AskAsync(node, new(id), split) is RangeOutcome.Described)
                {
                    return;
                }
            }

            await Task.Delay(10);
        }

        throw new BenchFailedException($"range {id} was not split");
    }

    private static Task<RangeOutcome?> AskAsync(EmbeddedNode node, RangeId range, RangeOperation operation)
    {
        var answer = new TaskCompletionSource<RangeOutcome?>(TaskCreationOptions.RunContinuationsAsynchronously);
        node.Scheduler!.Post(_ => _ = AskOnSchedulerAsync(), null);
        return answer.Task;

        async Task AskOnSchedulerAsync()
        {
            var engine = node.Node!;
            if (engine.LeaderHint(range) != engine.Id)
            {
                answer.SetResult(null);
                return;
            }

            answer.SetResult((await engine.CallAsync(engine.Id, range, operation, TimeSpan.FromSeconds(30), default)).Outcome);
        }
    }
}
