using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Scenarios;
using Xunit;

namespace OrleansGeo.Tests.Simulation.Scenarios;

/// <summary>Transactions that stay open, in virtual time: who meets whom, what a lost node takes along, and what it costs.</summary>
public sealed class OpenTransactionStoryTests
{
    private const int West = 4;
    private readonly TransactionStory _story = new(31, options => options with { HousekeepingMicros = 600_000_000 });

    private string Begin(int node, TransactionBegin? begin = null) => Expect(_story.Host.Ask(
        node, store => store.BeginTransactionAsync("geo", begin ?? new(), RequestOptions.Default, CancellationToken.None))).Id;

    private GeoResult<TransactionAnswer> Step(int node, string id, TransactionStep step, int timeoutMs = 5_000) => _story.Host.Ask(
        node,
        store => store.StepTransactionAsync("geo", id, step, new(TimeSpan.FromMilliseconds(timeoutMs)), CancellationToken.None));

    private static TransactionStep.Read Read(params TableRef[] tables) =>
        new([.. tables.Select(table => new TransactionRead(table.Table, ScenarioHost.Key("k")))]);

    private static TransactionStep.Write Add(params TableRef[] tables) =>
        new([.. tables.Select(table => TransactionStory.Add(table, "k"))]);

    private static TransactionStep.Scan Scan(TableRef table) => new(table.Table, new([], null, null, [], false, 100, null));

    private static long[] Values(GeoResult<TransactionAnswer> answer) =>
        [.. ((TransactionAnswer.Rows)Expect(answer)).Items.Select(row => row!.Row["v"].AsInt64())];

    private static T Expect<T>(GeoResult<T> result)
        where T : class
    {
        Assert.True(result.IsOk, result.Error?.ToString());
        return result.Value;
    }

    [Fact]
    public void A_transaction_is_taken_on_through_any_node()
    {
        var id = Begin(West);
        Assert.Equal([0, 0], Values(Step(1, id, Read(TransactionStory.Near, TransactionStory.Far))));
        Expect(Step(7, id, Add(TransactionStory.Near, TransactionStory.Far, TransactionStory.Wide)));
        Assert.Equal([1, 1], Values(Step(2, id, Read(TransactionStory.Near, TransactionStory.Far))));
        var done = Assert.IsType<TransactionAnswer.Committed>(Expect(Step(8, id, new TransactionStep.Commit())));
        Assert.Equal(3, done.Result.Writes.Length);
        Assert.Equal([1, 1, 1], _story.Values(3).Values);
        var again = Assert.IsType<TransactionAnswer.Committed>(Expect(Step(1, id, new TransactionStep.Commit())));
        Assert.Equal(done.Result.CommitTimestamp, again.Result.CommitTimestamp);
    }

    [Fact]
    public void A_node_that_is_lost_takes_its_transactions_along_and_leaves_nothing_behind()
    {
        var (id, other) = (Begin(West), Begin(West));
        Expect(Step(1, id, Add(TransactionStory.Near, TransactionStory.Far)));
        Expect(Step(1, other, Add(TransactionStory.Near, TransactionStory.Far)));
        _story.Host.Crash([new(West)]);
        var unsettled = Step(1, id, Read(TransactionStory.Near), timeoutMs: 500);
        Assert.Equal(GeoErrorKind.RegionUnavailable, unsettled.Error?.Kind);
        _story.Host.RunFor(3_000);
        foreach (var step in (TransactionStep[])[Read(TransactionStory.Near), new TransactionStep.Commit(), new TransactionStep.Rollback()])
        {
            var lost = Step(1, id, step);
            Assert.Equal((GeoErrorKind.Conflict, "transaction-lost"), (lost.Error!.Kind, lost.Error.Code));
            Assert.Equal("n4", lost.Error.Facts!["node"]);
        }

        // Nobody is in anybody's way, and who comes back knows of nothing.
        Assert.True(_story.Transact(1, TransactionStory.AddOne("k", TransactionStory.Tables)).IsOk);
        _story.Host.Restart([new(West)]);
        _story.Host.AwaitReady();
        foreach (var node in (int[])[1, West])
        {
            Assert.Equal("transaction-lost", Step(node, other, new TransactionStep.Commit()).Error?.Code);
        }

        Assert.Equal([1, 1, 1], _story.Values(West).Values);
    }

