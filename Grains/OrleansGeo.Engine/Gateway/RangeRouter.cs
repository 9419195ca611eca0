using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// Which range holds a key, and who led it last. The directory in the node's own system view is the base; descriptors that ranges sent
/// (<see cref="RangeOutcome.Moved"/>, <see cref="RangeOutcome.NotLeaseholder"/>) lie over it while they are newer, so a split is followed
/// before the directory tells of it. Everything here is a hint: a wrong one costs a hop, and the range's own answer puts it right.
/// </summary>
public sealed class RangeRouter
{
    private readonly Dictionary<RangeId, NodeId> _leaseholders = [];
    private readonly List<RangeDescriptor> _learnt = [];
    private ImmutableSortedDictionary<Key, RangeDescriptor>? _source;
    private RangeDescriptor[] _base = [];

    /// <summary>The range that holds a key; null when none is known.</summary>
    public RangeDescriptor? Find(SystemView view, Key key)
    {
        Follow(view);
        var known = _base.Length == 0 ? null : At(LastAtOrBefore(_base, key), key);
        foreach (var learnt in _learnt)
        {
            if (learnt.Span.Contains(key) && (known is null || learnt.Generation > known.Generation))
            {
                known = learnt;
            }
        }

        return known;
    }

    /// <summary>The range that holds the last keys before an end; null when none is known.</summary>
    public RangeDescriptor? FindBefore(SystemView view, Key end)
    {
        Follow(view);
        RangeDescriptor? known = null;
        for (var i = LastAtOrBefore(_base, end); i >= 0 && known is null; i--)
        {
            if (_base[i].Span.Start < end)
            {
                known = end <= _base[i].Span.End ? _base[i] : null;
                break;
            }
        }

        foreach (var learnt in _learnt)
        {
            if (learnt.Span.Start < end && end <= learnt.Span.End && (known is null || learnt.Generation > known.Generation))
            {
                known = learnt;
            }
        }

        return known;
    }

    /// <summary>
    /// Whether the table of a key has any range in the directory. The ranges of a table lie beside each other, so while it has any, one of
    /// the two nearest is its; a key that none holds then is one of the right half of a split that the directory was not told of yet.
    /// </summary>
    public bool KnowsTableOf(SystemView view, Key key)
    {
        Follow(view);
        var before = LastAtOrBefore(_base, key);
        return IsOf(before) || IsOf(before + 1);

        bool IsOf(int position)
        {
            if (position < 0 || position >= _base.Length)
            {
                return false;
            }

            var span = TableKeys.Span(_base[position].TableId);
            return span.Start <= key && key <= span.End;
        }
    }

    /// <summary>A range by id; null when it is not known.</summary>
    public RangeDescriptor? ById(SystemView view, RangeId id)
    {
        Follow(view);
        RangeDescriptor? known = null;
        foreach (var descriptor in _learnt)
        {
            known = descriptor.Id == id ? descriptor : known;
        }

        foreach (var descriptor in _base)
        {
            known = descriptor.Id == id && (known is null || descriptor.Generation >= known.Generation) ? descriptor : known;
        }

        return known;
    }

    /// <summary>The ranges that cover a span, in key order; false when part of it is not known to be in any.</summary>
    public bool TryCover(SystemView view, KeySpan span, List<RangeDescriptor> ranges)
    {
        ranges.Clear();
        for (var at = span.Start; at < span.End;)
        {
            if (Find(view, at) is not { } range)
            {
                return false;
            }

            ranges.Add(range);
            at = range.Span.End;
        }

        return true;
    }

    /// <summary>
    /// Every range that is known, in key order, each as it was last heard of. The directory is told of the halves of a split one by one, so
    /// until it has both, the left one is cut where a newer range begins, and the right one is what was learnt of it.
    /// </summary>
    public IReadOnlyList<RangeDescriptor> All(SystemView view)
    {
        Follow(view);
        var newest = new SortedDictionary<RangeId, RangeDescriptor>();
        foreach (var descriptor in _base.Concat(_learnt))
        {
            if (!newest.TryGetValue(descriptor.Id, out var known) || descriptor.Generation > known.Generation)
            {
                newest[descriptor.Id] = descriptor;
            }
        }

        var ranges = newest.Values.OrderBy(static range => range.Span.Start).ThenByDescending(static range => range.Generation).ToList();
        for (var i = 0; i + 1 < ranges.Count; i++)
        {
            var (range, next) = (ranges[i], ranges[i + 1]);
            if (range.Span.Contains(next.Span.Start) && next.Generation > range.Generation)
            {
                ranges[i] = range with { Span = new(range.Span.Start, next.Span.Start) };
            }
        }

        return ranges;
    }

