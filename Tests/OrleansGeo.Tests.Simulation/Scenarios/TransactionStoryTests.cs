using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Scenarios;
using OrleansGeo.Transactions;
using Xunit;

namespace OrleansGeo.Tests.Simulation.Scenarios;

/// <summary>What becomes of transactions that meet each other, a recovery, a new leader, a stale read or a split.</summary>
public sealed class TransactionStoryTests
{
    private const int Coordinator = 4;

    // Twice the patience of whoever waits, and the round trips of looking, deciding and trying anew: far below the time after which
    // whoever waits ends a transaction whatever its age.
    private const long RingEndsWithinMs = 1_500;

    private readonly TransactionStory _story = new(22);

    [Fact]
    public void Two_transactions_that_lay_in_opposite_order_both_end()
    {
        // Each lays at home at once, and meets the other's intent an ocean later.
        var begin = _story.Host.World.NowMicros;
        var request = TransactionStory.AddOne("k", TransactionStory.Near, TransactionStory.Far);
        var near = _story.Begin(_story.Host.LeaseholderOf(TransactionStory.Near).Value, request);
        var far = _story.Begin(_story.Host.LeaseholderOf(TransactionStory.Far).Value, request);
        _story.Host.RunUntil(() => near.Answer is not null && far.Answer is not null, 10_000, "they wait for each other");
        Assert.True(near.Answer!.IsOk, near.Answer.Error?.ToString());
        Assert.True(far.Answer!.IsOk, far.Answer.Error?.ToString());
        AssertValues([2, 0, 2], null);
        Assert.True(_story.Attempts.Count > 2, "they did not meet");
        Assert.InRange((Math.Max(near.EndedMicros, far.EndedMicros) - begin) / 1_000, 0, RingEndsWithinMs);
    }

    [Fact]
    public void A_strict_read_sees_no_write_without_one_that_was_acknowledged_before_it_began()
    {
        // The reader's clock is ahead. It reads at home at once, an ocean away later; between the two, one write after the other.
        _story.Host.Cluster.JumpClock(new(Coordinator), 800);
        var read = _story.Begin(Coordinator, new(
            TransactionIsolation.Strict,
            [new(TransactionStory.Near.Table, ScenarioHost.Key("k")), new(TransactionStory.Far.Table, ScenarioHost.Key("k"))],
            [],
            []));
        _story.Host.RunFor(40);
        Assert.True(_story.Put(_story.Host.LeaseholderOf(TransactionStory.Near).Value, TransactionStory.Near, "k", 1).IsOk);
        Assert.True(_story.Put(_story.Host.LeaseholderOf(TransactionStory.Far).Value, TransactionStory.Far, "k", 2).IsOk);
        _story.Host.RunUntil(() => read.Answer is not null, 10_000, "the reader waits");
        Assert.Equal([1L, 2L], read.Answer!.Value!.Reads.Select(row => row!.Row["v"].AsInt64()));
    }

    [Fact]
    public void A_recovery_that_is_quicker_than_its_coordinator_and_finds_all_intents_commits()
    {
        // The coordinator sleeps from the moment in which all its lays are on their way.
        PauseAfterLays(4_000);
        var pending = _story.Begin(Coordinator, TransactionStory.AddOne("k", TransactionStory.Tables), "once", 15_000);
        _story.Host.RunFor(500);
        var other = _story.Transact(1, TransactionStory.AddOne("k", TransactionStory.Tables), timeoutMs: 10_000);
        Assert.True(other.IsOk, other.Error?.ToString());
        Assert.Null(pending.Answer);
        _story.Host.RunUntil(() => pending.Answer is not null, 10_000, "the coordinator did not answer");
        Assert.True(pending.Answer!.IsOk, pending.Answer.Error?.ToString());
        Assert.True(pending.Answer.Value.CommitTimestamp < other.Value.CommitTimestamp);
        AssertValues([2, 2, 2], other.Value.CommitTimestamp);
        Assert.Equal(2, _story.Attempts.Count);
    }

