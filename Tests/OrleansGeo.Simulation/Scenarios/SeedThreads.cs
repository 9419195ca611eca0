namespace OrleansGeo.Simulation.Scenarios;

/// <summary>Runs something for many seeds, each on one thread from beginning to end, as many at once as there are cores.</summary>
public static class SeedThreads
{
    /// <summary>Runs a story of consecutive seeds; throws what the lowest seed that failed threw.</summary>
    public static void Run(ulong from, int seeds, Action<ulong> story)
    {
        var gate = new Lock();
        var failures = new SortedDictionary<ulong, Exception>();
        Each(from, seeds, Tell);
        if (failures.Count > 0)
        {
            var (seed, failure) = failures.First();
            throw new SimFailureException(
                $"{failures.Count} of {seeds} seeds failed, the first of them {seed}: {failure.Message}", failure);
        }

        void Tell(ulong seed)
        {
            try
            {
                story(seed);
            }
            catch (Exception failure)
            {
                lock (gate)
                {
                    failures[seed] = failure;
                }
            }
        }
    }

    /// <summary>Does something with consecutive seeds, which must not throw, and begins with no further one once it is over.</summary>
    internal static void Each(ulong from, int seeds, Action<ulong> work, Func<bool>? isOver = null)
    {
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

        void Work()
        {
            for (var i = Interlocked.Increment(ref next); i < seeds && isOver?.Invoke() != true; i = Interlocked.Increment(ref next))
            {
                work(from + (ulong)i);
            }
        }
    }
}
