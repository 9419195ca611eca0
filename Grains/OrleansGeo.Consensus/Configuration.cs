using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Consensus;

/// <summary>
/// Who replicates a range. Lists are sorted by node and hold no node twice; a node is in <see cref="NonVoters"/> only when not in
/// <see cref="Voters"/>. While <see cref="OutgoingVoters"/> is not empty the configuration is joint: every decision needs a majority of
/// both voter lists (Ongaro's thesis §4.3), and an outgoing voter that is also in <see cref="NonVoters"/> stays as one when the joint one
/// is left. <see cref="Witnesses"/> names those voters that keep only the log's tail.
/// </summary>
public sealed record Configuration(
    ImmutableArray<NodeId> Voters,
    ImmutableArray<NodeId> OutgoingVoters,
    ImmutableArray<NodeId> NonVoters,
    ImmutableArray<NodeId> Witnesses)
{
    /// <summary>A configuration of voters and non-voters that is not joint.</summary>
    public static Configuration Of(
        IEnumerable<NodeId> voters, IEnumerable<NodeId>? nonVoters = null, IEnumerable<NodeId>? witnesses = null) =>
        new([.. voters.Order()], [], [.. (nonVoters ?? []).Order()], [.. (witnesses ?? []).Order()]);

    /// <summary>True between entering and leaving a joint change.</summary>
    public bool IsJoint => !OutgoingVoters.IsEmpty;

    /// <summary>True when the node votes in either half.</summary>
    public bool IsVoter(NodeId node) => Voters.Contains(node) || OutgoingVoters.Contains(node);

    /// <summary>True when the node holds a replica in any role.</summary>
    public bool IsMember(NodeId node) => IsVoter(node) || NonVoters.Contains(node);

    /// <summary>True when the node is a voter that keeps only the log's tail.</summary>
    public bool IsWitness(NodeId node) => Witnesses.Contains(node);

    /// <summary>Every node with a replica, sorted, each once.</summary>
    public IEnumerable<NodeId> Members() => Voters.Concat(OutgoingVoters).Concat(NonVoters).Distinct().Order();

    /// <summary>Structural equality.</summary>
    public bool Equals(Configuration? other) => other is not null && Voters.SequenceEqual(other.Voters)
        && OutgoingVoters.SequenceEqual(other.OutgoingVoters) && NonVoters.SequenceEqual(other.NonVoters)
        && Witnesses.SequenceEqual(other.Witnesses);

    /// <inheritdoc />
    public override int GetHashCode() => HashCode.Combine(Voters.Length, OutgoingVoters.Length, NonVoters.Length, Witnesses.Length);

    /// <summary>Writes the configuration behind a version byte.</summary>
    public void Write(CodecWriter writer)
    {
        writer.WriteByte(1);
        WriteNodes(writer, Voters);
        WriteNodes(writer, OutgoingVoters);
        WriteNodes(writer, NonVoters);
        WriteNodes(writer, Witnesses);
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    public static Configuration Read(ref CodecReader reader)
    {
        reader.ReadVersion("a replica configuration", 1);
        return new(ReadNodes(ref reader), ReadNodes(ref reader), ReadNodes(ref reader), ReadNodes(ref reader));
    }

    private static void WriteNodes(CodecWriter writer, ImmutableArray<NodeId> nodes) =>
        writer.WriteList(nodes, static (w, node) => w.WriteInt32(node.Value));

    private static ImmutableArray<NodeId> ReadNodes(ref CodecReader reader) =>
        reader.ReadList(static (ref r) => new NodeId(r.ReadInt32()));
}
