using OrleansGeo.Consensus;
using OrleansGeo.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Unit.Consensus;

/// <summary>Rules that a schedule seldom shows, one replica at a time: node 1 of three, its log restored, its peers played by
/// hand.</summary>
public sealed class ReplicaRulesTests
{
    private static readonly RangeId s_range = new(7);
    private static readonly MonoTime s_now = new(50_000_000);

    [Fact]
    public void A_vote_leaves_only_when_it_is_durable()
    {
        var replica = New();
        replica.Receive(From(2, MessageKind.Vote, 3, index: 1, logTerm: 2), s_now);
        Assert.DoesNotContain(replica.Effects.SendNow, m => m.Kind == MessageKind.VoteReply);
        Assert.False(Assert.Single(replica.Effects.SendAfterPersist).Reject);
        Assert.Equal((new Term(3), new NodeId(2)), (replica.Effects.HardState!.Term, replica.Effects.HardState.Vote));
    }

    [Fact]
    public void An_entry_of_an_older_term_is_not_committed_by_counting()
    {
        var replica = Leader();
        replica.Receive(From(2, MessageKind.AppendReply, 3, index: 1), s_now);
        Assert.Equal(new LogIndex(0), replica.CommitIndex);
        replica.Persisted(new(3), new(2), s_now);
        Assert.Equal(new LogIndex(0), replica.CommitIndex);
        replica.Receive(From(2, MessageKind.AppendReply, 3, index: 2), s_now);
        Assert.Equal(new LogIndex(2), replica.CommitIndex);
        Assert.Equal(2, replica.Effects.Committed.Count);
    }

    [Fact]
    public void A_leader_counts_itself_only_for_what_is_durable()
    {
        var replica = Leader();
        replica.Receive(From(2, MessageKind.AppendReply, 3, index: 2), s_now);
        Assert.Equal(new LogIndex(0), replica.CommitIndex);
        replica.Persisted(new(3), new(2), s_now);
        Assert.Equal(new LogIndex(2), replica.CommitIndex);
        Assert.Null(replica.Effects.CommitPath);
    }

    [Fact]
    public void A_promise_bars_others_and_itself_but_neither_its_leader_nor_a_handover()
    {
        var support = new FakeSupport();
        var replica = New(support);
        replica.Receive(From(2, MessageKind.Fortify, 3, epoch: 1), s_now);
        Assert.Equal(new NodeId(2), replica.Effects.HardState!.FortifiedLeader);
        Assert.Equal(MessageKind.FortifyReply, Assert.Single(replica.Effects.SendAfterPersist).Kind);
        Assert.Equal(MonoTime.Forever, replica.NextWake);
        Drain(replica);

        replica.Receive(From(3, MessageKind.Vote, 9, index: 5, logTerm: 5), s_now);
        var refusal = Assert.Single(replica.Effects.SendNow, m => m.Kind == MessageKind.VoteReply);
        Assert.Equal((true, new NodeId(2), 700_000L), (refusal.Reject, refusal.Leader, refusal.RemainingMicros));
        Assert.Equal(new Term(3), replica.Term);
        Drain(replica);

        replica.Receive(From(3, MessageKind.Vote, 4, index: 5, logTerm: 5, transfer: true), s_now);
        Assert.False(Assert.Single(replica.Effects.SendAfterPersist).Reject);
    }

    [Fact]
    public void A_promise_ends_with_its_epoch()
    {
        var support = new FakeSupport();
        var replica = New(support);
        replica.CampaignDelayMicros = 40_000;
        replica.Receive(From(2, MessageKind.Fortify, 3, epoch: 1), s_now);
        Drain(replica);
        support.GivenEpoch = null;
        replica.SupportChanged(new(2), s_now);
        Assert.Equal(s_now.AddMicros(40_000), replica.NextWake);
        replica.Receive(From(3, MessageKind.Vote, 9, index: 5, logTerm: 5), s_now);
        Assert.False(Assert.Single(replica.Effects.SendAfterPersist).Reject);
    }

