using OrleansGeo.Consensus;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Scenarios;
using Xunit;

namespace OrleansGeo.Tests.Simulation.Scenarios;

/// <summary>Splits that meet other changes of their range.</summary>
public sealed class SplitTests
{
    private readonly ScenarioHost _host = new(43, syncMicros: 200);

    [Fact]
    public void A_split_that_a_reconfiguration_came_before_in_the_log_is_not_made_and_not_answered_as_made()
    {
        Assert.True(_host.Write(1, ScenarioHost.Regional, "a", "1").IsOk);
        var range = _host.RangeOf(ScenarioHost.Regional);
        var leaseholder = _host.LeaseholderOf(ScenarioHost.Regional);
        var node = _host.NodeOf(leaseholder);
        var added = ScenarioHost.NodesOf(ScenarioHost.Home).First(other => !range.Configuration.IsMember(other));
        var generation = node.LocalReplica(range.Id)!.Descriptor.Generation;
        var split = new RangeOperation.Split(
            TableKeys.Row(range.TableId, TableKeys.PrimaryIndex, Datum.FromString("m")), new(9_000));

        // Both are in the log before either is applied.
        var answers = Ask(
            new RangeOperation.Reconfigure(
                Configuration.Of(range.Configuration.Voters, range.Configuration.NonVoters.Append(added)), generation),
            split);
        Assert.IsType<RangeOutcome.Described>(answers[0]);
        var refused = Assert.IsType<RangeOutcome.Unsuitable>(answers[1]);
        Assert.Contains("reconfigured meanwhile", refused.Why, StringComparison.Ordinal);
        Assert.DoesNotContain(_host.Nodes, other => _host.NodeOf(other).LocalReplica(split.NewRange) is not null);
        Assert.True(_host.Write(1, ScenarioHost.Regional, "z", "1").IsOk);

        // Asked again, when the change is through, it is made.
        RangeOutcome again = refused;
        _host.RunUntil(
            () => (again = Assert.Single(Ask(split))) is RangeOutcome.Described, 10_000, "the split is not made");
        Assert.NotNull(node.LocalReplica(split.NewRange));

        RangeOutcome[] Ask(params RangeOperation[] operations) => _host.World.RunTask(
            _host.Cluster.Cluster.Nodes[leaseholder].Scheduler!,
            async () =>
            {
                var calls = operations.Select(operation => node.CallAsync(
                    leaseholder, range.Id, operation, TimeSpan.FromSeconds(2), CancellationToken.None)).ToList();
                var outcomes = new List<RangeOutcome>();
                foreach (var call in calls)
                {
                    outcomes.Add((await call).Outcome!);
                }

                return outcomes.ToArray();
            },
            3_000_000);
    }
}