    [Theory]
    [InlineData("far")]
    [InlineData("near")]
    public void A_recovery_that_is_quicker_than_its_coordinator_and_misses_an_intent_makes_it_try_anew(string table)
    {
        // The record is staged and refuted, or it is absent and aborted before the staging comes.
        var late = _story.Host.RangeOf(new("geo", table)).Id;
        PauseAfterLays(4_000);
        _story.Lose(passing => passing.From.Value == Coordinator && passing.Range == late && passing.Operation is RangeOperation.Lay);
        var pending = _story.Begin(Coordinator, TransactionStory.AddOne("k", TransactionStory.Tables), "once", 20_000);
        _story.Host.RunFor(500);
        var other = _story.Transact(1, TransactionStory.AddOne("k", TransactionStory.Tables), timeoutMs: 10_000);
        Assert.True(other.IsOk, other.Error?.ToString());
        _story.LoseNothing();
        _story.Host.RunUntil(() => pending.Answer is not null, 15_000, "the coordinator did not answer");
        Assert.True(pending.Answer!.IsOk, pending.Answer.Error?.ToString());
        Assert.True(pending.Answer.Value.CommitTimestamp > other.Value.CommitTimestamp);
        AssertValues([2, 2, 2], pending.Answer.Value.CommitTimestamp);
        Assert.Equal(3, _story.Attempts.Count);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public void A_transaction_whose_condition_was_overtaken_looks_again(long overtaking)
    {
        // The condition is looked at, and before the lays arrive its row is written and one of theirs is read: they come later than asked.
        _story.Once(Looked, () => _story.Host.Begin(async () =>
        {
            await _story.Host.StoreOf(new(1))!.WriteRowAsync(
                TransactionStory.Near, TransactionStory.PutOf("c", overtaking), RequestOptions.Default, CancellationToken.None);
            await _story.Host.StoreOf(new(1))!.ReadRowAsync(
                TransactionStory.Wide, ScenarioHost.Key("k"), ReadBound.Strong, RequestOptions.Default, CancellationToken.None);
        }));
        Assert.True(_story.Put(1, TransactionStory.Near, "c", 0).IsOk);
        var request = TransactionStory.AddOne("k", TransactionStory.Wide, TransactionStory.Far) with
        {
            Conditions = [TransactionStory.Is(TransactionStory.Near, "c", 0)],
        };
        var result = _story.Transact(Coordinator, request);
        if (overtaking == 0)
        {
            Assert.True(result.IsOk, result.Error?.ToString());
            AssertValues([0, 1, 1], null);
            Assert.Equal(2, _story.Attempts.Count);
        }
        else
        {
            Assert.Equal(GeoErrorKind.PreconditionFailed, result.Error?.Kind);
            AssertValues([0, 0, 0], null);
        }
    }

    private static bool Looked(TransactionStory.Passing passing) =>
        passing.To.Value == Coordinator && passing.Outcome is RangeOutcome.Looked;

    [Fact]
    public void A_leader_that_dies_between_staging_and_answer_is_followed_by_one_that_knows()
    {
        var near = _story.Host.LeaseholderOf(TransactionStory.Near);
        _story.Lose(passing => passing.From == near && passing.Outcome is RangeOutcome.Laid);
        _story.Once(passing => passing.From == near && passing.Outcome is RangeOutcome.Laid, () => _story.Host.Crash([near]));
        var (result, ms) = _story.Host.Measure(
            () => _story.Transact(Coordinator, TransactionStory.AddOne("k", TransactionStory.Tables), timeoutMs: 10_000));
        Assert.True(result.IsOk, result.Error?.ToString());
        Assert.InRange(ms, 0, 5_000);
        Assert.NotEqual(near, _story.Host.LeaseholderOf(TransactionStory.Near));
        AssertValues([1, 1, 1], result.Value.CommitTimestamp);
        Assert.Single(_story.Attempts);
    }

    [Fact]
    public void A_new_leader_lays_nothing_below_what_its_predecessor_let_be_read()
    {
        // The lay is as old as its transaction when it reaches a leader who has read nothing himself; and time is closed late.
        var story = new TransactionStory(25, static options => options with { ClosedTargetMs = 60_000 });
        var near = story.Host.RangeOf(TransactionStory.Near).Id;
        var old = story.Host.LeaseholderOf(TransactionStory.Near);
        RangeOperation? lay = null;
        story.Lose(passing =>
        {
            var isIts = passing.From.Value == Coordinator && passing.Range == near && passing.Operation is RangeOperation.Lay;
            lay ??= isIts ? passing.Operation : null;
            return isIts;
        });
        var pending = story.Begin(
            Coordinator, TransactionStory.AddOne("k", TransactionStory.Near, TransactionStory.Far), null, 20_000);
        story.Host.RunFor(300);
        var node = ScenarioHost.NodesOf(ScenarioHost.Home).First(home => home != old).Value;
        var read = story.Host.Read(node, TransactionStory.Near, "k");
        Assert.Equal(0, read.Value?.Row["v"].AsInt64());
        story.Host.Crash([old]);
        story.Host.RunUntil(
            () => story.Host.LeaseholderOf(TransactionStory.Near) is { IsSome: true } now && now != old, 10_000, "nobody leads");
        story.Deliver(TransactionStory.Near, lay!);
        story.LoseNothing();
        story.Host.RunUntil(() => pending.Answer is not null, 20_000, "no answer");
        Assert.True(pending.Answer!.IsOk, pending.Answer.Error?.ToString());
        Assert.True(pending.Answer.Value.CommitTimestamp > read.Meta.ReadTimestamp, "it was not there when it was read, and now it was");
    }

    [Fact]
    public void What_a_recovery_has_missed_stays_missing()
    {
        // Time is closed so late that nothing but what the recovery left behind keeps the late intent from where it was looked for.
        var story = new TransactionStory(24, static options => options with { ClosedTargetMs = 60_000 });
        var near = story.Host.RangeOf(TransactionStory.Near).Id;
        RangeOperation.Lay? lay = null;
        var looked = false;
        story.Lose(passing =>
        {
            var isIts = passing.From.Value == Coordinator && passing.Range == near && passing.Operation is RangeOperation.Lay;
            lay ??= isIts ? (RangeOperation.Lay?)passing.Operation : null;
            return isIts && !looked;
        });
        story.Lose(static passing => passing is { Operation: RangeOperation.Conclude or RangeOperation.Finish, From.Value: Coordinator });
        var pending = story.Begin(
            Coordinator, TransactionStory.AddOne("k", TransactionStory.Far, TransactionStory.Wide, TransactionStory.Near), null, 40_000);
        story.Host.RunFor(300);

        // A recovery looks for the intent, which is not there; the intent comes; and then comes what the recovery has found.
        story.Deliver(TransactionStory.Near, new RangeOperation.FindIntents([lay!.Writes[0].Key], lay.Transaction.Id, lay.At));
        looked = true;
        var patience = 0;
        story.Host.RunUntil(() => pending.Answer is not null || ++patience > 60, 10_000, "no end of patience");
        var refute = new RangeOperation.Conclude(lay.Transaction, TransactionVerdict.RefuteStaged, lay.At, [], RequestName.None);
        story.Deliver(TransactionStory.Far, refute);
        story.LoseNothing();
        story.Host.RunUntil(() => pending.Answer is not null, 30_000, "no answer");
        Assert.True(pending.Answer!.IsOk, pending.Answer.Error?.ToString());
        Assert.Equal([1, 1, 1], story.Values(1).Values);
    }

    [Fact]
    public void Late_copies_of_all_messages_of_a_transaction_change_nothing()
    {
        var late = new List<(RangeId Range, RangeOperation Operation)>();
        _story.Lose(passing =>
        {
            if (passing is { Operation: RangeOperation.Lay or RangeOperation.Conclude or RangeOperation.Finish, From.Value: Coordinator })
            {
                late.Add((passing.Range!.Value, passing.Operation));
            }

            return false;
        });
        var made = _story.Transact(Coordinator, TransactionStory.AddOne("k", TransactionStory.Tables));
        Assert.True(made.IsOk, made.Error?.ToString());
        _story.Host.RunFor(3_000);
        Assert.Equal(0, _story.IntentsLeft());
        Assert.True(late.Count >= 5, $"{late.Count} messages");
        for (var times = 0; times < 2; times++)
        {
            foreach (var (range, operation) in late.ToArray())
            {
                _story.Deliver(TransactionStory.Tables.Single(table => _story.Host.RangeOf(table).Id == range), operation);
            }

            late.Reverse();
        }

        _story.Host.RunFor(3_000);
        AssertValues([1, 1, 1], made.Value.CommitTimestamp);
        Assert.Equal(0, _story.IntentsLeft());
    }

    [Fact]
    public void An_intent_blocks_no_stale_read_in_another_region()
    {
        // Undecided for seconds: its coordinator sleeps, and nobody who could decide reaches the range of its other intents.
        PauseAfterLays(10_000);
        _story.Begin(Coordinator, TransactionStory.AddOne("k", TransactionStory.Tables));
        _story.Host.RunFor(200);
        _story.Host.Cluster.Network.Partition(WanSide.Regions("europe-west1"), CutDirection.Both);
        var (served, fresh) = (0, 0);
        for (var i = 0; i < 40; i++)
        {
            foreach (var table in TransactionStory.Tables)
            {
                foreach (var node in (int[])[7, 8, 2])
                {
                    var (read, ms) = _story.Host.Measure(
                        () => _story.Host.Read(node, table, "k", new ReadBound.Exact(600, LocalOnly: true)));
                    Assert.InRange(ms, 0, 20);
                    Assert.True(read.IsOk || read.Error.Code == "too-fresh", read.Error?.ToString());
                    Assert.True(!read.IsOk || read.Value.Row["v"].AsInt64() == 0 || read.Meta.ReadTimestamp >= read.Value.Version);
                    served += read.IsOk ? 1 : 0;
                    fresh += read.IsOk ? 0 : 1;
                }
            }

            foreach (var node in (int[])[1, 2, 3, 8])
            {
                // Asked for less, a node with a replica answers what lies below the intent.
                var bound = new ReadBound.Bounded(20_000, LocalOnly: true);
                var (older, ms) = _story.Host.Measure(() => _story.Host.Read(node, TransactionStory.Wide, "k", bound));
                Assert.True(older.IsOk, older.Error?.ToString());
                Assert.InRange(ms, 0, 20);
            }

            _story.Host.RunFor(100);
        }

        // What was resolved before the intents is read for as long as it is asked for.
        Assert.True(served > 0 && fresh > 0, $"{served} served, {fresh} too fresh");
        var bounded = _story.Host.Read(7, TransactionStory.Wide, "k", new ReadBound.Bounded(20_000, LocalOnly: true));
        var replicas = ((int[])[7, 8, 9]).Select(
            node => $"n{node}: {_story.Host.NodeOf(new(node)).LocalReplica(_story.Host.RangeOf(TransactionStory.Wide).Id)}");
        Assert.True(bounded.IsOk, $"{bounded.Error} {string.Join("; ", replicas)}, {served} served, {fresh} too fresh");
    }

    [Fact]
    public void A_split_between_staging_and_commit_takes_record_and_intents_along()
    {
        // The anchor is on the right half: everything of the transaction is, and so is what is remembered of it.
        var near = _story.Host.RangeOf(TransactionStory.Near).Id;
        _story.Lose(static passing => passing is { Operation: RangeOperation.Conclude or RangeOperation.Finish, From.Value: Coordinator });
        var request = TransactionStory.AddOne("k", TransactionStory.Tables);
        var made = _story.Transact(Coordinator, request, "once");
        Assert.True(made.IsOk, made.Error?.ToString());
        Assert.True(_story.IntentsLeft() > 0);
        Split(near.Value, "j");
        Assert.NotEqual(0, _story.IntentsLeft());
        _story.LoseNothing();
        AssertValues([1, 1, 1], made.Value.CommitTimestamp);
        Assert.Equal(made.Value.CommitTimestamp, _story.Transact(7, request, "once").Value?.CommitTimestamp);
        _story.Host.RunUntil(() => _story.IntentsLeft() == 0, 10_000, "intents were left behind");
        AssertValues([1, 1, 1], made.Value.CommitTimestamp);
    }

    [Fact]
    public void A_request_that_is_repeated_after_a_split_is_made_once()
    {
        var request = TransactionStory.AddOne("k", TransactionStory.Tables);
        var made = _story.Transact(Coordinator, request, "once");
        Assert.True(made.IsOk, made.Error?.ToString());
        _story.Host.RunFor(2_000);
        Split(_story.Host.RangeOf(TransactionStory.Near).Id.Value, "j");
        var again = _story.Transact(8, request, "once");
        Assert.Equal(made.Value.CommitTimestamp, again.Value?.CommitTimestamp);
        Assert.Equal(made.Value.Writes.Select(write => write.Created), again.Value!.Writes.Select(write => write.Created));
        AssertValues([1, 1, 1], made.Value.CommitTimestamp);
        Assert.Equal(
            GeoErrorKind.IdempotencyMismatch,
            _story.Transact(5, TransactionStory.AddOne("k", TransactionStory.Near, TransactionStory.Far), "once").Error?.Kind);
    }

    private void PauseAfterLays(int ms)
    {
        var lays = 0;
        _story.Once(
            passing => passing is { Operation: RangeOperation.Lay, From.Value: Coordinator } && ++lays == TransactionStory.Tables.Count,
            () => _story.Host.Cluster.Pause(new(Coordinator), ms * 1_000L));
    }

    private void Split(long range, string at)
    {
        var split = _story.Host.Ask(1, store => store.SplitRangeAsync(
            range, ScenarioHost.Key(at), new(TimeSpan.FromSeconds(10)), CancellationToken.None));
        Assert.True(split.IsOk, split.Error?.ToString());
    }

    private void AssertValues(long[] expected, HlcTimestamp? version)
    {
        foreach (var node in (int[])[1, 6, 9])
        {
            var (values, versions) = _story.Values(node);
            Assert.Equal(expected, values);
            Assert.True(version is null || versions.All(found => found == version), $"{version} and {string.Join(' ', versions)}");
        }
    }
}
