using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Scenarios;
using OrleansGeo.Transactions;
using Xunit;

namespace OrleansGeo.Tests.Simulation.Scenarios;

/// <summary>Transactions of which so much time has passed that what they left has been collected.</summary>
public sealed class CollectedTransactionTests
{
    private const int Coordinator = 4;

    private readonly TransactionStory _story = new(23, options => options with { VersionRetentionMs = 2_000 });
    private readonly List<(RangeId Range, RangeOperation Operation)> _late = [];

    public CollectedTransactionTests() => _story.Lose(passing =>
    {
        if (passing is { Operation: RangeOperation.Lay or RangeOperation.Conclude or RangeOperation.Finish, From.Value: Coordinator })
        {
            _late.Add((passing.Range!.Value, passing.Operation));
        }

        return false;
    });

    [Fact]
    public void Late_copies_of_its_messages_change_nothing_after_its_versions_were_collected()
    {
        var made = _story.Transact(Coordinator, TransactionStory.AddOne("k", TransactionStory.Tables));
        Assert.True(made.IsOk, made.Error?.ToString());
        Assert.All(TransactionStory.Tables, table => Assert.True(_story.Put(1, table, "k", 10).IsOk));
        _story.Host.RunFor(90_000);
        Assert.All(TransactionStory.Tables, table => Assert.Equal(1, VersionsOf(table)));
        Assert.True(_late.Count >= 5, $"{_late.Count} messages");
        foreach (var (range, operation) in _late.ToArray())
        {
            _story.Deliver(TransactionStory.Tables.Single(table => _story.Host.RangeOf(table).Id == range), operation);
        }

        _story.Host.RunFor(20_000);
        Assert.Equal(0, _story.IntentsLeft());
        Assert.Equal([10L, 10L, 10L], _story.Values(1).Values);
    }

    [Fact]
    public void An_intent_that_is_left_is_taken_away_although_its_anchor_cannot_tell_any_more_what_became_of_it()
    {
        TransactionRequest request = new(TransactionIsolation.Serializable, [], [],
        [
            new(TransactionStory.Near.Table, TransactionStory.PutOf("k", 1)),
            new(TransactionStory.Far.Table, TransactionStory.PutOf("new", 1)),
        ]);
        var made = _story.Transact(Coordinator, request);
        Assert.True(made.IsOk, made.Error?.ToString());
        Assert.True(_story.Put(1, TransactionStory.Near, "k", 2).IsOk);
        _story.Host.RunFor(90_000);

        // Where there was never anything to collect an attempt that is as old is taken for a new one.
        var far = _story.Host.RangeOf(TransactionStory.Far).Id;
        var lay = _late.Where(message => message.Range == far).Select(message => message.Operation).OfType<RangeOperation.Lay>().First();
        _story.Deliver(TransactionStory.Far, lay with { Transaction = lay.Transaction with { Id = new(1, 1) } });
        Assert.True(_story.IntentsLeft() > 0);
        _story.Host.RunFor(20_000);
        Assert.Equal(0, _story.IntentsLeft());
        Assert.Equal(made.Value.CommitTimestamp, _story.Host.Read(1, TransactionStory.Far, "new").Value!.Version);
    }

    [Fact]
    public void A_transaction_that_is_asked_for_again_when_what_it_read_is_gone_is_told_that_it_was_made()
    {
        var made = _story.Transact(Coordinator, TransactionStory.AddOne("k", TransactionStory.Tables), "once");
        Assert.True(made.IsOk, made.Error?.ToString());
        Assert.All(TransactionStory.Tables, table => Assert.True(_story.Put(1, table, "k", 10).IsOk));
        _story.Host.RunFor(90_000);
        var again = _story.Transact(1, TransactionStory.AddOne("k", TransactionStory.Tables), "once");
        Assert.Equal(GeoErrorKind.OutcomeUnknown, again.Error?.Kind);
        Assert.Contains($"was made at {made.Value.CommitTimestamp}", again.Error!.Detail, StringComparison.Ordinal);
        Assert.Equal([10L, 10L, 10L], _story.Values(1).Values);
    }

    [Fact]
    public void An_open_transaction_that_read_a_row_of_which_nothing_is_left_does_not_commit_on_it()
    {
        var begin = new TransactionBegin(IdleTimeout: TimeSpan.FromMinutes(5));
        var begun = _story.Host.Ask(1, store => store.BeginTransactionAsync("geo", begin, RequestOptions.Default, CancellationToken.None));
        Assert.True(begun.IsOk, begun.Error?.ToString());
        Assert.True(Step(new TransactionStep.Read([new(TransactionStory.Near.Table, ScenarioHost.Key("k"))])).IsOk);
        var delete = new RowWrite(WriteKind.Delete, ScenarioHost.Key("k"), [], Precondition.None);
        Assert.True(_story.Host.Ask(
            1, store => store.WriteRowAsync(TransactionStory.Near, delete, RequestOptions.Default, CancellationToken.None)).IsOk);
        _story.Host.RunFor(90_000);
        Assert.Equal(0, VersionsOf(TransactionStory.Near));

        // Where it writes there was nothing to collect, and nothing is in the way of its writes.
        var write = new TransactionWrite(TransactionStory.Far.Table, TransactionStory.PutOf("new", 1));
        Assert.True(Step(new TransactionStep.Write([write])).IsOk);
        Assert.Equal(GeoErrorKind.Conflict, Step(new TransactionStep.Commit()).Error?.Kind);
        Assert.Equal("row-not-found", _story.Host.Read(1, TransactionStory.Far, "new").Error?.Code);

        GeoResult<TransactionAnswer> Step(TransactionStep step) => _story.Host.Ask(1, store => store.StepTransactionAsync(
            "geo", begun.Value.Id, step, RequestOptions.Default, CancellationToken.None));
    }

    private int VersionsOf(TableRef table)
    {
        var bounds = MvccKey.SpanBounds(_story.Host.RangeOf(table).Span);
        var storage = _story.Host.Cluster.Cluster.Nodes[_story.Host.LeaseholderOf(table)].Storage!;
        using var cursor = storage.OpenCursor(bounds.Start, bounds.End);
        var count = 0;
        for (cursor.SeekAtOrAfter(bounds.Start); cursor.IsValid; cursor.MoveNext())
        {
            count++;
        }

        return count;
    }
}
