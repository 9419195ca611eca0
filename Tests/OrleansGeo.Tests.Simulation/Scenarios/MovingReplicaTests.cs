using OrleansGeo.Consensus;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using OrleansGeo.Simulation;
using OrleansGeo.Simulation.Scenarios;
using OrleansGeo.Transactions;
using Xunit;

namespace OrleansGeo.Tests.Simulation.Scenarios;

/// <summary>Replicas that catch up by snapshot, that are added and that are removed, while clients work.</summary>
public sealed class MovingReplicaTests
{
    private readonly ScenarioHost _host = new(
        41, options => options with { LogKeepBytes = 4 << 10, SnapshotChunkBytes = 2 << 10 }, syncMicros: 200);

    private readonly SimWatch _watch;
    private int _bulk;

    public MovingReplicaTests()
    {
        _watch = new(_host.Cluster);
        var observe = _host.Cluster.Net.Observer!;
        _host.Cluster.Net.Observer = envelope =>
        {
            observe(envelope);
            _bulk += envelope.Lane == Lane.Bulk ? 1 : 0;
            OnBulk(envelope);
        };
    }

    private Action<Envelope> OnBulk { get; set; } = static _ => { };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_node_that_was_away_while_the_log_was_truncated_catches_up_by_snapshot(bool cutInTheMiddle)
    {
        var range = _host.RangeOf(ScenarioHost.Zonal);
        var away = range.Configuration.Voters.First(voter => voter != _host.LeaseholderOf(ScenarioHost.Zonal));
        _host.Crash([away]);
        Fill(ScenarioHost.Zonal, 100);
        if (cutInTheMiddle)
        {
            CutOnceAfterParts(away, 5);
        }

        _bulk = 0;
        _host.Restart([away]);
        _host.RunUntil(() => IsLevel(away, range.Id), 20_000, "the node did not catch up");
        Assert.True(_bulk > 10, $"{_bulk} parts of a snapshot were sent");
        Assert.Null(_watch.CompareReplicas());

        // It counts again: with it and one more there is a quorum.
        _host.Crash(range.Configuration.Voters.Where(voter => voter != away).Take(1));
        _host.RunUntil(() => _host.Write(4, ScenarioHost.Zonal, "k0", "on").IsOk, 10_000, "no quorum with the node that came back");
    }

    [Fact]
    public void A_snapshot_that_is_cut_in_the_middle_goes_on_where_it_was()
    {
        var range = _host.RangeOf(ScenarioHost.Regional);
        var away = range.Configuration.Voters.Where(voter => ScenarioHost.RegionOf(voter) == "europe-west1").ToArray();
        _host.Crash(away);
        Fill(ScenarioHost.Regional, 100);

        _bulk = 0;
        _host.Restart(away[..1]);
        _host.RunUntil(() => IsLevel(away[0], range.Id), 20_000, "the first node did not catch up");
        var whole = _bulk;
        Assert.True(whole > 20, $"{whole} parts make a snapshot");

        CutOnceAfterParts(away[1], whole - 5);
        _bulk = 0;
        _host.Restart(away[1..]);
        _host.RunUntil(() => IsLevel(away[1], range.Id), 20_000, "the second node did not catch up");
        Assert.InRange(_bulk, whole, whole + 3);
    }

