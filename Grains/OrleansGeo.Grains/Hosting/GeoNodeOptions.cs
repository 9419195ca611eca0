using OrleansGeo.Engine;
using OrleansGeo.Storage;

namespace OrleansGeo.Grains;

/// <summary>What the node of a silo is told.</summary>
public sealed record GeoNodeOptions
{
    /// <summary>A chunk of a snapshot, in bytes: small, so that no heartbeat waits long behind one on its connection.</summary>
    public const int SnapshotChunkBytes = 64 << 10;

    /// <summary>The engine's options. The name is the silo's.</summary>
    public required NodeOptions Node { get; init; }

    /// <summary>The cluster that an empty node begins with; one that it does not name asks to join.</summary>
    public ClusterSeed? Seed { get; init; }

    /// <summary>Where a node that joins answers REST, for others to know; or null.</summary>
    public string? HttpAddress { get; init; }

    /// <summary>Opens its storage.</summary>
    public required Func<IStorageEngine> OpenStorage { get; init; }

    /// <summary>
    /// How long the node goes on answering after it handed over, so that those who send requests here notice that it is not ready any more.
    /// </summary>
    public TimeSpan DrainGrace { get; init; }

    /// <summary>Bounds of what is on its way to a peer.</summary>
    public PeerLimits Limits { get; init; } = new();
}
