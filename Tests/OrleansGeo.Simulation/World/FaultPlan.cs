using System.Collections.Immutable;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;

namespace OrleansGeo.Simulation;

/// <summary>One fault of a plan.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="StartMicros">When it begins.</param>
/// <param name="EndMicros">When it ends; for what has no end of its own, its beginning.</param>
/// <param name="Nodes">The nodes it makes useless meanwhile; for faults of the whole network none.</param>
/// <param name="Text">What it does, for a reader.</param>
/// <param name="Begin">Does it.</param>
/// <param name="End">Undoes it.</param>
public sealed record PlannedFault(
    FaultKind Kind,
    long StartMicros,
    long EndMicros,
    ImmutableArray<NodeId> Nodes,
    string Text,
    Action<IFaultTarget> Begin,
    Action<IFaultTarget>? End = null);

/// <summary>
/// The trouble of one run, drawn from a seed before the run begins, so that what the cluster does cannot change it. In the end everything
/// heals: the network is at rest, disks work, every node runs; clocks stay as they are.
/// </summary>
public sealed class FaultPlan
{
    private readonly ImmutableArray<WanNode> _nodes;

    private FaultPlan(ImmutableArray<WanNode> nodes, ImmutableArray<PlannedFault> faults, long healMicros)
    {
        _nodes = nodes;
        Faults = faults;
        HealMicros = healMicros;
    }

    /// <summary>The faults by their beginnings.</summary>
    public ImmutableArray<PlannedFault> Faults { get; }

    /// <summary>When everything heals.</summary>
    public long HealMicros { get; }

    /// <summary>Draws a plan. The same seed, nodes and settings draw the same.</summary>
    public static FaultPlan Draw(Prng prng, WanTopology topology, FaultSettings settings)
    {
        var drawer = new FaultDrawer(prng, topology, settings);
        var drawn = new List<PlannedFault>();
        if (settings.Allowed.Count == 0)
        {
            return new(topology.Nodes, [], settings.HealMicros);
        }

        var at = settings.StartMicros + Gap(prng, settings);
        while (at < settings.HealMicros)
        {
            if (settings.Relays)
            {
                var relay = drawer.Relay(at);
                at = relay[^1].EndMicros;
                drawn.AddRange(at < settings.HealMicros ? relay : []);
            }
            else if (drawer.Draw(at) is var fault && IsAllowedBeside(fault, drawn, topology, settings))
            {
                drawn.Add(fault);
            }

            at += Gap(prng, settings);
        }

        return new(topology.Nodes, [.. drawn], settings.HealMicros);
    }

    /// <summary>Puts the plan's events into the world.</summary>
    public void Schedule(SimWorld world, IFaultTarget target)
    {
        foreach (var fault in Faults)
        {
            world.After(fault.StartMicros - world.NowMicros, "fault " + fault.Kind, () => fault.Begin(target));
            if (fault.End is { } end)
            {
                world.After(fault.EndMicros - world.NowMicros, "end of fault " + fault.Kind, () => end(target));
            }
        }

        world.After(HealMicros - world.NowMicros, "heal", () => Heal(target));
    }

    /// <summary>One line per fault.</summary>
    public override string ToString() => string.Join(
        '\n',
        Faults
            .Select(f => $"{f.StartMicros / 1000,8} ms to {f.EndMicros / 1000,8} ms  {f.Text}")
            .Append($"{HealMicros / 1000,8} ms  everything heals"));

    private void Heal(IFaultTarget target)
    {
        target.Network.HealAll();
        foreach (var node in _nodes)
        {
            target.StallSyncs(node.Id, false);
            target.FillDisk(node.Id, false);
            target.Restart(node.Id);
        }
    }

    private static long Gap(Prng prng, FaultSettings settings) => prng.Between(1, 2 * settings.GapMicrosMean);

    private static bool IsAllowedBeside(PlannedFault fault, List<PlannedFault> drawn, WanTopology topology, FaultSettings settings)
    {
        var together = new List<NodeId>(fault.Nodes);
        var margin = settings.KeepQuorum is null ? 0 : settings.RecoveryMicros;
        foreach (var other in drawn)
        {
            if (fault.StartMicros > other.EndMicros + margin)
            {
                continue;
            }

            // Two troubles of one node would undo each other's ends.
            if (other.Nodes.Any(fault.Nodes.Contains) || IsSameNetworkTrouble(fault, other))
            {
                return false;
            }

            together.AddRange(other.Nodes);
        }

        return settings.KeepQuorum is not { } goal || fault.Nodes.IsEmpty || LieTogether(together, topology, goal);
    }

    private static bool IsSameNetworkTrouble(PlannedFault one, PlannedFault other) =>
        one.Kind == other.Kind && one.End is not null && one.Nodes.IsEmpty;

    private static bool LieTogether(List<NodeId> nodes, WanTopology topology, SurvivalGoal goal) => nodes
        .Select(id => topology.Nodes.First(n => n.Id == id))
        .Select(n => goal == SurvivalGoal.Zone ? (n.Region, n.Zone) : (n.Region, string.Empty))
        .Distinct()
        .Count() <= 1;
}