    [Fact]
    public void A_pre_vote_is_answered_when_the_support_that_bars_it_has_run_out_if_that_is_soon()
    {
        var support = new FakeSupport();
        var replica = New(support);
        replica.Receive(From(2, MessageKind.Fortify, 3, epoch: 1), s_now);
        Drain(replica);
        var preVote = From(3, MessageKind.PreVote, 4, index: 5, logTerm: 5);
        replica.Receive(preVote, s_now);
        Assert.True(Assert.Single(replica.Effects.SendNow, m => m.Kind == MessageKind.PreVoteReply).Reject);
        Drain(replica);

        support.RemainingMicros = 900;
        replica.Receive(preVote, s_now);
        replica.Receive(preVote, s_now);
        replica.SupportChanged(new(3), s_now);
        Assert.Empty(replica.Effects.SendNow);
        support.GivenEpoch = null;
        replica.SupportChanged(new(2), s_now);
        Assert.False(Assert.Single(replica.Effects.SendNow).Reject);
        Drain(replica);
        replica.SupportChanged(new(2), s_now);
        Assert.Empty(replica.Effects.SendNow);
    }

    [Fact]
    public void A_fortification_of_another_epoch_is_refused()
    {
        var replica = New();
        replica.Receive(From(2, MessageKind.Fortify, 3, epoch: 5), s_now);
        Assert.True(Assert.Single(replica.Effects.SendNow).Reject);
        Assert.Equal(NodeId.None, replica.Effects.HardState!.FortifiedLeader);
    }

    [Fact]
    public void A_lone_voter_leads_only_after_its_term_is_durable()
    {
        var replica = New(voters: 1);
        replica.Wake(replica.NextWake);
        Assert.Equal(ReplicaRole.Candidate, replica.Role);
        var vote = Assert.Single(replica.Effects.SendAfterPersist);
        Assert.Equal(replica.Self, vote.To);
        Assert.Empty(replica.Effects.SendNow);
        Drain(replica);
        replica.Receive(vote, s_now);
        Assert.True(replica.IsLeader);
        Assert.Equal(MonoTime.Forever, replica.LeaseUntil(s_now));
    }

    [Fact]
    public void A_bound_counts_only_peers_that_promised_at_the_epoch_of_their_acknowledgement()
    {
        var support = new FakeSupport { Acknowledged = new(900), DurableLimit = new(950) };
        var replica = Leader(support);
        Assert.Equal(HlcTimestamp.Zero, replica.Bound);
        replica.Receive(From(2, MessageKind.FortifyReply, 3, epoch: 1), s_now);
        Assert.Equal(new HlcTimestamp(900), replica.Bound);
        support.ReceivedEpoch = new(2);
        Assert.Equal(HlcTimestamp.Zero, replica.Bound);
    }

    [Fact]
    public void A_leader_that_stepped_down_says_so_until_it_sees_a_newer_term()
    {
        var replica = Leader();
        replica.StepDown(s_now);
        Assert.Equal(2, replica.Effects.SendNow.Count(m => m.Kind == MessageKind.Defortify && m.Term == new Term(3)));
        Drain(replica);
        replica.Wake(s_now.AddMicros(250_000));
        Assert.Equal(2, replica.Effects.SendNow.Count(m => m.Kind == MessageKind.Defortify));
        Drain(replica);
        replica.Receive(From(2, MessageKind.Append, 4, index: 1, logTerm: 2), s_now);
        Drain(replica);
        replica.Wake(s_now.AddMicros(5_000_000));
        Assert.DoesNotContain(replica.Effects.SendNow, m => m.Kind == MessageKind.Defortify);
    }

    [Fact]
    public void A_leader_serves_no_more_in_a_term_once_it_asked_another_to_take_over()
    {
        var replica = Leader();
        Serve(replica);
        Assert.True(replica.MayServe(s_now));
        Assert.Equal(ProposeOutcome.Accepted, replica.TransferLeadership(new(2), s_now));
        Assert.Contains(replica.Effects.SendNow, m => m.Kind == MessageKind.TimeoutNow);
        Assert.False(replica.MayServe(s_now));
        replica.Wake(s_now.AddMicros(1_500_001));
        Assert.False(replica.IsLeader);
    }

