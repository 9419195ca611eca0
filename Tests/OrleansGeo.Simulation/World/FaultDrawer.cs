using System.Collections.Immutable;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;

namespace OrleansGeo.Simulation;

/// <summary>Draws single faults.</summary>
internal sealed class FaultDrawer(Prng prng, WanTopology topology, FaultSettings settings)
{
    public PlannedFault Draw(long at)
    {
        var kind = settings.Allowed[prng.Below(settings.Allowed.Count)];
        var node = topology.Nodes[prng.Below(topology.Nodes.Length)];
        var until = at + prng.Between(settings.DurationMicrosMax / 50, settings.DurationMicrosMax);
        until = Math.Min(until, settings.HealMicros);
        return kind switch
        {
            FaultKind.CrashNode => Crash(kind, at, until, $"{node.Id}", [node.Id]),
            FaultKind.CrashZone => Crash(kind, at, until, node.Zone, NodesOf(n => n.Region == node.Region && n.Zone == node.Zone)),
            FaultKind.CrashRegion => Crash(kind, at, until, node.Region, NodesOf(n => n.Region == node.Region)),
            FaultKind.PauseNode => Pause(at, node.Id),
            FaultKind.JumpClock or FaultKind.DriftClock => Clock(kind, at, node.Id),
            FaultKind.FailSync or FaultKind.StallSyncs or FaultKind.FillDisk or FaultKind.FlipBit => Disk(kind, at, until, node.Id),
            FaultKind.IsolateNode => Cut(kind, at, until, WanSide.Nodes(node.Id), [node.Id]),
            FaultKind.CutZone => Cut(
                kind, at, until, WanSide.Zones(node.Zone), NodesOf(n => n.Region == node.Region && n.Zone == node.Zone)),
            FaultKind.CutRegion => Cut(kind, at, until, WanSide.Regions(node.Region), NodesOf(n => n.Region == node.Region)),
            FaultKind.CutLink => CutLink(at, until, node.Id),
            FaultKind.Clog => Clog(at, until, node.Id),
            _ => Weather(kind, at, until),
        };
    }

    /// <summary>
    /// Three nodes of a region take turns, so that a write which is acknowledged on the word of one of them depends on it: while the first
    /// is down the second cannot sync, and the third takes writes; then the second and the third crash, and the first two go on. Whoever
    /// said that it has what its disk has not brings a loss about here, where the third comes back too late to tell.
    /// </summary>
    public ImmutableArray<PlannedFault> Relay(long at)
    {
        var region = topology.Nodes[prng.Below(topology.Nodes.Length)].Region;
        var nodes = NodesOf(node => node.Region == region).ToList();
        var first = Take();
        var second = Take();
        var third = Take();

        // The first is known to be lost, and was replaced where it led.
        var stall = at + (settings.LeaseMicros * 2) + prng.Between(0, settings.LeaseMicros);
        var crash = stall + prng.Between(settings.LeaseMicros / 10, settings.LeaseMicros / 2);
        var back = crash + prng.Between(1_000, settings.LeaseMicros / 10);
        var late = back + (settings.LeaseMicros * 3);
        return
        [
            Crash(FaultKind.CrashNode, at, back, $"{first}", [first]),

            // It does not end before the crash: what was waiting would be synced then.
            Disk(FaultKind.StallSyncs, stall, crash + 1, second),
            Crash(FaultKind.CrashNode, crash, back, $"{second}", [second]),
            Crash(FaultKind.CrashNode, crash, late, $"{third}", [third]),
        ];

        NodeId Take()
        {
            var node = nodes[prng.Below(nodes.Count)];
            nodes.Remove(node);
            return node;
        }
    }

    private ImmutableArray<NodeId> NodesOf(Func<WanNode, bool> choose) => [.. topology.Nodes.Where(choose).Select(n => n.Id)];

    private static PlannedFault Crash(FaultKind kind, long at, long until, string what, ImmutableArray<NodeId> nodes) => new(
        kind, at, until, nodes, $"{what} crashes", t => Each(nodes, t.Crash), t => Each(nodes, t.Restart));

    private PlannedFault Pause(long at, NodeId node)
    {
        var micros = prng.Between(settings.LeaseMicros / 10, settings.LeaseMicros * 3);
        micros = Math.Max(1, Math.Min(micros, settings.HealMicros - at));
        return new(FaultKind.PauseNode, at, at + micros, [node], $"{node} pauses {micros / 1000} ms", t => t.Pause(node, micros));
    }

