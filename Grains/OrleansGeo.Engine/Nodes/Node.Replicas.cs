using System.Collections.Immutable;
using System.Security.Cryptography;
using OrleansGeo.Consensus;
using OrleansGeo.Primitives;
using OrleansGeo.Transactions;

namespace OrleansGeo.Engine;

// Which replicas this node has: found in storage, born with a table or a split, added by a reconfiguration, removed.
//
// A range comes to life in one of three ways, and each is safe against a node that learns of it late:
// - With a table. Its directory entry has generation 1 and names its members; a member creates its replica when it applies the entry. A
//   late one cannot form a second quorum from nothing: a later configuration was agreed by a majority of the first, whose replicas
//   remember.
// - By a split, when the left-hand replica applies it.
// - By a message from a leader that counts this node as a member. The replica then has no state, neither votes nor campaigns, and waits for
//   a snapshot.
public sealed partial class Node
{
    // Ranges where nothing happens are looked at in turn, a fortieth in each pass: as much as a glance at ten thousand of them twice a
    // second costs more than everything else an idle node does.
    private const int IdlePasses = 40;

    // A survey takes at most one part in this many.
    private const int SurveyShare = 2_000;
    private const long SurveyMicrosMin = 900_000;

    private readonly HashSet<RangeId> _publishing = [];
    private readonly List<RangeReplica> _stirred = [];
    private RangeReplica[] _round = [];
    private int _housePass;

    /// <summary>
    /// Adds a replica that begins with its range. Every member remembers the same first leader as its vote in the first term, so nobody
    /// else can win that term; the leader itself begins to lead once its birth is durable, and not after a restart.
    /// Null when it is here already.
    /// </summary>
    internal RangeReplica? BirthReplica(RangeId id, ReplicaState state, Term term, NodeId leader, HlcTimestamp servedBelow)
    {
        var known = _removed.GetValueOrDefault(id, HardState.Initial);
        if (_replicas.TryGetValue(id, out var existing))
        {
            if (existing.Descriptor is not null)
            {
                // A snapshot brought the right-hand range here before its left-hand neighbour split; it is further than what is born now.
                return null;
            }

            known = existing.Core.HardState;
            existing.Stop();
        }

        var inherits = known.Term < term && leader == Id;
        var hardState = known.Term >= term ? known : HardState.Initial with { Term = term, Vote = leader };
        var born = NodeStore.PutBornReplica(_turn.Batch, state.Descriptor!, term, hardState, _turn.Buffer);
        var replica = AddReplica(born);
        if (inherits)
        {
            _turn.Sync.Births.Add((replica, servedBelow));
        }

        _turn.NeedsSync();
        return replica;
    }

    internal bool HasReplica(RangeId range) => _replicas.ContainsKey(range) || _removed.ContainsKey(range);

    internal void RemoveReplicaSoon(RangeReplica replica)
    {
        _removals.Add(replica);
        ScheduleTurn();
    }

    internal void DescriptorChanged(RangeReplica replica)
    {
        if (replica.Leads)
        {
            PublishDescriptor(replica);
        }
    }

    internal void SnapshotInstalled(RangeReplica replica, NodeTurn turn)
    {
        if (replica.Id == SystemKeys.RangeId)
        {
            turn.ReloadsSystem = true;
        }
    }

