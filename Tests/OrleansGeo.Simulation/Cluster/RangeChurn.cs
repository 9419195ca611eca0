using OrleansGeo.Consensus;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;

namespace OrleansGeo.Simulation;

/// <summary>Splits ranges, moves leaders and changes who replicates what, while clients work.</summary>
public sealed class RangeChurn(SimRun run)
{
    private readonly Prng _prng = run.World.Prng.Fork(77);

    /// <summary>Runs until the workload ends.</summary>
    public async Task RunAsync()
    {
        while (!run.IsOver)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(_prng.Between(300, 4_000)), run.Time);
            var nodes = run.Cluster.Cluster.Nodes.Values.Where(node => node.Front is not null).ToArray();
            if (nodes.Length > 0)
            {
                await StirAsync(nodes[_prng.Below(nodes.Length)].Front!);
            }
        }
    }

    private async Task StirAsync(NodeFront front)
    {
        var options = new RequestOptions(TimeSpan.FromSeconds(3));
        var (table, key) = run.Keys[_prng.Below(run.Keys.Length)];
        var ranges = await front.ListRangesAsync(table, options, CancellationToken.None);
        if (ranges.Value is not { Items.IsEmpty: false } listing)
        {
            return;
        }

        var range = listing.Items[_prng.Below(listing.Items.Length)];
        switch (_prng.Below(6))
        {
            case 0:
                await front.SplitRangeAsync(range.Id, [Datum.FromString(key)], options, CancellationToken.None);
                break;
            case < 3:
                await ReconfigureAsync(new(range.Id));
                break;
            default:
                var replica = range.Replicas[_prng.Below(range.Replicas.Length)];
                await front.TransferLeaderAsync(range.Id, replica.Node, options, CancellationToken.None);
                break;
        }
    }

    // One step at a time: a new replica begins as a non-voter, and at least two voters stay.
    private async Task ReconfigureAsync(RangeId range)
    {
        foreach (var node in run.Cluster.Cluster.Nodes.Values)
        {
            if (!node.IsRunning)
            {
                continue;
            }

            var wait = TimeSpan.FromSeconds(2);
            var status = await run.Cluster.CallAsync(node.Record.Id, range, new RangeOperation.Status(), wait);
            if (status.Outcome is not RangeOutcome.Described { Descriptors: [var descriptor] } known || known.Leader != node.Record.Id)
            {
                continue;
            }

            if (NextStep(descriptor.Configuration) is { } target && node.IsRunning)
            {
                await run.Cluster.CallAsync(
                    node.Record.Id, range, new RangeOperation.Reconfigure(target, descriptor.Generation), wait);
            }

            return;
        }
    }

    private Configuration? NextStep(Configuration now)
    {
        NodeId[] outside = [.. run.Cluster.Cluster.Nodes.Keys.Where(node => !now.IsMember(node))];
        NodeId[] voters = [.. now.Voters];
        NodeId[] others = [.. now.NonVoters];
        switch (_prng.Below(4))
        {
            case 0 when outside.Length > 0:
                return Configuration.Of(voters, others.Append(outside[_prng.Below(outside.Length)]));
            case 1 when others.Length > 0:
                var promoted = others[_prng.Below(others.Length)];
                return Configuration.Of(voters.Append(promoted), others.Where(node => node != promoted));
            case 2 when voters.Length > 2:
                var demoted = voters[_prng.Below(voters.Length)];
                return Configuration.Of(voters.Where(node => node != demoted), others.Append(demoted));
            case 3 when others.Length > 0:
                var (into, from) = (others[_prng.Below(others.Length)], voters[_prng.Below(voters.Length)]);
                return Configuration.Of(voters.Where(node => node != from).Append(into), others.Where(node => node != into).Append(from));
            default:
                return null;
        }
    }
}
