using OrleansGeo.Simulation.Checkers;
using OrleansGeo.Simulation.Checkers.Transactions;
using Xunit;

namespace OrleansGeo.Tests.Simulation.Checkers.Transactions;

/// <summary>One history of lists for every anomaly, and good ones beside them.</summary>
public sealed class ListAnomalyTests
{
    [Fact]
    public void Transactions_one_after_another_are_good() => Expect("""
        0 [0..10] committed: append x 1; append y 1
        1 [20..30] committed: read x [1]; append x 2; read x [1 2]
        0 [40..50] committed: read x [1 2]; read y [1]
        2 [60..70] aborted: append x 3
        2 [80..] unknown: append x 4
        """, TransactionLevel.StrictSerializable);

    [Fact]
    public void A_transaction_that_does_not_see_its_own_append_is_internal() =>
        Expect("0 [0..10] committed: append x 1; read x []", TransactionLevel.Serializable, "internal");

    [Fact]
    public void A_list_that_changes_between_two_reads_is_internal() => Expect("""
        0 [0..10] committed: append x 1
        1 [0..10] committed: read x []; read x [1]
        """, TransactionLevel.Serializable, "internal");

    [Fact]
    public void An_append_that_is_read_before_it_was_made_is_internal() =>
        Expect("0 [0..10] committed: read x [1]; append x 1", TransactionLevel.Serializable, "internal");

    [Fact]
    public void An_element_that_nobody_appended_is_named() =>
        Expect("0 [0..10] committed: read x [7]", TransactionLevel.Serializable, "unwritten");

    [Fact]
    public void An_element_that_is_there_twice_is_named() => Expect("""
        0 [0..10] committed: append x 1
        1 [0..10] committed: read x [1 1]
        """, TransactionLevel.Serializable, "duplicate-element");

    [Fact]
    public void Two_reads_that_do_not_continue_each_other_are_named() => Expect("""
        0 [0..10] committed: append x 1
        1 [0..10] committed: append x 2
        2 [0..10] committed: read x [1 2]
        3 [0..10] committed: read x [2 1]
        """, TransactionLevel.Serializable, "incompatible-order");

    [Theory]
    [InlineData("2 1")]
    [InlineData("2")]
    public void Appends_of_one_transaction_in_another_order_are_named(string elements) => Expect(
        $"""
        0 [0..10] committed: append x 1; append x 2
        1 [0..10] committed: append x 3
        2 [0..10] committed: read x [{elements} 3]
        """, TransactionLevel.Serializable, "incompatible-order");

    [Fact]
    public void An_acknowledged_append_that_nobody_finds_later_is_lost() => Expect("""
        0 [0..10] committed: append x 1
        1 [20..30] committed: read x []
        """, TransactionLevel.LinearizablePerKey, "lost-append", "G-single-realtime");

    [Fact]
    public void An_append_that_may_come_later_is_not_lost() => Expect("""
        0 [0..25] committed: append x 1
        1 [20..30] committed: read x []
        """, TransactionLevel.StrictSerializable);

    [Fact]
    public void An_append_of_an_aborted_transaction_that_is_read_is_G1a() => Expect("""
        0 [0..10] aborted: append x 1
        1 [0..10] committed: read x [1]
        """, TransactionLevel.Serializable, "G1a");

    [Fact]
    public void A_list_between_two_appends_of_one_transaction_is_G1b() => Expect("""
        0 [0..10] committed: append x 1; append x 2
        1 [0..10] committed: read x [1]
        2 [0..10] committed: read x [1 2]
        """, TransactionLevel.Serializable, "G1b", "G-single");

    [Fact]
    public void Two_transactions_that_each_append_after_the_other_are_G0() => Expect("""
        0 [0..10] committed: append x 1; append y 1
        1 [0..10] committed: append x 2; append y 2
        2 [0..10] committed: read x [1 2]
        3 [0..10] committed: read y [2 1]
        """, TransactionLevel.Serializable, "G0");

    [Fact]
    public void Two_appends_that_nobody_read_each_come_after_the_other_transaction() => Expect("""
        0 [0..10] committed: append x 1; append y 1
        1 [0..10] committed: append x 2; append y 2
        2 [0..10] committed: read x [1]
        3 [0..10] committed: read y [2]
        """, TransactionLevel.Serializable, "G0");

