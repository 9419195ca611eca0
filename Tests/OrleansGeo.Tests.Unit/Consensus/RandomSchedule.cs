using OrleansGeo.Consensus;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tests.Unit.Consensus;

/// <summary>One seed's schedule of writes, faults, transfers and changes of membership, followed by healing.</summary>
public sealed class RandomSchedule
{
    private readonly Prng _prng;
    private readonly ReplicaCluster _cluster;
    private readonly int _nodes;
    private int _written;

    public RandomSchedule(ulong seed)
    {
        _prng = new(seed ^ 0xABCDEF);
        _nodes = _prng.Below(3) == 0 ? 3 : 5;
        var voters = _nodes == 3 || _prng.Chance(0.5) ? 3 : 5;
        var slow = _prng.Chance(0.4);
        Configuration initial = Configuration.Of(
            Enumerable.Range(1, voters).Select(i => new NodeId(i)),
            Enumerable.Range(voters + 1, _nodes - voters).Select(i => new NodeId(i)),
            voters == 5 && _prng.Chance(0.3) ? [new(5)] : null);
        _cluster = new(
            seed,
            _nodes,
            new()
            {
                LatencyMin = 300,
                LatencyMax = slow ? 150_000 : 4_000,
                Loss = _prng.Chance(0.5) ? 0.05 : 0,
                Duplicate = 0.05,
                Straggler = _prng.Chance(0.5) ? 0.02 : 0,
                DiskMin = 100,
                DiskMax = _prng.Chance(0.3) ? 60_000 : 3_000,
                DriftPpm = 10_000,
                SkewMillis = _prng.Chance(0.5) ? 20_000 : 0,
            },
            initial);
        foreach (var node in _cluster.Nodes)
        {
            node.CampaignDelayMicros = (node.Id.Value - 1) * (slow ? 350_000 : 20_000);
        }
    }

    public ReplicaCluster Cluster => _cluster;

    public void Run()
    {
        var until = 25_000_000;
        while (_cluster.Now < until)
        {
            _cluster.RunFor(_prng.Below(2) == 0 ? _prng.Below(30_000L) : _prng.Below(600_000L));
            Act();
        }

        HealAndProve();
    }

    private ClusterNode Any() => _cluster.Nodes[_prng.Below(_nodes)];

    private ClusterNode? AnyLeader() => _cluster.Nodes.Find(n => n.IsUp && n.Replica!.IsLeader);

    private void Act()
    {
        var node = Any();
        switch (_prng.Below(24))
        {
            case 0 or 1:
                Crash(node);
                break;
            case 2 when AnyLeader() is { } leader:
                Crash(leader);
                break;
            case 3 or 4 or 5:
                _cluster.Nodes.Where(n => !n.IsUp).ToList().ForEach(n => n.Start());
                break;
            case 6:
                _cluster.Isolate(node.Id.Value);
                break;
            case 7:
                _cluster.Cut(node.Id.Value, Any().Id.Value, _prng.Chance(0.5));
                break;
            case 8 or 9:
                _cluster.Heal();
                break;
            case 10 when node.IsUp:
                node.Pause(_prng.Below(4_000_000L));
                break;
            case 11 when AnyLeader() is { } leader:
                leader.Pause(_prng.Below(4_000_000L));
                break;
            case 12 when AnyLeader() is { } leader && IsRunning(leader):
                leader.Transfer(Any().Id.Value);
                break;
            case 13 or 14 when AnyLeader() is { } leader && IsRunning(leader):
                leader.Reconfigure(RandomConfiguration());
                break;
            case 15 when IsRunning(node):
                node.Compact(node.Replica!.AppliedIndex);
                break;
            case 16 when AnyLeader() is { } leader:
                _cluster.Isolate(leader.Id.Value);
                break;
            default:
                Write();
                break;
        }
    }

    private void Crash(ClusterNode node)
    {
        if (node.IsUp)
        {
            node.Crash();
        }
    }

    private bool IsRunning(ClusterNode node) => node.IsUp && node.PausedUntil <= _cluster.Now;

    private void Write()
    {
        foreach (var node in _cluster.Nodes)
        {
            for (var i = _prng.Below(4); i > 0 && IsRunning(node); i--)
            {
                node.Propose("w" + _written++);
            }
        }
    }

    private Configuration RandomConfiguration()
    {
        var nodes = Enumerable.Range(1, _nodes).Select(i => new NodeId(i)).ToArray();
        _prng.Shuffle<NodeId>(nodes);
        var voters = _prng.Chance(0.5) ? 3 : Math.Min(_nodes, _prng.Chance(0.5) ? 5 : 1);
        return Configuration.Of(nodes[..voters], _prng.Chance(0.7) ? nodes[voters..] : []);
    }

    private void HealAndProve()
    {
        _cluster.Heal();
        _cluster.Faults = _cluster.Faults with { Loss = 0, Straggler = 0, Duplicate = 0 };
        foreach (var node in _cluster.Nodes)
        {
            if (!node.IsUp)
            {
                node.Start();
            }
        }

        _cluster.RunFor(4_000_000);
        _cluster.RunUntil(() => _cluster.Server is not null, 20_000_000, "a replica that may serve");
        _cluster.RunUntil(() => _cluster.Server is { } s && s.Propose("last") == ProposeOutcome.Accepted, 20_000_000, "an accepted write");
        var length = _cluster.Server!.Replica!.LastIndex.Value;
        _cluster.RunUntil(
            () => _cluster.Server is { } s
                && s.Replica!.Configuration!.Members().All(m => _cluster[m.Value].Replica!.AppliedIndex.Value >= length),
            20_000_000,
            "every member applies everything");
    }
}
