using OrleansGeo.Primitives;
using OrleansGeo.Transactions;
using Xunit;

namespace OrleansGeo.Tests.Unit.Transactions;

/// <summary>
/// Random requests against a latch table and against the rule itself: in a list in order of arrival, a request is held when it conflicts
/// with no earlier one in the list.
/// </summary>
internal sealed class LatchModel(Prng chance)
{
    private const int WaitingMax = 12;
    private readonly LatchTable _table = new(WaitingMax);
    private readonly List<Entry> _entries = [];
    private readonly Stack<LatchRequest> _idle = [];

    public void Step(string where)
    {
        var pick = _entries.Count > 0 ? _entries[chance.Below(_entries.Count)] : null;
        var held = _entries.Where(entry => entry.Held).Select(entry => entry.Request).ToList();
        var granted = new List<LatchRequest>();
        if (pick is null || chance.Chance(0.5))
        {
            Acquire(where);
        }
        else if (pick.Held && chance.Chance(0.3))
        {
            var at = HlcTimestamp.Later(pick.Request.WriteTimestamp ?? default, Draw.Timestamp(chance, 10));
            _table.Assign(pick.Request, at, granted);
        }
        else
        {
            Leave(pick, granted);
        }

        Settle();
        Assert.Equal(_entries.Where(e => e.Held && !held.Contains(e.Request) && e != _entered).Select(e => e.Request), granted);
        Assert.All(_entries, entry => Assert.True(entry.Held == (entry.Request.State == LatchState.Held), where));
        Assert.Equal((_entries.Count, _entries.Count(entry => !entry.Held)), (_table.Active, _table.Waiting));
        _entered = null;
    }

    public void Drain()
    {
        while (_entries.Count > 0)
        {
            Leave(_entries.First(entry => entry.Held), []);
            Settle();
        }

        Assert.Equal((0, 0), (_table.Active, _table.Waiting));
    }

    private Entry? _entered;

    private void Acquire(string where)
    {
        var entry = Random();
        var outcome = _table.Acquire(entry.Request);
        _entries.Add(entry);
        Settle();
        var overloaded = !entry.Held && !entry.Request.IsWholeRange && _entries.Count(e => !e.Held) > WaitingMax;
        var expected = entry.Held ? LatchOutcome.Granted : overloaded ? LatchOutcome.Overloaded : LatchOutcome.Queued;
        Assert.True(expected == outcome, $"{where}: expected {expected}, was {outcome}");
        if (overloaded)
        {
            _entries.Remove(entry);
            _idle.Push(entry.Request);
        }
        else
        {
            _entered = entry;
        }
    }

    private void Leave(Entry entry, List<LatchRequest> granted)
    {
        _entries.Remove(entry);
        if (entry.Held)
        {
            _table.Release(entry.Request, granted);
        }
        else
        {
            _table.Cancel(entry.Request, granted);
        }

        _idle.Push(entry.Request);
    }

    // Being held is for good: a later assignment only ever removes conflicts.
    private void Settle()
    {
        for (var i = 0; i < _entries.Count; i++)
        {
            _entries[i].Held |= !_entries.Take(i).Any(earlier => Conflict(earlier, _entries[i]));
        }
    }

    private Entry Random()
    {
        var request = _idle.TryPop(out var used) ? used : new();
        request.Clear();
        var parts = new List<(KeySpan Span, LatchAccess Access)>();
        request.ReadAtOrBelow = chance.Chance(0.4) ? Draw.Timestamp(chance, 10) : null;
        request.WriteTimestamp = chance.Chance(0.3) ? Draw.Timestamp(chance, 10) : null;
        if (chance.Chance(0.03))
        {
            return new(request.AddWholeRange(), parts);
        }

        for (var i = chance.Below(4); i > 0; i--)
        {
            var access = chance.Chance(0.5) ? LatchAccess.Read : LatchAccess.Write;
            var key = new Key([(byte)chance.Below(6)]);
            var span = chance.Chance(0.2) ? new KeySpan(key, new([(byte)chance.Below(7)])) : KeySpan.Of(key);
            _ = chance.Chance(0.5) && span == KeySpan.Of(key) ? request.Add(key, access) : request.Add(span, access);
            parts.Add((span, access));
        }

        return new(request, parts);
    }

    private static bool Conflict(Entry a, Entry b)
    {
        if (a.Request.IsWholeRange || b.Request.IsWholeRange)
        {
            return true;
        }

        foreach (var (spanA, accessA) in a.Parts)
        {
            foreach (var (spanB, accessB) in b.Parts.Where(part => !part.Span.Intersect(spanA).IsEmpty))
            {
                var exempt = (accessA, accessB) switch
                {
                    (LatchAccess.Read, LatchAccess.Read) => true,
                    (LatchAccess.Read, LatchAccess.Write) => a.Request.ReadAtOrBelow < b.Request.WriteTimestamp,
                    (LatchAccess.Write, LatchAccess.Read) => b.Request.ReadAtOrBelow < a.Request.WriteTimestamp,
                    _ => false,
                };
                if (!exempt)
                {
                    return true;
                }
            }
        }

        return false;
    }

    private sealed class Entry(LatchRequest request, List<(KeySpan Span, LatchAccess Access)> parts)
    {
        public LatchRequest Request { get; } = request;

        public List<(KeySpan Span, LatchAccess Access)> Parts { get; } = parts;

        public bool Held { get; set; }
    }
}
