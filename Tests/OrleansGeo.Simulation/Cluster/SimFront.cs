using OrleansGeo.Engine;
using OrleansGeo.Primitives;

namespace OrleansGeo.Simulation;

/// <summary>The node that a client asks: mostly one and the same, another one when that is gone or chance has it so.</summary>
internal sealed class SimFront(SimRun run, Prng prng, NodeId home)
{
    private NodeId _node = home;

    /// <summary>The node's store; null when it does not run, and then the next call tries another one.</summary>
    public NodeFront? Current()
    {
        if (run.Cluster.Cluster.Nodes[_node].Front is { } front)
        {
            return front;
        }

        Change();
        return run.Cluster.Cluster.Nodes[_node].Front;
    }

    /// <summary>Takes note of an error: another node may do better.</summary>
    public void Met(GeoError error)
    {
        if (error.Code == "node-stopped" || prng.Chance(0.2))
        {
            Change();
        }
    }

    /// <summary>Goes to any node.</summary>
    public void Change() => _node = run.Cluster.Cluster.Nodes.Keys.ElementAt(prng.Below(run.Cluster.Cluster.Nodes.Count));
}
