using OrleansGeo.Consensus;
using OrleansGeo.Primitives;
using OrleansGeo.Storage;
using OrleansGeo.Transactions;

namespace OrleansGeo.Engine;

// Collecting what nobody can read, or retry, any more. Who looks, and how much at a time, is paced by the node: see GarbageSweeper.
//
// Versions. The range has a threshold, the oldest timestamp it can be read at, which goes up by log entries. Whoever has applied one
// refuses every read below it, and only then removes, by itself and without the log, what no read at or above it can see. A read is
// evaluated at one go, outside of turns; so it either finds all versions or is refused. Replicas differ in how far they are, and
// in nothing that can be read. The threshold lies below the closed time and below every intent and write in flight: nothing is
// written at or below it ever after, by whatever leader, because a leader writes above what its predecessors let anyone read.
//
// The leaseholder raises it, by the time for which versions are kept, when it has found something to collect. It knows that there is
// nothing while nothing was written since it last found nothing: then it does not look, and a range at rest costs nothing.
//
// Request records. Whether a request is remembered must not depend on who is asked. The leaseholder looks a few at a time and proposes
// their removal, so that every replica forgets the same ones at the same index. It does not look before the first of them may go.
//
// Both are looked through again the later the less was found, and soon when as much was added since as there was: so whatever the load,
// what is looked at stays a few times what is removed, and what is there a few times what must be.
internal sealed partial class RangeReplica
{
    /// <summary>Test builds only: reads below the threshold are answered.</summary>
    public const string BugReadsBelow = "garbage.reads-below-threshold";

    /// <summary>Test builds only: whoever starts again, or takes a snapshot, has forgotten the threshold.</summary>
    public const string BugForgetsThreshold = "garbage.forgets-threshold";

    private const int VersionsPerSlice = 1_000;
    private const int RecordsPerSlice = 500;
    private const int IntervalsMax = 64;

    // The oldest timestamp at which the range can be read, and up to which threshold all garbage was removed here.
    private HlcTimestamp _threshold;
    private HlcTimestamp _swept;
    private readonly GarbageRound _versions = new();
    private readonly GarbageRound _requests = new();
    private MvccGarbagePoint? _versionPoint;
    private byte[]? _requestPoint;
    private HlcTimestamp _lookFor;

    /// <summary>True while the replica waits for its turn with the node's sweeper.</summary>
    public bool AwaitsSweep { get; set; }

    private bool IsSwept => _swept >= _threshold;

    private bool IsTooOld(HlcTimestamp at) => at < _threshold && !PlantedBug.Is(BugReadsBelow);

    // Called when housekeeping passes by, which a range at rest sees every few seconds; a look at numbers in memory.
    private void CollectGarbage()
    {
        var now = _node.Clock.Mono();
        var upTo = CollectableUpTo();
        if (IsSwept && !_versions.IsRunning && upTo > _threshold && _versions.IsDue(upTo, now))
        {
            _lookFor = upTo;
            _versions.Begin();
            _node.Sweeper.Ask(this);
        }

        if (!_requests.IsRunning && _requests.IsDue(_node.Clock.Peek(), now))
        {
            _requests.Begin();
            _node.Sweeper.Ask(this);
        }
    }

    /// <summary>Does a bounded piece of what is to be done, into the batch of the node's next turn. True when there is more.</summary>
    public bool Sweep(WriteBatch batch, CodecWriter buffer)
    {
        if (_stopped || Descriptor is not { } descriptor)
        {
            return false;
        }

        if (!IsSwept)
        {
            RemoveVersions(descriptor, batch, buffer);
        }
        else if (!_core.MayServe(_node.Clock.Mono()))
        {
            _versions.Abandon();
            _requests.Abandon();
            (_versionPoint, _requestPoint) = (null, null);
        }
        else if (_versions.IsRunning)
        {
            LookForVersions(descriptor);
        }
        else if (_requests.IsRunning)
        {
            RemoveRequests(descriptor);
        }

        return !IsSwept || _versions.IsRunning || _requests.IsRunning;
    }

    // The latest threshold that would be right now.
    private HlcTimestamp CollectableUpTo() => HlcTimestamp.Earlier(
        _node.Clock.Peek().AddMillis(-_node.Options.VersionRetentionMs), BelowIntents(Resolved().Resolved));

