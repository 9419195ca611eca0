using OrleansGeo.Consensus;
using OrleansGeo.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Unit.Consensus;

/// <summary>The quick count against one that tries every subset of nodes.</summary>
public sealed class QuorumTests
{
    private readonly struct Values(long[] values) : INodeValue
    {
        public long Of(NodeId node) => values[node.Value];
    }

    [Fact]
    public void Reached_equals_the_best_subset_that_is_a_majority_of_every_half()
    {
        var prng = new Prng(42);
        for (var round = 0; round < 20_000; round++)
        {
            var configuration = RandomConfiguration(prng);
            var values = RandomValues(prng, 0, 6);
            Assert.Equal(BestSubset(configuration, values), Quorum.Reached(configuration, new Values(values)));
        }
    }

    [Fact]
    public void A_vote_is_won_or_lost_exactly_when_no_silent_node_could_change_it()
    {
        var prng = new Prng(43);
        for (var round = 0; round < 20_000; round++)
        {
            var configuration = RandomConfiguration(prng);
            var votes = RandomValues(prng, -1, 1);
            var worst = IsMajority(configuration, node => votes[node.Value] > 0);
            var best = IsMajority(configuration, node => votes[node.Value] >= 0);
            Assert.Equal(worst ? Tally.Won : best ? Tally.Open : Tally.Lost, Quorum.Count(configuration, new Values(votes)));
        }
    }

    private static long BestSubset(Configuration configuration, long[] values)
    {
        var members = configuration.Members().ToArray();
        var best = long.MinValue;
        for (var subset = 0; subset < 1 << members.Length; subset++)
        {
            var inside = members.Where((_, i) => (subset & (1 << i)) != 0).ToArray();
            if (inside.Length > 0 && IsMajority(configuration, inside.Contains))
            {
                best = Math.Max(best, inside.Min(n => values[n.Value]));
            }
        }

        return best;
    }

    private static bool IsMajority(Configuration configuration, Func<NodeId, bool> inside) =>
        2 * configuration.Voters.Count(inside) > configuration.Voters.Length
        && (configuration.OutgoingVoters.IsEmpty || 2 * configuration.OutgoingVoters.Count(inside) > configuration.OutgoingVoters.Length);

    private static long[] RandomValues(Prng prng, int low, int high)
    {
        var values = new long[8];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = prng.Between(low, high);
        }

        return values;
    }

    private static Configuration RandomConfiguration(Prng prng)
    {
        var incoming = RandomNodes(prng, 1);
        return Configuration.Of(incoming) with { OutgoingVoters = [.. RandomNodes(prng, prng.Below(2))] };
    }

    private static IEnumerable<NodeId> RandomNodes(Prng prng, int least)
    {
        var nodes = Enumerable.Range(1, 7).Select(i => new NodeId(i)).ToArray();
        prng.Shuffle<NodeId>(nodes);
        return nodes[..(least == 0 ? 0 : prng.Below(5) + 1)].Order();
    }
}