    [Fact]
    public void Two_transactions_that_each_read_from_the_other_are_G1c() => Expect("""
        0 [0..10] committed: append x 1; read y [1]
        1 [0..10] committed: append y 1; read x [1]
        """, TransactionLevel.Serializable, "G1c");

    [Fact]
    public void A_read_of_two_keys_with_half_of_a_transaction_is_G_single() => Expect("""
        0 [0..10] committed: append x 1; append y 1
        1 [0..10] committed: read x [1]; read y []
        """, TransactionLevel.Serializable, "G-single");

    [Fact]
    public void Two_appends_on_one_state_where_the_second_did_not_see_the_first_are_G_single() => Expect("""
        0 [0..10] committed: read x []; append x 1
        1 [0..10] committed: read x []; append x 2
        2 [0..10] committed: read x [1 2]
        """, TransactionLevel.Serializable, "G-single");

    [Fact]
    public void Two_appends_on_one_state_that_nobody_read_are_G2() => Expect("""
        0 [0..10] committed: read x []; append x 1
        1 [0..10] committed: read x []; append x 2
        """, TransactionLevel.Serializable, "G2");

    [Fact]
    public void Two_transactions_that_each_miss_the_other_are_G2() => Expect("""
        0 [0..10] committed: read x []; append y 1
        1 [0..10] committed: read y []; append x 1
        2 [20..30] committed: read x [1]; read y [1]
        """, TransactionLevel.Serializable, "G2");

    [Fact]
    public void A_client_that_misses_what_it_did_before_needs_its_session() => Expect(
        """
        0 [0..10] committed: append x 1
        0 [20..30] committed: read x []
        1 [40..50] committed: read x [1]
        """, TransactionLevel.Serializable, true, "G-single-process");

    [Fact]
    public void Without_sessions_and_times_a_client_may_miss_what_it_did_before() => Expect("""
        0 [0..10] committed: append x 1
        0 [20..30] committed: read x []
        1 [40..50] committed: read x [1]
        """, TransactionLevel.Serializable);

    [Fact]
    public void A_client_whose_outcome_is_unknown_may_see_it_happen_later() => Expect(
        """
        0 [0..10] unknown: append x 1
        0 [20..30] committed: read x []
        1 [40..50] committed: read x [1]
        """, TransactionLevel.StrictSerializable, true);

    [Fact]
    public void A_later_read_of_an_older_state_is_against_real_time() => Expect("""
        0 [0..10] committed: append x 1
        1 [20..30] committed: read x []
        2 [40..50] committed: read x [1]
        """, TransactionLevel.LinearizablePerKey, "G-single-realtime");

    [Fact]
    public void A_later_append_before_an_older_one_is_against_real_time() => Expect("""
        0 [0..10] committed: append x 1
        1 [20..30] committed: append x 2
        2 [40..50] committed: read x [2 1]
        """, TransactionLevel.LinearizablePerKey, "G0-realtime");

    [Fact]
    public void What_is_read_before_it_begins_is_against_real_time() => Expect("""
        1 [0..10] committed: read x [1]
        0 [20..30] committed: append x 1
        """, TransactionLevel.LinearizablePerKey, "G1c-realtime");

    [Fact]
    public void Two_readers_that_see_a_key_go_back_are_found_on_that_key_alone() => Expect("""
        0 [0..100] committed: append x 1
        1 [10..20] committed: read x [1]
        2 [30..40] committed: read x []
        """, TransactionLevel.LinearizablePerKey, "G-single-realtime");

    // Readers 1 and 2 share only a key that both read; nothing says which of them looked at the other keys first.
    [Fact]
    public void Two_readers_that_share_a_key_nobody_writes_may_see_other_keys_in_either_order()
    {
        const string Text = """
            0 [0..100] committed: append a 1
            1 [10..20] committed: read k []; read a [1]
            2 [30..40] committed: read k []; read b []
            3 [50..60] committed: append b 1
            4 [5..90] committed: read b [1]; read a []
            """;
        Expect(Text, TransactionLevel.LinearizablePerKey);
        Expect(Text, TransactionLevel.StrictSerializable, "G-single-realtime");
    }

