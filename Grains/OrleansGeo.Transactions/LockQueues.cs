using System.Diagnostics.CodeAnalysis;
using OrleansGeo.Primitives;

namespace OrleansGeo.Transactions;

/// <summary>A place in the line for a key.</summary>
/// <param name="Since">When the request began, wherever and however often it was tried: who began earlier comes first.</param>
/// <param name="Arrival">When it came here, as a number; no two have the same.</param>
public readonly record struct LinePlace(HlcTimestamp Since, long Arrival) : IComparable<LinePlace>
{
    /// <inheritdoc />
    public int CompareTo(LinePlace other) => (Since, Arrival).CompareTo((other.Since, other.Arrival));
}

/// <summary>
/// Who waits for locked keys, in the order in which they began. Whoever waits holds no latch. One that is let go and finds the key
/// locked anew comes back to its own place, so nobody is overtaken by those who began later.
/// </summary>
/// <typeparam name="T">What waits.</typeparam>
public sealed class LockQueues<T>(int waitingMax)
    where T : class
{
    private readonly Dictionary<Key, SortedDictionary<LinePlace, T>> _byKey = [];

    /// <summary>How many wait.</summary>
    public int Waiting { get; private set; }

    /// <summary>Lets a request wait for a key; false when too many wait already.</summary>
    /// <param name="key">The locked key.</param>
    /// <param name="place">The request's place in the line.</param>
    /// <param name="request">The request.</param>
    public bool TryWait(Key key, LinePlace place, T request)
    {
        if (Waiting >= waitingMax)
        {
            return false;
        }

        if (!_byKey.TryGetValue(key, out var queue))
        {
            _byKey.Add(key, queue = []);
        }

        queue.Add(place, request);
        Waiting++;
        return true;
    }

    /// <summary>True when somebody waits for the key who comes before.</summary>
    public bool IsBehind(Key key, LinePlace place)
    {
        if (Waiting == 0 || !_byKey.TryGetValue(key, out var queue))
        {
            return false;
        }

        foreach (var (first, _) in queue)
        {
            return first.CompareTo(place) < 0;
        }

        return false;
    }

    /// <summary>Takes the one who is first in line for a key.</summary>
    public bool TryTake(Key key, [NotNullWhen(true)] out T? request)
    {
        request = null;
        if (!_byKey.TryGetValue(key, out var queue))
        {
            return false;
        }

        foreach (var (arrival, first) in queue)
        {
            request = first;
            queue.Remove(arrival);
            break;
        }

        Waiting--;
        if (queue.Count == 0)
        {
            _byKey.Remove(key);
        }

        return request is not null;
    }

    /// <summary>Those who wait for a key, in their order.</summary>
    public IEnumerable<T> For(Key key) => _byKey.TryGetValue(key, out var queue) ? queue.Values : [];

    /// <summary>Takes everybody, in the order of keys and then of the line.</summary>
    public List<T> TakeAll()
    {
        var all = new List<T>(Waiting);
        foreach (var key in _byKey.Keys.Order().ToArray())
        {
            all.AddRange(_byKey[key].Values);
        }

        _byKey.Clear();
        Waiting = 0;
        return all;
    }

    /// <summary>Takes everybody of whom something holds, in the order of keys and then of the line.</summary>
    public List<T> TakeWhere(Predicate<T> predicate)
    {
        var taken = new List<T>();
        foreach (var key in _byKey.Keys.Order().ToArray())
        {
            var queue = _byKey[key];
            foreach (var (arrival, request) in queue.ToArray())
            {
                if (predicate(request))
                {
                    queue.Remove(arrival);
                    taken.Add(request);
                    Waiting--;
                }
            }

            if (queue.Count == 0)
            {
                _byKey.Remove(key);
            }
        }

        return taken;
    }
}