    private void RemoveVersions(RangeDescriptor descriptor, WriteBatch batch, CodecWriter buffer)
    {
        var page = MvccGarbage.List(_node.Storage, descriptor.Span, _threshold, VersionsPerSlice, _versionPoint);
        foreach (var key in page.StorageKeys)
        {
            batch.Delete(key);
        }

        _node.Counters.VersionsCollected += page.StorageKeys.Count;
        _versions.Count(page.Looked, page.StorageKeys.Count, page.Newest);
        _versionPoint = page.Resume;
        if (page.Resume is null)
        {
            _swept = _threshold;
            ReplicaStore.PutSwept(batch, Id, _swept, buffer);
            EndVersions(_threshold);
        }
    }

    // The first garbage that is found is reason enough.
    private void LookForVersions(RangeDescriptor descriptor)
    {
        var page = MvccGarbage.List(_node.Storage, descriptor.Span, _lookFor, VersionsPerSlice, _versionPoint);
        _versions.Count(page.Looked, 0, page.Newest);
        _versionPoint = page.Resume;
        if (page.StorageKeys.Count > 0)
        {
            RaiseThreshold(CollectableUpTo());
        }
        else if (page.Resume is null)
        {
            EndVersions(_lookFor);
        }
    }

    private void RaiseThreshold(HlcTimestamp to)
    {
        _versions.Abandon();
        _versionPoint = null;
        var now = _node.Clock.Mono();
        if (_core.Propose(RangeCommand.Advance(to), now, out _) == ProposeOutcome.Accepted)
        {
            // Found to be due anew only once what this one leaves is known.
            _versions.PutOff(now.AddMicros(VersionIntervalMicros));
            _node.Closed.Touch(this);
            _node.MarkDirty(this);
        }
    }

    private void EndVersions(HlcTimestamp threshold)
    {
        var isClean = _versions.Newest <= threshold;
        _versions.End(isClean ? HlcTimestamp.Max : threshold, _node.Clock.Mono(), VersionIntervalMicros);
        _versionPoint = null;
    }

    // Seldom beside the time for which versions are kept, which is how much there is of them at least.
    private long VersionIntervalMicros =>
        Math.Max(_node.Options.HousekeepingMicros, _node.Options.VersionRetentionMs * 1_000 / IntervalsMax);

    private void RemoveRequests(RangeDescriptor descriptor)
    {
        var now = _node.Clock.Mono();
        var page = RequestRecordExpiry.List(_node.Storage, descriptor.Span, _node.Clock.Peek(), RecordsPerSlice, _requestPoint);
        if (page.StorageKeys.Count > 0)
        {
            if (_core.Propose(RangeCommand.Collect(page.StorageKeys), now, out _) != ProposeOutcome.Accepted)
            {
                // Again from here, a little later: what goes on beside it goes first.
                return;
            }

            _node.Counters.RequestRecordsCollected += page.StorageKeys.Count;
            _node.Closed.Touch(this);
            _node.MarkDirty(this);
        }

        _requests.Count(page.Looked, page.StorageKeys.Count, HlcTimestamp.Zero);
        _requests.Keep(page.NextExpiry);
        _requestPoint = page.Resume;
        if (page.Resume is null)
        {
            _requests.End(HlcTimestamp.Max, now, _node.Options.CollectMicros);
        }
    }

    private void ApplyThreshold(HlcTimestamp to, NodeTurn turn)
    {
        if (to > _threshold)
        {
            _threshold = to;
            _node.Clock.Raise(to);
            _versions.Abandon();
            _versions.Begin();
            _versionPoint = null;
            PutThreshold(Descriptor!.Span.Start, turn);
            _node.Sweeper.Ask(this);
        }
    }

    private void PutThreshold(Key start, NodeTurn turn)
    {
        VersionThreshold.EncodeKey(turn.Key, start);
        VersionThreshold.Encode(turn.Buffer, _threshold);
        turn.Batch.Put(turn.Key.Written, turn.Buffer.Written);
    }

    // Applying a version that reads may not miss. Nothing is written at or below what may have been collected.
    private void NoteVersion(HlcTimestamp at)
    {
        Invariant.Holds(at > _threshold || PlantedBug.Is(BugForgetsThreshold));
        _versions.Note(at);
    }

    // What is here is not known, or another part of it than was looked through: begin again.
    private void TakeGarbage(HlcTimestamp threshold, HlcTimestamp swept)
    {
        (_threshold, _swept) = (PlantedBug.Is(BugForgetsThreshold) ? HlcTimestamp.Zero : threshold, swept);
        (_versionPoint, _requestPoint) = (null, null);
        _versions.Forget();
        _requests.Forget();

        // To look through all that a node holds is not what it should do first after its start.
        _versions.PutOff(_node.Clock.Mono().AddMicros(VersionIntervalMicros));
        if (!IsSwept)
        {
            _versions.Begin();
            _node.Sweeper.Ask(this);
        }
    }
}
