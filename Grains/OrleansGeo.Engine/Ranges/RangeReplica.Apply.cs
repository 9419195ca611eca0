using OrleansGeo.Consensus;
using OrleansGeo.Primitives;
using OrleansGeo.Storage;
using OrleansGeo.Transactions;

namespace OrleansGeo.Engine;

// Applying what is committed. Every replica applies the same entries in the same order and reads nothing, so all replicas of a range hold
// the same data at the same index.
//
// No request is applied twice. Say a request is in the log at i and again at j > i. Whoever led when j was proposed had looked for the
// request's record, holding the latch on its first key, and had found none. If both are of one term, the latch was held from before i was
// proposed until it was applied. If not, a leader evaluates only after it applied the first entry of its term, which lies between the two.
// Either way i was applied by then and its record found.
//
// An entry is stored whole or not at all, so after a crash the stored applied index need only be true but for entries that, applied again
// in their order, lead to where they led. Writes do: each puts the same versions and the same record again. What transactions do does too:
// intents and records are put and removed by name, and an intent is resolved if it is there. One that was laid among the entries that are
// applied again is laid again first; one that was laid before them is gone, and what it became is in storage; and no other intent was on
// its key meanwhile. So a run of these may be ahead of the stored index. All else that is applied (what takes versions and records of
// requests away above all, which must not come back) takes the index into its own batch, and nothing in front of it is ever applied again.
internal sealed partial class RangeReplica
{
    /// <summary>Test builds only: a new leader lets intents be laid below what its predecessor let anyone read.</summary>
    public const string BugForgetsServed = "transactions.new-leader-forgets-reads";

    // What a node that starts may have to look at again, for each range.
    private const int WritesAheadMax = 128;

    private readonly List<(LogIndex Index, Term Term, Configuration Configuration)> _configurations = [];
    private LogIndex _lastStored;
    private LogIndex _storedApplied;
    private bool _storesApplied;

    private void Apply(in LogEntry entry, WanPath? path, NodeTurn turn)
    {
        Invariant.Holds(entry.Index == _applied.Next);

        switch (entry.Kind)
        {
            case EntryKind.LeaderStart:
                break;
            case EntryKind.Configuration:
                _storesApplied = true;
                ApplyConfiguration(entry, turn);
                break;
            case EntryKind.Command:
                ApplyCommand(entry, turn);
                break;
            default:
                Invariant.Fail($"an entry of kind {entry.Kind}");
                break;
        }

        _applied = entry.Index;
        _node.Counters.Applied++;
        var now = _node.Clock.Mono();
        _core.Applied(entry.Index, now);
        if (entry.Kind == EntryKind.LeaderStart && _core.IsLeader && entry.Term == _core.Term)
        {
            StartServing();
        }

        Decide(entry, path, now, turn);
        WakeAppliedWaiters();
    }

    // A new leader may not write below anything its predecessors let anyone read: their bounds travelled with the votes.
    private void StartServing()
    {
        if (!PlantedBug.Is(BugForgetsServed))
        {
            _reads.RaiseLowWater(_core.VotedBound);
        }

        _node.Clock.Raise(_core.VotedBound);
        _node.Closed.Touch(this);
    }

    private void ApplyConfiguration(in LogEntry entry, NodeTurn turn)
    {
        var reader = new CodecReader(entry.Payload.Span);
        var configuration = Configuration.Read(ref reader);
        _configurations.Add((entry.Index, entry.Term, configuration));
        Invariant.Holds(_state.Descriptor is not null);
        var descriptor = _state.Descriptor with { Configuration = configuration, Generation = _state.Descriptor.Generation + 1 };
        SetDescriptor(descriptor, turn);
        if (!configuration.IsJoint && !configuration.IsMember(_node.Id))
        {
            _node.RemoveReplicaSoon(this);
        }
    }

    private void ApplyCommand(in LogEntry entry, NodeTurn turn)
    {
        var payload = entry.Payload.Span;
        var kind = RangeCommand.KindOf(payload);
        _storesApplied |= kind is not (CommandKind.Write or CommandKind.Transact);
        switch (kind)
        {
            case CommandKind.Write:
                ApplyWrite(RangeCommand.ReadWrite(payload), turn);
                break;
            case CommandKind.Split:
                var (left, right) = RangeCommand.ReadSplit(payload);
                ApplySplit(entry, left, right, turn);
                break;
            case CommandKind.Collect:
                foreach (var key in RangeCommand.ReadCollect(payload))
                {
                    turn.Batch.Delete(key);
                }

                break;
            case CommandKind.Advance:
                ApplyThreshold(RangeCommand.ReadAdvance(payload), turn);
                break;
            case CommandKind.Transact:
                ApplyTransact(turn.Command.Decode(payload), turn);
                turn.Command.Clear();
                break;
            case CommandKind.Declare:
                var (goal, preferences) = RangeCommand.ReadDeclare(payload);
                var declared = _state.Descriptor! with { Goal = goal, LeasePreferences = preferences };
                SetDescriptor(declared with { Generation = declared.Generation + 1 }, turn);
                break;
            default:
                throw new CodecException($"a range command of kind {payload[1]}");
        }
    }