    [Fact]
    public void Two_misses_and_a_return_are_G2_in_real_time() => Expect("""
        0 [0..100] committed: read x []; append y 1
        1 [10..20] committed: append x 1
        2 [30..40] committed: read y []
        """, TransactionLevel.StrictSerializable, "G2-realtime");

    [Fact]
    public void A_write_that_is_seen_without_an_earlier_one_is_wrong_only_when_strict()
    {
        const string Text = """
            0 [0..10] committed: append x 1
            1 [20..30] committed: append y 1
            2 [5..40] committed: read x []; read y [1]
            """;
        Expect(Text, TransactionLevel.LinearizablePerKey);
        Expect(Text, TransactionLevel.StrictSerializable, "G-single-realtime");
    }

    [Fact]
    public void An_unknown_transaction_that_was_read_has_to_be_there_whole() => Expect("""
        0 [0..] unknown: append x 1; append y 1
        1 [0..10] committed: read x [1]; read y []
        """, TransactionLevel.Serializable, "G-single");

    [Fact]
    public void An_unknown_transaction_that_was_read_saw_what_it_was_told() => Expect("""
        0 [0..10] unknown: read y [1]; append x 1
        1 [0..10] committed: read x [1]; append y 1
        """, TransactionLevel.Serializable, "G1c");

    [Fact]
    public void An_unknown_transaction_that_nobody_read_says_nothing() => Expect("""
        0 [0..10] unknown: read y []; append x 1
        1 [0..10] committed: read x []; append y 1
        2 [20..30] committed: read x []; read y [1]
        """, TransactionLevel.StrictSerializable);

    [Fact]
    public void A_scan_that_misses_a_key_is_a_read_of_its_absence()
    {
        const string Text = """
            0 [0..10] committed: scan a..c {}; append z 1
            1 [0..10] committed: append b 1; read z []
            2 [20..30] committed: read z [1]; scan a..c {b [1]}
            """;
        Expect(Text, TransactionLevel.Serializable, "G2");
        var explanation = Check(Text, TransactionLevel.Serializable, false)[0].Explanation;
        Assert.Contains("T0 scanned 'b' in its first state", explanation, StringComparison.Ordinal);
    }

    [Fact]
    public void One_element_appended_twice_makes_the_test_wrong() => Expect("""
        0 [0..10] committed: append x 1
        1 [0..10] committed: append x 1
        """, TransactionLevel.Serializable, "the test is wrong");

    [Fact]
    public void A_client_that_does_two_things_at_once_makes_the_test_wrong() => Expect("""
        0 [0..10] committed: append x 1
        0 [5..15] committed: append x 2
        """, TransactionLevel.Serializable, "the test is wrong");

    [Fact]
    public void A_key_of_both_kinds_makes_the_test_wrong() =>
        Expect("0 [0..10] committed: append x 1; write x 2", TransactionLevel.Serializable, "the test is wrong");

    [Fact]
    public void A_cycle_says_why_each_comes_before_the_next()
    {
        var anomaly = Check(
            """
            0 [0..10] committed: append x 1
            2 [15..18] committed: append x 2
            1 [20..30] committed: read x [1]
            3 [40..50] committed: read x [1 2]
            """, TransactionLevel.StrictSerializable, false)[0];
        const string Whole = """
            G-single-realtime: each of these came before the next, and the last before the first:
              T1 client 2 [15..18us] committed: append x 2
              T2 client 1 [20..30us] committed: read x [1]
            T1 before T2 (realtime): it had returned at 18us when T2 began at 20us
            T2 before T1 (rw): T2 read 'x' with '1' and not yet '2', which T1 put there
            """;
        Assert.Equal(Whole, anomaly.ToString(), ignoreLineEndingDifferences: true);
    }

    internal static void Expect(string text, TransactionLevel level, params string[] names) => Expect(text, level, false, names);

    internal static void Expect(string text, TransactionLevel level, bool sessions, params string[] names)
    {
        var anomalies = Check(text, level, sessions);
        Assert.True(
            names.SequenceEqual(anomalies.Select(anomaly => anomaly.Name)),
            $"expected [{string.Join(", ", names)}], found {anomalies.Count}:\n{string.Join('\n', anomalies)}");
    }

    private static IReadOnlyList<Anomaly> Check(string text, TransactionLevel level, bool sessions) =>
        SerializabilityChecker.Check(TransactionTranscript.Parse(text), new(level, sessions)).Anomalies;
}