    [Fact]
    public void A_commit_whose_outcome_is_not_known_is_asked_for_again_and_found_made_once()
    {
        // Every answer to the lays is lost until the client has given up.
        var id = Begin(West);
        Expect(Step(West, id, Add(TransactionStory.Near, TransactionStory.Far)));
        _story.Lose(passing => passing.To.Value == West && passing.Outcome is RangeOutcome.Laid or RangeOutcome.Standing);
        var unknown = Step(West, id, new TransactionStep.Commit(), timeoutMs: 1_000);
        Assert.Equal(GeoErrorKind.OutcomeUnknown, unknown.Error?.Kind);
        Assert.Equal("transaction-in-doubt", Step(West, id, new TransactionStep.Rollback()).Error?.Code);
        Assert.Equal("transaction-in-doubt", Step(1, id, Read(TransactionStory.Near)).Error?.Code);
        _story.LoseNothing();
        var done = Assert.IsType<TransactionAnswer.Committed>(Expect(Step(1, id, new TransactionStep.Commit(), timeoutMs: 10_000)));
        var (values, versions) = _story.Values(1);
        Assert.Equal([1, 0, 1], values);
        Assert.Equal(done.Result.CommitTimestamp, versions[0]);
    }

    [Fact]
    public void What_was_acknowledged_before_is_seen_whatever_the_clocks_say()
    {
        // The far leaseholder's clock is ahead by seconds, and nobody at home has heard from it since.
        _story.Host.Cluster.JumpClock(_story.Host.LeaseholderOf(TransactionStory.Far), 5_000);
        _story.Lose(passing => passing.Message is not RangeRequest and not RangeReply);
        Assert.True(_story.Put(7, TransactionStory.Far, "k", 7).IsOk);
        var id = Begin(1);
        Assert.Equal([0], Values(Step(1, id, Read(TransactionStory.Near))));
        Assert.Equal([7], Values(Step(1, id, Read(TransactionStory.Far))));
        Assert.Equal([0, 7], Values(Step(1, id, Read(TransactionStory.Near, TransactionStory.Far))));
        Expect(Step(1, id, new TransactionStep.Commit()));
    }

    [Fact]
    public void A_reader_whose_earlier_row_was_changed_does_not_see_a_later_one_beside_it()
    {
        var id = Begin(1);
        Assert.Equal([0], Values(Step(1, id, Read(TransactionStory.Near))));
        Assert.True(_story.Transact(1, TransactionStory.AddOne("k", TransactionStory.Near, TransactionStory.Far)).IsOk);

        // It has not looked at the far range before: what is there counts, and goes with a row that it saw before.
        Assert.Equal("transaction-conflict", Step(1, id, Read(TransactionStory.Far)).Error?.Code);
        Assert.Equal("transaction-conflict", Step(2, id, new TransactionStep.Commit()).Error?.Code);
        Expect(Step(3, id, new TransactionStep.Rollback()));
    }

    [Fact]
    public void A_reader_goes_on_undisturbed_in_ranges_that_it_has_looked_at()
    {
        var id = Begin(1, new(ReadOnly: true));
        Assert.Equal([0, 0], Values(Step(1, id, Read(TransactionStory.Near, TransactionStory.Wide))));
        for (var round = 1; round < 4; round++)
        {
            _story.Host.RunFor(700);
            Assert.True(_story.Transact(1, TransactionStory.AddOne("k", TransactionStory.Near, TransactionStory.Wide)).IsOk);
            Assert.True(_story.Put(1, TransactionStory.Near, $"new{round}", 1).IsOk);
            Assert.Equal([0, 0], Values(Step(1, id, Read(TransactionStory.Near, TransactionStory.Wide))));
            Assert.Single(((TransactionAnswer.Page)Expect(Step(1, id, Scan(TransactionStory.Near)))).Content.Rows);
        }

        Expect(Step(1, id, new TransactionStep.Commit()));
    }