    /// <summary>True when another replica here holds keys of the span: one of the two is behind a split that the other has seen.</summary>
    internal bool OverlapsOther(RangeReplica replica, KeySpan span)
    {
        foreach (var other in _replicas.Values)
        {
            if (other != replica && other.Descriptor is { } descriptor && descriptor.Span.Overlaps(span))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>What this node knows of who has a key, and of the range that was asked.</summary>
    internal RangeOutcome.Moved MovedFrom(RangeReplica asked, Key key)
    {
        var known = ImmutableArray.CreateBuilder<RangeDescriptor>();
        known.Add(asked.Descriptor!);
        foreach (var replica in _replicas.Values)
        {
            if (replica.Descriptor is { } descriptor && descriptor.Span.Contains(key) && replica != asked)
            {
                known.Add(descriptor);
            }
        }

        return new(known.ToImmutable());
    }

    /// <summary>Asks for an id in the background and splits the range near its middle.</summary>
    internal void AskSplit(RangeReplica replica) => _ = SplitAsync(replica);

    private async Task SplitAsync(RangeReplica replica)
    {
        try
        {
            if (await AllocateRangeIdAsync() is { } id)
            {
                await CallAsync(Id, replica.Id, new RangeOperation.Split(null, id), TimeSpan.FromSeconds(10), CancellationToken.None);
            }
        }
        finally
        {
            replica.SplitAnswered();
        }
    }

    private async Task<RangeId?> AllocateRangeIdAsync()
    {
        var leader = LeaderHint(SystemKeys.RangeId);
        if (!leader.IsSome)
        {
            return null;
        }

        var timeout = TimeSpan.FromSeconds(2);
        var read = await CallAsync(
            leader, SystemKeys.RangeId, new RangeOperation.Get([SystemKeys.NextId], null), timeout, CancellationToken.None);
        if (read.Outcome is not RangeOutcome.Found { Values: [{ Value: { } value } found] })
        {
            return null;
        }

        var next = SystemRecords.DecodeNextId(value);
        var write = new KeyWrite(
            WriteKind.Put, SystemKeys.NextId, SystemRecords.EncodeNextId(next + 1), Precondition.None with { IfMatch = [found.Version] });
        var answer = await CallAsync(leader, SystemKeys.RangeId, OneWrite(write, RandomId()), timeout, CancellationToken.None);
        return answer.Outcome is RangeOutcome.Written ? new RangeId(next) : null;
    }

    private ImmutableArray<byte> RandomId()
    {
        var id = new byte[16];
        Prng.Fill(id);
        return [.. id];
    }

    private static RangeOperation.Write OneWrite(KeyWrite write, ImmutableArray<byte> requestId) =>
        new([write], requestId, requestId, 120_000, false);

    private void Load()
    {
        foreach (var stored in ReplicaStore.LoadAll(Storage))
        {
            if (stored.Removed)
            {
                _removed[stored.Range] = stored.HardState;
            }
            else
            {
                AddReplica(stored);
            }
        }

        LoadSystemView();

        // A node that never ran before has led nothing: it may begin to lead the system range it was made with.
        if (Incarnation.Value == 1 && _replicas.TryGetValue(SystemKeys.RangeId, out var system) && system.Core.HardState.Vote == Id)
        {
            system.Inherit(HlcTimestamp.Zero);
        }
    }

    private RangeReplica AddReplica(StoredReplica stored)
    {
        var replica = new RangeReplica(this, stored);
        _replicas[stored.Range] = replica;
        _removed.Remove(stored.Range);
        MarkDirty(replica);
        return replica;
    }

    private RangeReplica? ReplicaFor(Message message)
    {
        if (_replicas.TryGetValue(message.Range, out var replica) && !replica.Stopped)
        {
            return replica;
        }

        if (message.Kind == MessageKind.Resume)
        {
            // Somebody keeps a promise to a replica that is here no more: it leads nothing.
            Outbox.Add(new Message
            {
                Kind = MessageKind.Defortify,
                Range = message.Range,
                From = Id,
                To = message.From,
                Term = message.Term,
            });
            ScheduleTurn();
            return null;
        }

        if (replica is not null)
        {
            return null;
        }

        if (message.Kind is not (MessageKind.Append or MessageKind.SnapshotOffer) || IsNoMember(message.Range))
        {
            return null;
        }

        return AddReplica(new(message.Range) { HardState = _removed.GetValueOrDefault(message.Range, HardState.Initial) });
    }

    // The directory may be behind the range: only an entry that is there and leaves this node out speaks against a message.
    private bool IsNoMember(RangeId range)
    {
        foreach (var descriptor in System.RangesByStart.Values)
        {
            if (descriptor.Id == range)
            {
                return _removed.ContainsKey(range) && !descriptor.Configuration.IsMember(Id);
            }
        }

        return false;
    }

    private void KeepHouse()
    {
        if (_stopped)
        {
            return;
        }

        Timers.At(Clock.Mono().AddMicros(Options.HousekeepingMicros), KeepHouse);
        KeepSystemRange();
        LookOver();
        foreach (var replica in ToHouse())
        {
            replica.IsStirred = false;
            if (replica.Stopped)
            {
                continue;
            }

            replica.KeepHouse();
            PublishDescriptor(replica);
            RemoveIfLeftOut(replica);
            if (replica.HasNews)
            {
                Stir(replica);
            }
        }
    }

    // Only for somebody, and the more ranges there are the less often: it takes a share of the node's time and no more.
    private void LookOver()
    {
        var began = Clock.Mono();
        if (Metrics?.IsWatched == true && began >= _surveyAt)
        {
            _survey ??= new(this);
            Volatile.Write(ref _figures, _survey.Take());
            _surveyAt = began.AddMicros(Math.Max(SurveyMicrosMin, SurveyShare * Clock.Mono().MicrosSince(began)));
        }
    }

    /// <summary>Something happened to a replica, or somebody waits there: the next pass looks after it.</summary>
    internal void Stir(RangeReplica replica)
    {
        if (!replica.IsStirred)
        {
            replica.IsStirred = true;
            _stirred.Add(replica);
        }
    }

    // Those where something happened, and the next part of all.
    private RangeReplica[] ToHouse()
    {
        if (_housePass == 0)
        {
            _round = [.. _replicas.Values];
        }

        var from = (int)((long)_round.Length * _housePass / IdlePasses);
        _housePass = (_housePass + 1) % IdlePasses;
        var to = _housePass == 0 ? _round.Length : (int)((long)_round.Length * _housePass / IdlePasses);
        for (var i = from; i < to; i++)
        {
            Stir(_round[i]);
        }

        _stirred.Sort(static (a, b) => a.Id.CompareTo(b.Id));
        RangeReplica[] housed = [.. _stirred];
        _stirred.Clear();
        return housed;
    }

    // A replica that was away when it was removed never hears of it from its log. The directory is written only by leaseholders and only
    // forward, so an entry newer than the replica that leaves this node out is the truth.
    private void RemoveIfLeftOut(RangeReplica replica)
    {
        if (replica.Descriptor is { } descriptor && !replica.Leads
            && System.RangesByStart.TryGetValue(descriptor.Span.Start, out var known) && known.Id == descriptor.Id
            && known.Generation > descriptor.Generation && !known.Configuration.IsMember(Id))
        {
            RemoveReplicaSoon(replica);
        }
    }

    // The range's own log is the authority; the directory follows. Only the leaseholder writes its range's entry, and only forward.
    private void PublishDescriptor(RangeReplica replica)
    {
        if (replica.Descriptor is not { } descriptor || !replica.MayServe())
        {
            return;
        }

        replica.IsPublished = DirectoryGeneration(descriptor) >= descriptor.Generation;
        if (!replica.IsPublished && _publishing.Add(replica.Id))
        {
            _ = PublishAsync(replica.Id, descriptor);
        }
    }

    private long DirectoryGeneration(RangeDescriptor descriptor) =>
        System.RangesByStart.TryGetValue(descriptor.Span.Start, out var known) && known.Id == descriptor.Id ? known.Generation : 0;

    private async Task PublishAsync(RangeId range, RangeDescriptor descriptor)
    {
        try
        {
            var leader = LeaderHint(SystemKeys.RangeId);
            if (leader.IsSome)
            {
                await PublishAsync(leader, range, descriptor);
            }
        }
        finally
        {
            _publishing.Remove(range);
        }
    }

    private async Task PublishAsync(NodeId leader, RangeId range, RangeDescriptor descriptor)
    {
        var timeout = TimeSpan.FromSeconds(2);
        var key = SystemKeys.Range(range);
        var read = await CallAsync(leader, SystemKeys.RangeId, new RangeOperation.Get([key], null), timeout, CancellationToken.None);
        if (read.Outcome is not RangeOutcome.Found { Values: [var found] }
            || (found.Value is not null && RangeDescriptor.Decode(found.Value).Generation >= descriptor.Generation)
            || (found.Value is null && descriptor.TableId != 0 && !TableExists(descriptor.TableId)))
        {
            return;
        }

        var condition = found.Value is null
            ? Precondition.None with { IfAbsent = true }
            : Precondition.None with { IfMatch = [found.Version] };
        var write = new KeyWrite(WriteKind.Put, key, descriptor.Encode(), condition);
        var id = SHA256.HashData([.. key.Span, .. BitConverter.GetBytes(descriptor.Generation)]).AsSpan(0, 16);
        await CallAsync(leader, SystemKeys.RangeId, OneWrite(write, [.. id]), timeout, CancellationToken.None);
    }

    private bool TableExists(long table)
    {
        foreach (var record in System.Tables.Values)
        {
            if (record.Info.Id == table)
            {
                return true;
            }
        }

        return false;
    }
}
