using System.Diagnostics;

namespace OrleansGeo.Storage.RocksDb;

/// <summary>
/// The one thread that waits for the disk. Syncs asked for while one is under way share the next, which is the group commit of everything
/// above. Whoever waits continues on its own scheduler and never here.
/// </summary>
internal sealed class SyncThread : IDisposable
{
    private readonly Lock _gate = new();

    // Without spinning: the next sync is asked for when somebody had work to do, and spinning takes the core that work needs.
    private readonly ManualResetEventSlim _woken = new(false, 0);
    private readonly Action _sync;
    private readonly Thread _thread;
    private TaskCompletionSource? _asked;
    private bool _isStopping;

    /// <summary>Starts the thread. A sync that throws fails everyone who waits for it with the exception.</summary>
    internal SyncThread(string name, Action sync)
    {
        _sync = sync;
        _thread = new(Run) { IsBackground = true, Name = name };
        _thread.Start();
    }

    internal LatencyHistogram Latencies { get; } = new();

    /// <summary>Completes after a sync that begins after this call.</summary>
    internal Task SyncAsync()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isStopping, this);
            if (_asked is null)
            {
                _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
                _woken.Set();
            }

            return _asked.Task;
        }
    }

    /// <summary>Finishes what was asked for and ends the thread.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_isStopping)
            {
                return;
            }

            _isStopping = true;
            _woken.Set();
        }

        _thread.Join();
        _woken.Dispose();
    }

    private void Run()
    {
        while (true)
        {
            _woken.Wait();
            TaskCompletionSource? asked;
            lock (_gate)
            {
                asked = _asked;
                _asked = null;
                if (!_isStopping)
                {
                    _woken.Reset();
                }
                else if (asked is null)
                {
                    return;
                }
            }

            if (asked is not null)
            {
                SyncFor(asked);
            }
        }
    }

    private void SyncFor(TaskCompletionSource asked)
    {
        try
        {
            var started = Stopwatch.GetTimestamp();
            _sync();
            Latencies.Record((long)Stopwatch.GetElapsedTime(started).TotalMicroseconds);
            asked.SetResult();
        }
        catch (Exception failure)
        {
            asked.SetException(failure);
        }
    }
}
