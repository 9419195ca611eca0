using System.Text;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>A change to one key of the system range.</summary>
/// <param name="Key">The key.</param>
/// <param name="Value">What it holds now; null when it was removed.</param>
/// <param name="Version">The commit timestamp of the change.</param>
public readonly record struct SystemChange(Key Key, byte[]? Value, HlcTimestamp Version);

/// <summary>
/// Turns applied changes of the system range into views. Each view shares what did not change with the one before, so a change costs the
/// logarithm of what there is. Keys it does not know are left alone: a later version may add kinds of records.
/// </summary>
public sealed class SystemViewBuilder
{
    // Directory entries are keyed by range id and seen by start key; a removal names only the id.
    private readonly Dictionary<RangeId, Key> _startOf = [];
    private readonly List<RangeId> _changedRanges = [];

    /// <summary>The newest view.</summary>
    public SystemView View { get; private set; } = SystemView.Empty;

    /// <summary>Ranges whose directory entries the last changes set.</summary>
    public IReadOnlyList<RangeId> ChangedRanges => _changedRanges;

    /// <summary>The cluster's own record; null before it was applied.</summary>
    public ClusterRecord? Cluster { get; private set; }

    /// <summary>Forgets everything: what follows is a whole state, as after a snapshot.</summary>
    public void Reset()
    {
        _startOf.Clear();
        View = SystemView.Empty;
        Cluster = null;
    }

    /// <summary>Applies changes in the order given, and publishes the view at an index.</summary>
    public SystemView Apply(IEnumerable<SystemChange> changes, LogIndex applied)
    {
        var view = View;
        _changedRanges.Clear();
        foreach (var change in changes)
        {
            view = Apply(view, change);
        }

        return View = view with { Applied = applied };
    }

    private SystemView Apply(SystemView view, SystemChange change)
    {
        var key = change.Key.Span;
        if (key.Length < 2 || key[0] != SystemKeys.Span.Start.Span[0])
        {
            return view;
        }

        var rest = key[2..];
        switch ((char)key[1])
        {
            case 'c' when change.Value is not null:
                Cluster = SystemRecords.DecodeCluster(change.Value);
                return view with { ClusterId = Cluster.ClusterId };
            case 'n' when rest.Length == 8:
                var node = new NodeId((int)SystemKeys.NumberOf(change.Key));
                return view with
                {
                    Nodes = change.Value is null ? view.Nodes.Remove(node)
                        : view.Nodes.SetItem(node, SystemRecords.DecodeNode(change.Value)),
                };
            case 'd':
                var database = Encoding.UTF8.GetString(rest);
                return view with
                {
                    Databases = change.Value is null
                        ? view.Databases.Remove(database)
                        : view.Databases.SetItem(database, SystemRecords.DecodeDatabase(change.Value, change.Version)),
                };
            case 't':
                return ApplyTable(view, Encoding.UTF8.GetString(rest), change);
            case 'r' when rest.Length == 8:
                return ApplyRange(view, new(SystemKeys.NumberOf(change.Key)), change.Value);
            default:
                return view;
        }
    }

    private static SystemView ApplyTable(SystemView view, string name, SystemChange change)
    {
        var separator = name.IndexOf('\0');
        if (separator < 0)
        {
            return view;
        }

        var key = (name[..separator], name[(separator + 1)..]);
        return view with
        {
            Tables = change.Value is null
                ? view.Tables.Remove(key)
                : view.Tables.SetItem(key, SystemRecords.DecodeTable(change.Value, change.Version)),
        };
    }

    // A range never changes its start, and the entry of an older generation, published late, never replaces a newer one.
    private SystemView ApplyRange(SystemView view, RangeId range, byte[]? value)
    {
        if (value is null)
        {
            return _startOf.Remove(range, out var start) && view.RangesByStart.TryGetValue(start, out var gone) && gone.Id == range
                ? view with { RangesByStart = view.RangesByStart.Remove(start) }
                : view;
        }

        var descriptor = RangeDescriptor.Decode(value);
        _changedRanges.Add(range);
        if (view.RangesByStart.TryGetValue(descriptor.Span.Start, out var known) && known.Generation > descriptor.Generation)
        {
            return view;
        }

        _startOf[range] = descriptor.Span.Start;
        return view with { RangesByStart = view.RangesByStart.SetItem(descriptor.Span.Start, descriptor) };
    }
}
