using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>What the network does to every envelope besides what its topology says. All zero at rest.</summary>
public sealed record WanConditions
{
    /// <summary>A network at rest.</summary>
    public static WanConditions None { get; } = new();

    /// <summary>Chance of loss, besides the topology's.</summary>
    public double Loss { get; init; }

    /// <summary>Chance that an envelope arrives twice.</summary>
    public double Duplicate { get; init; }

    /// <summary>Chance that an envelope is held back, so that later ones of its lane overtake it.</summary>
    public double Reorder { get; init; }

    /// <summary>The longest time by which a duplicate or a held-back envelope is late, in microseconds.</summary>
    public long LateMicrosMax { get; init; } = 50_000;

    /// <summary>A random delay up to this is added to every envelope, in microseconds; order within a lane is kept.</summary>
    public long DelayMicrosMax { get; init; }
}

/// <summary>What becomes of one envelope.</summary>
/// <param name="IsLost">It never arrives.</param>
/// <param name="At">When it arrives.</param>
/// <param name="DuplicateAt">When it arrives a second time, or null.</param>
public readonly record struct WanDelivery(bool IsLost, MonoTime At, MonoTime? DuplicateAt)
{
    /// <summary>Lost.</summary>
    public static WanDelivery Lost => new(true, MonoTime.Never, null);
}

/// <summary>
/// The model of a wide-area network: decides from seed and time alone when an envelope arrives, and carries nothing itself. Within a lane
/// from one node to another, order is kept unless <see cref="WanConditions.Reorder"/> breaks it. Between two regions bytes queue for
/// bandwidth by strict priority: liveness waits for nobody, bulk for everybody. Not thread-safe.
/// </summary>
public sealed class WanNetwork
{
    private readonly Dictionary<NodeId, WanNode> _nodes = [];
    private readonly Dictionary<(NodeId From, NodeId To), WanRoute> _routes = [];
    private readonly Dictionary<(string From, string To), WanPipe> _pipes = [];
    private readonly List<(int Id, WanSide From, WanSide To, MonoTime Until)> _clogs = [];
    private readonly List<(int Id, WanSide From, WanSide To)> _cuts = [];
    private int _rules;
    private int _version = 1;

    /// <summary>Makes a network at rest.</summary>
    public WanNetwork(WanTopology topology)
    {
        Topology = topology;
        foreach (var node in topology.Nodes)
        {
            AddNode(node);
        }
    }

    /// <summary>The network at rest.</summary>
    public WanTopology Topology { get; }

    /// <summary>What is wrong with the whole network now.</summary>
    public WanConditions Conditions { get; set; } = WanConditions.None;

    /// <summary>True while any cut or clog is in force.</summary>
    public bool HasRules => _cuts.Count + _clogs.Count > 0;

    /// <summary>Places a node, or moves it.</summary>
    public void AddNode(WanNode node)
    {
        if (!_nodes.TryAdd(node.Id, node))
        {
            _nodes[node.Id] = node;
            _routes.Clear();
        }
    }

    /// <summary>Where a node stands; throws <see cref="ArgumentException"/> for one never placed.</summary>
    public WanNode NodeAt(NodeId id) =>
        _nodes.TryGetValue(id, out var node) ? node : throw new ArgumentException($"{id} has no place in the network", nameof(id));

    /// <summary>True when the two nodes are in different regions.</summary>
    public bool CrossesRegions(NodeId from, NodeId to) => RouteBetween(from, to).CrossesRegions;

    /// <summary>True when nothing gets from one node to the other now. What was on its way when the cut came is lost too.</summary>
    public bool IsCut(NodeId from, NodeId to) => RouteBetween(from, to).IsCut;

    /// <summary>Stops what one side sends to the other, one way. Returns the cut's number. A node always reaches itself.</summary>
    public int Cut(WanSide from, WanSide to)
    {
        _cuts.Add((++_rules, from, to));
        _version++;
        return _rules;
    }

    /// <summary>Separates a side from everyone else: both ways, or only what goes in or out. Returns the cut's number.</summary>
    public int Partition(WanSide side, CutDirection direction)
    {
        var id = ++_rules;
        var others = WanSide.Everyone;
        if (direction is CutDirection.Both or CutDirection.In)
        {
            _cuts.Add((id, others, side));
        }

        if (direction is CutDirection.Both or CutDirection.Out)
        {
            _cuts.Add((id, side, others));
        }

        _version++;
        return id;
    }

    /// <summary>
    /// Holds back what one side sends to the other until a time; then it all arrives, in order. Returns the clog's number.
    /// </summary>
    public int Clog(WanSide from, WanSide to, MonoTime until)
    {
        _clogs.Add((++_rules, from, to, until));
        _version++;
        return _rules;
    }

    /// <summary>Ends one cut or clog. An envelope that a clog already holds keeps its time.</summary>
    public void Heal(int rule)
    {
        _cuts.RemoveAll(c => c.Id == rule);
        _clogs.RemoveAll(c => c.Id == rule);
        _version++;
    }

    /// <summary>Ends every cut and clog, and brings the conditions to rest.</summary>
    public void HealAll()
    {
        _cuts.Clear();
        _clogs.Clear();
        Conditions = WanConditions.None;
        _version++;
    }

