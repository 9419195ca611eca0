using OrleansGeo.Primitives;

namespace OrleansGeo.Locality;

/// <summary>A voter and where it is.</summary>
public readonly record struct VoterPlace(NodeId Node, string Region, string Zone, bool Live);

/// <summary>
/// Whether a range survives what it is meant to survive, as things are now: whichever one zone (or region) is lost next, the voters that
/// are live and elsewhere are still a majority of all voters. Nodes that are down count as votes that are missing.
/// </summary>
public static class GoalCheck
{
    /// <summary>Null when the goal is met, else one sentence that says what is lost with what.</summary>
    /// <param name="voters">The voters of one configuration; a joint one is checked half by half.</param>
    /// <param name="goal">What is to be survived.</param>
    public static string? Evaluate(IReadOnlyList<VoterPlace> voters, SurvivalGoal goal)
    {
        var needed = (voters.Count / 2) + 1;
        var live = Count(voters, static _ => true);
        if (live < needed)
        {
            return $"{live} of {voters.Count} voters are live and {needed} are needed: {Down(voters)}";
        }

        string? worst = null;
        var fewest = int.MaxValue;
        foreach (var lost in voters)
        {
            var remaining = Count(voters, voter => !IsSamePlace(voter, lost, goal));
            var place = goal == SurvivalGoal.Region ? $"region {lost.Region}" : $"zone {lost.Zone} of {lost.Region}";
            var text = $"the loss of {place} would leave {remaining} of {voters.Count} voters and {needed} are needed";
            if (remaining < needed && (remaining < fewest || (remaining == fewest && string.CompareOrdinal(text, worst) < 0)))
            {
                (worst, fewest) = (text, remaining);
            }
        }

        return worst is null || live == voters.Count ? worst : $"{worst}; {Down(voters)}";
    }

    private static int Count(IReadOnlyList<VoterPlace> voters, Func<VoterPlace, bool> where)
    {
        var count = 0;
        foreach (var voter in voters)
        {
            count += voter.Live && where(voter) ? 1 : 0;
        }

        return count;
    }

    private static bool IsSamePlace(VoterPlace a, VoterPlace b, SurvivalGoal goal) =>
        string.Equals(a.Region, b.Region, StringComparison.Ordinal)
        && (goal == SurvivalGoal.Region || string.Equals(a.Zone, b.Zone, StringComparison.Ordinal));

    private static string Down(IReadOnlyList<VoterPlace> voters)
    {
        var down = new List<NodeId>();
        foreach (var voter in voters)
        {
            if (!voter.Live)
            {
                down.Add(voter.Node);
            }
        }

        down.Sort();
        return down.Count == 0 ? "no voter is down" : string.Join(", ", down) + (down.Count == 1 ? " is down" : " are down");
    }
}
