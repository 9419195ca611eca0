using System.Collections.Immutable;
using OrleansGeo.Primitives;
using OrleansGeo.Tables;

namespace OrleansGeo.Tests.Sdk;

/// <summary>What a call does with the answers it gets, on a store that does as it is told and a clock that stands still.</summary>
public sealed class RetryTests
{
    private static readonly HlcTimestamp s_version = HlcTimestamp.FromMillis(1_000);

    private static readonly TableInfo s_info = new(
        1, "geo",
        new(
            "city",
            [new("id", DatumType.String, Nullable: false), new("population", DatumType.Int64), new("mayor", DatumType.String)],
            ["id"],
            new TableLocality.Regional()),
        [1, 2, 3], 1, "us-east1", SurvivalGoal.Zone);

    private static readonly WriteResult s_written = new(true, [Datum.FromString("a")], s_version, City("a", 1));

    private readonly SteppedTime _time = new();
    private readonly ScriptedStore _store = ScriptedStore.Over(null).Answer(s_info);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(GeoErrorKind.OutcomeUnknown)]
    [InlineData(GeoErrorKind.IdempotencyInFlight)]
    [InlineData(GeoErrorKind.Overloaded)]
    [InlineData(GeoErrorKind.QuorumUnavailable)]
    [InlineData(GeoErrorKind.RegionUnavailable)]
    [InlineData(GeoErrorKind.DeadlineExceeded)]
    [InlineData(GeoErrorKind.Conflict)]
    public void What_may_work_later_is_asked_again_with_the_same_request_id(GeoErrorKind kind)
    {
        _store.Refuse(kind).Refuse(kind).Answer(s_written, roundTrips: 2);
        var written = Put();
        Assert.Equal(s_version, written.Version);
        Assert.Equal(3, _store.Writes.Count);
        Assert.NotNull(Assert.Single(_store.Writes.Distinct()));
    }

    [Theory]
    [InlineData(GeoErrorKind.Invalid)]
    [InlineData(GeoErrorKind.Unprocessable)]
    [InlineData(GeoErrorKind.TooLarge)]
    [InlineData(GeoErrorKind.NotFound)]
    [InlineData(GeoErrorKind.IdempotencyMismatch)]
    public void What_is_wrong_is_refused_at_once(GeoErrorKind kind)
    {
        _store.Refuse(kind);
        Assert.Equal(kind, Assert.Throws<GeoRequestException>(() => Put()).Error.Kind);
        Assert.Single(_store.Writes);
        Assert.Equal(TimeSpan.Zero, _time.Now);
    }

    [Theory]
    [InlineData(GeoErrorKind.PreconditionFailed, "precondition-failed")]
    [InlineData(GeoErrorKind.AlreadyExists, "row-exists")]
    [InlineData(GeoErrorKind.NotFound, "row-not-found")]
    [InlineData(GeoErrorKind.Unprocessable, "out-of-range")]
    public void An_answer_about_the_row_settles_the_write_even_after_an_open_attempt(GeoErrorKind kind, string code)
    {
        _store.Refuse(GeoErrorKind.OutcomeUnknown).Refuse(kind, code);
        Assert.Equal(code, Assert.Throws<GeoConditionException>(() => Put()).Error.Code);
    }

    [Theory]
    [InlineData(GeoErrorKind.QuorumUnavailable)]
    [InlineData(GeoErrorKind.Unprocessable)]
    [InlineData(GeoErrorKind.NotFound)]
    public void After_an_open_attempt_no_other_refusal_makes_the_outcome_known(GeoErrorKind kind)
    {
        _store.Refuse(GeoErrorKind.OutcomeUnknown);
        for (var i = 0; i < 100; i++)
        {
            _store.Refuse(kind);
        }

        var unknown = Assert.Throws<GeoOutcomeUnknownException>(() => Put());
        Assert.Equal(_store.Writes.First(), unknown.RequestId);
        Assert.True(_time.Now <= TimeSpan.FromSeconds(10));
    }

    [Fact]
    public void A_write_that_somebody_is_still_at_work_on_at_the_deadline_has_an_unknown_outcome()
    {
        for (var i = 0; i < 100; i++)
        {
            _store.Refuse(GeoErrorKind.IdempotencyInFlight);
        }

        var unknown = Assert.Throws<GeoOutcomeUnknownException>(() => Put());
        Assert.Equal(_store.Writes.First(), unknown.RequestId);
    }

    [Fact]
    public void Attempts_end_at_the_deadline_and_pauses_grow_up_to_it()
    {
        for (var i = 0; i < 100; i++)
        {
            _store.Refuse(GeoErrorKind.Overloaded);
        }

        Assert.Throws<GeoUnavailableException>(() => Put());

        // Pauses of 20, 40, … 640 and then 1,000 ms, each halved at most by chance, fill ten seconds.
        Assert.InRange(_store.Writes.Count, 6 + 8, 7 + 18);
        Assert.InRange(_time.Now, TimeSpan.FromSeconds(9), TimeSpan.FromSeconds(10));
        Assert.All(_store.Options, options => Assert.InRange(options.Timeout, TimeSpan.FromTicks(1), TimeSpan.FromSeconds(5)));
        Assert.True(_store.Options.Last().Timeout <= TimeSpan.FromSeconds(1));
    }

    [Fact]
    public void The_cluster_may_ask_for_a_longer_pause()
    {
        _store.Refuse(GeoErrorKind.Overloaded, retryAfterMs: 3_000).Answer(s_written);
        Put();
        Assert.Equal(TimeSpan.FromSeconds(3), _time.Now);
    }

    [Fact]
    public void Who_does_not_answer_at_all_is_given_up_and_asked_again()
    {
        _store.Silence().Answer(s_written);
        Put();
        Assert.Equal(2, _store.Writes.Count);
        Assert.Single(_store.Writes.Distinct());
        Assert.InRange(_time.Now, TimeSpan.FromSeconds(5.5), TimeSpan.FromSeconds(5.6));
    }

    [Fact]
    public void Cancelling_ends_a_call_while_it_waits_for_an_answer_and_while_it_pauses()
    {
        using var early = new CancellationTokenSource(TimeSpan.FromSeconds(2), _time);
        _store.Silence();
        Assert.Throws<OperationCanceledException>(() => Put(early.Token));
        Assert.Equal(TimeSpan.FromSeconds(2), _time.Now);

        using var pausing = new CancellationTokenSource(TimeSpan.FromSeconds(1), _time);
        _store.Answer(s_info).Refuse(GeoErrorKind.Overloaded, retryAfterMs: 3_000);
        Assert.ThrowsAny<OperationCanceledException>(() => Put(pausing.Token));
        Assert.Equal(TimeSpan.FromSeconds(3), _time.Now);
    }

    [Fact]
    public void A_local_read_that_asks_for_too_much_freshness_is_refused_at_once()
    {
        _store.Refuse(GeoErrorKind.TooFresh, retryAfterMs: 200);
        var refused = Assert.Throws<GeoUnavailableException>(() => _time.Run(
            () => Table().GetAsync("a", ReadBound.BoundedStaleness(TimeSpan.Zero, localOnly: true), Cancellation)));
        Assert.Equal(TimeSpan.FromMilliseconds(200), refused.RetryAfter);
        Assert.Equal(new ReadBound.Bounded(0, LocalOnly: true), _store.Bounds.Last());
        Assert.Equal(TimeSpan.Zero, _time.Now);
    }

    [Fact]
    public void A_page_of_a_scan_that_fails_is_asked_for_again_and_no_row_comes_twice()
    {
        _store.Answer(new ScanPage([Versioned("a"), Versioned("b")], "next")).Refuse(GeoErrorKind.RegionUnavailable)
            .Answer(new ScanPage([Versioned("c")], null));
        var ids = _time.Run(async () => await Table().Scan().Select(city => city.Id).ToListAsync(Cancellation));
        Assert.Equal(["a", "b", "c"], ids);
    }

    [Fact]
    public void A_given_request_id_is_used_and_round_trips_of_all_attempts_are_paid()
    {
        _store.Refuse(GeoErrorKind.Overloaded, roundTrips: 1).Answer(s_written, roundTrips: 2);
        var written = _time.Run(() => Table().InsertAsync(new("a", 1), new() { RequestId = "order-7" }, Cancellation));
        Assert.Equal(["order-7", "order-7"], _store.Writes);
        Assert.Equal(3, written.RoundTrips);
    }

    [Fact]
    public void A_transaction_is_asked_again_with_one_request_id_and_one_that_only_reads_needs_none()
    {
        var done = new TransactionResult(s_version, [], [new([Datum.FromString("a")], s_version, true)]);
        _store.Refuse(GeoErrorKind.OutcomeUnknown).Refuse(GeoErrorKind.Conflict, roundTrips: 1).Answer(done, roundTrips: 2);
        var written = Transact(steps => steps.Put(Table(), new("a", 1)));
        Assert.Equal((s_version, 3), (written.CommitTimestamp, written.RoundTrips));
        Assert.Equal(3, _store.Writes.Count);
        Assert.NotNull(Assert.Single(_store.Writes.Distinct()));

        _store.Answer(s_info).Refuse(GeoErrorKind.Conflict).Answer(new TransactionResult(s_version, [null], []));
        Assert.False(Transact(steps => steps.Read(Table(), "a")).Read(Table(), "a").Found);
        Assert.Equal([null, null], _store.Writes.Skip(3));
    }

    [Fact]
    public void A_transaction_that_stays_open_ends_unknown_and_names_its_request_id()
    {
        for (var i = 0; i < 100; i++)
        {
            _store.Refuse(i % 2 == 0 ? GeoErrorKind.OutcomeUnknown : GeoErrorKind.RegionUnavailable);
        }

        var unknown = Assert.Throws<GeoOutcomeUnknownException>(
            () => Transact(steps => steps.Put(Table(), new("a", 1)), new() { RequestId = "order-8" }));
        Assert.Equal("order-8", unknown.RequestId);
        Assert.Equal(["order-8"], _store.Writes.Distinct());
    }

    [Fact]
    public void A_session_keeps_the_token_that_has_seen_most()
    {
        var session = new GeoSession("first");
        var table = new GeoClient(_store.Store, new() { Time = _time }).Database("geo").InSession(session).Table<City>("city");
        _store.Answer(s_written with { Version = HlcTimestamp.FromMillis(20) }, session: "twenty")
            .Answer(s_written with { Version = HlcTimestamp.FromMillis(10) }, session: "ten")
            .Answer(s_written with { Version = HlcTimestamp.FromMillis(30) }, session: "thirty");
        var tokens = new List<string?>();
        for (var i = 0; i < 3; i++)
        {
            _time.Run(() => table.PutAsync(new("a", 1), cancellation: Cancellation));
            tokens.Add(session.Token);
        }

        // In a session the second answer would cover the first; one that does not must have been under way beside it.
        Assert.Equal("first", _store.Options.ElementAt(1).Session);
        Assert.Equal("twenty", _store.Options.ElementAt(2).Session);
        Assert.Equal(["twenty", "twenty", "thirty"], tokens);
    }

    private static Row City(string id, long population) =>
        new([new("id", Datum.FromString(id)), new("population", Datum.FromInt64(population))]);

    private static VersionedRow Versioned(string id) => new([Datum.FromString(id)], s_version, City(id, 1));

    private GeoTable<City> Table() => new GeoClient(_store.Store, new() { Time = _time }).Database("geo").Table<City>("city");

    private TransactionDone Transact(Action<TransactionSteps> steps, TransactionOptions? options = null) => _time.Run(
        () => new GeoClient(_store.Store, new() { Time = _time }).Database("geo").TransactAsync(steps, options, Cancellation));

    private RowWritten<City> Put(CancellationToken? cancellation = null) =>
        _time.Run(() => Table().PutAsync(new("a", 1), cancellation: cancellation ?? Cancellation));
}
