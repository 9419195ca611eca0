using System.Collections.Immutable;
using OrleansGeo.Primitives;
using OrleansGeo.Transactions;
using Xunit;

namespace OrleansGeo.Tests.Unit.Transactions;

/// <summary>Every change of a transaction's record that may be asked for, over every state it may be in: what stands afterwards.</summary>
public sealed class RecordRulesTests
{
    private static readonly HlcTimestamp s_keep = new(900);
    private static readonly ImmutableArray<Key> s_keys = [new([1]), new([2])];
    private static readonly RequestName s_name = new([7], [8], 9);
    private static readonly TransactionTag s_tag = new(new(1, 2), new([1]), new(5), new(3));
    private static readonly TransactionRecord s_staged = Record(TransactionStatus.Staging, 20);
    private static readonly TransactionRecord s_committed = Record(TransactionStatus.Committed, 20);
    private static readonly TransactionRecord s_aborted = new(s_tag, TransactionStatus.Aborted, s_keep, [], RequestName.None);

    [Fact]
    public void Staging_is_written_over_nothing_and_over_nothing_else()
    {
        AssertNew(s_staged, RecordRules.Stage(null, s_staged));
        AssertStands(s_aborted, RecordRules.Stage(s_aborted, s_staged));
        AssertStands(s_committed, RecordRules.Stage(s_committed, s_staged));
        var later = Record(TransactionStatus.Staging, 30);
        AssertStands(s_staged, RecordRules.Stage(s_staged, later));
    }

    [Fact]
    public void What_is_staged_is_no_other_state() =>
        Assert.Throws<InvariantViolationException>(() => RecordRules.Stage(null, s_committed));

    [Fact]
    public void A_coordinator_commits_what_is_absent_or_staged_and_keeps_what_is_decided()
    {
        AssertNew(Record(TransactionStatus.Committed, 25), Commit(null, 25));
        AssertNew(Record(TransactionStatus.Committed, 25), Commit(s_staged, 25));
        AssertNew(Record(TransactionStatus.Committed, 20), Commit(s_staged, 20));
        AssertStands(s_committed, Commit(s_committed, 25));
        AssertStands(s_aborted, Commit(s_aborted, 25));
    }

    [Fact]
    public void Nothing_staged_is_committed_at_an_earlier_time_than_it_was_staged_for() =>
        Assert.Throws<InvariantViolationException>(() => Commit(s_staged, 19));

    [Fact]
    public void Recovery_commits_what_is_complete_at_the_time_it_was_staged_for_and_keeps_its_request()
    {
        var decided = RecordRules.Recover(s_staged, new(20), true, s_keep);
        AssertNew(s_staged with { Status = TransactionStatus.Committed }, decided);
        Assert.Equal((s_staged.Keys, s_name), (decided.Record!.Keys, decided.Record.Request));
    }

    [Fact]
    public void Recovery_aborts_what_is_incomplete_and_keeps_it_so_long_as_messages_may_come()
    {
        var decided = RecordRules.Recover(s_staged, new(20), false, s_keep);
        AssertNew(s_staged with { Status = TransactionStatus.Aborted, Timestamp = s_keep }, decided);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Recovery_says_nothing_of_what_it_has_not_looked_at(bool isComplete)
    {
        AssertStands(null, RecordRules.Recover(null, new(20), isComplete, s_keep));
        AssertStands(s_committed, RecordRules.Recover(s_committed, new(20), isComplete, s_keep));
        AssertStands(s_aborted, RecordRules.Recover(s_aborted, s_keep, isComplete, s_keep));

        // It looked for intents at or below 19, or 21: that is another question.
        AssertStands(s_staged, RecordRules.Recover(s_staged, new(19), isComplete, s_keep));
        AssertStands(s_staged, RecordRules.Recover(s_staged, new(21), isComplete, s_keep));
    }

    [Fact]
    public void What_has_not_staged_is_aborted_and_nothing_else_is()
    {
        AssertNew(s_aborted, RecordRules.AbortAbsent(null, s_tag, s_keep));
        AssertStands(s_staged, RecordRules.AbortAbsent(s_staged, s_tag, s_keep));
        AssertStands(s_committed, RecordRules.AbortAbsent(s_committed, s_tag, s_keep));
        AssertStands(s_aborted, RecordRules.AbortAbsent(s_aborted, s_tag, new(901)));
    }

    [Fact]
    public void However_it_is_asked_a_record_that_is_decided_never_changes()
    {
        for (var seed = 0UL; seed < 500; seed++)
        {
            var prng = new Prng(seed);
            TransactionRecord? known = null;
            TransactionRecord? decided = null;
            for (var step = 0; step < 12; step++)
            {
                var before = known;
                var change = Change(prng, known);
                Assert.Equal(change.IsNew, !Equals(change.Record, before));
                known = change.Record;
                Assert.False(before is not null && known is null, "a record is never taken back");
                Assert.True(decided is null || Equals(decided, known), $"seed {seed}: {decided} became {known}");
                decided ??= known is { Status: TransactionStatus.Committed or TransactionStatus.Aborted } ? known : null;
            }
        }
    }

    private static RecordDecision Change(Prng prng, TransactionRecord? known) => prng.Below(4) switch
    {
        0 => RecordRules.Stage(known, Record(TransactionStatus.Staging, 10 + (ulong)prng.Below(5))),
        1 => Commit(known, 15 + (ulong)prng.Below(5)),
        2 => RecordRules.Recover(known, new(10 + (ulong)prng.Below(5)), prng.Chance(0.5), s_keep),
        _ => RecordRules.AbortAbsent(known, s_tag, s_keep),
    };

    private static RecordDecision Commit(TransactionRecord? known, ulong at) => RecordRules.Commit(known, s_tag, new(at), s_keys, s_name);

    private static TransactionRecord Record(TransactionStatus status, ulong at) => new(s_tag, status, new(at), s_keys, s_name);

    private static void AssertNew(TransactionRecord expected, RecordDecision decision)
    {
        Assert.Equal(expected, decision.Record);
        Assert.True(decision.IsNew);
    }

    private static void AssertStands(TransactionRecord? expected, RecordDecision decision)
    {
        Assert.Equal(expected, decision.Record);
        Assert.False(decision.IsNew);
    }
}
