using System.Collections.Immutable;
using System.Runtime.InteropServices;
using OrleansGeo.Consensus;
using OrleansGeo.Locality;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// Sums up the range directory. Ranges are many and the ways to place them are few, so each way is judged once and counted.
/// </summary>
internal sealed class DirectorySurvey(Node node, RangeAvailability availability)
{
    // No zone has an empty name.
    public const string WholeRegion = "";

    private readonly Dictionary<Way, int> _counts = new(Way.Comparer);

    public DirectoryFigures Take()
    {
        _counts.Clear();
        foreach (var (_, range) in node.System.RangesByStart)
        {
            CollectionsMarshal.GetValueRefOrAddDefault(_counts, new(range), out _)++;
        }

        var (without, unreachable) = (0, 0);
        var goals = new SortedDictionary<SurvivalGoal, int>();
        foreach (var goal in Enum.GetValues<SurvivalGoal>())
        {
            goals[goal] = 0;
        }

        var domains = Domains();
        foreach (var (way, count) in _counts)
        {
            var configuration = way.Range.Configuration;
            var loss = availability.LossOf(configuration);
            without += loss == RangeLoss.NoQuorum ? count : 0;
            unreachable += loss == RangeLoss.Unreachable ? count : 0;
            goals[way.Range.Goal] += availability.Shortfall(way.Range) is null ? 0 : count;
            if (loss == RangeLoss.None)
            {
                AddLosses(domains, configuration, count);
            }
        }

        return new(
            node.System.RangesByStart.Count,
            without,
            unreachable,
            [.. goals],
            [.. domains.Select(static domain => (domain.Key.Region, domain.Key.Zone, domain.Value))]);
    }

    // Every place, so that the ones that can be lost without harm are seen to be there, with nothing.
    private SortedDictionary<(string Region, string Zone), int> Domains()
    {
        var domains = new SortedDictionary<(string Region, string Zone), int>();
        foreach (var (_, record) in node.System.Nodes)
        {
            domains[(record.Region, WholeRegion)] = 0;
            domains[(record.Region, record.Zone)] = 0;
        }

        return domains;
    }

    private void AddLosses(SortedDictionary<(string Region, string Zone), int> domains, Configuration configuration, int count)
    {
        foreach (var domain in domains.Keys.ToArray())
        {
            if (LosesQuorum(configuration.Voters, domain)
                || (configuration.IsJoint && LosesQuorum(configuration.OutgoingVoters, domain)))
            {
                domains[domain] += count;
            }
        }
    }

    private bool LosesQuorum(ImmutableArray<NodeId> voters, (string Region, string Zone) domain)
    {
        var left = 0;
        foreach (var voter in voters)
        {
            left += node.IsLive(voter) && !IsIn(voter, domain) ? 1 : 0;
        }

        return left <= voters.Length / 2;
    }

    private bool IsIn(NodeId voter, (string Region, string Zone) domain) =>
        node.System.Nodes.TryGetValue(voter, out var record)
        && string.Equals(record.Region, domain.Region, StringComparison.Ordinal)
        && (domain.Zone == WholeRegion || string.Equals(record.Zone, domain.Zone, StringComparison.Ordinal));

    // A goal and the voters, taken from the first range that was met with them.
    private readonly record struct Way(RangeDescriptor Range)
    {
        public static IEqualityComparer<Way> Comparer { get; } = EqualityComparer<Way>.Create(
            static (a, b) => a.Range.Goal == b.Range.Goal
                && a.Range.Configuration.Voters.AsSpan().SequenceEqual(b.Range.Configuration.Voters.AsSpan())
                && a.Range.Configuration.OutgoingVoters.AsSpan().SequenceEqual(b.Range.Configuration.OutgoingVoters.AsSpan()),
            static way =>
            {
                var hash = (int)way.Range.Goal;
                foreach (var voter in way.Range.Configuration.Voters)
                {
                    hash = (hash * 31) + voter.Value;
                }

                return hash;
            });
    }
}