    private PlannedFault Clock(FaultKind kind, long at, NodeId node)
    {
        if (kind == FaultKind.JumpClock)
        {
            // Small jumps and large ones alike.
            var ms = prng.Between(1, settings.JumpMsMax >> prng.Below(16));
            ms = prng.Chance(0.5) ? ms : -ms;
            return new(kind, at, at, [], $"{node}'s wall clock jumps {ms} ms", t => t.JumpClock(node, ms));
        }

        var ppm = (int)prng.Between(-settings.DriftPpmMax, settings.DriftPpmMax);
        return new(kind, at, at, [], $"{node}'s clocks drift {ppm} ppm", t => t.SetDrift(node, ppm));
    }

    private PlannedFault Disk(FaultKind kind, long at, long until, NodeId node) => kind switch
    {
        FaultKind.FailSync => new(
            kind, at, until, [node], $"a sync of {node} fails", t => t.FailNextSync(node), t => t.Restart(node)),
        FaultKind.StallSyncs => new(
            kind, at, until, [node], $"syncs of {node} stall", t => t.StallSyncs(node, true), t => t.StallSyncs(node, false)),
        FaultKind.FillDisk => new(
            kind,
            at,
            until,
            [node],
            $"the disk of {node} is full",
            t => t.FillDisk(node, true),
            t =>
            {
                t.FillDisk(node, false);
                t.Restart(node);
            }),
        _ => new(kind, at, settings.HealMicros, [node], $"a bit on {node}'s disk flips", t => t.FlipBit(node)),
    };

    private PlannedFault Cut(FaultKind kind, long at, long until, WanSide side, ImmutableArray<NodeId> nodes)
    {
        var direction = (CutDirection)prng.Between((long)CutDirection.Both, (long)CutDirection.Out);
        return Ruled(kind, at, until, nodes, $"{side} is cut off ({direction})", network => network.Partition(side, direction));
    }

    private PlannedFault CutLink(long at, long until, NodeId from)
    {
        var others = NodesOf(n => n.Id != from);
        var to = others.IsEmpty ? from : others[prng.Below(others.Length)];
        return Ruled(
            FaultKind.CutLink,
            at,
            until,
            [from],
            $"{from} no longer reaches {to}",
            network => network.Cut(WanSide.Nodes(from), WanSide.Nodes(to)));
    }

    private PlannedFault Clog(long at, long until, NodeId node)
    {
        var outward = prng.Chance(0.5);
        var (from, to) = outward ? (WanSide.Nodes(node), WanSide.Everyone) : (WanSide.Everyone, WanSide.Nodes(node));
        return Ruled(
            FaultKind.Clog,
            at,
            until,
            [node],
            $"what {node} {(outward ? "sends" : "is sent")} is held back",
            network => network.Clog(from, to, new(until)));
    }

    private static PlannedFault Ruled(
        FaultKind kind, long at, long until, ImmutableArray<NodeId> nodes, string text, Func<WanNetwork, int> apply)
    {
        var rule = 0;
        return new(kind, at, until, nodes, text, t => rule = apply(t.Network), t => t.Network.Heal(rule));
    }

    private PlannedFault Weather(FaultKind kind, long at, long until)
    {
        var strength = prng.NextDouble();
        var late = prng.Between(1_000, 500_000);
        return kind switch
        {
            FaultKind.Loss => Weather(
                kind,
                at,
                until,
                $"the network loses {strength * settings.LossMax:P0}",
                c => c with { Loss = strength * settings.LossMax },
                c => c with { Loss = 0 }),
            FaultKind.Duplicates => Weather(
                kind,
                at,
                until,
                $"the network doubles {strength * 0.3:P0}",
                c => c with { Duplicate = strength * 0.3, LateMicrosMax = late },
                c => c with { Duplicate = 0 }),
            FaultKind.Reorder => Weather(
                kind,
                at,
                until,
                $"the network reorders {strength * 0.3:P0}",
                c => c with { Reorder = strength * 0.3, LateMicrosMax = late },
                c => c with { Reorder = 0 }),
            _ => Weather(
                kind,
                at,
                until,
                $"the network is up to {late / 1000} ms slow",
                c => c with { DelayMicrosMax = late },
                c => c with { DelayMicrosMax = 0 }),
        };
    }

    private static PlannedFault Weather(
        FaultKind kind,
        long at,
        long until,
        string text,
        Func<WanConditions, WanConditions> begin,
        Func<WanConditions, WanConditions> end) => new(
        kind,
        at,
        until,
        [],
        text,
        t => t.Network.Conditions = begin(t.Network.Conditions),
        t => t.Network.Conditions = end(t.Network.Conditions));

    private static void Each(ImmutableArray<NodeId> nodes, Action<NodeId> act)
    {
        foreach (var node in nodes)
        {
            act(node);
        }
    }
}
