namespace OrleansGeo.Engine;

/// <summary>
/// Runs everything one node does, one piece of work at a time and in the order given: tasks, posted actions, and the continuations of both.
/// While work runs, the scheduler is <see cref="TaskScheduler.Current"/> and owns <see cref="SynchronizationContext.Current"/>, so an await
/// anywhere inside comes back here, whether a task or a posted action began it.
/// </summary>
public abstract class NodeScheduler : TaskScheduler
{
    private static readonly Action<object?> s_drain = static state => ((NodeScheduler)state!).Drain();

    [ThreadStatic]
    private static NodeScheduler? s_running;

    private readonly Action<Exception> _unhandled;
    private readonly Context _context;

    /// <summary>
    /// Makes a scheduler; the callback takes what a posted action or an <c>async void</c> throws, on the scheduler itself.
    /// </summary>
    protected NodeScheduler(Action<Exception> unhandled)
    {
        ArgumentNullException.ThrowIfNull(unhandled);
        _unhandled = unhandled;
        _context = new(this);
    }

    /// <summary>The scheduler whose work the calling thread runs now, or null.</summary>
    public static NodeScheduler? Running => s_running;

    /// <summary>True while the calling thread runs this scheduler's work.</summary>
    public bool IsCurrent => ReferenceEquals(s_running, this);

    /// <inheritdoc />
    public sealed override int MaximumConcurrencyLevel => 1;

    /// <summary>Queues an action behind everything queued before, without making a task. Never runs it at once. From any thread.</summary>
    public void Post(Action<object?> action, object? state) => Enqueue(new(action, state));

    /// <summary>
    /// Drops what is queued and what comes later; work that runs now ends normally. Tasks dropped never complete. From any thread.
    /// </summary>
    public abstract void Stop();

    /// <summary>Takes work in; drops it when stopped.</summary>
    protected abstract void Enqueue(NodeWork work);

    /// <summary>Runs queued work through <see cref="Execute"/>; called by <see cref="Enter"/> on the thread that entered.</summary>
    protected abstract void Drain();

    /// <summary>
    /// Makes the calling thread this scheduler's and drains. The drain runs inside a task of this scheduler, because only a running task
    /// makes <see cref="TaskScheduler.Current"/>, which ContinueWith and StartNew fall back to.
    /// </summary>
    protected void Enter()
    {
        var outerRunning = s_running;
        var outerContext = SynchronizationContext.Current;
        s_running = this;
        SynchronizationContext.SetSynchronizationContext(_context);
        try
        {
            var drain = new Task(s_drain, this, TaskCreationOptions.DenyChildAttach);
            drain.RunSynchronously(this);
            drain.GetAwaiter().GetResult();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(outerContext);
            s_running = outerRunning;
        }
    }

    /// <summary>Runs one piece of work.</summary>
    protected void Execute(NodeWork work)
    {
        try
        {
            switch (work.Body)
            {
                case Action<object?> action:
                    action(work.State);
                    break;
                case SendOrPostCallback callback:
                    callback(work.State);
                    break;
                case Task task:
                    TryExecuteTask(task);
                    break;
            }
        }
        catch (Exception e)
        {
            _unhandled(e);
        }
    }

    /// <inheritdoc />
    protected sealed override void QueueTask(Task task) => Enqueue(new(task, null));

    /// <inheritdoc />
    protected sealed override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => IsCurrent && TryExecuteTask(task);

    /// <inheritdoc />
    protected sealed override IEnumerable<Task> GetScheduledTasks() => [];

    private sealed class Context(NodeScheduler scheduler) : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state) => scheduler.Enqueue(new(d, state));

        public override void Send(SendOrPostCallback d, object? state)
        {
            if (!scheduler.IsCurrent)
            {
                throw new NotSupportedException("nobody waits for a node: post instead");
            }

            d(state);
        }

        public override SynchronizationContext CreateCopy() => this;
    }
}

/// <summary>One piece of a node's work: a task, or a delegate with its state.</summary>
/// <param name="Body">A <see cref="Task"/>, an <see cref="Action{T}"/> of object, or a <see cref="SendOrPostCallback"/>.</param>
/// <param name="State">What a delegate is given.</param>
public readonly record struct NodeWork(object Body, object? State);
