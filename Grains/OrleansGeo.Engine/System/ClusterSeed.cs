using System.Collections.Immutable;
using OrleansGeo.Primitives;
using OrleansGeo.Storage;

namespace OrleansGeo.Engine;

/// <summary>What the first nodes of a cluster are told, all of them the same: who they are together.</summary>
/// <param name="ClusterId">Id of the cluster.</param>
/// <param name="TokenSecret">Its secret for signing tokens, 32 bytes.</param>
/// <param name="Nodes">The seed nodes.</param>
public sealed record ClusterSeed(string ClusterId, ReadOnlyMemory<byte> TokenSecret, ImmutableArray<NodeRecord> Nodes)
{
    /// <summary>
    /// Makes the empty store of a seed node that of a member of the first system range. On a store that was initialised before, checks that
    /// it belongs to that node and changes nothing. Durable when completed.
    /// </summary>
    /// <exception cref="StorageUnavailableException">The store belongs to another node or cluster, or has a newer format.</exception>
    public async Task InitialiseAsync(IStorageEngine storage, NodeRecord record)
    {
        var system = SystemBootstrap.SystemRange(Nodes);
        var records = SystemBootstrap.InitialRecords(ClusterId, TokenSecret.Span, Nodes, system);
        var identity = new NodeIdentity(ClusterId, record.Id, record.Name, TokenSecret);
        var regions = Nodes.ToDictionary(node => node.Id, node => node.Region);
        await NodeStore.InitialiseAsync(storage, identity, system, LeaseRanking.FirstChoice(regions, system), records);
    }
}
