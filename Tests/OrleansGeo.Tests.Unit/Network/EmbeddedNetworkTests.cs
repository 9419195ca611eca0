using System.Threading.Channels;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Unit.Network;

public sealed class EmbeddedNetworkTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Without_timers_envelopes_arrive_in_order_on_the_receivers_scheduler_with_a_hop_between_regions()
    {
        var network = new EmbeddedNetwork(new(WanTopology.Demo), null, new(1));
        var near = new Sink();
        var far = new Sink();
        var sender = network.Connect(new(1), new Sink(), new SerialTaskScheduler(Fail));
        network.Connect(new(2), near, near.Scheduler);
        network.Connect(new(4), far, far.Scheduler);
        for (var i = 0; i < 100; i++)
        {
            sender.Send(Request(1, 2, i));
            sender.Send(Request(1, 4, i));
        }

        for (var i = 0; i < 100; i++)
        {
            Assert.Equal((i, 0, true), await near.NextAsync());
            Assert.Equal((i, 1, true), await far.NextAsync());
        }
    }

    [Fact]
    public async Task Cuts_hold_without_timers_and_heal()
    {
        var network = new EmbeddedNetwork(new(WanTopology.Demo), null, new(1));
        var sink = new Sink();
        var sender = network.Connect(new(1), new Sink(), new SerialTaskScheduler(Fail));
        network.Connect(new(4), sink, sink.Scheduler);
        network.Change(wan => wan.Partition(WanSide.Regions("us-west1"), CutDirection.In));
        sender.Send(Request(1, 4, 1));
        network.Change(wan => wan.HealAll());
        sender.Send(Request(1, 4, 2));
        Assert.Equal(2, (await sink.NextAsync()).Id);
    }

    [Fact]
    public async Task With_timers_nothing_arrives_before_half_a_round_trip_and_order_holds()
    {
        using var timers = new PreciseTimers(BootTimeProvider.Instance, Fail);
        var network = new EmbeddedNetwork(new(WanTopology.Demo), timers, new(1));
        var sink = new Sink();
        var sender = network.Connect(new(1), new Sink(), new SerialTaskScheduler(Fail));
        network.Connect(new(4), sink, sink.Scheduler);
        var start = timers.NowMicros;
        for (var i = 0; i < 50; i++)
        {
            sender.Send(Request(1, 4, i));
        }

        for (var i = 0; i < 50; i++)
        {
            Assert.Equal((i, 1, true), await sink.NextAsync());
            Assert.True(timers.NowMicros - start >= 33_000);
        }
    }

    [Fact]
    public async Task A_duplicate_arrives_twice_as_two_objects()
    {
        using var timers = new PreciseTimers(BootTimeProvider.Instance, Fail);
        var wan = new WanNetwork(WanTopology.Demo) { Conditions = new() { Duplicate = 1, LateMicrosMax = 10 } };
        var network = new EmbeddedNetwork(wan, timers, new(1));
        var sink = new Sink();
        var sender = network.Connect(new(1), new Sink(), new SerialTaskScheduler(Fail));
        network.Connect(new(2), sink, sink.Scheduler);
        sender.Send(Request(1, 2, 5));
        Assert.Equal(5, (await sink.NextAsync()).Id);
        Assert.Equal(5, (await sink.NextAsync()).Id);
        Assert.NotSame(sink.All[0], sink.All[1]);
        Assert.NotSame(sink.All[0].Messages[0], sink.All[1].Messages[0]);
    }

    [Fact]
    public async Task What_is_on_its_way_to_a_node_that_crashed_vanishes_also_after_its_return()
    {
        using var timers = new PreciseTimers(BootTimeProvider.Instance, Fail);
        var network = new EmbeddedNetwork(new(WanTopology.Demo), timers, new(1));
        var (old, young) = (new Sink(), new Sink());
        var sender = network.Connect(new(1), new Sink(), new SerialTaskScheduler(Fail));
        network.Connect(new(2), old, old.Scheduler);
        sender.Send(Request(1, 2, 1));
        network.Disconnect(new(2));
        network.Connect(new(2), young, young.Scheduler);
        sender.Send(Request(1, 2, 2));
        Assert.Equal(2, (await young.NextAsync()).Id);
        Assert.Empty(old.All);
        Assert.Single(young.All);
    }

    private static void Fail(Exception e) => Assert.Fail(e.ToString());

    private static Envelope Request(int from, int to, long id) => new()
    {
        From = new(from),
        To = new(to),
        Lane = Lane.Normal,
        Messages =
        [
            new RangeRequest { CallId = id, Range = new(1), TimeoutMicros = 1, Operation = new RangeOperation.Freshness() },
        ],
    };

    private sealed class Sink : IEnvelopeReceiver
    {
        private readonly Channel<(long, int, bool)> _arrived = Channel.CreateUnbounded<(long, int, bool)>();

        public SerialTaskScheduler Scheduler { get; } = new(Fail);

        public List<Envelope> All { get; } = [];

        public void Receive(Envelope envelope)
        {
            All.Add(envelope);
            var request = (RangeRequest)envelope.Messages[0];
            _arrived.Writer.TryWrite((request.CallId, request.Path?.Count ?? 0, Scheduler.IsCurrent));
        }

        public async Task<(long Id, int Hops, bool OnScheduler)> NextAsync() =>
            await _arrived.Reader.ReadAsync(Cancellation).AsTask().WaitAsync(s_patience, Cancellation);
    }
}
