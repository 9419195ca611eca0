using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Consensus;

/// <summary>A number for every node, as a struct so that counting allocates nothing.</summary>
public interface INodeValue
{
    /// <summary>The node's number.</summary>
    long Of(NodeId node);
}

/// <summary>How an election stands.</summary>
public enum Tally
{
    /// <summary>Not decided.</summary>
    Open,

    /// <summary>A majority of every half granted.</summary>
    Won,

    /// <summary>Some half can reach no majority any more.</summary>
    Lost,
}

/// <summary>
/// Majorities of one or both halves of a configuration. Everything that needs a quorum counts here, so that a joint configuration is
/// handled in one place: what holds in both halves intersects every quorum of the configuration before it and of the one after it.
/// </summary>
public static class Quorum
{
    /// <summary>The largest number that a majority of every half reaches. No half at all reaches everything.</summary>
    public static long Reached<T>(Configuration configuration, in T values)
        where T : struct, INodeValue =>
        Math.Min(Reached(configuration.Voters, values), Reached(configuration.OutgoingVoters, values));

    /// <summary>The largest number that a majority of one half reaches.</summary>
    public static long Reached<T>(ImmutableArray<NodeId> half, in T values)
        where T : struct, INodeValue
    {
        if (half.IsEmpty)
        {
            return long.MaxValue;
        }

        Span<long> sorted = half.Length <= 16 ? stackalloc long[half.Length] : new long[half.Length];
        for (var i = 0; i < half.Length; i++)
        {
            sorted[i] = values.Of(half[i]);
        }

        sorted.Sort();
        return sorted[(half.Length - 1) / 2];
    }

    /// <summary>True when the nodes with a number above zero are a majority of every half.</summary>
    public static bool Has<T>(Configuration configuration, in T values)
        where T : struct, INodeValue => Reached(configuration, values) > 0;

    /// <summary>The state of a vote in which 1 is a grant, -1 a refusal and 0 silence.</summary>
    public static Tally Count<T>(Configuration configuration, in T values)
        where T : struct, INodeValue => Reached(configuration, values) switch
        {
            > 0 => Tally.Won,
            < 0 => Tally.Lost,
            _ => Tally.Open,
        };
}
