using OrleansGeo.Primitives;

namespace OrleansGeo.Simulation;

/// <summary>One machine: its clocks, and the process that runs on it now, if any.</summary>
public sealed class SimMachine
{
    private readonly SimWorld _world;

    /// <summary>Makes a machine that was switched on some time within the last days and runs no process yet.</summary>
    public SimMachine(SimWorld world, NodeId id)
    {
        _world = world;
        Id = id;
        Clock = new(world, world.Prng.Fork((ulong)id.Value).Between(1_000_000_000, 400_000_000_000_000));
    }

    /// <summary>The node on it.</summary>
    public NodeId Id { get; }

    /// <summary>Its clocks.</summary>
    public SimClock Clock { get; }

    /// <summary>The process, or null when none runs.</summary>
    public SimProcess? Process { get; private set; }

    /// <summary>How often a process was started.</summary>
    public int Lives { get; private set; }

    /// <summary>Starts a process. What its work throws goes to the callback; without one it fails the run.</summary>
    public SimProcess Boot(Action<Exception>? unhandled = null)
    {
        Invariant.Holds(Process is null);
        Lives++;
        var scheduler = new SimNodeScheduler(_world, Id.ToString(), unhandled);
        return Process = new(scheduler, new(_world, Clock, scheduler));
    }

    /// <summary>Ends the process at once: its work and timers are gone.</summary>
    public void Crash()
    {
        Process?.Scheduler.Stop();
        Process = null;
    }
}

/// <summary>One life of a node: where its work runs, and what time it sees.</summary>
public sealed record SimProcess(SimNodeScheduler Scheduler, SimTimeProvider Time);
