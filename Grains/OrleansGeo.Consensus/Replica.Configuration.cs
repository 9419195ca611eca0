using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Consensus;

// Changes of who replicates (thesis §4.3). A change of voters goes through a joint configuration and leaves it by itself; a change of
// non-voters alone is one entry. One change at a time, and none before this leader committed in its own term: else two changes could skip
// each other's quorum.
public sealed partial class Replica
{
    private const long LeaveJointRetryMicros = 50_000;
    private MonoTime _leaveJointAt = MonoTime.Forever;

    /// <summary>
    /// Moves to a configuration. A node that becomes a voter must be a member already, nearly caught up and fortified, and so must a
    /// majority of the voters to be, this leader counted in: entering the joint configuration then neither stalls writes nor interrupts the
    /// lease, and cannot make a replica decisive that has no state yet. Else <see cref="ProposeOutcome.NotCaughtUp"/>.
    /// </summary>
    public ProposeOutcome ProposeConfiguration(Configuration target, MonoTime now)
    {
        Invariant.Holds(!target.IsJoint && target.Voters.Any(v => !target.IsWitness(v)));
        Invariant.Holds(target.Witnesses.All(target.Voters.Contains) && !target.NonVoters.Any(target.Voters.Contains));
        if (!IsLeader)
        {
            return ProposeOutcome.NotLeader;
        }

        if (IsTransferring || IsWitness)
        {
            return ProposeOutcome.Transferring;
        }

        var current = Configuration!;
        if (current.IsJoint || _commit < _log.ConfigurationIndex || _commit < _leaderStart)
        {
            return ProposeOutcome.Busy;
        }

        if (current.Equals(target))
        {
            return ProposeOutcome.Accepted;
        }

        if (!target.Voters.All(v => current.IsVoter(v) || IsReadyToVote(v, now)) || !Quorum.Has(target, new ReadyValues(this, now)))
        {
            return ProposeOutcome.NotCaughtUp;
        }

        AppendConfiguration(current.Voters.SequenceEqual(target.Voters) ? target : Joint(current, target), now);
        return ProposeOutcome.Accepted;
    }

    private static Configuration Joint(Configuration current, Configuration target) => new(
        target.Voters,
        current.Voters,
        target.NonVoters,
        [.. target.Witnesses.Concat(current.Witnesses.Where(w => !target.IsMember(w))).Distinct().Order()]);

    private static Configuration Left(Configuration joint) => new(
        joint.Voters,
        [],
        joint.NonVoters,
        [.. joint.Witnesses.Where(joint.Voters.Contains)]);

    private readonly struct ReadyValues(Replica replica, MonoTime now) : INodeValue
    {
        public long Of(NodeId node) => node == replica.Self || replica.IsReadyToVote(node, now) ? 1 : 0;
    }

    private bool IsReadyToVote(NodeId node, MonoTime now) => FindPeer(node) is { State: ProgressState.Replicate } peer
        && LastIndex.Value - peer.Match.Value <= _settings.MaxPromotionLag
        && IsFortifiedBy(node) && _support.Received(node).Until > now;

    private void AppendConfiguration(Configuration configuration, MonoTime now)
    {
        var writer = new CodecWriter();
        configuration.Write(writer);
        AppendOwn(EntryKind.Configuration, writer.ToArray());
        Effects.StatusChanged = true;
        _peers.RemoveAll(p => !configuration.IsMember(p.Peer));
        foreach (var node in configuration.Members())
        {
            if (node != Self && FindPeer(node) is null)
            {
                var peer = new PeerProgress(node, LastIndex);
                _peers.Add(peer);
                RequestFortify(peer, now);
            }
        }

        _peers.Sort(static (a, b) => a.Peer.CompareTo(b.Peer));
        ReviewLease(now);
    }

    private void ConfigurationCommitted(MonoTime now)
    {
        Effects.StatusChanged = true;
        if (Configuration!.IsJoint)
        {
            TryLeaveJoint(now);
        }
        else if (!IsVoter)
        {
            HandOverToAnyone(now);
        }
    }

    // The joint configuration is left only when a quorum of the incoming voters reserved every bound under which this leader, or one
    // before it,
    // may have served. Until then a leader needs votes of the outgoing half, which know; afterwards only the incoming half is asked, and
    // its
    // votes must carry at least as much.
    private void TryLeaveJoint(MonoTime now)
    {
        _leaveJointAt = MonoTime.Forever;
        if (Configuration is not { IsJoint: true } joint || _commit < _log.ConfigurationIndex || _commit < _leaderStart || TimeoutNowSent)
        {
            return;
        }

        var known = HlcTimestamp.Later(_votedBound, _exposedBound);
        if (Quorum.Reached(joint.Voters, new BoundValues(this)) < (long)known.Value)
        {
            _leaveJointAt = now.AddMicros(LeaveJointRetryMicros);
            return;
        }

        AppendConfiguration(Left(joint), now);
    }
}