    // What the node knows of the system range is built from single changes, none of which may come twice.
    private void StoreApplied(NodeTurn turn)
    {
        if (_storesApplied || Id == SystemKeys.RangeId || _applied.Value - _storedApplied.Value >= WritesAheadMax)
        {
            ReplicaStore.PutApplied(turn.Batch, _appliedKey, _applied, turn.Buffer);
            _storedApplied = _applied;
            _storesApplied = false;
        }
    }

    private void ApplyWrite(in WriteCommand write, NodeTurn turn)
    {
        _node.Clock.Raise(write.Timestamp);
        EncodeRecord(write.Request, turn);
        if (_node.Options.VerifiesRecords)
        {
            VerifyRecord(turn.Key.Written, turn.Buffer.Written);
        }

        turn.Batch.Put(turn.Key.Written, turn.Buffer.Written);
        _requests.Note(write.Request.KeepUntil);
        if (write.Operations.Length > 0)
        {
            NoteVersion(write.Timestamp);
        }

        foreach (var (key, value) in write.Operations)
        {
            MvccKey.Encode(turn.Key, key, write.Timestamp);
            if (value is null)
            {
                turn.Batch.Put(turn.Key.Written, MvccValue.EncodedTombstone);
            }
            else
            {
                MvccValue.Encode(turn.Buffer, value);
                turn.Batch.Put(turn.Key.Written, turn.Buffer.Written);
            }

            _bytesWritten += key.Length + (value?.Length ?? 0) + 24;
        }

        if (Id == SystemKeys.RangeId)
        {
            turn.SystemChanges(write.Timestamp, write.Operations);
        }
    }

    private static void EncodeRecord(in RequestStamp request, NodeTurn turn)
    {
        RequestRecordKey.Encode(turn.Key, request.Anchor, request.Id.AsSpan());
        new RequestRecord(request.KeepUntil, [.. request.BodyHash], request.Outcome).Encode(turn.Buffer);
    }

    // A record met here is the entry's own, of a time before a crash.
    private void VerifyRecord(ReadOnlySpan<byte> key, ReadOnlySpan<byte> record)
    {
        if (_node.Storage.TryGet(key, out var stored) && !record.SequenceEqual(stored))
        {
            Invariant.Fail($"{Id} applies a request twice");
        }
    }

    private void SetDescriptor(RangeDescriptor descriptor, NodeTurn turn)
    {
        _state = _state with { Descriptor = descriptor };
        ReplicaStore.PutState(turn.Batch, Id, _state, turn.Buffer);
        _node.DescriptorChanged(this);
        RefreshCampaignDelay();
    }

    // A member that was away for longer than the log is kept fetches a snapshot. Every replica decides for itself; only what is applied
    // goes.
    private void CompactLog(NodeTurn turn)
    {
        var neededFrom = _node.Snapshots.NeededFrom(Id);
        var upTo = LogIndex.Min(_applied, _core.CompactableIndex(_node.Options.LogKeepBytes, neededFrom, _node.Clock.Mono()));
        if (upTo <= _state.Truncated)
        {
            return;
        }

        var configuration = _state.Base;
        foreach (var (index, _, changed) in _configurations)
        {
            configuration = index <= upTo ? changed : configuration;
        }

        _configurations.RemoveAll(known => known.Index <= upTo);
        ReplicaStore.DeleteEntries(turn.Batch, Id, _core.FirstIndex, upTo);
        _storesApplied = true;
        _state = _state with { Truncated = upTo, TruncatedTerm = _core.TermAt(upTo), Base = configuration };
        ReplicaStore.PutState(turn.Batch, Id, _state, turn.Buffer);
        _core.Compact(upTo);
    }

    private static void DeleteData(WriteBatch batch, KeySpan span)
    {
        foreach (var stretch in ReplicatedSpaces.Of(span))
        {
            batch.DeleteRange(stretch.Start, stretch.End);
        }
    }
}
