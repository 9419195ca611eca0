namespace OrleansGeo.Tests.Unit.Gateway;

/// <summary>One thread and a clock that moves only when nothing else is to do: what a node's scheduler is to the gateway.</summary>
public sealed class VirtualLoop : SynchronizationContext
{
    private readonly Queue<(SendOrPostCallback Callback, object? State)> _ready = new();

    public VirtualTime Time { get; } = new();

    public override void Post(SendOrPostCallback d, object? state) => _ready.Enqueue((d, state));

    /// <summary>Runs work and everything it waits for; throws when it waits for nothing that will come.</summary>
    public T Run<T>(Func<Task<T>> work)
    {
        var before = Current;
        SetSynchronizationContext(this);
        try
        {
            var task = work();
            while (!task.IsCompleted)
            {
                if (_ready.TryDequeue(out var next))
                {
                    next.Callback(next.State);
                }
                else if (!Time.AdvanceToNextTimer())
                {
                    throw new InvalidOperationException("the work waits for something that never happens");
                }
            }

            return task.GetAwaiter().GetResult();
        }
        finally
        {
            SetSynchronizationContext(before);
        }
    }
}

/// <summary>A clock in microseconds that a test moves.</summary>
public sealed class VirtualTime : TimeProvider
{
    private readonly PriorityQueue<VirtualTimer, (long Due, long Order)> _timers = new();
    private long _micros = 1_000_000;
    private long _order;

    public long Millis => _micros / 1000;

    public override long TimestampFrequency => 1_000_000;

    public override long GetTimestamp() => _micros;

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch.AddTicks(_micros * 10);

    public void Advance(TimeSpan by) => _micros += (long)by.TotalMicroseconds;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new VirtualTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    public bool AdvanceToNextTimer()
    {
        while (_timers.TryDequeue(out var timer, out var when))
        {
            if (timer.Order == when.Order)
            {
                _micros = Math.Max(_micros, when.Due);
                timer.Fire();
                return true;
            }
        }

        return false;
    }

    private sealed class VirtualTimer(VirtualTime time, TimerCallback callback, object? state) : ITimer
    {
        public long Order { get; private set; } = -1;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            Order = -1;
            if (dueTime >= TimeSpan.Zero)
            {
                Order = time._order++;
                time._timers.Enqueue(this, (time._micros + (long)Math.Ceiling(dueTime.TotalMicroseconds), Order));
            }

            return true;
        }

        public void Fire()
        {
            Order = -1;
            callback(state);
        }

        public void Dispose() => Order = -1;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
