using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Scenarios;
using Xunit;

namespace OrleansGeo.Tests.Simulation.Scenarios;

/// <summary>Idle ranges are silent: what is left between nodes does not grow with the ranges.</summary>
public sealed class IdleTests(ITestOutputHelper output)
{
    private const int Tables = 200;
    private const long IdleMs = 60_000;

    [Fact]
    public void Idle_ranges_send_no_consensus_message_and_heartbeats_stay_per_pair_of_nodes()
    {
        var host = new ScenarioHost(31, syncMicros: 200);
        var few = Listen(host);
        for (var i = 0; i < Tables; i++)
        {
            host.CreateTable(new("geo", $"t{i}"), i % 2 == 0 ? SurvivalGoal.Zone : SurvivalGoal.Region);
        }

        Assert.True(host.NodeOf(new(1)).ReplicasHere().Count > Tables / 2);
        host.RunFor(5_000);
        var many = Listen(host);
        output.WriteLine($"with 3 ranges: {few}");
        output.WriteLine($"with {Tables + 3} ranges: {many}");
        Assert.Empty(many.ConsensusRanges);

        // 72 ordered pairs, one heartbeat each 300 ms and its answer.
        Assert.InRange(many.Heartbeats, 0, 72 * 2 * ((IdleMs / 300) + 1));
        Assert.InRange(many.Heartbeats, few.Heartbeats * 0.98, few.Heartbeats * 1.02);
        Assert.InRange(many.Envelopes, 0, few.Envelopes * 1.02);
    }

    private static Traffic Listen(ScenarioHost host)
    {
        var traffic = new Traffic();
        host.Cluster.Net.Observer = traffic.Count;
        var bytes = host.Cluster.Net.SentBytes;
        host.RunFor(IdleMs);
        host.Cluster.Net.Observer = null;
        traffic.Bytes = host.Cluster.Net.SentBytes - bytes;
        return traffic;
    }

    private sealed class Traffic
    {
        public SortedSet<RangeId> ConsensusRanges { get; } = [];

        public long Heartbeats { get; private set; }

        public long Envelopes { get; private set; }

        public long Bytes { get; set; }

        // The system range keeps house for its own request records once a minute; all others are idle.
        public void Count(Envelope envelope)
        {
            Envelopes++;
            Heartbeats += envelope.Liveness.Count;
            foreach (var message in envelope.Consensus)
            {
                if (message.Range != SystemKeys.RangeId)
                {
                    ConsensusRanges.Add(message.Range);
                }
            }
        }

        public override string ToString() =>
            $"{Envelopes} envelopes, {Heartbeats} heartbeats, {Bytes} bytes, consensus of {ConsensusRanges.Count} ranges, in {IdleMs} ms";
    }
}
