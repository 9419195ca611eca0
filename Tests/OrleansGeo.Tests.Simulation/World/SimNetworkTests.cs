using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using OrleansGeo.Simulation;
using Xunit;

namespace OrleansGeo.Tests.Simulation.World;

public sealed class SimNetworkTests
{
    private readonly SimWorld _world = new(3);
    private readonly SimNetwork _network;
    private readonly ITransport _sender;
    private readonly SimMachine _machine;
    private readonly List<(long Id, long AtMicros, Lane Lane, int Hops)> _arrived = [];

    public SimNetworkTests()
    {
        _network = new(_world, new(WanTopology.Demo with { RegionBytesPerSecond = 1_000_000 }));
        var first = new SimMachine(_world, new(1)).Boot();
        _sender = _network.Connect(new(1), new Sink(this), first.Scheduler);
        _machine = new(_world, new(4));
        Connect();
    }

    [Fact]
    public void Envelopes_of_a_lane_arrive_in_order_after_half_a_round_trip_with_a_hop()
    {
        for (var i = 0; i < 100; i++)
        {
            Send(i);
        }

        _world.RunFor(1_000_000);
        Assert.Equal(Enumerable.Range(0, 100), _arrived.Select(a => (int)a.Id));
        Assert.All(_arrived, a => Assert.True(a.AtMicros >= 33_000 && a.Hops == 1));
    }

    [Fact]
    public void A_snapshot_never_delays_a_heartbeat()
    {
        for (var i = 0; i < 20; i++)
        {
            Send(i, Lane.Bulk, payloadBytes: 1_000_000);
        }

        Send(100, Lane.Liveness);
        Send(101, Lane.Normal);
        _world.RunFor(60_000_000);
        Assert.Equal(22, _arrived.Count);
        Assert.InRange(_arrived.Single(a => a.Lane == Lane.Liveness).AtMicros, 33_000, 35_000);
        Assert.InRange(_arrived.Single(a => a.Lane == Lane.Normal).AtMicros, 33_000, 35_000);
        Assert.True(_arrived.Max(a => a.AtMicros) > 20_000_000);
    }

    [Fact]
    public void A_cut_takes_what_is_on_its_way_and_healing_brings_nothing_back()
    {
        Send(1);
        _world.RunFor(10_000);
        _network.Model.Partition(WanSide.Regions("us-west1"), CutDirection.In);
        Send(2);
        _world.RunFor(1_000_000);
        _network.Model.HealAll();
        Send(3);
        _world.RunFor(1_000_000);
        Assert.Equal([3L], _arrived.Select(a => a.Id));
        Assert.Equal(2, _network.Lost);
    }

    [Fact]
    public void Mail_for_a_crashed_node_vanishes_and_late_mail_reaches_its_next_life()
    {
        Send(1);
        _machine.Crash();
        _network.Disconnect(new(4));
        _world.RunFor(100_000);
        Assert.Empty(_arrived);
        Send(2);
        Connect();
        _world.RunFor(100_000);
        Assert.Equal([2L], _arrived.Select(a => a.Id));
    }

    [Fact]
    public void A_crashed_node_sends_nothing()
    {
        var dead = new SimMachine(_world, new(2));
        var transport = _network.Connect(new(2), new Sink(this), dead.Boot().Scheduler);
        dead.Crash();
        transport.Send(Request(2, 1, Lane.Normal, 0));
        Assert.Equal(0, _network.Sent);
    }

    [Fact]
    public void Duplicates_and_reordering_come_through()
    {
        _network.Model.Conditions = new() { Duplicate = 0.3, Reorder = 0.3, LateMicrosMax = 100_000 };
        for (var i = 0; i < 200; i++)
        {
            Send(i);
        }

        _world.RunFor(1_000_000);
        Assert.InRange(_arrived.Count, 230, 290);
        Assert.Equal(200, _arrived.Select(a => a.Id).Distinct().Count());
        Assert.NotEqual(_arrived.Select(a => a.Id).Order(), _arrived.Select(a => a.Id));
    }

    private void Connect() => _network.Connect(new(4), new Sink(this), (_machine.Process ?? _machine.Boot()).Scheduler);

    private void Send(long id, Lane lane = Lane.Normal, int payloadBytes = 0) => _sender.Send(Request(id, 4, lane, payloadBytes));

    private static Envelope Request(long id, int to, Lane lane, int payloadBytes) => new()
    {
        From = new(1),
        To = new(to),
        Lane = lane,
        Messages =
        [
            new RangeRequest
            {
                CallId = id,
                Range = new(1),
                TimeoutMicros = 1,
                Operation = new RangeOperation.Split(new Key(new byte[payloadBytes]), new(2)),
            },
        ],
    };

    private sealed class Sink(SimNetworkTests test) : IEnvelopeReceiver
    {
        public void Receive(Envelope envelope)
        {
            var request = (RangeRequest)envelope.Messages[0];
            test._arrived.Add((request.CallId, test._world.NowMicros, envelope.Lane, request.Path?.Count ?? 0));
        }
    }
}
