using OrleansGeo.Primitives;

namespace OrleansGeo.Consensus;

// Handing leadership over (thesis §3.10). The target is brought up to date first; from the moment it is asked to campaign this leader
// serves
// nothing in this term, whatever becomes of it, because followers then vote for the target in spite of their promise.
public sealed partial class Replica
{
    private TransferState? _transfer;

    private sealed record TransferState(NodeId To, MonoTime Deadline, bool TimeoutNowSent, MonoTime RetryAt)
    {
        public MonoTime WakeAt => MonoTime.Min(Deadline, RetryAt);
    }

    /// <summary>True while this leader hands its leadership over; it serves and proposes nothing meanwhile.</summary>
    public bool IsTransferring => _transfer is not null;

    private bool TimeoutNowSent => _transfer is { TimeoutNowSent: true };

    /// <summary>
    /// Hands leadership to a full voter that is heard; else <see cref="ProposeOutcome.NotCaughtUp"/>. When the target does not catch up
    /// within
    /// D the leader goes on; when it was asked and did not win within D the leader steps down.
    /// </summary>
    public ProposeOutcome TransferLeadership(NodeId to, MonoTime now)
    {
        if (!IsLeader)
        {
            return ProposeOutcome.NotLeader;
        }

        if (to == Self)
        {
            return ProposeOutcome.Accepted;
        }

        if (IsTransferring)
        {
            return ProposeOutcome.Transferring;
        }

        if (FindPeer(to) is not { State: not ProgressState.Snapshot } || !MayTakeOver(to, now))
        {
            return ProposeOutcome.NotCaughtUp;
        }

        _transfer = new(to, now.AddMicros(_settings.SupportMicros), false, MonoTime.Forever);
        Effects.StatusChanged = true;
        TryTimeoutNow(now);
        return ProposeOutcome.Accepted;
    }

    /// <summary>
    /// Leads the current term without an election: for the right-hand range of a split, born in the parent's term with this replica as its
    /// vote, at the node that led the parent in that very term when it applied the split; or for a range that is new. Fortifications are
    /// asked for anew.
    /// </summary>
    /// <param name="parentBound">At or above every timestamp at which the parent's leaders served; zero where nobody served before.</param>
    /// <param name="now">This node's time.</param>
    public void InheritLeadership(HlcTimestamp parentBound, MonoTime now)
    {
        Invariant.Holds(Role == ReplicaRole.Follower && IsVoter && _hard.Vote == Self);
        Invariant.Holds(LastIndex == _log.Truncated && _log.TruncatedTerm <= Term);
        Lead(parentBound, now);
    }

    private bool MayTakeOver(NodeId node, MonoTime now) =>
        Configuration!.Voters.Contains(node) && !Configuration.IsWitness(node) && Heard(node, now);

    private void TryTimeoutNow(MonoTime now)
    {
        if (_transfer is not { TimeoutNowSent: false } transfer || FindPeer(transfer.To) is not { } peer || peer.Match < LastIndex)
        {
            return;
        }

        _transfer = transfer with { TimeoutNowSent = true, Deadline = now.AddMicros(_settings.SupportMicros) };
        SendTimeoutNow(now);
    }

    private void SendTimeoutNow(MonoTime now)
    {
        var to = _transfer!.To;
        Effects.SendNow.Add(NewMessage(MessageKind.TimeoutNow, to));
        _transfer = _transfer with { RetryAt = now.AddMicros((2 * _support.RttMicros(to)) + 50_000) };
    }

    private void WakeTransfer(MonoTime now)
    {
        if (_transfer is not { } transfer || now < transfer.WakeAt)
        {
            return;
        }

        if (now < transfer.Deadline)
        {
            SendTimeoutNow(now);
        }
        else if (transfer.TimeoutNowSent || !IsVoter)
        {
            StepDown(now);
        }
        else
        {
            _transfer = null;
            Effects.StatusChanged = true;
            TryLeaveJoint(now);
        }
    }

    private void OnTimeoutNow(Message message, MonoTime now)
    {
        // The leader itself asks: that lifts the promise this replica gave it, for this one campaign.
        if (message.Term == Term && message.From == _leader && IsVoter && !IsLeader && Role != ReplicaRole.Candidate)
        {
            Campaign(true, now);
        }
    }

    // A leader that is no voter any more: the most advanced voter that is heard takes over; when there is none the followers are set free.
    private void HandOverToAnyone(MonoTime now)
    {
        PeerProgress? best = null;
        foreach (var peer in _peers)
        {
            if (MayTakeOver(peer.Peer, now) && peer.State != ProgressState.Snapshot && (best is null || peer.Match > best.Match))
            {
                best = peer;
            }
        }

        if (best is null)
        {
            StepDown(now);
        }
        else if (!IsTransferring)
        {
            TransferLeadership(best.Peer, now);
        }
    }

    // A witness leads only to bring its tail to a full voter, and then asks that one to take over.
    private void StartHandOverOfWitness(MonoTime now)
    {
        if (!IsWitness || IsTransferring)
        {
            return;
        }

        foreach (var peer in _peers)
        {
            if (MayTakeOver(peer.Peer, now) && peer.State == ProgressState.Replicate && peer.Match == LastIndex)
            {
                TransferLeadership(peer.Peer, now);
                return;
            }
        }
    }
}
