using OrleansGeo.Consensus;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>Lanes between two nodes. A lane keeps its own order; none waits for another.</summary>
public enum Lane : byte
{
    /// <summary>Heartbeats and their answers: never behind anything else.</summary>
    Liveness = 1,

    /// <summary>Consensus, requests, closed timestamps.</summary>
    Normal = 2,

    /// <summary>Snapshots.</summary>
    Bulk = 3,
}

/// <summary>
/// Carries envelopes from one node to others. Unreliable by contract: an envelope may be lost, late, doubled or overtaken, and nothing here
/// says so. It adds a hop to the path of what crosses from one region to another.
/// </summary>
public interface ITransport
{
    /// <summary>Hands an envelope over and returns at once. Never throws for what happens to it.</summary>
    void Send(Envelope envelope);

    /// <summary>Bytes handed over for a node on a lane that it has not taken yet; null where nobody counts them.</summary>
    long? BytesInFlight(NodeId to, Lane lane) => null;
}

/// <summary>What a node shows to its transport.</summary>
public interface IEnvelopeReceiver
{
    /// <summary>Takes an envelope that arrived; called on the node's own scheduler.</summary>
    void Receive(Envelope envelope);
}

/// <summary>
/// What travels between nodes: a few payloads of one lane. Fields that are not used are empty. Immutable once sent.
/// </summary>
public sealed class Envelope
{
    /// <summary>The sender.</summary>
    public required NodeId From { get; init; }

    /// <summary>The receiver.</summary>
    public required NodeId To { get; init; }

    /// <summary>The lane.</summary>
    public required Lane Lane { get; init; }

    /// <summary>The sender's start; zero where nobody asks.</summary>
    public Incarnation FromIncarnation { get; init; }

    /// <summary>The receiver's start as the sender knows it; requests to an earlier one are worthless.</summary>
    public Incarnation ToIncarnation { get; init; }

    /// <summary>Counts the sender's envelopes to this receiver on this lane, so that a copy is told from the first.</summary>
    public long Sequence { get; init; }

    /// <summary>Consensus messages of any number of ranges.</summary>
    public IReadOnlyList<Message> Consensus { get; init; } = [];

    /// <summary>Heartbeats and answers.</summary>
    public IReadOnlyList<LivenessMessage> Liveness { get; init; } = [];

    /// <summary>Requests, answers, and one-way notices of the engine, in order.</summary>
    public IReadOnlyList<NodeMessage> Messages { get; init; } = [];

    /// <summary>
    /// Adds a hop to everything that keeps a path. The transport calls it once, when the envelope crosses between regions.
    /// </summary>
    public void AddHop()
    {
        foreach (var message in Consensus)
        {
            message.Path = WanPath.Add(message.Path, From, To);
        }

        foreach (var message in Messages)
        {
            message.Path = WanPath.Add(message.Path, From, To);
        }
    }
}

/// <summary>A message between two nodes' engines that is not consensus: a request, its answer, or a notice.</summary>
public abstract class NodeMessage
{
    /// <summary>The wide-area hops behind this message; an answer carries on from its request.</summary>
    public WanPath? Path { get; set; }
}