    [Fact]
    public void A_snapshot_arrives_although_the_log_is_truncated_meanwhile()
    {
        var range = _host.RangeOf(ScenarioHost.Regional);
        var leaseholder = _host.LeaseholderOf(ScenarioHost.Regional);
        var away = range.Configuration.Voters.First(voter => ScenarioHost.RegionOf(voter) == "europe-west1");
        _host.Crash([away]);
        Fill(ScenarioHost.Regional, 150);
        var writers = Enumerable.Range(0, 8).Select(i => BeginWriter($"k{i}")).ToArray();
        _host.Restart([away]);
        var before = _host.NodeOf(leaseholder).LocalReplica(range.Id)!.Applied;
        _host.RunUntil(
            () => _host.Cluster.Cluster.Nodes[away].Node?.LocalReplica(range.Id) is { } here && here.Applied >= before,
            20_000, "the node did not catch up");
        Array.ForEach(writers, static stop => stop.Cancel());
        _host.RunUntil(() => IsLevel(away, range.Id), 60_000, "the node did not become level");
        _host.RunFor(2_000);
        Assert.Null(_watch.CompareReplicas());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_replica_moves_to_another_node_of_its_region_under_load_and_leaves_nothing_behind(bool removeTheLeaseholder)
    {
        Fill(ScenarioHost.Regional, 60);
        var load = new ScenarioLoad(_host, ScenarioHost.Regional);
        load.AwaitProgress(3_000);
        var range = _host.RangeOf(ScenarioHost.Regional);
        var leaseholder = _host.LeaseholderOf(ScenarioHost.Regional);
        var home = ScenarioHost.NodesOf(ScenarioHost.Home);
        var voters = range.Configuration.Voters;
        var added = home.First(node => !range.Configuration.IsMember(node));
        var removed = removeTheLeaseholder ? leaseholder : home.First(node => voters.Contains(node) && node != leaseholder);

        Reconfigure(Configuration.Of(voters, range.Configuration.NonVoters.Append(added)));
        _host.RunUntil(() => IsLevel(added, range.Id), 10_000, "the new replica did not catch up");
        Assert.True(_bulk > 0);
        var target = Configuration.Of(voters.Where(voter => voter != removed).Append(added), range.Configuration.NonVoters);
        Reconfigure(target);
        _host.RunUntil(
            () => _host.RangeOf(ScenarioHost.Regional).Configuration.Equals(target) && HasNothing(removed, range),
            10_000,
            "the change did not come to its end, or the removed replica's data is still there");
        load.AwaitProgress(3_000);
        Assert.Equal(ScenarioHost.Home, ScenarioHost.RegionOf(_host.LeaseholderOf(ScenarioHost.Regional)));
        var verdict = load.Finish();
        Assert.True(verdict.IsGood, verdict.ToString());
        _host.RunFor(2_000);
        Assert.Null(_watch.CompareReplicas());
        Assert.Equal("x0", _host.Read(9, ScenarioHost.Regional, "k0").Value!.Row["v"].AsString()[..2]);
    }

    private void Fill(TableRef table, int rows)
    {
        for (var i = 0; i < rows; i++)
        {
            Assert.True(_host.Write(4 + (i % 3), table, $"k{i}", $"x{i}" + new string('x', 400)).IsOk);
        }
    }

    private CancellationTokenSource BeginWriter(string key)
    {
        var stop = new CancellationTokenSource();
        _host.Begin(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                await _host.StoreOf(new(4))!.WriteRowAsync(
                    ScenarioHost.Regional, ScenarioHost.Put(key, new('y', 400)), RequestOptions.Default, CancellationToken.None);
            }
        });
        return stop;
    }

    private void CutOnceAfterParts(NodeId node, int parts)
    {
        var seen = 0;
        OnBulk = envelope =>
        {
            if (envelope.Lane == Lane.Bulk && envelope.To == node && ++seen == parts)
            {
                var rule = _host.Cluster.Network.Partition(WanSide.Nodes(node), CutDirection.Both);
                _host.World.After(4_000_000, "heal", () => _host.Cluster.Network.Heal(rule));
            }
        };
    }

    private bool IsLevel(NodeId node, RangeId range) =>
        _host.Cluster.Cluster.Nodes[node].Node?.LocalReplica(range) is { } here
        && _host.Cluster.Cluster.Nodes.Values.All(
            other => other.Node?.LocalReplica(range) is not { } there || there.Applied <= here.Applied);

    private bool HasNothing(NodeId node, RangeDescriptor range)
    {
        var bounds = MvccKey.SpanBounds(range.Span);
        using var cursor = _host.Cluster.Cluster.Nodes[node].Storage!.OpenCursor(bounds.Start, bounds.End);
        cursor.SeekAtOrAfter(bounds.Start);
        return !cursor.IsValid && _host.NodeOf(node).LocalReplica(range.Id) is null;
    }

    // As a planner does it: asks the leaseholder until it accepts. A change that rests on a node which is not ready is refused meanwhile.
    private void Reconfigure(Configuration target)
    {
        RangeOutcome? answer = null;
        _host.RunUntil(
            () =>
            {
                var leaseholder = _host.LeaseholderOf(ScenarioHost.Regional);
                if (!leaseholder.IsSome)
                {
                    return false;
                }

                var node = _host.NodeOf(leaseholder);
                var now = _host.RangeOf(ScenarioHost.Regional);
                var operation = new RangeOperation.Reconfigure(target, node.LocalReplica(now.Id)!.Descriptor.Generation);
                answer = _host.World.RunTask(
                    _host.Cluster.Cluster.Nodes[leaseholder].Scheduler!,
                    () => node.CallAsync(leaseholder, now.Id, operation, TimeSpan.FromSeconds(2), CancellationToken.None),
                    3_000_000).Outcome;
                return answer is RangeOutcome.Described;
            },
            10_000,
            "the change was not accepted");
    }
}
