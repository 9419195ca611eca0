using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Scenarios;

namespace OrleansGeo.Simulation;

/// <summary>Runs seeds, each on a thread of its own from beginning to end, as many at once as there are cores.</summary>
public static class SeedRunner
{
    /// <summary>Runs consecutive seeds and hands over the results one at a time, in the order in which they end.</summary>
    public static void Run(
        ulong from, int seeds, string? bug, Action<SimResult> take, Func<bool>? isOver = null, bool transactions = false)
    {
        var gate = new Lock();
        SeedThreads.Each(from, seeds, RunAndTake, isOver);

        void RunAndTake(ulong seed)
        {
            var result = RunOne(seed, bug, transactions);
            lock (gate)
            {
                take(result);
            }
        }
    }

    /// <summary>The first failure of a planted bug among consecutive seeds, or null when none of them shows it.</summary>
    public static SimResult? FirstFailure(ulong from, int seeds, string bug, bool transactions = false)
    {
        SimResult? found = null;
        var over = false;
        Run(from, seeds, bug, Take, () => over, transactions);
        return found;

        void Take(SimResult result)
        {
            if (result.Failure is not null)
            {
                found ??= result;
                over = true;
            }
        }
    }

    /// <summary>Runs one seed on the calling thread, with a planted bug or none.</summary>
    public static SimResult RunOne(ulong seed, string? bug, bool transactions = false)
    {
        var options = transactions ? SimRunOptions.DrawTransactions(seed) : SimRunOptions.Draw(seed);
#if PLANTED_BUGS
        PlantedBug.Active = bug;
        try
        {
            return SimRun.Execute(seed, options);
        }
        finally
        {
            PlantedBug.Active = null;
        }
#else
        return bug is null
            ? SimRun.Execute(seed, options)
            : throw new NotSupportedException("this build holds no planted bugs");
#endif
    }
}
