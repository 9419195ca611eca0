using OrleansGeo.Primitives;
using OrleansGeo.Storage;

namespace OrleansGeo.Engine;

/// <summary>
/// What the nodes of an <see cref="EmbeddedCluster"/> run on: real time and threads, or a simulation. Everything a node must not reach for
/// itself comes from here.
/// </summary>
public interface IClusterWorld
{
    /// <summary>Makes room for a node that joins: its machine, its disk, its place in the network.</summary>
    void AddNode(NodeRecord node);

    /// <summary>A scheduler for one start of a node.</summary>
    NodeScheduler CreateScheduler(NodeId node);

    /// <summary>Completes when the scheduler runs nothing any more and never will.</summary>
    Task HaltAsync(NodeScheduler scheduler);

    /// <summary>A node's clocks. The same object for all starts of the node, so a jump of its clock outlives it.</summary>
    TimeProvider TimeOf(NodeId node);

    /// <summary>Opens a node's storage for one start.</summary>
    IStorageEngine OpenStorage(NodeId node);

    /// <summary>What a crash does to storage: what was not synced may be gone.</summary>
    void CrashStorage(NodeId node);

    /// <summary>What the loss of its disk does to a node's storage: everything is gone.</summary>
    void WipeStorage(NodeId node);

    /// <summary>Connects a node to the network for one start.</summary>
    ITransport Connect(NodeId node, IEnvelopeReceiver receiver, NodeScheduler scheduler);

    /// <summary>Disconnects it: what arrives later vanishes.</summary>
    void Disconnect(NodeId node);

    /// <summary>Chance, for seeds.</summary>
    ulong NextSeed();
}
