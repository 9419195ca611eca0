using OrleansGeo.Consensus;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>Messages of one turn, put together by receiver and lane, so that a turn costs one envelope a peer.</summary>
internal sealed class Outbox(NodeId self, Incarnation incarnation, ITransport transport)
{
    private readonly SortedDictionary<NodeId, Parcel> _parcels = [];
    private readonly Dictionary<NodeId, Incarnation> _peers = [];

    /// <summary>Takes note of a peer's start, which its heartbeats tell.</summary>
    public void NoteIncarnation(NodeId peer, Incarnation peerIncarnation)
    {
        if (peerIncarnation.Value > _peers.GetValueOrDefault(peer).Value)
        {
            _peers[peer] = peerIncarnation;
        }
    }

    /// <summary>True once the peer's start is known: before that, a request could not say which one it is for.</summary>
    public bool Knows(NodeId peer) => _peers.ContainsKey(peer);

    public void Add(Message message) => ParcelFor(message.To).Consensus.Add(message);

    public void Add(NodeId to, NodeMessage message) => ParcelFor(to).Messages.Add(message);

    public void AddBulk(NodeId to, NodeMessage message) => ParcelFor(to).Bulk.Add(message);

    /// <summary>See <see cref="ITransport.BytesInFlight"/>.</summary>
    public long? BytesInFlight(NodeId to, Lane lane) => transport.BytesInFlight(to, lane);

    /// <summary>Heartbeats wait for no turn.</summary>
    public void SendNow(LivenessMessage message) =>
        transport.Send(new() { From = self, To = message.To, Lane = Lane.Liveness, Liveness = [message] });

    public void Flush()
    {
        foreach (var (to, parcel) in _parcels)
        {
            if (parcel.Consensus.Count > 0 || parcel.Messages.Count > 0)
            {
                transport.Send(new()
                {
                    From = self,
                    To = to,
                    Lane = Lane.Normal,
                    FromIncarnation = incarnation,
                    ToIncarnation = _peers.GetValueOrDefault(to),
                    Sequence = ++parcel.Sent,
                    Consensus = parcel.Consensus,
                    Messages = parcel.Messages,
                });
                parcel.Consensus = [];
                parcel.Messages = [];
            }

            if (parcel.Bulk.Count > 0)
            {
                transport.Send(new() { From = self, To = to, Lane = Lane.Bulk, Messages = parcel.Bulk });
                parcel.Bulk = [];
            }
        }
    }

    private Parcel ParcelFor(NodeId to)
    {
        Invariant.Holds(to != self);
        if (!_parcels.TryGetValue(to, out var parcel))
        {
            _parcels[to] = parcel = new();
        }

        return parcel;
    }

    private sealed class Parcel
    {
        public List<Message> Consensus { get; set; } = [];

        public List<NodeMessage> Messages { get; set; } = [];

        public List<NodeMessage> Bulk { get; set; } = [];

        public long Sent { get; set; }
    }
}
