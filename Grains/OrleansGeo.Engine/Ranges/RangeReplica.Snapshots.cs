using OrleansGeo.Consensus;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

// Taking a snapshot: offered by the leader, fetched part by part, kept aside, and installed in one batch that replaces log and data.
internal sealed partial class RangeReplica
{
    private const long FetchRetryMicros = 500_000;
    private Reception? _reception;

    /// <summary>True while parts of a snapshot come in.</summary>
    public bool IsReceiving => _reception is not null;

    private void FetchSnapshot(Message offer)
    {
        if (_reception is { } running && running.AtLeast >= offer.Index && running.From == offer.From)
        {
            return;
        }

        _reception = new(offer.From, offer.Index);
        Fetch(_reception);
    }

    private void Fetch(Reception reception)
    {
        reception.AskedAt = _node.Clock.Mono();
        _node.Send(reception.From, new SnapshotFetch
        {
            Range = Id,
            Snapshot = reception.Snapshot,
            AtLeast = reception.AtLeast,
            After = reception.After,
        });
        var retry = reception.AskedAt.AddMicros(FetchRetryMicros + (4 * _node.Liveness.RttMicros(reception.From)));
        _node.Timers.At(retry, () => Retry(reception));
    }

    private void Retry(Reception reception)
    {
        if (_stopped || _reception != reception || reception.IsComplete)
        {
            return;
        }

        var waited = _node.Clock.Mono().MicrosSince(reception.AskedAt);
        if (waited < FetchRetryMicros)
        {
            return;
        }

        if (++reception.Attempts > 20)
        {
            // The leader offers again while it still counts this replica in.
            _reception = null;
            return;
        }

        Fetch(reception);
    }

    public void Receive(NodeId from, SnapshotPart part)
    {
        if (_reception is not { } reception || reception.From != from || reception.IsComplete)
        {
            return;
        }

        if (part.Gone)
        {
            _reception = part.Snapshot == reception.Snapshot ? null : _reception;
            return;
        }

        if ((reception.Snapshot != 0 && part.Snapshot != reception.Snapshot) || !part.After.AsSpan().SequenceEqual(reception.After)
            || part.Checksum != SnapshotPart.ChecksumOf(part.Pairs))
        {
            return;
        }

        reception.Take(part);
        if (part.IsLast)
        {
            _node.MarkDirty(this);
        }
        else
        {
            Fetch(reception);
        }
    }

    // Called inside a turn, with nothing of the core's left to perform. What the core answers goes out after the sync that makes this
    // durable.
    private void InstallSnapshot(NodeTurn turn)
    {
        if (_reception is not { IsComplete: true, Last: { } last } reception)
        {
            return;
        }

        _reception = null;
        var descriptor = last.Descriptor!;
        if (!_core.CanInstall(last.Point) || _node.OverlapsOther(this, descriptor.Span))
        {
            return;
        }

        if (Descriptor is { } before)
        {
            DeleteData(turn.Batch, before.Span);
        }

        DeleteData(turn.Batch, descriptor.Span);
        foreach (var (key, value) in reception.Pairs)
        {
            turn.Batch.Put(key, value);
        }

        ReplicaStore.DeleteEntries(turn.Batch, Id, _core.FirstIndex, LogIndex.Max(_lastStored, _core.LastIndex));
        _configurations.Clear();
        _applied = last.Index;
        _lastStored = last.Index;
        _state = new(descriptor, last.Index, last.Term, descriptor.Configuration);
        ReplicaStore.PutState(turn.Batch, Id, _state, turn.Buffer);
        _storesApplied = true;
        StoreApplied(turn);
        turn.Batch.Delete(LocalKeys.Replica(Id, LocalKeys.RemovedKind));
        turn.NeedsSync();
        _core.SnapshotInstalled(last.Point, _node.Clock.Mono());
        RefreshCampaignDelay();
        _node.SnapshotInstalled(this, turn);
        WakeAppliedWaiters();
    }

    /// <summary>Parts received so far.</summary>
    private sealed class Reception(NodeId from, LogIndex atLeast)
    {
        public NodeId From => from;

        public LogIndex AtLeast => atLeast;

        public long Snapshot { get; private set; }

        public byte[] After { get; private set; } = [];

        public List<(byte[] Key, byte[] Value)> Pairs { get; } = [];

        public SnapshotPart? Last { get; private set; }

        public bool IsComplete => Last is { IsLast: true };

        public MonoTime AskedAt { get; set; }

        public int Attempts { get; set; }

        public void Take(SnapshotPart part)
        {
            Snapshot = part.Snapshot;
            Pairs.AddRange(part.Pairs);
            After = part.Pairs.Length > 0 ? part.Pairs[^1].Key : After;
            Last = part;
            Attempts = 0;
        }
    }
}
