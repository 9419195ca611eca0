using System.Collections.Immutable;

namespace OrleansGeo.Membership;

/// <summary>What founding a register, or readmitting an acceptor, comes to.</summary>
public abstract record SeatingPlan
{
    private SeatingPlan()
    {
    }

    /// <summary>Write these records.</summary>
    public sealed record Seats(ImmutableArray<AcceptorState> States) : SeatingPlan;

    /// <summary>Everything is as it should be.</summary>
    public sealed record Nothing : SeatingPlan;

    /// <summary>It would not be safe, and why.</summary>
    public sealed record Declined(string Reason) : SeatingPlan;
}

/// <summary>
/// How acceptors get their records. A database without a record is not an empty acceptor: it may be one that lost everything, and two
/// such could agree on a past that never was. So records are made by decision only.
/// <para>
/// Founding needs every acceptor, and makes records only while none has been written to: then no promise can have been lost.
/// </para>
/// <para>
/// Readmitting X needs a majority's worth of healthy others. Every majority that X was in has then a member among them, so the highest
/// accepted value of theirs descends from all that X may have helped to decide, and X takes it over. It takes the highest promise too, and
/// a count of writes above all that anyone knows of it: accepts of rounds that X promised in its earlier life name a lower count and are
/// refused. Decisions that happen meanwhile are made without X, which takes no part until its record is written.
/// </para>
/// </summary>
public static class Seating
{
    /// <summary>What founding comes to, given each acceptor's answer by index, or null for none.</summary>
    public static SeatingPlan Found(ImmutableArray<AcceptorIdentity> set, IReadOnlyList<AcceptorReply?> replies)
    {
        var silent = set.Where((_, i) => replies[i] is null).Select(identity => identity.Acceptor).ToList();
        if (silent.Count > 0)
        {
            return new SeatingPlan.Declined(
                $"a register is founded with all its acceptors, and no answer came from {string.Join(", ", silent)}");
        }

        for (var i = 0; i < set.Length; i++)
        {
            if (replies[i] is AcceptorReply.Refused { Kind: not RefusalKind.Unseated } refused)
            {
                return new SeatingPlan.Declined($"acceptor '{set[i].Acceptor}' {refused.Reason}");
            }
        }

        ImmutableArray<AcceptorState> missing =
            [.. set.Where((_, i) => replies[i] is AcceptorReply.Refused).Select(AcceptorState.New)];
        if (missing.Length == 0)
        {
            return new SeatingPlan.Nothing();
        }

        var names = string.Join(", ", missing.Select(state => $"'{state.Identity.Acceptor}'"));
        return replies.OfType<AcceptorReply.Answer>().Any(answer => answer.Report.Writes > 0)
            ? new SeatingPlan.Declined($"the register exists, and {names} lost its record: readmit it")
            : new SeatingPlan.Seats(missing);
    }

    /// <summary>What readmitting an acceptor comes to, given each acceptor's answer by index, or null for none.</summary>
    public static SeatingPlan Readmit(ImmutableArray<AcceptorIdentity> set, int target, IReadOnlyList<AcceptorReply?> replies)
    {
        switch (replies[target])
        {
            case null:
                return new SeatingPlan.Declined($"acceptor '{set[target].Acceptor}' does not answer");
            case AcceptorReply.Answer:
                return new SeatingPlan.Nothing();
            case AcceptorReply.Refused { Kind: RefusalKind.Stranger or RefusalKind.Unsafe or RefusalKind.Unreadable } refused:
                return new SeatingPlan.Declined($"acceptor '{set[target].Acceptor}' {refused.Reason}");
        }

        var others = replies.Where((_, i) => i != target).OfType<AcceptorReply.Answer>().Select(answer => answer.Report).ToList();
        var needed = (set.Length / 2) + 1;
        if (others.Count < needed)
        {
            return new SeatingPlan.Declined(
                $"'{set[target].Acceptor}' can be readmitted when {needed} other acceptors answer; {others.Count} did");
        }

        var best = others.MaxBy(report => report.Accepted)!;
        var writes = Math.Max(others.Max(report => report.Witnessed[target]), ((AcceptorReply.Refused)replies[target]!).Writes);
        var witnessed = others.Select(report => report.Witnessed).Aggregate(Acceptor.Merge);
        return new SeatingPlan.Seats(
        [
            new(set[target], others.Max(report => report.Promised), best.Accepted, best.Value, writes + UnseenWrites, witnessed, null),
        ]);
    }

    // The last writes of the lost life may have been acknowledged to proposers that told nobody. Ten thousand rounds a second for ten years
    // are fewer.
    private const long UnseenWrites = 1L << 42;
}
