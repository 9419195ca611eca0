using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using Xunit;
using static OrleansGeo.Tests.Unit.Gateway.GatewaySetup;

namespace OrleansGeo.Tests.Unit.Gateway;

public sealed class WriteOutcomeTests
{
    private static IEnumerable<RangeOperation.Write> Writes(FakeCluster cluster) =>
        cluster.Calls.Select(call => call.Operation).OfType<RangeOperation.Write>();

    [Fact]
    public void A_write_that_is_answered_reports_what_was_written_and_who_served_it()
    {
        var cluster = WithTable();
        var result = cluster.Write(Put("a", 7));
        Assert.True(result.IsOk);
        Assert.True(result.Value.Created);
        Assert.Equal(Datum.FromInt64(7), result.Value.Row!["n"]);
        Assert.Equal("n1", result.Meta.ServedBy);
        Assert.Equal(0, result.Meta.RoundTrips);
        Assert.NotNull(result.Meta.Session);
        Assert.Single(cluster.Calls);
        Assert.False(Writes(cluster).Single().MayRepeat);
    }

    [Fact]
    public void All_attempts_of_a_write_carry_one_request_id_and_later_ones_say_that_they_may_repeat()
    {
        var cluster = WithTable();
        var lost = 2;
        cluster.Script = call => call.Operation is RangeOperation.Write && lost-- > 0 ? FakeAnswer.Lost : null;
        Assert.True(cluster.Write(Put("a", 1)).IsOk);
        var attempts = Writes(cluster).ToArray();
        Assert.True(attempts.Length >= 3);
        Assert.Single(attempts.Select(write => Convert.ToHexString(write.RequestId.AsSpan())).Distinct());
        Assert.Equal([false, true, true], attempts.Take(3).Select(write => write.MayRepeat));
    }

    [Fact]
    public void A_write_whose_answer_was_lost_after_it_was_made_is_made_once()
    {
        var cluster = WithTable();
        var first = true;
        cluster.Script = call =>
        {
            if (call.Operation is not RangeOperation.Write || !first)
            {
                return null;
            }

            first = false;
            cluster.Answer(call.To, call.Range, call.Operation);
            return FakeAnswer.Lost;
        };
        var result = cluster.Write(Insert("a", 1));
        Assert.True(result.IsOk, result.Error?.Detail);
        Assert.True(result.Value.Created);
    }

    [Fact]
    public void A_deadline_with_an_open_attempt_is_an_unknown_outcome()
    {
        var cluster = WithTable();
        cluster.Script = call => call.Operation is RangeOperation.Write ? FakeAnswer.Lost : null;
        var result = cluster.Write(Put("a", 1), new(TimeSpan.FromSeconds(3)));
        Assert.Equal(GeoErrorKind.OutcomeUnknown, result.Error!.Kind);
        Assert.InRange(result.Meta.ElapsedMs, 2999, 3010);
    }

    [Fact]
    public void An_ambiguous_answer_leaves_the_attempt_open_although_later_ones_are_refused_for_certain()
    {
        var cluster = WithTable();
        var attempts = 0;
        cluster.Script = call => call.Operation is not RangeOperation.Write ? null
            : attempts++ == 0 ? new RangeOutcome.NotLeaseholder(default, true, false, null)
            : (FakeAnswer)new RangeOutcome.NotLeaseholder(default, false, false, null);
        Assert.Equal(GeoErrorKind.OutcomeUnknown, cluster.Write(Put("a", 1), new(TimeSpan.FromSeconds(1))).Error!.Kind);
    }

    [Fact]
    public void An_expired_attempt_that_was_proposed_is_open()
    {
        var cluster = WithTable();
        cluster.Script = call => call.Operation is RangeOperation.Write ? new RangeOutcome.Expired(true) : (FakeAnswer?)null;
        Assert.Equal(GeoErrorKind.OutcomeUnknown, cluster.Write(Put("a", 1), new(TimeSpan.FromSeconds(1))).Error!.Kind);
    }

    [Fact]
    public void A_deadline_without_an_open_attempt_is_certainly_not_applied()
    {
        var cluster = WithTable();
        cluster.Script = call => call.Operation is RangeOperation.Write
            ? new RangeOutcome.NotLeaseholder(default, false, false, null)
            : (FakeAnswer?)null;
        Assert.Equal(GeoErrorKind.DeadlineExceeded, cluster.Write(Put("a", 1), new(TimeSpan.FromSeconds(1))).Error!.Kind);
    }

    [Fact]
    public void Attempts_that_were_never_sent_leave_nothing_open()
    {
        var cluster = WithTable();
        cluster.Script = call => call.Operation is RangeOperation.Write ? FakeAnswer.NotSent : null;
        var result = cluster.Write(Put("a", 1), new(TimeSpan.FromSeconds(1)));
        Assert.Equal(GeoErrorKind.RegionUnavailable, result.Error!.Kind);
        Assert.All(Writes(cluster), write => Assert.False(write.MayRepeat));
    }

