using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Checkers;
using OrleansGeo.Simulation.Checkers.Transactions;

namespace OrleansGeo.Tests.Simulation.Checkers.Transactions;

/// <summary>One small change of a history that may make it a wrong one.</summary>
internal static class Mutation
{
    public static void Change(Transaction[] transactions, Prng prng)
    {
        if (transactions.Length == 0)
        {
            return;
        }

        var at = prng.Below(transactions.Length);
        var transaction = transactions[at];
        switch (prng.Below(6))
        {
            case 0:
                transactions[at] = WithOutcome(transaction, (TransactionOutcome)prng.Below(3));
                break;
            case 1:
                // As another client, because one does one thing at a time.
                var shift = prng.Between(-6, 6) * 25;
                transactions[at] = transaction with
                {
                    Client = 100 + at,
                    InvokedAtMicros = transaction.InvokedAtMicros + shift,
                    ReturnedAtMicros = transaction.ReturnedAtMicros == Operation.Never
                        ? Operation.Never
                        : transaction.ReturnedAtMicros + shift,
                };
                break;
            case 2:
                SwapReads(transactions, prng);
                break;
            case 3 when transaction.Operations.Count > 0:
                var dropped = prng.Below(transaction.Operations.Count);
                transactions[at] = transaction with { Operations = [.. transaction.Operations.Where((_, i) => i != dropped)] };
                break;
            default:
                var reread = transaction.Operations.Select(operation => Reread(operation, prng));
                transactions[at] = transaction with { Operations = [.. reread] };
                break;
        }
    }

    // A write that is known to have committed keeps a version when it had one.
    private static Transaction WithOutcome(Transaction transaction, TransactionOutcome outcome) =>
        outcome != TransactionOutcome.Committed
            ? transaction with { Outcome = outcome, CommitTimestamp = null }
            : transaction.Operations.Any(operation => operation is MicroOperation.Write)
                ? transaction
                : transaction with { Outcome = outcome };

    // Two transactions that read one key change what they read.
    private static void SwapReads(Transaction[] transactions, Prng prng)
    {
        var places = transactions.SelectMany((transaction, t) => transaction.Operations.Select((operation, o) => (t, o, operation)))
            .Where(place => place.operation is MicroOperation.ReadList { Elements: not null } or MicroOperation.Read { IsAnswered: true })
            .ToList();
        if (places.Count == 0)
        {
            return;
        }

        var one = places[prng.Below(places.Count)];
        var others = places.Where(place => KeyOf(place.operation) == KeyOf(one.operation)).ToList();
        var other = others[prng.Below(others.Count)];
        Replace(transactions, one.t, one.o, other.operation);
        Replace(transactions, other.t, other.o, one.operation);
    }

    private static void Replace(Transaction[] transactions, int at, int place, MicroOperation operation) =>
        transactions[at] = transactions[at] with
        {
            Operations = [.. transactions[at].Operations.Select((old, i) => i == place ? operation : old)],
        };

    private static string KeyOf(MicroOperation operation) =>
        operation is MicroOperation.ReadList list ? list.Key : ((MicroOperation.Read)operation).Key;

    private static MicroOperation Reread(MicroOperation operation, Prng prng) => operation switch
    {
        MicroOperation.ReadList { Elements: { } elements } read when prng.Chance(0.4) => read with { Elements = Other(elements, prng) },
        MicroOperation.Read { IsAnswered: true } read when prng.Chance(0.2) => read with { Value = null, Version = null },
        MicroOperation.Scan { Rows: { } rows } scan when prng.Chance(0.4) => scan with { Rows = [.. rows.Skip(1)] },
        _ => operation,
    };

    private static string[] Other(IReadOnlyList<string> elements, Prng prng)
    {
        string[] changed = [.. elements];
        switch (prng.Below(4))
        {
            case 0:
                return [.. changed.SkipLast(1)];
            case 1:
                prng.Shuffle(changed.AsSpan());
                return changed;
            case 2:
                return [.. changed, .. changed.Take(1)];
            default:
                return [.. changed, "99"];
        }
    }
}