    [Fact]
    public void Two_that_count_the_rows_of_a_span_do_not_both_add_one()
    {
        var (one, two) = (Begin(1), Begin(West));
        foreach (var (node, id) in ((int, string)[])[(1, one), (West, two)])
        {
            Assert.Single(((TransactionAnswer.Page)Expect(Step(node, id, Scan(TransactionStory.Near)))).Content.Rows);
            Expect(Step(node, id, new TransactionStep.Write([new("near", TransactionStory.PutOf($"of {node}", 1))])));
        }

        Expect(Step(West, two, new TransactionStep.Commit()));
        Assert.Equal("transaction-conflict", Step(1, one, new TransactionStep.Commit()).Error?.Code);
    }

    [Fact]
    public void A_transaction_that_stands_idle_is_forgotten_without_anybody_asking()
    {
        var id = Begin(2, new(IdleTimeout: TimeSpan.FromSeconds(2)));
        Assert.Equal([0], Values(Step(2, id, Read(TransactionStory.Near))));
        _story.Host.RunFor(1_900);
        Assert.Equal([0], Values(Step(1, id, Read(TransactionStory.Near))));
        _story.Host.RunFor(4_000);
        Assert.Equal("transaction-not-found", Step(2, id, Read(TransactionStory.Near)).Error?.Code);
        Assert.Equal("transaction-not-found", Step(1, id, new TransactionStep.Commit()).Error?.Code);
    }

    [Fact]
    public void Steps_cost_what_they_ask_for_and_a_commit_what_its_writes_cost()
    {
        // Whoever reads at home and commits there soon pays the writes alone; who took a while pays one more look at what was read.
        foreach (var (node, pauseMs, written, trips) in ((int, int, TableRef[], int)[])
        [
            (1, 0, [TransactionStory.Near], 0), (1, 0, [TransactionStory.Near, TransactionStory.Far], 1),
            (1, 1_000, [TransactionStory.Near, TransactionStory.Far], 1), (West, 0, [TransactionStory.Near], 1),
            (West, 1_000, [TransactionStory.Near, TransactionStory.Far], 2),
        ])
        {
            _story.Host.RunFor(1_000);
            var id = Begin(node);
            Assert.Equal(node == 1 ? 0 : 1, Step(node, id, Read(TransactionStory.Near, TransactionStory.Wide)).Meta.RoundTrips);
            Assert.Equal(
                0, Step(node, id, new TransactionStep.Write([.. written.Select(table =>
                    new TransactionWrite(table.Table, TransactionStory.PutOf("other", 1)))])).Meta.RoundTrips);
            _story.Host.RunFor(pauseMs);
            var commit = Step(node, id, new TransactionStep.Commit());
            Expect(commit);
            Assert.True(trips == commit.Meta.RoundTrips, $"n{node} after {pauseMs} ms, {written.Length} tables: {commit.Meta.RoundTrips}");
        }

        // Rows that were read and are written cost nothing more; the rest of a span that they lie in is looked at again.
        var rows = Read(TransactionStory.Wide, TransactionStory.Near);
        foreach (var (node, first, trips) in ((int, TransactionStep, int)[])
        [
            (1, rows, 1), (1, Scan(TransactionStory.Wide), 1), (West, rows, 2), (West, Scan(TransactionStory.Wide), 3),
        ])
        {
            _story.Host.RunFor(1_000);
            var id = Begin(node);
            Expect(Step(node, id, first));
            Expect(Step(node, id, Add(TransactionStory.Wide, TransactionStory.Near)));
            var commit = Step(node, id, new TransactionStep.Commit());
            Expect(commit);
            Assert.True(trips == commit.Meta.RoundTrips, $"n{node}, {first.GetType().Name}: {commit.Meta.RoundTrips}");
        }

        // Through another region's node the way there and back comes to it.
        var away = Begin(1);
        Assert.Equal(1, Step(West, away, Read(TransactionStory.Near)).Meta.RoundTrips);
    }
}
