namespace OrleansGeo.Simulation.Checkers;

/// <summary>What a checker says about a history.</summary>
public abstract record Verdict
{
    private Verdict()
    {
    }

    /// <summary>True when nothing wrong was found and nothing was left unlooked at.</summary>
    public bool IsGood => this is Good;

    /// <summary>The history is one that a correct store can give.</summary>
    public sealed record Good : Verdict
    {
        /// <inheritdoc />
        public override string ToString() => "good";
    }

    /// <summary>No correct store gives this history. The text shows why, for a reader.</summary>
    public sealed record Violated(string Explanation) : Verdict
    {
        /// <inheritdoc />
        public override string ToString() => Explanation;
    }

    /// <summary>The checker stopped before it knew.</summary>
    public sealed record Inconclusive(string Reason) : Verdict
    {
        /// <inheritdoc />
        public override string ToString() => "inconclusive: " + Reason;
    }

    /// <summary>Good when there is no finding, else a violation that lists the first few.</summary>
    public static Verdict Of(IEnumerable<string> findings)
    {
        const int Shown = 10;
        var all = findings.ToList();
        return all.Count switch
        {
            0 => new Good(),
            <= Shown => new Violated(string.Join('\n', all)),
            _ => new Violated(string.Join('\n', all.Take(Shown).Append($"and {all.Count - Shown} more"))),
        };
    }

    /// <summary>The first violation, else the first verdict that is inconclusive, else good.</summary>
    public static Verdict Worst(IEnumerable<Verdict> verdicts)
    {
        Verdict worst = new Good();
        foreach (var verdict in verdicts)
        {
            if (verdict is Violated)
            {
                return verdict;
            }

            worst = worst.IsGood ? verdict : worst;
        }

        return worst;
    }
}
