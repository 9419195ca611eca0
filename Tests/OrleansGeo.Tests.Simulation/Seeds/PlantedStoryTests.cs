using OrleansGeo.Tests.Simulation.Scenarios;
using Xunit;

#if PLANTED_BUGS
using OrleansGeo.Primitives;

namespace OrleansGeo.Tests.Simulation.Seeds;

/// <summary>
/// Bugs of transactions that a story shows, switched on one at a time while it is told. In whole runs some of them are hidden by what
/// stands beside the rule that they break.
/// </summary>
public sealed class PlantedStoryTests(ITestOutputHelper output)
{
    private static readonly Dictionary<string, Action> s_stories = new(StringComparer.Ordinal)
    {
        ["transactions.forgotten-on-split"] = () =>
            new TransactionStoryTests().A_split_between_staging_and_commit_takes_record_and_intents_along(),
        ["transactions.lays-twice"] = () => new TransactionStoryTests().Late_copies_of_all_messages_of_a_transaction_change_nothing(),
        ["transactions.moves-unseen"] = () =>
            new OpenTransactionStoryTests().A_reader_whose_earlier_row_was_changed_does_not_see_a_later_one_beside_it(),
        ["transactions.no-spans"] = () => new OpenTransactionStoryTests().Two_that_count_the_rows_of_a_span_do_not_both_add_one(),
        ["transactions.trusts-clocks"] = () =>
            new OpenTransactionStoryTests().What_was_acknowledged_before_is_seen_whatever_the_clocks_say(),
        ["transactions.new-leader-forgets-reads"] = () =>
            new TransactionStoryTests().A_new_leader_lays_nothing_below_what_its_predecessor_let_be_read(),
        ["transactions.no-fence"] = () => new TransactionStoryTests().What_a_recovery_has_missed_stays_missing(),
        ["transactions.no-refresh"] = () => new TransactionStoryTests().A_transaction_whose_condition_was_overtaken_looks_again(7),
        ["transactions.not-strict"] = () =>
            new TransactionStoryTests().A_strict_read_sees_no_write_without_one_that_was_acknowledged_before_it_began(),
        ["transactions.nobody-gives-way"] = () => new TransactionStoryTests().Two_transactions_that_lay_in_opposite_order_both_end(),
        ["transactions.reads-ignore-intents"] = () => Crash(CoordinatorCrashTests.Step.AfterAllLays),
        ["transactions.recovery-aborts-staged"] = () => Crash(CoordinatorCrashTests.Step.AfterAllLays),
        ["transactions.resolves-early"] = () => Crash(CoordinatorCrashTests.Step.AfterSomeIntentsAreResolved),
        ["transactions.staged-is-complete"] = () => Crash(CoordinatorCrashTests.Step.AfterTheAnchorsLay),
        ["transactions.stages-aborted"] = () =>
            new TransactionStoryTests().A_recovery_that_is_quicker_than_its_coordinator_and_misses_an_intent_makes_it_try_anew("near"),
        ["transactions.stages-moved"] = () => new TransactionStoryTests().A_transaction_whose_condition_was_overtaken_looks_again(7),
    };

    public static TheoryData<string> Bugs() => [.. s_stories.Keys.Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Bugs))]
    public void A_story_shows_the_bug(string bug)
    {
        PlantedBug.Active = bug;
        try
        {
            var shown = Assert.ThrowsAny<Exception>(s_stories[bug]);
            output.WriteLine($"{bug}: {shown.Message.Split('\n')[0]}");
        }
        finally
        {
            PlantedBug.Active = null;
        }
    }

    private static void Crash(CoordinatorCrashTests.Step step) =>
        new CoordinatorCrashTests().A_transaction_whose_coordinator_dies_is_made_or_not_for_everybody_alike(step, isMet: true);
}
#endif