    [Fact]
    public void A_transfer_whose_target_never_catches_up_is_given_up_and_the_leader_serves_on()
    {
        var replica = Leader();
        Serve(replica);
        Assert.Equal(ProposeOutcome.Accepted, replica.Propose(new byte[] { 1 }, s_now, out _));
        replica.TransferLeadership(new(2), s_now);
        Assert.DoesNotContain(replica.Effects.SendNow, m => m.Kind == MessageKind.TimeoutNow);
        Assert.False(replica.MayServe(s_now));
        Assert.Equal(ProposeOutcome.Transferring, replica.Propose(new byte[] { 1 }, s_now, out _));
        replica.Wake(s_now.AddMicros(1_500_000));
        Assert.True(replica.MayServe(s_now.AddMicros(1_500_000)));
    }

    [Fact]
    public void A_commit_that_may_lag_is_told_with_the_next_append_or_on_demand()
    {
        var replica = Leader();
        Serve(replica);
        ProposeLagging(replica, 3);
        replica.Receive(From(2, MessageKind.AppendReply, 3, index: 3), s_now);
        Assert.Equal(new LogIndex(3), replica.CommitIndex);
        Drain(replica);
        replica.Flush(s_now);
        Assert.DoesNotContain(replica.Effects.SendNow, m => m.To == new NodeId(2));

        ProposeLagging(replica, 4);
        Assert.Equal(new LogIndex(3), Assert.Single(replica.Effects.SendNow, m => m.To == new NodeId(2)).Commit);
        replica.Receive(From(2, MessageKind.AppendReply, 3, index: 4), s_now);
        Drain(replica);
        Assert.True(replica.HasUntoldCommit);
        replica.TellCommit();
        replica.Flush(s_now);
        var told = Assert.Single(replica.Effects.SendNow, m => m.To == new NodeId(2));
        Assert.Equal((new LogIndex(4), 0), (told.Commit, told.Entries.Count));
        Assert.False(replica.HasUntoldCommit);
    }

    [Fact]
    public void A_commit_that_may_not_lag_is_told_at_once_with_all_before_it()
    {
        var replica = Leader();
        Serve(replica);
        ProposeLagging(replica, 3);
        replica.Propose(new byte[] { 2 }, s_now, out _);
        replica.Flush(s_now);
        replica.Persisted(new(3), new(4), s_now);
        Drain(replica);
        replica.Receive(From(2, MessageKind.AppendReply, 3, index: 4), s_now);
        replica.Flush(s_now);
        Assert.Equal(new LogIndex(4), Assert.Single(replica.Effects.SendNow, m => m.To == new NodeId(2)).Commit);
    }

    [Fact]
    public void An_append_is_acknowledged_at_once_only_where_its_last_entry_is_durable_in_its_term()
    {
        var replica = New();
        replica.Receive(Append(index: 1, logTerm: 2), s_now);
        AnswersAfterPersist(replica);
        replica.Receive(Append(index: 1, logTerm: 2, entry: new(new(3), new(2), EntryKind.Command, new byte[] { 2 })), s_now);
        AnswersAfterPersist(replica);
        replica.Receive(Append(index: 2, logTerm: 3), s_now);
        AnswersAfterPersist(replica);
        replica.Persisted(new(3), new(2), s_now);
        replica.Receive(Append(index: 2, logTerm: 3), s_now);
        Assert.Equal(new LogIndex(2), Assert.Single(replica.Effects.SendNow).Index);
        Assert.Empty(replica.Effects.SendAfterPersist);
    }

    [Fact]
    public void A_snapshot_is_acknowledged_only_when_it_is_durable()
    {
        var replica = New();
        replica.Receive(Append(index: 5, logTerm: 3), s_now);
        Drain(replica);
        replica.SnapshotInstalled(new(new(5), new(3), replica.Configuration!), s_now);
        AnswersAfterPersist(replica);
        replica.Receive(Append(index: 5, logTerm: 3), s_now);
        AnswersAfterPersist(replica);
    }

#if PLANTED_BUGS
    [Theory]
    [InlineData("consensus.vote-not-persisted", nameof(A_vote_leaves_only_when_it_is_durable))]
    [InlineData("consensus.commit-old-term", nameof(An_entry_of_an_older_term_is_not_committed_by_counting))]
    [InlineData("consensus.fortify-ignored", nameof(A_promise_bars_others_and_itself_but_neither_its_leader_nor_a_handover))]
    public void A_rule_catches_its_planted_bug(string bug, string rule)
    {
        var test = (Action)Delegate.CreateDelegate(typeof(Action), this, rule);
        PlantedBug.Active = bug;
        try
        {
            Assert.ThrowsAny<Xunit.Sdk.XunitException>(test);
        }
        finally
        {
            PlantedBug.Active = null;
        }
    }
#endif

