using OrleansGeo.Primitives;

namespace OrleansGeo.Consensus;

// What a follower does with its leader's log: Raft §5.3, and snapshots for what the leader's log no longer holds.
public sealed partial class Replica
{
    /// <summary>
    /// True when a snapshot at this point brings this replica forward. To be asked right before installing: a log that already holds the
    /// point must be kept, because this replica may have acknowledged what lies behind it.
    /// </summary>
    public bool CanInstall(SnapshotPoint point) => point.Index > _commit && !_log.Matches(point.Index, point.Term);

    /// <summary>The engine installed a snapshot durably and reset the stored log to begin behind its point.</summary>
    public void SnapshotInstalled(SnapshotPoint point, MonoTime now)
    {
        Invariant.Holds(!IsLeader && CanInstall(point));
        Invariant.Holds(Effects.Committed.Count == 0 && Effects.Append.Count == 0);
        if (point.Term > Term)
        {
            BecomeFollower(point.Term, NodeId.None, now);
        }

        _log.Reset(point);
        _commit = _emitted = _applied = _durable = point.Index;
        Effects.StatusChanged = true;
        if (_leader.IsSome)
        {
            Effects.SendAfterPersist.Add(AppendAnswer(_leader, point.Index, null));
        }

        ReviewElectionTimer(now);
    }

    private void FollowLeader(NodeId leader, MonoTime now)
    {
        // Election safety, Raft §5.2: a second leader of this term would be caught here.
        Invariant.Holds(!IsLeader && (!_leader.IsSome || _leader == leader));
        if (Role != ReplicaRole.Follower || _leader != leader)
        {
            BecomeFollower(Term, leader, now);
        }
    }

    private void OnAppend(Message append, MonoTime now)
    {
        if (append.Term < Term)
        {
            Effects.SendNow.Add(Rejection(append, default, default));
            return;
        }

        FollowLeader(append.From, now);
        _resumeAt = MonoTime.Forever;
        if (MayCampaign)
        {
            ArmElection(now, ElectionWait());
        }

        if (!IsInitialised)
        {
            Effects.SendNow.Add(new()
            {
                Kind = MessageKind.AppendReply,
                Range = Range,
                From = Self,
                To = append.From,
                Term = Term,
                Index = append.Index,
                Reject = true,
                NeedsSnapshot = true,
                Path = append.Path,
            });
        }
        else if (append.Index < _log.Truncated)
        {
            // Everything up to the commit index equals the leader's log: leader completeness, Raft §5.4.
            Acknowledge(append, _commit);
        }
        else if (_log.Matches(append.Index, append.LogTerm))
        {
            TakeEntries(append, now);
        }
        else
        {
            var hint = _log.LastAtOrBelow(append.Index, append.LogTerm);
            Effects.SendNow.Add(Rejection(append, hint, TermAt(hint)));
        }
    }

    private void TakeEntries(Message append, MonoTime now)
    {
        var before = Configuration;
        foreach (var entry in append.Entries)
        {
            if (_log.Matches(entry.Index, entry.Term))
            {
                continue;
            }

            if (entry.Index <= LastIndex)
            {
                Invariant.Holds(entry.Index > _commit);
                TruncateFrom(entry.Index);
            }

            _log.Append(entry);
            Effects.Append.Add(entry);
        }

        var last = append.Entries.Count == 0 ? append.Index : append.Entries[^1].Index;
        var commit = LogIndex.Min(append.Commit, last);
        if (commit > _commit)
        {
            _commit = commit;
            EmitCommitted();
        }

        Acknowledge(append, last);
        if (!ReferenceEquals(before, Configuration))
        {
            Effects.StatusChanged = true;
            ReviewElectionTimer(now);
        }
    }

    private void TruncateFrom(LogIndex from)
    {
        _log.TruncateFrom(from);
        _durable = LogIndex.Min(_durable, from.Previous);
        Effects.TruncateFrom = Effects.TruncateFrom is { } earlier ? LogIndex.Min(earlier, from) : from;
        Effects.Append.RemoveAll(e => e.Index >= from);
    }

    // An entry of this term that is durable was made so together with the term, so there is nothing left to wait for: mostly an append
    // that only brought a commit index. Without one the term, or the snapshot below the log, may still be on its way to the disk.
    private void Acknowledge(Message append, LogIndex match)
    {
        var isDurable = match > _log.Truncated && match <= _durable && TermAt(match) == Term;
        (isDurable || PlantedBug.Is("consensus.append-ack-before-persist") ? Effects.SendNow : Effects.SendAfterPersist)
            .Add(AppendAnswer(append.From, match, append.Path));
    }

    private Message AppendAnswer(NodeId to, LogIndex match, WanPath? path) => new()
    {
        Kind = MessageKind.AppendReply,
        Range = Range,
        From = Self,
        To = to,
        Term = Term,
        Index = match,
        Commit = _commit,
        Path = path,
    };

    private Message Rejection(Message append, LogIndex hint, Term hintTerm) => new()
    {
        Kind = MessageKind.AppendReply,
        Range = Range,
        From = Self,
        To = append.From,
        Term = Term,
        Index = append.Index,
        Reject = true,
        Hint = hint,
        HintTerm = hintTerm,
        Path = append.Path,
    };

    private void OnSnapshotOffer(Message offer, MonoTime now)
    {
        if (offer.Term < Term)
        {
            Effects.SendNow.Add(Rejection(offer, default, default));
            return;
        }

        FollowLeader(offer.From, now);
        if (IsInitialised && (offer.Index <= _commit || _log.Matches(offer.Index, offer.LogTerm)))
        {
            Effects.SendAfterPersist.Add(AppendAnswer(offer.From, LogIndex.Max(_commit, offer.Index), offer.Path));
        }
        else
        {
            Effects.SnapshotOffered = offer;
        }
    }
}
