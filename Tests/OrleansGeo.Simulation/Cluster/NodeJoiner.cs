using System.Collections.Immutable;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;

namespace OrleansGeo.Simulation;

/// <summary>Adds a node to the running cluster while clients work and things break: asks until it is a member.</summary>
public sealed class NodeJoiner(SimRun run, int number)
{
    private readonly Prng _prng = run.World.Prng.Fork(78 + (ulong)number);

    /// <summary>Joins in a zone that exists, in a new zone, or in a new region; sometimes several joiners at one moment.</summary>
    public async Task RunAsync()
    {
        var places = run.Cluster.Network.Topology.Nodes;
        await Task.Delay(TimeSpan.FromMilliseconds(_prng.Chance(0.8) ? 5_000 : _prng.Between(500, 25_000)), run.Time);
        var place = places[_prng.Below(places.Length)];
        var (region, zone) = _prng.Below(3) switch
        {
            0 => (place.Region, place.Zone),
            1 => (place.Region, $"z{number}"),
            _ => ($"new{number}", "a"),
        };
        var token = new byte[16];
        _prng.Fill(token);
        await JoinAsync(new("sim", $"joined{number}", region, zone, null, [.. token]));
    }

    private async Task JoinAsync(JoinRequest join)
    {
        while (true)
        {
            ImmutableArray<EmbeddedNode> members = [.. run.Cluster.Cluster.Nodes.Values.Where(node => node.Front is not null)];
            if (!members.IsEmpty)
            {
                var member = members[_prng.Below(members.Length)].Record.Id;
                var answer = await run.Cluster.Cluster.JoinAsync(member, join, new(TimeSpan.FromSeconds(5)));
                if (answer.IsOk)
                {
                    return;
                }

                if (answer.Error.Kind is GeoErrorKind.AlreadyExists or GeoErrorKind.Unprocessable)
                {
                    run.World.Fail($"{join.Name} may not join: {answer.Error}");
                }
            }

            await Task.Delay(TimeSpan.FromMilliseconds(_prng.Between(50, 500)), run.Time);
        }
    }
}
