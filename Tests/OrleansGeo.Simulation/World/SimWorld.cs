using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;

namespace OrleansGeo.Simulation;

/// <summary>A simulation broke a rule of the simulation or of the product. The text says which, when, and what came before.</summary>
public sealed class SimFailureException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// One run: virtual time, a heap of events, and everything that follows from the seed. All of it happens on the thread that made the world;
/// whatever runs elsewhere fails the run, because its order would be chance. Events of one time run in the order they were made.
/// </summary>
public sealed class SimWorld
{
    /// <summary>Events after which a run is taken for endless.</summary>
    public const long EventsMaxDefault = 100_000_000;

    private const int RecentMax = 32;

    private readonly PriorityQueue<SimEvent, (long At, long Order)> _events = new();
    private readonly Dictionary<string, ulong> _labels = new(StringComparer.Ordinal);
    private readonly (long At, string Label)[] _recent = new (long, string)[RecentMax];
    private readonly int _thread = Environment.CurrentManagedThreadId;
    private readonly long _eventsMax;
    private long _order;
    private volatile SimFailureException? _failure;

    /// <summary>Makes a world at time zero.</summary>
    public SimWorld(ulong seed, long eventsMax = EventsMaxDefault)
    {
        Seed = seed;
        Prng = new(seed);
        _eventsMax = eventsMax;
        Digest = seed;
    }

    /// <summary>What the whole run follows from.</summary>
    public ulong Seed { get; }

    /// <summary>The world's generator. A part with draws of its own forks one, so that its draws do not move those of others.</summary>
    public Prng Prng { get; }

    /// <summary>Virtual time in microseconds.</summary>
    public long NowMicros { get; private set; }

    /// <summary>Events run so far.</summary>
    public long Events { get; private set; }

    /// <summary>Follows from every event's time and label and all that was traced: equal in two runs only if they went alike.</summary>
    public ulong Digest { get; private set; }

    /// <summary>Runs an action at a time; a time that has passed means now. Labels come from a small set: they are kept.</summary>
    public SimEvent At(long micros, string label, Action<object?> action, object? state)
    {
        AssertInside("an event");
        var made = new SimEvent(Math.Max(micros, NowMicros), label, action, state);
        _events.Enqueue(made, (made.AtMicros, _order++));
        return made;
    }

    /// <summary>Runs an action after a delay.</summary>
    public SimEvent After(long micros, string label, Action action) =>
        At(NowMicros + micros, label, static state => ((Action)state!)(), action);

    /// <summary>Runs events until the condition holds; false when the virtual deadline came first. Throws what failed the run.</summary>
    public bool RunUntil(Func<bool> condition, long deadlineMicros)
    {
        AssertInside("a run");
        ThrowIfFailed();
        while (!condition())
        {
            if (!_events.TryPeek(out var next, out _) || next.AtMicros > deadlineMicros)
            {
                NowMicros = Math.Max(NowMicros, deadlineMicros);
                Settle();
                return condition();
            }

            _events.Dequeue();
            Step(next);
        }

        Settle();
        return true;
    }

    /// <summary>Runs events for a span of virtual time.</summary>
    public void RunFor(long micros) => RunUntil(static () => false, NowMicros + micros);

    /// <summary>Starts a task on a scheduler and runs until it ends; fails when the virtual deadline comes first.</summary>
    public T RunTask<T>(NodeScheduler scheduler, Func<Task<T>> start, long timeoutMicros)
    {
        // Awaited on the scheduler: a task whose continuations run asynchronously would otherwise be unwrapped by the pool, in its own
        // time, while the world runs on.
        var task = Task.Factory
            .StartNew(async () => await start(), CancellationToken.None, TaskCreationOptions.DenyChildAttach, scheduler)
            .Unwrap();
        if (!RunUntil(() => task.IsCompleted, NowMicros + timeoutMicros))
        {
            throw Describe($"a task did not end within {timeoutMicros} us");
        }

        return task.GetAwaiter().GetResult();
    }

