using OrleansGeo.Consensus;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

// Taking a snapshot: offered by the leader, fetched part by part, kept aside, and installed in one batch that replaces log and data.
internal sealed partial class RangeReplica
{
    private readonly SnapshotReceiver _receiver = new();
    private readonly List<SnapshotPart> _staged = [];
    private bool _hasArrived;

    private void FetchSnapshot(Message offer)
    {
        // What arrived is installed first; the leader offers again when that is not enough.
        if (!_hasArrived)
        {
            Perform(_receiver.Offered(offer.From, offer.Index, _node.Clock.Mono(), _node.Liveness.RttMicros(offer.From)), null);
        }
    }

    public void Receive(NodeId from, SnapshotPart part)
    {
        if (_stopped)
        {
            return;
        }

        var (now, rttMicros) = (_node.Clock.Mono(), _node.Liveness.RttMicros(from));
        Perform(
            part.Gone ? _receiver.Gone(from, part.Snapshot, now, rttMicros) : _receiver.Received(from, part.Info, now, rttMicros), part);
    }

    private void Perform(IReadOnlyList<SnapshotReceiverEffect> effects, SnapshotPart? part)
    {
        foreach (var effect in effects)
        {
            switch (effect)
            {
                case SnapshotReceiverEffect.Ask ask:
                    Ask(ask);
                    break;
                case SnapshotReceiverEffect.Discard:
                    _staged.Clear();
                    break;
                case SnapshotReceiverEffect.Stage:
                    _staged.Add(part!);
                    break;
                case SnapshotReceiverEffect.Install:
                    _hasArrived = true;
                    _node.MarkDirty(this);
                    break;
                default:
                    // Given up.
                    break;
            }
        }
    }

    private void Ask(SnapshotReceiverEffect.Ask ask)
    {
        _node.Send(ask.Source, new SnapshotFetch
        {
            Range = Id,
            Snapshot = ask.Snapshot,
            AtLeast = ask.AtLeast,
            After = ask.Position.ToArray(),
        });

        // Every question has a timer of its own; one that was answered meanwhile finds that its time has moved on.
        _node.Timers.At(_receiver.NextWake, () =>
        {
            if (!_stopped)
            {
                Perform(_receiver.Wake(_node.Clock.Mono(), _node.Liveness.RttMicros(ask.Source)), null);
            }
        });
    }

    // Called inside a turn, with nothing of the core's left to perform. What the core answers goes out after the sync that makes this
    // durable.
    private void InstallSnapshot(NodeTurn turn)
    {
        if (!_hasArrived)
        {
            return;
        }

        _hasArrived = false;
        SnapshotPart[] parts = [.. _staged];
        _staged.Clear();
        var last = parts[^1];
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
        foreach (var (key, value) in parts.SelectMany(part => part.Pairs))
        {
            turn.Batch.Put(key, value);
        }

        TakeTransactions(parts.SelectMany(part => part.Pairs));
        ReplicaStore.DeleteEntries(turn.Batch, Id, _core.FirstIndex, LogIndex.Max(_lastStored, _core.LastIndex));
        _configurations.Clear();
        _applied = last.Index;
        _lastStored = last.Index;
        _state = new(descriptor, last.Index, last.Term, descriptor.Configuration);
        ReplicaStore.PutState(turn.Batch, Id, _state, turn.Buffer);
        turn.Batch.Delete(LocalKeys.Replica(Id, LocalKeys.SweptKind));
        _storesApplied = true;
        StoreApplied(turn);
        turn.Batch.Delete(LocalKeys.Replica(Id, LocalKeys.RemovedKind));
        turn.NeedsSync();
        _core.SnapshotInstalled(last.Point, _node.Clock.Mono());
        _node.Counters.SnapshotsApplied++;
        RefreshCampaignDelay();
        _node.SnapshotInstalled(this, turn);
        WakeAppliedWaiters();
    }
}