    [Fact]
    public void A_full_queue_is_answered_at_once_unless_an_attempt_is_open()
    {
        var cluster = WithTable();
        cluster.Script = call => call.Operation is RangeOperation.Write ? new RangeOutcome.Overloaded("q") : (FakeAnswer?)null;
        var refused = cluster.Write(Put("a", 1));
        Assert.Equal(GeoErrorKind.Overloaded, refused.Error!.Kind);
        Assert.True(refused.Meta.ElapsedMs < 100);
        var attempts = 0;
        cluster.Script = call => call.Operation is not RangeOperation.Write ? null
            : attempts++ == 0 ? FakeAnswer.Lost
            : attempts < 6 ? new RangeOutcome.Overloaded("q") : (FakeAnswer?)null;
        Assert.True(cluster.Write(Put("a", 1), new(TimeSpan.FromSeconds(20))).IsOk);
    }

    [Fact]
    public void A_refusal_is_definite_and_names_its_condition()
    {
        var cluster = WithTable();
        cluster.Write(Put("a", 1));
        Assert.Equal(GeoErrorKind.AlreadyExists, cluster.Write(Insert("a", 2)).Error!.Kind);
        Assert.Equal(GeoErrorKind.NotFound, cluster.Write(new(WriteKind.Delete, Key("b"), [], Precondition.None)).Error!.Kind);
        var condition = Precondition.None with { IfMatch = [HlcTimestamp.FromMillis(1)] };
        Assert.Equal(GeoErrorKind.PreconditionFailed, cluster.Write(Put("a", 2) with { Precondition = condition }).Error!.Kind);
    }

    [Fact]
    public void One_idempotency_key_makes_one_write_on_any_node_and_no_other_body()
    {
        var cluster = WithTable();
        var other = new Engine.Gateway(cluster);
        var first = cluster.Write(Insert("a", 1), WithKey("k"));
        var again = cluster.Loop.Run(() => other.WriteRowAsync(Table, Insert("a", 1), WithKey("k"), default));
        Assert.True(again.IsOk, again.Error?.Detail);
        Assert.Equal(first.Value!.Version, again.Value.Version);
        var body = cluster.Loop.Run(() => other.WriteRowAsync(Table, Insert("a", 2), WithKey("k"), default));
        Assert.Equal(GeoErrorKind.IdempotencyMismatch, body.Error!.Kind);
        Assert.Equal(GeoErrorKind.IdempotencyMismatch, cluster.Write(Insert("z", 1), WithKey("k")).Error!.Kind);
        var third = new Engine.Gateway(cluster);
        var elsewhere = cluster.Loop.Run(() => third.WriteRowAsync(Table, Insert("a", 3), WithKey("k"), default));
        Assert.Equal(GeoErrorKind.IdempotencyMismatch, elsewhere.Error!.Kind);
    }

    [Fact]
    public void A_key_that_is_being_worked_on_is_in_flight()
    {
        var cluster = WithTable();
        cluster.Script = call => new FakeAnswer(cluster.Answer(call.To, call.Range, call.Operation), DelayMs: 5);
        var results = cluster.Loop.Run(() => Task.WhenAll(
            cluster.Store.WriteRowAsync(Table, Put("a", 1), WithKey("k"), default),
            cluster.Store.WriteRowAsync(Table, Put("a", 1), WithKey("k"), default)));
        Assert.True(results[0].IsOk);
        Assert.Equal(GeoErrorKind.IdempotencyInFlight, results[1].Error!.Kind);
        Assert.True(cluster.Write(Put("a", 1), WithKey("k")).IsOk);
    }

    [Fact]
    public void Writes_of_a_batch_have_their_own_outcomes_and_those_to_one_row_keep_their_order()
    {
        var cluster = WithTable();
        var delay = 50;
        cluster.Script = call => call.Operation is RangeOperation.Write
            ? new FakeAnswer(cluster.Answer(call.To, call.Range, call.Operation), DelayMs: delay -= 10)
            : null;
        var results = cluster.Run(store => store.WriteRowsAsync(
            Table, [Insert("a", 1), Insert("a", 2), Put("a", 3), Put("b", 4)], RequestOptions.Default, default)).Value!.Items;
        Assert.Equal([true, false, true, true], results.Select(result => result.IsOk));
        cluster.Script = null;
        Assert.Equal(Datum.FromInt64(3), cluster.Read("a").Value!.Row["n"]);
    }

    [Fact]
    public void A_cancelled_write_that_was_sent_is_unknown()
    {
        var cluster = WithTable();
        cluster.Script = call => call.Operation is RangeOperation.Write ? FakeAnswer.Lost : null;
        using var cancellation = new CancellationTokenSource(TimeSpan.FromMilliseconds(30), cluster.Time);
        var result = cluster.Run(store => store.WriteRowAsync(Table, Put("a", 1), RequestOptions.Default, cancellation.Token));
        Assert.Equal(GeoErrorKind.OutcomeUnknown, result.Error!.Kind);
        Assert.True(result.Meta.ElapsedMs < 100);
    }

#if PLANTED_BUGS
    [Theory]
    [InlineData("gateway.retry-with-new-request-id")]
    [InlineData("gateway.unknown-as-failure")]
    public void The_rules_above_notice_the_planted_bug(string bug)
    {
        PlantedBug.Active = bug;
        try
        {
            Assert.ThrowsAny<Xunit.Sdk.XunitException>(() =>
            {
                A_write_whose_answer_was_lost_after_it_was_made_is_made_once();
                A_deadline_with_an_open_attempt_is_an_unknown_outcome();
            });
        }
        finally
        {
            PlantedBug.Active = null;
        }
    }
#endif
}
