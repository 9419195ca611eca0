using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using OrleansGeo.Simulation;

namespace OrleansGeo.Tests.Simulation.World;

/// <summary>
/// The least that uses everything the world offers: nodes that ask each other on timers and answer, each by awaiting its own time provider,
/// under a plan of faults.
/// </summary>
internal sealed class PingCluster : IFaultTarget
{
    private readonly SimWorld _world;
    private readonly SimNetwork _network;
    private readonly SortedDictionary<NodeId, SimMachine> _machines = [];

    public PingCluster(SimWorld world)
    {
        _world = world;
        _network = new(world, new(WanTopology.Demo));
        foreach (var node in WanTopology.Demo.Nodes)
        {
            _machines[node.Id] = new(world, node.Id);
            Restart(node.Id);
        }
    }

    public WanNetwork Network => _network.Model;

    public long Answers { get; private set; }

    public SimNetwork Traffic => _network;

    public SimMachine this[int node] => _machines[new(node)];

    public static (ulong Digest, long Events, long Answers) Run(ulong seed)
    {
        var world = new SimWorld(seed);
        var cluster = new PingCluster(world);
        var plan = FaultPlan.Draw(world.Prng.Fork(9), WanTopology.Demo, new() { HealMicros = 10_000_000 });
        plan.Schedule(world, cluster);
        world.RunFor(12_000_000);
        return (world.Digest, world.Events, cluster.Answers);
    }

    public void Crash(NodeId node)
    {
        _machines[node].Crash();
        _network.Disconnect(node);
    }

    public void Restart(NodeId node)
    {
        if (_machines[node].Process is null)
        {
            var process = _machines[node].Boot();
            _ = new Pinger(this, node, process);
        }
    }

    public void Pause(NodeId node, long micros) => _machines[node].Process?.Scheduler.Pause(micros);

    public void JumpClock(NodeId node, long ms) => _machines[node].Clock.JumpWall(TimeSpan.FromMilliseconds(ms));

    public void SetDrift(NodeId node, int ppm) => _machines[node].Clock.SetDrift(ppm);

    public void FailNextSync(NodeId node) => Crash(node);

    public void StallSyncs(NodeId node, bool stalled) => _world.Trace(stalled ? 1UL : 2UL);

    public void FillDisk(NodeId node, bool full) => _world.Trace(full ? 3UL : 4UL);

    public void FlipBit(NodeId node) => _world.Trace(5);

    private sealed class Pinger : IEnvelopeReceiver
    {
        private readonly PingCluster _cluster;
        private readonly NodeId _self;
        private readonly SimTimeProvider _time;
        private readonly ITransport _transport;
        private long _calls;

        public Pinger(PingCluster cluster, NodeId self, SimProcess process)
        {
            _cluster = cluster;
            _self = self;
            _time = process.Time;
            _transport = cluster._network.Connect(self, this, process.Scheduler);
            process.Scheduler.Post(static pinger => _ = ((Pinger)pinger!).AskForEver(), this);
        }

        public void Receive(Envelope envelope)
        {
            switch (envelope.Messages[0])
            {
                case RangeRequest request:
                    _ = Answer(envelope.From, request);
                    break;
                case RangeReply:
                    _cluster.Answers++;
                    break;
            }
        }

        private async Task AskForEver()
        {
            for (var round = 0; ; round++)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), _time);
                var to = new NodeId((int)((_self.Value + round) % 9) + 1);
                var request = new RangeRequest
                {
                    CallId = ++_calls,
                    Range = new(1),
                    TimeoutMicros = 1,
                    Operation = new RangeOperation.Freshness(),
                };
                Send(to, request);
            }
        }

        private async Task Answer(NodeId from, RangeRequest request)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(2), _time);
            var clock = HlcTimestamp.FromMillis(_time.GetUtcNow().ToUnixTimeMilliseconds());
            Send(from, new RangeReply { CallId = request.CallId, ServedBy = _self, Clock = clock, Outcome = new RangeOutcome.NoReplica() });
        }

        private void Send(NodeId to, NodeMessage message) =>
            _transport.Send(new() { From = _self, To = to, Lane = Lane.Normal, Messages = [message] });
    }
}
