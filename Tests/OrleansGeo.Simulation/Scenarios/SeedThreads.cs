namespace OrleansGeo.Simulation.Scenarios;

/// <summary>Runs a story for many seeds, each on one thread from beginning to end, as many at once as there are cores.</summary>
public static class SeedThreads
{
    /// <summary>Runs consecutive seeds; throws what the lowest seed that failed threw.</summary>
    public static void Run(ulong from, int seeds, Action<ulong> story)
    {
        var gate = new Lock();
        var failures = new SortedDictionary<ulong, Exception>();
        long next = -1;
        var threads = Enumerable.Range(0, Math.Min(Environment.ProcessorCount, seeds)).Select(_ => new Thread(Work, 16 << 20)).ToArray();
        foreach (var thread in threads)
        {
            thread.Start();
        }

        foreach (var thread in threads)
        {
            thread.Join();
        }

        if (failures.Count > 0)
        {
            var (seed, failure) = failures.First();
            throw new SimFailureException(
                $"{failures.Count} of {seeds} seeds failed, the first of them {seed}: {failure.Message}", failure);
        }

        void Work()
        {
            for (var i = Interlocked.Increment(ref next); i < seeds; i = Interlocked.Increment(ref next))
            {
                try
                {
                    story(from + (ulong)i);
                }
                catch (Exception failure)
                {
                    lock (gate)
                    {
                        failures[from + (ulong)i] = failure;
                    }
                }
            }
        }
    }
}
