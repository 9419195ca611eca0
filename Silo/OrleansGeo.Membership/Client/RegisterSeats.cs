using System.Collections.Immutable;

namespace OrleansGeo.Membership;

/// <summary>What an operator does to acceptors: found a register once, readmit one that was refused or lost its record.</summary>
public static class RegisterSeats
{
    /// <summary>Gives every acceptor its record. Again is harmless; after an interruption it goes on.</summary>
    public static Task<SeatingOutcome> FoundAsync(IEnumerable<IAcceptor> acceptors, CancellationToken cancellation) =>
        SeatAsync([.. acceptors.OrderBy(acceptor => acceptor.Identity.Index)], Seating.Found, cancellation);

    /// <summary>Gives an acceptor that was refused, or lost its record, a new one that follows from the others'.</summary>
    public static Task<SeatingOutcome> ReadmitAsync(IEnumerable<IAcceptor> acceptors, string name, CancellationToken cancellation)
    {
        ImmutableArray<IAcceptor> all = [.. acceptors.OrderBy(acceptor => acceptor.Identity.Index)];
        var target = all.Select(acceptor => acceptor.Identity.Acceptor).ToList().IndexOf(name);
        return target < 0
            ? Task.FromResult<SeatingOutcome>(new SeatingOutcome.Declined($"there is no acceptor '{name}'"))
            : SeatAsync(all, (set, replies) => Seating.Readmit(set, target, replies), cancellation);
    }

    private static async Task<SeatingOutcome> SeatAsync(
        ImmutableArray<IAcceptor> acceptors,
        Func<ImmutableArray<AcceptorIdentity>, IReadOnlyList<AcceptorReply?>, SeatingPlan> plan,
        CancellationToken cancellation)
    {
        var replies = new List<AcceptorReply?>();
        foreach (var asked in acceptors.Select(acceptor => Inspect(acceptor, 0, cancellation)).ToList())
        {
            replies.Add(await asked);
        }

        // One that went back may not have been found out yet.
        for (var i = 0; i < acceptors.Length; i++)
        {
            var floor = replies.OfType<AcceptorReply.Answer>().Select(answer => answer.Report.Witnessed[i]).DefaultIfEmpty().Max();
            if (replies[i] is AcceptorReply.Answer answer && answer.Report.Writes < floor)
            {
                replies[i] = await Inspect(acceptors[i], floor, cancellation);
            }
        }

        switch (plan([.. acceptors.Select(acceptor => acceptor.Identity)], replies))
        {
            case SeatingPlan.Declined declined:
                return new SeatingOutcome.Declined(declined.Reason);
            case SeatingPlan.Seats seats:
                foreach (var state in seats.States)
                {
                    if (!await acceptors[state.Identity.Index].SeatAsync(state, cancellation))
                    {
                        return new SeatingOutcome.Declined($"'{state.Identity.Acceptor}' got a record from someone else meanwhile");
                    }
                }

                return new SeatingOutcome.Seated(true);
            default:
                return new SeatingOutcome.Seated(false);
        }
    }

    private static async Task<AcceptorReply?> Inspect(IAcceptor acceptor, long floor, CancellationToken cancellation)
    {
        try
        {
            return await acceptor.AskAsync(new AcceptorRequest.Inspect(floor), cancellation);
        }
        catch (Exception)
        {
            return null;
        }
    }
}