    /// <summary>Mixes a number into the digest.</summary>
    public void Trace(ulong value) => Digest = (Digest ^ value) * 0x9E3779B97F4A7C15UL ^ (Digest >> 29);

    /// <summary>Mixes bytes into the digest.</summary>
    public void Trace(ReadOnlySpan<byte> bytes)
    {
        // FNV-1a; string.GetHashCode and HashCode are seeded per process and useless here.
        var hash = 14695981039346656037UL;
        foreach (var b in bytes)
        {
            hash = (hash ^ b) * 1099511628211UL;
        }

        Trace(hash);
    }

    /// <summary>Ends the run with a failure; the first one counts. From any thread.</summary>
    public void Fail(string what, Exception? cause = null) => _failure ??= Describe(what, cause);

    /// <summary>Fails the run, and throws, unless the caller is on the world's own thread.</summary>
    public void AssertInside(string what)
    {
        if (!CheckInside(what))
        {
            throw _failure!;
        }
    }

    /// <summary>
    /// Fails the run and says false unless the caller is on the world's own thread; for callers in whom a throw would end the process.
    /// </summary>
    public bool CheckInside(string what)
    {
        if (Environment.CurrentManagedThreadId == _thread)
        {
            return true;
        }

        Fail(
            $"{what} was touched from thread {Environment.CurrentManagedThreadId}, outside the world: a continuation left its scheduler, "
            + "as Task.Run and ConfigureAwait(false) make it do",
            new InvalidOperationException(Environment.StackTrace));
        return false;
    }

    private void Step(SimEvent next)
    {
        NowMicros = next.AtMicros;
        if (next.IsCancelled)
        {
            return;
        }

        if (++Events > _eventsMax)
        {
            throw Describe($"more than {_eventsMax} events: the run does not end");
        }

        _recent[Events % RecentMax] = (NowMicros, next.Label);
        Trace((ulong)NowMicros);
        Trace(HashOf(next.Label));
        next.Run();
        ThrowIfFailed();
    }

    // What leaked to the pool shows itself only when it runs. Markers behind it give it the time.
    private void Settle()
    {
        for (var i = 0; i < 3; i++)
        {
            using var passed = new ManualResetEventSlim();
            ThreadPool.UnsafeQueueUserWorkItem(static marker => marker.Set(), passed, preferLocal: false);
            passed.Wait();
        }

        ThrowIfFailed();
    }

    private void ThrowIfFailed()
    {
        if (_failure is not null)
        {
            throw _failure;
        }
    }

    private ulong HashOf(string label)
    {
        if (!_labels.TryGetValue(label, out var hash))
        {
            hash = 14695981039346656037UL;
            foreach (var c in label)
            {
                hash = (hash ^ c) * 1099511628211UL;
            }

            _labels[label] = hash;
        }

        return hash;
    }

    [SuppressMessage("Performance", "CA1851", Justification = "The ring is an array.")]
    private SimFailureException Describe(string what, Exception? cause = null)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"seed {Seed}, {NowMicros} us, event {Events}: {what}");
        for (var i = Math.Max(1, Events - RecentMax + 1); i <= Events; i++)
        {
            var (at, label) = _recent[i % RecentMax];
            text.Append(CultureInfo.InvariantCulture, $"\n  {at,12} us  {label}");
        }

        return new(text.ToString(), cause);
    }
}

/// <summary>Something that will happen.</summary>
public sealed class SimEvent(long atMicros, string label, Action<object?> action, object? state)
{
    /// <summary>When.</summary>
    public long AtMicros { get; } = atMicros;

    /// <summary>What it is called in traces.</summary>
    public string Label { get; } = label;

    /// <summary>True when it will not happen.</summary>
    public bool IsCancelled { get; private set; }

    /// <summary>Takes it back.</summary>
    public void Cancel() => IsCancelled = true;

    internal void Run() => action(state);
}