    private static Replica New(FakeSupport? support = null, int voters = 3) => new(
        new(s_range, new(1)),
        new(
            HardState.Initial with { Term = new(2) },
            default,
            default,
            Configuration.Of(Enumerable.Range(1, voters).Select(i => new NodeId(i))),
            [new(new(2), new(1), EntryKind.Command, new byte[] { 1 })],
            default),
        support ?? new(),
        new(1),
        s_now);

    private static Replica Leader(FakeSupport? support = null)
    {
        var replica = New(support);
        replica.Wake(replica.NextWake);
        replica.Receive(From(2, MessageKind.PreVoteReply, 3), s_now);
        replica.Receive(From(2, MessageKind.VoteReply, 3), s_now);
        Assert.True(replica.IsLeader);
        replica.Flush(s_now);
        Drain(replica);
        return replica;
    }

    private static void Serve(Replica replica)
    {
        replica.Persisted(new(3), new(2), s_now);
        replica.Receive(From(2, MessageKind.AppendReply, 3, index: 2), s_now);
        replica.Receive(From(2, MessageKind.FortifyReply, 3, epoch: 1), s_now);
        replica.Applied(new(2), s_now);
        replica.Flush(s_now);
        Drain(replica);
    }

    private static void ProposeLagging(Replica replica, long index)
    {
        Drain(replica);
        Assert.Equal(ProposeOutcome.Accepted, replica.Propose(new byte[] { 1 }, s_now, out _, mayLag: true));
        replica.Flush(s_now);
        replica.Persisted(new(3), new(index), s_now);
    }

    private static void AnswersAfterPersist(Replica replica)
    {
        Assert.Empty(replica.Effects.SendNow);
        Assert.Equal(MessageKind.AppendReply, Assert.Single(replica.Effects.SendAfterPersist).Kind);
        Drain(replica);
    }

    private static Message Append(long index, long logTerm, LogEntry? entry = null) => new()
    {
        Kind = MessageKind.Append,
        Range = s_range,
        From = new(2),
        To = new(1),
        Term = new(3),
        Index = new(index),
        LogTerm = new(logTerm),
        Entries = entry is { } one ? [one] : [],
    };

    private static void Drain(Replica replica) => replica.Effects.Clear();

    private static Message From(
        int from, MessageKind kind, long term, long index = 0, long logTerm = 0, long epoch = 0, bool transfer = false) => new()
        {
            Kind = kind,
            Range = s_range,
            From = new(from),
            To = new(1),
            Term = new(term),
            Index = new(index),
            LogTerm = new(logTerm),
            Epoch = new(epoch),
            Transfer = transfer,
        };

    private sealed class FakeSupport : ISupportView
    {
        public SupportEpoch? GivenEpoch { get; set; } = new SupportEpoch(1);

        public SupportEpoch ReceivedEpoch { get; set; } = new(1);

        public HlcTimestamp Acknowledged { get; set; }

        public HlcTimestamp DurableLimit { get; set; }

        public SupportEpoch? Given(NodeId to) => GivenEpoch;

        public long RemainingMicros { get; set; } = 700_000;

        public long GivenRemainingMicros(NodeId to, MonoTime now) => RemainingMicros;

        public (SupportEpoch Epoch, MonoTime Until) Received(NodeId from) => (ReceivedEpoch, s_now.AddMicros(10_000_000));

        public bool Hears(NodeId peer, MonoTime now) => true;

        public HlcTimestamp AcknowledgedBound(NodeId peer) => Acknowledged;

        public long RttMicros(NodeId peer) => 1_000;
    }
}
