using System.Collections.Concurrent;
using System.Diagnostics;

namespace OrleansGeo.Api.Demo;

/// <summary>What a loop does all the time.</summary>
public enum LoadKind
{
    /// <summary>Writes rows, each with a key of its own.</summary>
    Write,

    /// <summary>Reads strongly the row that its region's writer had acknowledged last.</summary>
    StrongRead,

    /// <summary>Reads a row from what is local, however old.</summary>
    StaleRead,
}

/// <summary>A client in a closed loop: one request at a time, and after a failure the same again 20 ms later.</summary>
public sealed class LoadLoop(DemoClient client, Uri node, string table, LoadKind kind, LoadLog log)
{
    // One attempt of many: short, so that a request which waits for a node that is gone is soon asked anew.
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(1);

    // Eighteen loops share the machine with nine nodes: what is measured is the wait, not how much fits.
    private static readonly TimeSpan s_pace = TimeSpan.FromMilliseconds(10);

    private int _acknowledged;
    private int _failed;
    private int _unknown;
    private int _missed;

    /// <summary>How long a client waits before it asks again.</summary>
    public static TimeSpan RetryAfter { get; } = TimeSpan.FromMilliseconds(20);

    /// <summary>What it does.</summary>
    public LoadKind Kind => kind;

    /// <summary>What it has not had.</summary>
    public OutageMeter Meter { get; } = new();

    /// <summary>Requests that were carried out.</summary>
    public int Acknowledged => Volatile.Read(ref _acknowledged);

    /// <summary>Requests that were certainly not carried out.</summary>
    public int Failed => Volatile.Read(ref _failed);

    /// <summary>Requests of which the client cannot tell.</summary>
    public int Unknown => Volatile.Read(ref _unknown);

    /// <summary>Strong reads that did not see a write acknowledged before they began. Never, if all is well.</summary>
    public int Missed => Volatile.Read(ref _missed);

    /// <summary>Runs until it is stopped.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        try
        {
            for (var number = 1L; ; number++)
            {
                while (!await TryAsync(number, stop))
                {
                    await Task.Delay(RetryAfter, stop);
                }

                await Task.Delay(s_pace, stop);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Stopped.
        }
    }

    private async Task<bool> TryAsync(long number, CancellationToken stop)
    {
        var seen = log.LastAcknowledged;
        var reply = kind switch
        {
            LoadKind.Write => await client.SendAsync(
                HttpMethod.Put, node, PathOf(number), $$"""{"value":{{number}}}""", s_timeout, stop,
                ("Idempotency-Key", $"{log.Name}-{number}")),
            LoadKind.StrongRead => await client.SendAsync(HttpMethod.Get, node, PathOf(seen), null, s_timeout, stop),
            _ => await client.SendAsync(
                HttpMethod.Get, node, PathOf(0), null, s_timeout, stop, ("Geo-Consistency", "bounded;max-ms=3600000")),
        };
        Count(reply, number, seen);
        return reply.Kind == ReplyKind.Acknowledged;
    }

    private void Count(DemoReply reply, long number, long seen)
    {
        switch (reply.Kind)
        {
            case ReplyKind.Acknowledged:
                Interlocked.Increment(ref _acknowledged);
                Meter.Acknowledged(log.Now);
                if (kind == LoadKind.Write)
                {
                    log.Acknowledge(number);
                }
                else if (kind == LoadKind.StrongRead && reply.Json.GetProperty("value").GetInt64() != seen)
                {
                    Interlocked.Increment(ref _missed);
                }

                break;
            case ReplyKind.Failed:
                // A strong read is asked only for what was acknowledged, so it must be there.
                Interlocked.Increment(ref reply.Status == 404 && kind == LoadKind.StrongRead ? ref _missed : ref _failed);
                break;
            default:
                Interlocked.Increment(ref _unknown);
                break;
        }
    }

    private string PathOf(long number) => $"{table}/rows/{log.RowPath}/{number}";
}

/// <summary>What the writer of one region had acknowledged on one table.</summary>
public sealed class LoadLog(string run, string region, string table)
{
    private static readonly long s_began = Stopwatch.GetTimestamp();
    private readonly ConcurrentDictionary<long, byte> _acknowledged = [];
    private long _last;

    /// <summary>Unique to this run, region and table.</summary>
    public string Name => $"{run}-{table}-{region}";

    /// <summary>The leading part of its rows' keys, as a path.</summary>
    public string RowPath => $"{run}/{region}";

    /// <summary>Which region wrote.</summary>
    public string Region => region;

    /// <summary>Elapsed time that all logs share.</summary>
    public TimeSpan Now => Stopwatch.GetElapsedTime(s_began);

    /// <summary>The number of the last acknowledged row; 0 is there from the beginning.</summary>
    public long LastAcknowledged => Interlocked.Read(ref _last);

    /// <summary>Every acknowledged row.</summary>
    public IReadOnlyCollection<long> All => [.. _acknowledged.Keys.Order()];

    /// <summary>Takes note of a row; a loop's numbers ascend.</summary>
    public void Acknowledge(long number)
    {
        _acknowledged[number] = 0;
        Interlocked.Exchange(ref _last, number);
    }
}
