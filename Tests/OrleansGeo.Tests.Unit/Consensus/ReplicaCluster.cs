using OrleansGeo.Consensus;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tests.Unit.Consensus;

/// <summary>How a <see cref="ReplicaCluster"/> misbehaves. All durations in microseconds.</summary>
public sealed record ClusterFaults
{
    public long LatencyMin { get; init; } = 500;

    public long LatencyMax { get; init; } = 500;

    public double Loss { get; init; }

    public double Duplicate { get; init; }

    public double Straggler { get; init; }

    public long DiskMin { get; init; } = 200;

    public long DiskMax { get; init; } = 200;

    public int DriftPpm { get; init; }

    public long SkewMillis { get; init; }
}

/// <summary>
/// One range on several nodes in one thread with virtual time: the real Replica and StoreLiveness, a network that delays, loses,
/// duplicates,
/// reorders and cuts, disks that lose what they had not finished, clocks that drift. Every event is followed by the checks of
/// <see cref="ClusterChecks"/>.
/// </summary>
public sealed class ReplicaCluster
{
    public static readonly RangeId Range = new(7);
    private readonly PriorityQueue<(ClusterNode? Node, int Life, Action Action), (long At, long Order)> _events = new();
    private readonly HashSet<(int From, int To)> _cuts = [];
    private readonly CodecWriter _writer = new();
    private long _order;

    public ReplicaCluster(ulong seed, int nodes, ClusterFaults faults, Configuration configuration)
    {
        Prng = new(seed);
        Faults = faults;
        Initial = configuration;
        Checks = new(this);
        for (var i = 1; i <= nodes; i++)
        {
            Nodes.Add(new(this, new(i), Prng.Fork((ulong)i)));
        }

        foreach (var node in Nodes)
        {
            node.Start();
        }
    }

    public Prng Prng { get; }

    public ClusterFaults Faults { get; set; }

    public Configuration Initial { get; }

    public ClusterChecks Checks { get; }

    public List<ClusterNode> Nodes { get; } = [];

    public long Now { get; private set; }

    public int Step { get; private set; }

    /// <summary>Every consensus message that was sent, for transcripts.</summary>
    public Action<Message>? OnSend { get; set; }

    public int MessagesSent { get; private set; }

    public ClusterNode this[int node] => Nodes[node - 1];

    public ClusterNode? Server => Nodes.Find(n => n.MayServe);

    public void Cut(int from, int to, bool bothWays = true)
    {
        _cuts.Add((from, to));
        if (bothWays)
        {
            _cuts.Add((to, from));
        }
    }

    public void Isolate(int node)
    {
        foreach (var other in Nodes)
        {
            Cut(node, other.Id.Value);
        }
    }

    public void Heal() => _cuts.Clear();

    public void Schedule(ClusterNode node, long delay, Action action) =>
        _events.Enqueue((node, node.Life, action), (Now + delay, _order++));

    public void RunFor(long micros)
    {
        var until = Now + micros;
        while (Next() is { } at && at <= until)
        {
            RunOne(at);
        }

        Now = until;
    }

    /// <summary>Runs until the condition holds; fails when it does not within the time.</summary>
    public void RunUntil(Func<bool> condition, long micros, string what)
    {
        var until = Now + micros;
        while (!condition())
        {
            if (Next() is not { } at || at > until)
            {
                throw new ClusterCheckException($"not within {micros / 1000} ms: {what}\n{string.Join('\n', Nodes)}");
            }

            RunOne(at);
        }
    }

    public void Send(Message message)
    {
        OnSend?.Invoke(message);
        MessagesSent++;
        _writer.Clear();
        MessageCodec.Write(_writer, message);
        var bytes = _writer.ToArray();
        Transmit(message.From, message.To, node =>
        {
            var reader = new CodecReader(bytes);
            var copy = MessageCodec.ReadMessage(ref reader);
            reader.ExpectEnd("a message");
            node.Turn(() => node.Replica!.Receive(copy, node.Mono));
        });
    }

    public void Send(LivenessMessage message) =>
        Transmit(message.From, message.To, node => node.Turn(() => node.Liveness!.Receive(message, node.Mono, node.Clock)));

    private void Transmit(NodeId from, NodeId to, Action<ClusterNode> deliver)
    {
        if (to.Value > Nodes.Count || (from != to && (_cuts.Contains((from.Value, to.Value)) || Prng.Chance(Faults.Loss))))
        {
            return;
        }

        var node = this[to.Value];
        for (var copies = from != to && Prng.Chance(Faults.Duplicate) ? 2 : 1; copies > 0; copies--)
        {
            var delay = from == to ? 0 : Prng.Between(Faults.LatencyMin, Faults.LatencyMax);
            if (from != to && Prng.Chance(Faults.Straggler))
            {
                delay += Prng.Below(3_000_000L);
            }

            // A message meets whatever process runs at the receiver when it arrives.
            _events.Enqueue((null, 0, () => Arrive(node, deliver)), (Now + delay, _order++));
        }
    }

    private void Arrive(ClusterNode node, Action<ClusterNode> deliver)
    {
        if (node.PausedUntil > Now)
        {
            _events.Enqueue((null, 0, () => Arrive(node, deliver)), (node.PausedUntil, _order++));
        }
        else if (node.IsUp)
        {
            deliver(node);
        }
    }

    private long? Next()
    {
        var at = _events.TryPeek(out _, out var priority) ? priority.At : long.MaxValue;
        foreach (var node in Nodes)
        {
            at = Math.Min(at, node.NextWake);
        }

        return at == long.MaxValue ? null : Math.Max(at, Now);
    }

    private void RunOne(long at)
    {
        Now = at;
        Step++;
        if (_events.TryPeek(out var next, out var priority) && priority.At <= at)
        {
            _events.Dequeue();
            if (next.Node is null)
            {
                next.Action();
            }
            else if (next.Node.Life == next.Life && next.Node.IsUp)
            {
                if (next.Node.PausedUntil > Now)
                {
                    _events.Enqueue(next, (next.Node.PausedUntil, _order++));
                }
                else
                {
                    next.Action();
                }
            }
        }
        else
        {
            foreach (var node in Nodes)
            {
                if (node.NextWake <= at)
                {
                    node.Wake();
                    break;
                }
            }
        }

        Checks.AfterStep();
    }
}