    /// <summary>Takes note of a descriptor that a range sent. True when it is news.</summary>
    public bool Learn(SystemView view, RangeDescriptor descriptor)
    {
        Follow(view);
        if (descriptor.Span.IsEmpty || (ById(view, descriptor.Id) is { } known && known.Generation >= descriptor.Generation))
        {
            return false;
        }

        foreach (var other in _learnt)
        {
            if (other.Span.Overlaps(descriptor.Span) && other.Generation > descriptor.Generation)
            {
                return false;
            }
        }

        _learnt.RemoveAll(other => other.Span.Overlaps(descriptor.Span));
        if (_learnt.Count >= LearntMax)
        {
            _learnt.RemoveAt(0);
        }

        _learnt.Add(descriptor);
        return true;
    }

    /// <summary>Who led a range when it last answered.</summary>
    public bool TryGetLeaseholder(RangeId range, out NodeId node) => _leaseholders.TryGetValue(range, out node);

    /// <summary>Takes note of who leads a range.</summary>
    public void NoteLeaseholder(RangeId range, NodeId node) => _leaseholders[range] = node;

    /// <summary>Forgets a leaseholder that turned out not to be one.</summary>
    public void Forget(RangeId range, NodeId node)
    {
        if (_leaseholders.TryGetValue(range, out var known) && known == node)
        {
            _leaseholders.Remove(range);
        }
    }

    // The directory follows within moments; more than this many splits it has not told of would be a directory that is away.
    private const int LearntMax = 256;

    // Views are published one by one and read between; only a view that changed the directory costs a rebuild, and only when it is used.
    private void Follow(SystemView view)
    {
        if (ReferenceEquals(_source, view.RangesByStart))
        {
            return;
        }

        _source = view.RangesByStart;
        _base = new RangeDescriptor[_source.Count];
        var i = 0;
        foreach (var (_, descriptor) in _source)
        {
            _base[i++] = descriptor;
        }

        _learnt.RemoveAll(learnt => IsKnownToBase(learnt) || IsOfDroppedTable(learnt));
        DropLeaseholdersOfGoneRanges();
    }

    // A range whose table was dropped is told of by nobody any more. The ranges of a table lie beside each other, so while it has any in
    // the directory, one of the two nearest is its.
    private bool IsOfDroppedTable(RangeDescriptor learnt)
    {
        var before = LastAtOrBefore(_base, learnt.Span.Start);
        return !IsOf(before) && !IsOf(before + 1);

        bool IsOf(int position) => position >= 0 && position < _base.Length && _base[position].TableId == learnt.TableId;
    }

    // Where the directory has no range it was told of the left half of a split and not yet of the right one.
    private bool IsKnownToBase(RangeDescriptor learnt) =>
        At(LastAtOrBefore(_base, learnt.Span.Start), learnt.Span.Start) is { } known && known.Generation >= learnt.Generation;

    private void DropLeaseholdersOfGoneRanges()
    {
        if (_leaseholders.Count <= (_base.Length * 2) + LearntMax)
        {
            return;
        }

        // Only what was learnt again is kept; the rest costs one hop each.
        _leaseholders.Clear();
    }

    private RangeDescriptor? At(int position, Key key) =>
        position >= 0 && _base[position].Span.Contains(key) ? _base[position] : null;

    private static int LastAtOrBefore(RangeDescriptor[] ranges, Key key)
    {
        var (low, high) = (0, ranges.Length - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            if (ranges[middle].Span.Start <= key)
            {
                low = middle + 1;
            }
            else
            {
                high = middle - 1;
            }
        }

        return high;
    }
}
