using Orleans.GrainDirectory;
using Orleans.Placement;
using Orleans.Runtime;
using Orleans.Runtime.Placement;
using OrleansGeo.GrainInterfaces;

namespace OrleansGeo.Grains;

/// <summary>A grain lives on the silo that its key names, and is looked up nowhere.</summary>
[Serializable]
public sealed class NodePlacement : PlacementStrategy
{
    /// <inheritdoc />
    public override bool IsUsingGrainDirectory => false;
}

/// <summary>Places a grain by <see cref="NodePlacement"/>.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class OnNodeAttribute() : PlacementAttribute(new NodePlacement());

/// <summary>Finds the silo that a key names; a grain whose silo is absent is placed nowhere, rather than elsewhere.</summary>
public sealed class NodeDirector(NodeBook book) : IPlacementDirector
{
    /// <inheritdoc />
    public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context)
    {
        var node = RangeGrainKey.NodeOf(target.GrainIdentity.Key.ToString() ?? "");
        return node is not null && book.Find(node) is { } silo
            ? Task.FromResult(silo)
            : Task.FromException<SiloAddress>(new SiloUnavailableException($"no silo of the name {node} is here"));
    }
}

/// <summary>
/// A directory that knows nothing. Without it a key that is in no silo's cache would still be looked up in the default directory, which
/// asks a silo that may be the one that was lost.
/// </summary>
public sealed class NoDirectory : IGrainDirectory
{
    /// <summary>The name that grains ask for it by.</summary>
    public const string Name = "geo-none";

    /// <inheritdoc />
    public Task<GrainAddress?> Register(GrainAddress address) => Task.FromResult<GrainAddress?>(address);

    /// <inheritdoc />
    public Task Unregister(GrainAddress address) => Task.CompletedTask;

    /// <inheritdoc />
    public Task<GrainAddress?> Lookup(GrainId grainId) => Task.FromResult<GrainAddress?>(null);

    /// <inheritdoc />
    public Task UnregisterSilos(List<SiloAddress> siloAddresses) => Task.CompletedTask;
}
