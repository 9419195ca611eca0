using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// Carries envelopes between nodes of one process in real time. With timers, as the model of the wide area decides; without them at once:
/// straight into the receiver's queue, with no allocation and no lock while nothing is cut. All members from any thread.
/// </summary>
public sealed class EmbeddedNetwork
{
    private readonly Lock _gate = new();
    private readonly WanNetwork _wan;
    private readonly PreciseTimers? _timers;
    private readonly Prng _prng;
    private volatile Endpoint?[] _endpoints = [];
    private volatile bool _hasRules;

    /// <summary>
    /// Makes a network. Null timers: nothing takes time or is lost, but cuts hold. The network owns the model from now on.
    /// </summary>
    public EmbeddedNetwork(WanNetwork wan, PreciseTimers? timers, Prng prng)
    {
        _wan = wan;
        _timers = timers;
        _prng = prng;
    }

    /// <summary>Places a node in the model.</summary>
    public void AddNode(WanNode node)
    {
        lock (_gate)
        {
            _wan.AddNode(node);
        }
    }

    /// <summary>
    /// Connects a node that the model knows, and returns what it sends through. A node connected before is disconnected; what is on its way
    /// to it is lost.
    /// </summary>
    public ITransport Connect(NodeId node, IEnvelopeReceiver receiver, NodeScheduler scheduler)
    {
        lock (_gate)
        {
            var endpoint = new Endpoint(this, _wan.NodeAt(node), receiver, scheduler);
            Replace(node, endpoint);
            return endpoint;
        }
    }

    /// <summary>Takes a node off: what is on its way to it vanishes, and what it still sends goes nowhere.</summary>
    public void Disconnect(NodeId node)
    {
        lock (_gate)
        {
            Replace(node, null);
        }
    }

    /// <summary>Changes the model: places nodes, cuts, heals.</summary>
    public void Change(Action<WanNetwork> change)
    {
        lock (_gate)
        {
            change(_wan);
            _hasRules = _wan.HasRules;
        }
    }

    private void Replace(NodeId node, Endpoint? endpoint)
    {
        var endpoints = _endpoints;
        var copy = new Endpoint?[Math.Max(endpoints.Length, node.Value + 1)];
        endpoints.CopyTo(copy, 0);
        copy[node.Value]?.Close();
        copy[node.Value] = endpoint;
        _endpoints = copy;
    }

    private void Send(Endpoint sender, Envelope envelope)
    {
        var endpoints = _endpoints;
        if ((uint)envelope.To.Value >= (uint)endpoints.Length || endpoints[envelope.To.Value] is not { } target)
        {
            return;
        }

        if (_timers is not null)
        {
            SendThroughModel(_timers, sender, target, envelope);
            return;
        }

        if (_hasRules && IsCut(envelope))
        {
            return;
        }

        AddHop(sender, target, envelope);
        target.Deliver(envelope);
    }

    private void SendThroughModel(PreciseTimers timers, Endpoint sender, Endpoint target, Envelope envelope)
    {
        var bytes = EnvelopeCodec.EstimateBytes(envelope);
        WanDelivery delivery;
        AddHop(sender, target, envelope);
        lock (_gate)
        {
            // Timers of one due time keep their order; under one lock that is the order of deciding.
            delivery = _wan.Decide(envelope.From, envelope.To, envelope.Lane, bytes, new(timers.NowMicros), _prng);
            if (delivery.IsLost)
            {
                return;
            }

            if (delivery.DuplicateAt is null)
            {
                timers.At(delivery.At.Micros, target.Arrival, envelope);
                return;
            }
        }

        SendTwice(timers, target, envelope, delivery);
    }

    // A receiver may keep and change what it takes, so the second one shares nothing with the first.
    private static void SendTwice(PreciseTimers timers, Endpoint target, Envelope envelope, WanDelivery delivery)
    {
        var twin = EnvelopeCodec.Standard.Clone(envelope);
        timers.At(delivery.At.Micros, target.Arrival, envelope);
        timers.At(delivery.DuplicateAt!.Value.Micros, target.Arrival, twin);
    }

    private static void AddHop(Endpoint sender, Endpoint target, Envelope envelope)
    {
        if (sender.Place.Region != target.Place.Region)
        {
            envelope.AddHop();
        }
    }

    private bool IsCut(Envelope envelope)
    {
        lock (_gate)
        {
            return _wan.IsCut(envelope.From, envelope.To);
        }
    }

    private sealed class Endpoint : ITransport
    {
        private readonly EmbeddedNetwork _network;
        private readonly IEnvelopeReceiver _receiver;
        private readonly NodeScheduler _scheduler;
        private readonly Action<object?> _receive;
        private volatile bool _closed;

        public Endpoint(EmbeddedNetwork network, WanNode place, IEnvelopeReceiver receiver, NodeScheduler scheduler)
        {
            _network = network;
            Place = place;
            _receiver = receiver;
            _scheduler = scheduler;
            _receive = Receive;
            Arrival = Arrive;
        }

        public WanNode Place { get; }

        /// <summary>What a timer runs when an envelope arrives.</summary>
        public Action<object?> Arrival { get; }

        public void Close() => _closed = true;

        public void Send(Envelope envelope)
        {
            if (!_closed)
            {
                _network.Send(this, envelope);
            }
        }

        public void Deliver(Envelope envelope) => _scheduler.Post(_receive, envelope);

        private void Arrive(object? envelope)
        {
            if (!_closed && !(_network._hasRules && _network.IsCut((Envelope)envelope!)))
            {
                Deliver((Envelope)envelope!);
            }
        }

        private void Receive(object? envelope)
        {
            if (!_closed)
            {
                _receiver.Receive((Envelope)envelope!);
            }
        }
    }
}
