using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>Where a node stands.</summary>
public sealed record WanNode(NodeId Id, string Region, string Zone);

/// <summary>The link between two regions, the same both ways.</summary>
/// <param name="RttMs">Round-trip time without load.</param>
/// <param name="BytesPerSecond">Capacity of each direction; null for <see cref="WanTopology.RegionBytesPerSecond"/>.</param>
public sealed record WanLink(string A, string B, double RttMs, long? BytesPerSecond = null);

/// <summary>
/// A network at rest: where the first nodes stand, and what separates regions, zones and neighbours. One-way time is half the round trip;
/// jitter only ever adds.
/// </summary>
public sealed record WanTopology(ImmutableArray<WanNode> Nodes, ImmutableArray<WanLink> Links)
{
    /// <summary>Round trip within a zone, in milliseconds.</summary>
    public double SameZoneRttMs { get; init; } = 0.2;

    /// <summary>Round trip between zones of a region, in milliseconds.</summary>
    public double ZoneRttMs { get; init; } = 1;

    /// <summary>Round trip between regions that no link names, in milliseconds.</summary>
    public double RegionRttMs { get; init; } = 100;

    /// <summary>Bytes per second in each direction between regions whose link says nothing; null for no limit.</summary>
    public long? RegionBytesPerSecond { get; init; }

    /// <summary>The most that jitter adds to a one-way time, as a fraction of it.</summary>
    public double JitterFraction { get; init; }

    /// <summary>The chance that an envelope is lost, from 0 to 1.</summary>
    public double Loss { get; init; }

    /// <summary>
    /// The demo's nine nodes (DESIGN section 11): n1–n3 in us-east1, n4–n6 in us-west1, n7–n9 in europe-west1, one per zone, a gigabit
    /// between any two regions.
    /// </summary>
    public static WanTopology Demo { get; } = new(
        [.. DemoNodes()],
        [
            new("us-east1", "us-west1", 66),
            new("us-east1", "europe-west1", 64),
            new("us-west1", "europe-west1", 146),
        ])
    {
        RegionBytesPerSecond = 125_000_000,
        JitterFraction = 0.02,
    };

    /// <summary>The link between two regions, or null.</summary>
    public WanLink? LinkBetween(string one, string other)
    {
        foreach (var link in Links)
        {
            if ((link.A == one && link.B == other) || (link.A == other && link.B == one))
            {
                return link;
            }
        }

        return null;
    }

    /// <summary>Round-trip time between two places, in milliseconds; 0 from a node to itself.</summary>
    public double RttMsBetween(WanNode one, WanNode other)
    {
        if (one.Id == other.Id)
        {
            return 0;
        }

        if (one.Region == other.Region)
        {
            return one.Zone == other.Zone ? SameZoneRttMs : ZoneRttMs;
        }

        return LinkBetween(one.Region, other.Region)?.RttMs ?? RegionRttMs;
    }

    private static IEnumerable<WanNode> DemoNodes()
    {
        string[] regions = ["us-east1", "us-west1", "europe-west1"];
        for (var i = 0; i < 9; i++)
        {
            var region = regions[i / 3];
            yield return new(new(i + 1), region, $"{region}-{"abc"[i % 3]}");
        }
    }
}
