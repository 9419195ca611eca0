using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>What the hops behind an answer say to a client: round trips, and the outbound legs by region.</summary>
public static class CausalPath
{
    /// <summary>Two hops are a round trip; a path that ends far from where it began counts as one more.</summary>
    public static int RoundTrips(WanPath? path) => ((path?.Count ?? 0) + 1) / 2;

    /// <summary>One path behind another. A path that would grow beyond what is kept ends there: retries must not break a request.</summary>
    public static WanPath? Join(WanPath? first, WanPath? second) =>
        first is null || second is null || first.Count + second.Count <= WanPath.MaxHops ? WanPath.Concat(first, second) : first;

    /// <summary>
    /// The legs that led away, as <c>region&gt;region</c>. A hop that goes back over the last open leg is its return and is not shown.
    /// </summary>
    public static ImmutableArray<string> OutboundLegs(WanPath? path, SystemView view)
    {
        if (path is null)
        {
            return [];
        }

        var legs = ImmutableArray.CreateBuilder<string>();
        var open = new Stack<(string From, string To)>();
        foreach (var (from, to) in path.ToList())
        {
            var hop = (From: RegionOf(view, from), To: RegionOf(view, to));
            if (open.TryPeek(out var last) && string.Equals(last.From, hop.To, StringComparison.Ordinal)
                && string.Equals(last.To, hop.From, StringComparison.Ordinal))
            {
                open.Pop();
            }
            else
            {
                open.Push(hop);
                legs.Add($"{hop.From}>{hop.To}");
            }
        }

        return legs.ToImmutable();
    }

    private static string RegionOf(SystemView view, NodeId node) =>
        view.Nodes.TryGetValue(node, out var record) ? record.Region : node.ToString();
}
