using System.Collections.Concurrent;

namespace OrleansGeo.Engine;

/// <summary>
/// A node's scheduler in real time: its work runs on the shared thread pool, on one thread at a time. An idle node holds no thread.
/// </summary>
public sealed class SerialTaskScheduler(Action<Exception> unhandled) : NodeScheduler(unhandled), IThreadPoolWorkItem
{
    /// <summary>
    /// Pieces of work after which a busy node goes to the end of the pool's queue, so that nodes in one process share the cores.
    /// </summary>
    public const int DrainMax = 256;

    private readonly ConcurrentQueue<NodeWork> _queue = new();

    // 1 from the moment a drain is queued on the pool until it found nothing more to do.
    private int _active;
    private volatile bool _stopped;

    /// <summary>Pieces of work that wait now.</summary>
    public int Waiting => _queue.Count;

    /// <inheritdoc />
    public override void Stop()
    {
        _stopped = true;
        _queue.Clear();
    }

    void IThreadPoolWorkItem.Execute()
    {
        Enter();
        if (!_queue.IsEmpty)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
            return;
        }

        // The exchange is a full fence: whoever enqueues after our look at the queue sees 0 and queues a drain, or we see its work.
        Interlocked.Exchange(ref _active, 0);
        if (!_queue.IsEmpty)
        {
            Wake();
        }
    }

    /// <inheritdoc />
    protected override void Enqueue(NodeWork work)
    {
        if (_stopped)
        {
            return;
        }

        _queue.Enqueue(work);

        // The running drain looks again before it ends.
        if (!IsCurrent)
        {
            Wake();
        }
    }

    /// <inheritdoc />
    protected override void Drain()
    {
        for (var i = 0; i < DrainMax && !_stopped && _queue.TryDequeue(out var work); i++)
        {
            Execute(work);
        }

        if (_stopped)
        {
            _queue.Clear();
        }
    }

    private void Wake()
    {
        if (Interlocked.Exchange(ref _active, 1) == 0)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }
}
