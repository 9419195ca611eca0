using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>Which messages a partition stops, seen from the side that is named.</summary>
public enum CutDirection : byte
{
    /// <summary>All that cross the side's border.</summary>
    Both = 1,

    /// <summary>Those on their way into the side.</summary>
    In = 2,

    /// <summary>Those on their way out of it.</summary>
    Out = 3,
}

/// <summary>A set of nodes by name, zone or region: one side of a cut. Zones and regions also mean nodes that come later.</summary>
public sealed class WanSide
{
    private readonly string _text;
    private readonly Func<WanNode, bool> _contains;

    private WanSide(string text, Func<WanNode, bool> contains)
    {
        _text = text;
        _contains = contains;
    }

    /// <summary>Every node.</summary>
    public static WanSide Everyone { get; } = new("everyone", static _ => true);

    /// <summary>These nodes.</summary>
    public static WanSide Nodes(params ReadOnlySpan<NodeId> nodes)
    {
        ImmutableArray<NodeId> ids = [.. nodes];
        return new(string.Join('+', ids), node => ids.Contains(node.Id));
    }

    /// <summary>The nodes of these zones, each named <c>zone</c> or <c>region-zone</c>.</summary>
    public static WanSide Zones(params ReadOnlySpan<string> zones)
    {
        ImmutableArray<string> names = [.. zones];
        return new(string.Join('+', names), node => names.Contains(node.Zone) || names.Contains($"{node.Region}-{node.Zone}"));
    }

    /// <summary>The nodes of these regions.</summary>
    public static WanSide Regions(params ReadOnlySpan<string> regions)
    {
        ImmutableArray<string> names = [.. regions];
        return new(string.Join('+', names), node => names.Contains(node.Region));
    }

    /// <summary>True when the node is on this side.</summary>
    public bool Contains(WanNode node) => _contains(node);

    /// <inheritdoc />
    public override string ToString() => _text;
}
