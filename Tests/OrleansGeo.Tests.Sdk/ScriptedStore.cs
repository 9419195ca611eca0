using System.Collections.Concurrent;
using System.Reflection;

namespace OrleansGeo.Tests.Sdk;


/// <summary>A store that does as it is told, over another one or over nothing, and remembers what it was asked.</summary>
public class ScriptedStore : DispatchProxy
{
    private readonly ConcurrentQueue<Func<MethodInfo, object?[], object>> _script = new();
    private IGeoStore? _inner;
    private int _calls;

    public IGeoStore Store => (IGeoStore)(object)this;

    /// <summary>Makes each write, and loses the first answer to it.</summary>
    public bool LosesEveryOtherWrite { get; set; }

    /// <summary>Request ids of the writes and transactions, in order.</summary>
    public ConcurrentQueue<string?> Writes { get; } = new();

    /// <summary>Options of all calls, in order.</summary>
    public ConcurrentQueue<RequestOptions> Options { get; } = new();

    /// <summary>How fresh reads were asked to be, in order; looking a table up is one.</summary>
    public ConcurrentQueue<ReadBound> Bounds { get; } = new();

    public static ScriptedStore Over(IGeoStore? inner)
    {
        var store = (ScriptedStore)(object)Create<IGeoStore, ScriptedStore>();
        store._inner = inner;
        return store;
    }

    /// <summary>The next call not taken yet is refused.</summary>
    public ScriptedStore Refuse(GeoErrorKind kind, string code = "scripted", long? retryAfterMs = null, int roundTrips = 0)
    {
        _script.Enqueue((method, _) => Invoke(
            nameof(RefusedAsync), method, (new GeoError(kind, code, "as scripted", RetryAfterMs: retryAfterMs), roundTrips)));
        return this;
    }

    /// <summary>The next call not taken yet is answered.</summary>
    public ScriptedStore Answer<TResult>(TResult value, int roundTrips = 0, string? session = null)
        where TResult : class
    {
        var meta = ResponseMeta.Local() with { RoundTrips = roundTrips, Session = session };
        _script.Enqueue((_, _) => Task.FromResult(new GeoResult<TResult>(value, null, meta)));
        return this;
    }

    /// <summary>The next call not taken yet gets no answer before its token is cancelled.</summary>
    public ScriptedStore Silence()
    {
        _script.Enqueue((method, arguments) => Invoke(nameof(WhenCancelledAsync), method, arguments.OfType<CancellationToken>().Single()));
        return this;
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        Options.Enqueue(args!.OfType<RequestOptions>().Single());
        foreach (var bound in args!.OfType<ReadBound>())
        {
            Bounds.Enqueue(bound);
        }

        var isWrite = targetMethod!.Name is nameof(IGeoStore.WriteRowAsync) or nameof(IGeoStore.TransactAsync)
            || args!.OfType<TransactionStep>().Any(step => step is TransactionStep.Write or TransactionStep.Commit);
        if (isWrite)
        {
            Writes.Enqueue(Options.Last().IdempotencyKey);
        }

        if (_script.TryDequeue(out var step))
        {
            return step(targetMethod, args!);
        }

        var answer = targetMethod.Invoke(_inner, args);
        return isWrite && LosesEveryOtherWrite && Interlocked.Increment(ref _calls) % 2 == 1
            ? Invoke(nameof(LostAsync), targetMethod, answer!)
            : answer;
    }

    private static object Invoke(string helper, MethodInfo method, object argument) =>
        typeof(ScriptedStore).GetMethod(helper, BindingFlags.NonPublic | BindingFlags.Static)!
            .MakeGenericMethod(method.ReturnType.GetGenericArguments()[0].GetGenericArguments()).Invoke(null, [argument])!;

    private static Task<GeoResult<TResult>> RefusedAsync<TResult>((GeoError Error, int RoundTrips) refusal)
        where TResult : class => Task.FromResult(new GeoResult<TResult>(
            null, refusal.Error, ResponseMeta.Local() with { RoundTrips = refusal.RoundTrips }));

    private static async Task<GeoResult<TResult>> LostAsync<TResult>(Task<GeoResult<TResult>> made)
        where TResult : class
    {
        await made;
        return new(null, new(GeoErrorKind.OutcomeUnknown, "commit-outcome-unknown", "the answer was lost"), ResponseMeta.Local());
    }

    private static async Task<GeoResult<TResult>> WhenCancelledAsync<TResult>(CancellationToken cancellation)
        where TResult : class
    {
        var cancelled = new TaskCompletionSource();
        await using var _ = cancellation.Register(cancelled.SetResult);
        await cancelled.Task;
        return new(null, new(GeoErrorKind.OutcomeUnknown, "commit-outcome-unknown", "nobody answered"), ResponseMeta.Local());
    }
}