    /// <summary>
    /// Decides what becomes of an envelope of that many bytes sent now. The same calls with the same seed decide the same. What is sent to
    /// a node that was never placed is lost.
    /// </summary>
    public WanDelivery Decide(NodeId from, NodeId to, Lane lane, int bytes, MonoTime now, Prng prng)
    {
        if (!_nodes.ContainsKey(to))
        {
            return WanDelivery.Lost;
        }

        var route = RouteBetween(from, to);
        if (from == to)
        {
            return new(false, now, null);
        }

        if (route.IsCut || Happens(Topology.Loss, prng) || Happens(Conditions.Loss, prng))
        {
            return WanDelivery.Lost;
        }

        var leaves = route.Pipe?.Take(lane, bytes, now) ?? now;
        var jitter = (long)(route.OneWayMicros * Topology.JitterFraction);
        var extra = jitter + Conditions.DelayMicrosMax;
        var at = leaves.AddMicros(route.OneWayMicros + (extra > 0 ? prng.Between(0, extra) : 0));
        at = MonoTime.Max(at, route.ClogUntil);
        ref var last = ref route.Last[(int)lane];
        at = MonoTime.Max(at, last);
        if (Happens(Conditions.Reorder, prng))
        {
            at = at.AddMicros(prng.Between(0, Conditions.LateMicrosMax));
        }
        else
        {
            last = at;
        }

        return new(false, at, Happens(Conditions.Duplicate, prng) ? at.AddMicros(prng.Between(0, Conditions.LateMicrosMax)) : null);
    }

    // No draw for what cannot happen, so that a fault switched on changes the run only from there on.
    private static bool Happens(double probability, Prng prng) => probability > 0 && prng.Chance(probability);

    private WanRoute RouteBetween(NodeId from, NodeId to)
    {
        if (!_routes.TryGetValue((from, to), out var route))
        {
            _routes[(from, to)] = route = NewRoute(NodeAt(from), NodeAt(to));
        }

        if (route.Version != _version)
        {
            route.Version = _version;
            route.IsCut = from != to && _cuts.Exists(c => Applies(c.From, c.To, route));
            route.ClogUntil = MonoTime.Never;
            foreach (var clog in _clogs)
            {
                if (Applies(clog.From, clog.To, route))
                {
                    route.ClogUntil = MonoTime.Max(route.ClogUntil, clog.Until);
                }
            }
        }

        return route;
    }

    private static bool Applies(WanSide from, WanSide to, WanRoute route) =>
        from.Contains(route.From) && to.Contains(route.To) && !Inside(from, to, route);

    // "From a side to everyone" means to everyone else.
    private static bool Inside(WanSide from, WanSide to, WanRoute route) =>
        (ReferenceEquals(to, WanSide.Everyone) && from.Contains(route.To) && !ReferenceEquals(from, to))
        || (ReferenceEquals(from, WanSide.Everyone) && to.Contains(route.From) && !ReferenceEquals(from, to));

    private WanRoute NewRoute(WanNode from, WanNode to)
    {
        var crosses = from.Region != to.Region;
        return new(from, to, crosses, (long)(Topology.RttMsBetween(from, to) * 500), crosses ? PipeBetween(from.Region, to.Region) : null);
    }

    private WanPipe? PipeBetween(string from, string to)
    {
        var limit = Topology.LinkBetween(from, to)?.BytesPerSecond ?? Topology.RegionBytesPerSecond;
        if (!_pipes.TryGetValue((from, to), out var pipe) && limit is { } rate)
        {
            _pipes[(from, to)] = pipe = new(rate);
        }

        return pipe;
    }

    private sealed class WanRoute(WanNode from, WanNode to, bool crossesRegions, long oneWayMicros, WanPipe? pipe)
    {
        public WanNode From { get; } = from;

        public WanNode To { get; } = to;

        public bool CrossesRegions { get; } = crossesRegions;

        public long OneWayMicros { get; } = oneWayMicros;

        public WanPipe? Pipe { get; } = pipe;

        public MonoTime[] Last { get; } = [MonoTime.Never, MonoTime.Never, MonoTime.Never, MonoTime.Never];

        public int Version { get; set; }

        public bool IsCut { get; set; }

        public MonoTime ClogUntil { get; set; } = MonoTime.Never;
    }

    /// <summary>One direction between two regions: when it has sent what it was given, for each priority.</summary>
    private sealed class WanPipe(long bytesPerSecond)
    {
        private MonoTime _normalFree = MonoTime.Never;
        private MonoTime _bulkFree = MonoTime.Never;

        public MonoTime Take(Lane lane, int bytes, MonoTime now)
        {
            var micros = (long)((Int128)bytes * 1_000_000 / bytesPerSecond);
            switch (lane)
            {
                case Lane.Liveness:
                    return now.AddMicros(micros);
                case Lane.Normal:
                    // What goes first takes its time from whoever waits behind.
                    var free = MonoTime.Max(now, _normalFree).AddMicros(micros);
                    _bulkFree = MonoTime.Max(now, _bulkFree).AddMicros(micros);
                    return _normalFree = free;
                default:
                    return _bulkFree = MonoTime.Max(MonoTime.Max(now, _bulkFree), _normalFree).AddMicros(micros);
            }
        }
    }
}
