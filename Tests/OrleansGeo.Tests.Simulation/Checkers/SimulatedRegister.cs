using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Checkers;

namespace OrleansGeo.Tests.Simulation.Checkers;

/// <summary>
/// Makes histories that are linearizable because they come from a register: each operation takes effect at a moment between its invocation
/// and its return, or, when its outcome is unknown, at any later moment or never.
/// </summary>
internal static class SimulatedRegister
{
    public static History Make(Prng prng, int operations, int clients, int values, double unknown, bool versioned = false)
    {
        var planned = PlanAll(prng, operations, clients, unknown);
        var effects = planned.Where(plan => plan.EffectAt is not null).OrderBy(plan => plan.EffectAt).ToList();
        var written = 0;
        string? value = null;
        var version = HlcTimestamp.Zero;
        foreach (var plan in effects)
        {
            plan.Expected = prng.Chance(0.7) && value is not null ? value : Value(prng, values, ref written);
            plan.Argument = Value(prng, values, ref written);
            plan.Found = value;
            plan.Applied = plan.Kind switch
            {
                OperationKind.CompareAndSet => plan.Expected == value,
                OperationKind.Insert => value is null,
                OperationKind.Delete => value is not null,
                _ => true,
            };
            if (plan.Kind != OperationKind.Read && plan.Applied)
            {
                value = plan.Kind == OperationKind.Delete ? null : plan.Argument;
                version = version.Next;
            }

            plan.Version = versioned && value is not null ? version : null;
        }

        return Record(planned, prng, values, ref written);
    }

    private static List<Plan> PlanAll(Prng prng, int operations, int clients, double unknown)
    {
        var free = new long[clients];
        var planned = new List<Plan>();
        for (var i = 0; i < operations; i++)
        {
            var client = prng.Below(clients);
            var invoked = free[client] + prng.Below(20);
            var returned = invoked + 1 + prng.Below(60);
            var isUnknown = prng.Chance(unknown);
            long? effect = !isUnknown ? invoked + prng.Below(returned - invoked + 1)
                : prng.Chance(0.5) ? invoked + prng.Below(200L)
                : null;
            free[client] = returned + 1;
            planned.Add(new()
            {
                Client = client,
                Kind = (OperationKind)prng.Below(5),
                InvokedAt = invoked,
                ReturnedAt = returned,
                IsUnknown = isUnknown,
                EffectAt = effect,
            });
        }

        return [.. planned.OrderBy(plan => plan.InvokedAt)];
    }

    private static History Record(List<Plan> planned, Prng prng, int values, ref int written)
    {
        var history = new History();
        foreach (var plan in planned)
        {
            plan.Argument ??= Value(prng, values, ref written);
            var expected = plan.Expected ?? plan.Argument;
            var id = plan.Kind switch
            {
                OperationKind.Read => history.Read(plan.Client, "x", plan.InvokedAt),
                OperationKind.Put => history.Put(plan.Client, "x", plan.Argument, plan.InvokedAt),
                OperationKind.CompareAndSet => history.CompareAndSet(plan.Client, "x", expected, plan.Argument, plan.InvokedAt),
                OperationKind.Insert => history.Insert(plan.Client, "x", plan.Argument, plan.InvokedAt),
                _ => history.Delete(plan.Client, "x", plan.InvokedAt),
            };
            if (plan.IsUnknown)
            {
                history.Unknown(id, plan.ReturnedAt);
            }
            else if (plan.Kind == OperationKind.Read)
            {
                history.Found(id, plan.Found, plan.ReturnedAt, plan.Version);
            }
            else if (plan.Applied)
            {
                history.Done(id, plan.ReturnedAt, plan.Version);
            }
            else
            {
                history.Refused(id, plan.ReturnedAt);
            }
        }

        return history;
    }

    // With values to choose from, the same one comes again; without, each is new.
    private static string Value(Prng prng, int values, ref int written) => values > 0 ? "v" + prng.Below(values) : "u" + written++;

    private sealed class Plan
    {
        public required int Client { get; init; }

        public required OperationKind Kind { get; init; }

        public required long InvokedAt { get; init; }

        public required long ReturnedAt { get; init; }

        public required bool IsUnknown { get; init; }

        public required long? EffectAt { get; init; }

        public string? Argument { get; set; }

        public string? Expected { get; set; }

        public string? Found { get; set; }

        public bool Applied { get; set; }

        public HlcTimestamp? Version { get; set; }
    }
}
