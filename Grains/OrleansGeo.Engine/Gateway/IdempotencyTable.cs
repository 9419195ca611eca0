using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// Client keys as this node has seen them. The records that make a write exactly-once are in the ranges, each beside the row the request
/// names; so a key that is used again for <i>another</i> row meets no record there. This table catches that for requests through this node,
/// for as long as it remembers; it also says which keys are being worked on. It is never what exactly-once rests on.
/// </summary>
internal sealed class IdempotencyTable(TimeProvider time)
{
    private const int RememberedMax = 65_536;
    private readonly HashSet<Key> _running = [];
    private readonly Dictionary<Key, (ImmutableArray<byte> Body, long At)> _remembered = [];
    private readonly Queue<Key> _oldestFirst = new();

    /// <summary>Begins work on a request; null when it may go on, and then <see cref="End"/> must follow.</summary>
    public GeoError? Begin(Key request, ImmutableArray<byte> body)
    {
        if (_remembered.TryGetValue(request, out var earlier) && time.GetElapsedTime(earlier.At) < Kept
            && !earlier.Body.AsSpan().SequenceEqual(body.AsSpan()))
        {
            return Mismatch;
        }

        return _running.Add(request) ? null : new(
            GeoErrorKind.IdempotencyInFlight,
            "idempotency-in-flight",
            "a request with this idempotency key is still running",
            "Idempotency-Key",
            RetryAfterMs: 200);
    }

    /// <summary>Ends work on a request, and remembers its body when it was or may have been made.</summary>
    public void End(Key request, ImmutableArray<byte> body, bool mayHaveBeenMade)
    {
        _running.Remove(request);
        if (!mayHaveBeenMade || !_remembered.TryAdd(request, (body, time.GetTimestamp())))
        {
            return;
        }

        _oldestFirst.Enqueue(request);
        if (_oldestFirst.Count > RememberedMax)
        {
            _remembered.Remove(_oldestFirst.Dequeue());
        }
    }

    /// <summary>How long records of client keys are kept.</summary>
    public static TimeSpan Kept { get; } = TimeSpan.FromHours(24);

    /// <summary>The key was used with another body.</summary>
    public static GeoError Mismatch { get; } = new(
        GeoErrorKind.IdempotencyMismatch, "idempotency-mismatch", "this idempotency key was used with another body", "Idempotency-Key");
}
