using OrleansGeo.Engine;
using OrleansGeo.Primitives;

namespace OrleansGeo.Simulation;

/// <summary>
/// Carries envelopes over the world as the model decides. Every envelope is encoded when it leaves and decoded when it arrives, each copy
/// for itself. What was on its way to a node that crashed reaches the node that is there when it arrives: later lives get mail of earlier
/// ones.
/// </summary>
public sealed class SimNetwork
{
    private readonly Dictionary<NodeId, (IEnvelopeReceiver Receiver, SimNodeScheduler Scheduler)> _receivers = [];
    private readonly Dictionary<(NodeId From, NodeId To), string> _labels = [];
    private readonly CodecWriter _writer = new();
    private readonly SimWorld _world;
    private readonly EnvelopeCodec _codec;
    private readonly Prng _prng;

    /// <summary>Makes a network over a model.</summary>
    public SimNetwork(SimWorld world, WanNetwork model, EnvelopeCodec? codec = null)
    {
        _world = world;
        Model = model;
        _codec = codec ?? EnvelopeCodec.Standard;
        _prng = world.Prng.Fork(3);
    }

    /// <summary>Topology, conditions, cuts and clogs.</summary>
    public WanNetwork Model { get; }

    /// <summary>Envelopes given to the network.</summary>
    public long Sent { get; private set; }

    /// <summary>Envelopes handed to a receiver, duplicates included.</summary>
    public long Delivered { get; private set; }

    /// <summary>Envelopes that the model lost or a cut met on their way.</summary>
    public long Lost { get; private set; }

    /// <summary>Bytes given to the network.</summary>
    public long SentBytes { get; private set; }

    /// <summary>Sees every envelope as it is sent; may throw to fail the run.</summary>
    public Action<Envelope>? Observer { get; set; }

    /// <summary>Sees every message of the engine as it is sent, after <see cref="Observer"/>, and says whether it is lost.</summary>
    public Func<Envelope, NodeMessage, bool>? Loses { get; set; }

    /// <summary>Connects one life of a node, in place of an earlier one.</summary>
    public ITransport Connect(NodeId node, IEnvelopeReceiver receiver, SimNodeScheduler scheduler)
    {
        _ = Model.NodeAt(node);
        _receivers[node] = (receiver, scheduler);
        return new Transport(this, scheduler);
    }

    /// <summary>Takes a node off; what arrives meanwhile vanishes.</summary>
    public void Disconnect(NodeId node) => _receivers.Remove(node);

    private void Send(Envelope envelope)
    {
        Observer?.Invoke(envelope);
        envelope = WithoutLost(envelope);
        _writer.Clear();
        _codec.Write(_writer, envelope);
        _world.Trace(_writer.Written);
        Sent++;
        SentBytes += _writer.Length;
        var delivery = Model.Decide(envelope.From, envelope.To, envelope.Lane, _writer.Length, new(_world.NowMicros), _prng);
        if (delivery.IsLost)
        {
            Lost++;
            return;
        }

        var parcel = new Parcel(envelope.From, envelope.To, _writer.Written.ToArray());
        _world.At(delivery.At.Micros, LabelOf(envelope), Arrive, parcel);
        if (delivery.DuplicateAt is { } again)
        {
            _world.At(again.Micros, LabelOf(envelope), Arrive, parcel);
        }
    }

    private Envelope WithoutLost(Envelope envelope)
    {
        if (Loses is not { } loses || envelope.Messages.Count == 0)
        {
            return envelope;
        }

        NodeMessage[] kept = [.. envelope.Messages.Where(message => !loses(envelope, message))];
        return kept.Length == envelope.Messages.Count ? envelope : new()
        {
            From = envelope.From,
            To = envelope.To,
            Lane = envelope.Lane,
            FromIncarnation = envelope.FromIncarnation,
            ToIncarnation = envelope.ToIncarnation,
            Sequence = envelope.Sequence,
            Consensus = envelope.Consensus,
            Liveness = envelope.Liveness,
            Messages = kept,
        };
    }

    private void Arrive(object? state)
    {
        var parcel = (Parcel)state!;
        if (Model.IsCut(parcel.From, parcel.To))
        {
            Lost++;
            return;
        }

        if (!_receivers.TryGetValue(parcel.To, out var target) || target.Scheduler.IsStopped)
        {
            return;
        }

        var envelope = _codec.Read(parcel.Bytes);
        if (Model.CrossesRegions(parcel.From, parcel.To))
        {
            envelope.AddHop();
        }

        Delivered++;
        target.Scheduler.Post(static pair => ((Arrival)pair!).Hand(), new Arrival(target.Receiver, envelope));
    }

    private string LabelOf(Envelope envelope)
    {
        if (!_labels.TryGetValue((envelope.From, envelope.To), out var label))
        {
            _labels[(envelope.From, envelope.To)] = label = $"{envelope.From} to {envelope.To}";
        }

        return label;
    }

    private sealed record Parcel(NodeId From, NodeId To, byte[] Bytes);

    private sealed class Arrival(IEnvelopeReceiver receiver, Envelope envelope)
    {
        public void Hand() => receiver.Receive(envelope);
    }

    private sealed class Transport(SimNetwork network, SimNodeScheduler scheduler) : ITransport
    {
        public void Send(Envelope envelope)
        {
            network._world.AssertInside("a transport");
            if (!scheduler.IsStopped)
            {
                network.Send(envelope);
            }
        }
    }
}
