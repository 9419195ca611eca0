using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Scenarios;
using Xunit;

namespace OrleansGeo.Tests.Simulation.Scenarios;

/// <summary>
/// The node that carries a transaction out is crashed at each step of the transaction's life. Within five seconds it is made or not, the
/// same for everybody, and a client that asks again with its key through another node hears which.
/// </summary>
public sealed class CoordinatorCrashTests
{
    private const int Coordinator = 4;
    private const long EndsWithinMs = 5_000;
    private readonly TransactionStory _story = new(21);

    /// <summary>A step of a transaction's life.</summary>
    public enum Step
    {
        BeforeAnyLay,
        AfterTheAnchorsLay,
        AfterTheOthersLays,
        AfterAllLays,
        BeforeTheRecordIsCommitted,
        AfterTheRecordIsCommitted,
        AfterSomeIntentsAreResolved,
        AfterAllIntentsAreResolved,
    }

    public static TheoryData<Step, bool> Steps()
    {
        var steps = new TheoryData<Step, bool>();
        foreach (var step in Enum.GetValues<Step>())
        {
            steps.Add(step, true);
            if (step is Step.AfterTheAnchorsLay or Step.AfterTheOthersLays or Step.AfterAllLays or Step.AfterSomeIntentsAreResolved)
            {
                steps.Add(step, false);
            }
        }

        return steps;
    }

    [Theory]
    [MemberData(nameof(Steps))]
    public void A_transaction_whose_coordinator_dies_is_made_or_not_for_everybody_alike(Step step, bool isMet)
    {
        var isMade = step >= Step.AfterAllLays;
        var crashedAt = 0L;
        StrikeAt(step, () =>
        {
            crashedAt = _story.Host.World.NowMicros;
            _story.Host.Crash([new(Coordinator)]);
        });
        var request = TransactionStory.AddOne("k", TransactionStory.Tables);
        var pending = _story.Begin(Coordinator, request, "once");
        _story.Host.RunUntil(() => crashedAt > 0, 2_000, "the step was not seen");

        // What its client was told by the node that died: that it is made, or that nobody knows.
        Assert.Equal(step >= Step.BeforeTheRecordIsCommitted, pending.Answer is { IsOk: true });
        Assert.True(pending.Answer is null or { IsOk: true } or { Error.Kind: GeoErrorKind.OutcomeUnknown }, $"{pending.Answer?.Error}");
        if (!isMet)
        {
            // Nobody asks for these rows: what the transaction left goes by itself.
            _story.Host.RunUntil(() => _story.IntentsLeft() == 0, EndsWithinMs, "intents were left behind");
        }

        HlcTimestamp? made = null;
        foreach (var node in (int[])[1, 8, 5])
        {
            var (values, versions) = _story.Values(node);
            Assert.Equal(isMade ? [1, 1, 1] : [0, 0, 0], values);
            Assert.InRange(_story.Host.World.NowMicros - crashedAt, 0, EndsWithinMs * 1_000);
            made = isMade ? Assert.Single(versions.Distinct()) : null;
        }

        var again = _story.Transact(7, request, "once");
        Assert.True(again.IsOk, again.Error?.ToString());
        Assert.Equal(made ?? again.Value.CommitTimestamp, again.Value.CommitTimestamp);
        Assert.True(pending.Answer?.Value is not { } told || told.CommitTimestamp == made);

        // What the first life still has under way finds it made.
        _story.LoseNothing();
        _story.Host.Restart([new(Coordinator)]);
        _story.Host.RunFor(3_000);
        foreach (var node in (int[])[3, 9])
        {
            var (values, versions) = _story.Values(node);
            Assert.Equal([1, 1, 1], values);
            Assert.All(versions, version => Assert.Equal(again.Value.CommitTimestamp, version));
        }

        Assert.Equal(again.Value.CommitTimestamp, _story.Transact(2, request, "once").Value?.CommitTimestamp);
        _story.Host.RunUntil(() => _story.IntentsLeft() == 0, EndsWithinMs, "intents were left behind");
    }

    [Fact]
    public void One_missing_intent_ends_what_it_left_though_another_of_its_ranges_cannot_be_asked()
    {
        var wide = _story.Host.RangeOf(TransactionStory.Wide).Id;
        _story.Lose(passing => passing.Range == wide && IsIts<RangeOperation.Lay>(passing));
        _story.Lose(static passing => passing.Operation is RangeOperation.FindIntents);
        _story.Begin(Coordinator, TransactionStory.AddOne("k", TransactionStory.Near, TransactionStory.Wide, TransactionStory.Far));
        _story.Host.RunFor(300);
        _story.Host.Crash([new(Coordinator)]);
        var (put, ms) = _story.Host.Measure(() => _story.Put(1, TransactionStory.Near, "k", 7));
        Assert.True(put.IsOk, put.Error?.ToString());
        Assert.InRange(ms, 0, EndsWithinMs);
    }

    private void StrikeAt(Step step, Action crash)
    {
        var wide = _story.Host.RangeOf(TransactionStory.Wide).Id;
        switch (step)
        {
            case Step.BeforeAnyLay:
                _story.Lose(IsIts<RangeOperation.Lay>);
                _story.Once(IsIts<RangeOperation.Lay>, crash);
                break;
            case Step.AfterTheAnchorsLay:
                _story.Lose(static passing => passing is { Operation: RangeOperation.Lay { Stage: null }, From.Value: Coordinator });
                _story.Once(static passing => passing.Operation is RangeOperation.Lay { Stage: not null }, crash);
                break;
            case Step.AfterTheOthersLays:
                var others = 1;
                _story.Lose(static passing => passing is { Operation: RangeOperation.Lay { Stage: not null }, From.Value: Coordinator });
                _story.Once(
                    passing => passing.Operation is RangeOperation.Lay { Stage: null } && ++others == TransactionStory.Tables.Count, crash);
                break;
            case Step.AfterAllLays:
                var lays = 0;
                _story.Once(passing => IsIts<RangeOperation.Lay>(passing) && ++lays == TransactionStory.Tables.Count, crash);
                break;
            case Step.BeforeTheRecordIsCommitted:
                _story.Lose(Commits);
                _story.Once(Commits, crash);
                break;
            case Step.AfterTheRecordIsCommitted:
                _story.Lose(Resolves);
                _story.Once(Resolves, crash);
                break;
            case Step.AfterSomeIntentsAreResolved:
                _story.Lose(passing => passing.Range == wide && Resolves(passing));
                _story.Once(Resolves, crash);
                break;
            default:
                _story.Lose(Forgets);
                _story.Once(Forgets, crash);
                break;
        }
    }

    private static bool Commits(TransactionStory.Passing passing) =>
        IsIts<RangeOperation.Finish>(passing) && passing.Operation is RangeOperation.Finish { Commits.Length: > 0 };

    private static bool Resolves(TransactionStory.Passing passing) =>
        IsIts<RangeOperation.Finish>(passing) && passing.Operation is RangeOperation.Finish { Resolutions.Length: > 0 };

    private static bool Forgets(TransactionStory.Passing passing) =>
        IsIts<RangeOperation.Finish>(passing) && passing.Operation is RangeOperation.Finish { Forgotten.Length: > 0 };

    private static bool IsIts<T>(TransactionStory.Passing passing) => passing.From == new NodeId(Coordinator) && passing.Operation is T;
}
