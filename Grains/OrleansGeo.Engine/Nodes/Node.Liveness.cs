using OrleansGeo.Primitives;
using OrleansGeo.Storage;

namespace OrleansGeo.Engine;

// Store liveness on this node, and what hangs on its beat.
public sealed partial class Node
{
    private const long ClockRefusedMicros = 60_000_000;
    private readonly Dictionary<NodeId, MonoTime> _clocksRefused = [];
    private readonly List<RangeReplica> _awaitingBound = [];

    /// <summary>
    /// Told when a node that was heard is not heard any more: who waits for its answer waits in vain.
    /// </summary>
    internal Action<NodeId>? PeerSilenced { get; set; }

    /// <inheritdoc />
    public bool IsLive(NodeId node) => node == Id || Liveness.Hears(node, Clock.Mono());

    /// <inheritdoc />
    public bool IsDraining(NodeId node) => Liveness.Drains(node);

    /// <summary>
    /// Begins to leave, for good: hands over what it leads, now and whenever it comes to lead again, to voters that stay; they learn of it
    /// by heartbeat and hand nothing back. It still votes, stores and answers. Called again, it answers how many ranges it leads that
    /// another live voter could lead.
    /// </summary>
    public int Drain()
    {
        if (!Liveness.IsDraining)
        {
            Liveness.Drain(Clock.Mono());
            BeatIfDue();
        }

        var left = 0;
        foreach (var replica in _replicas.Values)
        {
            if (replica.Leads && replica.HasHeir())
            {
                left++;
                replica.HandOver();
            }
        }

        return left;
    }

    private void ObserveClockOf(NodeId peer, HlcTimestamp timestamp)
    {
        if (Clock.TryObserve(timestamp))
        {
            return;
        }

        var now = Clock.Mono();
        if (!_clocksRefused.TryGetValue(peer, out var sayAgain) || now >= sayAgain)
        {
            _clocksRefused[peer] = now.AddMicros(ClockRefusedMicros);
            Events.ClockRefused(this, peer, TimeSpan.FromMilliseconds(timestamp.WallMillis - Clock.Peek().WallMillis));
        }
    }

    // A node whose storage has not completed a sync for half a support duration is a dead node, and says so by silence.
    private bool StorageIsHealthy() => Clock.Mono().MicrosSince(_lastSync) <= Options.SupportMicros / 2;

    /// <summary>A replica that leads has requests above its bound: they are looked at again as soon as a bound moves.</summary>
    internal void AwaitBound(RangeReplica replica, HlcTimestamp bound)
    {
        if (!_awaitingBound.Contains(replica))
        {
            _awaitingBound.Add(replica);
        }

        Liveness.HurryBound(bound, Clock.Mono());
        BeatIfDue();
    }

    // Never inside a turn, as ServeParked asks for.
    private void BoundsMayHaveMoved()
    {
        if (_awaitingBound.Count == 0)
        {
            return;
        }

        RangeReplica[] waiting = [.. _awaitingBound];
        _awaitingBound.Clear();
        foreach (var replica in waiting)
        {
            replica.ServeParked();
        }
    }

    private void BeatIfDue()
    {
        var now = Clock.Mono();
        if (Liveness.NextWake <= now)
        {
            Liveness.Tick(now, Clock.Peek(), StorageIsHealthy(), Clock.PhysicalMillis());

            // Every tick asks for a sync, so that an idle node's storage is known to work.
            _turn.NeedsSync();
            ScheduleTurn();
        }
    }

    private void ScheduleLiveness() => Timers.At(Liveness.NextWake, TickLiveness);

    private void TickLiveness()
    {
        if (_stopped)
        {
            return;
        }

        BeatIfDue();
        ScheduleLiveness();
    }

    private void PublishClosed()
    {
        if (_stopped)
        {
            return;
        }

        Timers.At(Clock.Mono().AddMicros(Options.ClosedPublishMicros), PublishClosed);
        DrainLiveness();
        ScheduleTurn();
        Closed.Publish();
    }

    private void DrainLiveness()
    {
        var effects = Liveness.Effects;
        while (!effects.IsEmpty)
        {
            foreach (var message in effects.SendNow)
            {
                Outbox.SendNow(message);
            }

            if (effects.HasPersist)
            {
                foreach (var record in effects.Records)
                {
                    NodeStore.PutSupport(_turn.Batch, record, _turn.Buffer);
                }

                if (effects.Limit is { } limit && limit > _storedLimit)
                {
                    _storedLimit = limit;
                    NodeStore.PutLimit(_turn.Batch, limit, _turn.Buffer);
                }

                _turn.Sync.LivenessTokens.Add(effects.Token);
                _turn.NeedsSync();
            }

            _turn.Sync.Liveness.AddRange(effects.SendAfterPersist);
            if (effects.SendAfterPersist.Count > 0)
            {
                _turn.NeedsSync();
            }

            NodeId[] changed = [.. effects.Changed];
            effects.Clear();
            if (changed.Length > 0)
            {
                SupportChanged(changed);
            }
        }
    }

    private void SupportChanged(NodeId[] peers)
    {
        foreach (var peer in peers)
        {
            if (!IsLive(peer))
            {
                Counters.PeersSilenced += LastHeardMicros(peer) is null ? 0 : 1;
                FailCallsTo(peer);
                PeerSilenced?.Invoke(peer);
            }
        }

        foreach (var replica in _replicas.Values)
        {
            foreach (var peer in peers)
            {
                if (replica.Descriptor is { } descriptor && descriptor.Configuration.IsMember(peer))
                {
                    replica.SupportChanged(peer);
                }
            }
        }

        ScheduleTurn();
    }
}
