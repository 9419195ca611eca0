using OrleansGeo.Simulation.Checkers.Transactions;
using Xunit;
using static OrleansGeo.Tests.Simulation.Checkers.Transactions.ListAnomalyTests;

namespace OrleansGeo.Tests.Simulation.Checkers.Transactions;

/// <summary>The same for registers, with versions and without.</summary>
public sealed class RegisterAnomalyTests
{
    [Fact]
    public void Transactions_one_after_another_are_good() => Expect("""
        0 [0..10] committed@1: write x 1; write y 2
        1 [20..30] committed@2: read x 1@1; write x 3; read x 3
        0 [40..50] committed: read x 3@2; read y 2@1; read z nothing
        2 [60..70] aborted: write x 4
        2 [80..] unknown: write x 5
        """, TransactionLevel.StrictSerializable);

    [Fact]
    public void A_transaction_that_does_not_see_its_own_write_is_internal() => Expect("""
        0 [0..10] committed: write x 1
        1 [0..10] committed: write x 2; read x 1
        """, TransactionLevel.Serializable, "internal");

    [Fact]
    public void A_register_that_changes_between_two_reads_is_internal() => Expect("""
        0 [0..10] committed: write x 1
        1 [0..10] committed: read x nothing; read x 1
        """, TransactionLevel.Serializable, "internal");

    [Fact]
    public void A_value_that_nobody_wrote_is_named() =>
        Expect("0 [0..10] committed: read x 7", TransactionLevel.Serializable, "unwritten");

    [Fact]
    public void A_value_of_an_aborted_transaction_is_G1a() => Expect("""
        0 [0..10] aborted: write x 1
        1 [0..10] committed: read x 1
        """, TransactionLevel.Serializable, "G1a");

    [Fact]
    public void A_value_that_its_transaction_replaced_is_G1b() => Expect("""
        0 [0..10] committed: write x 1; write x 2
        1 [0..10] committed: read x 1
        """, TransactionLevel.Serializable, "G1b");

    [Fact]
    public void Versions_that_order_two_keys_in_opposite_ways_are_G0() => Expect("""
        0 [0..10] committed: write x 1; write y 1
        1 [0..10] committed: write x 2; write y 2
        2 [0..10] committed: read x 1@1
        3 [0..10] committed: read x 2@2
        2 [20..30] committed: read y 1@4
        3 [20..30] committed: read y 2@3
        """, TransactionLevel.Serializable, "conflicting-versions", "conflicting-versions", "G0");

    [Fact]
    public void Two_transactions_that_each_read_from_the_other_are_G1c() => Expect("""
        0 [0..10] committed: write x 1; read y 2
        1 [0..10] committed: write y 2; read x 1
        """, TransactionLevel.Serializable, "G1c");

    [Fact]
    public void A_read_of_half_a_transaction_is_G_single() => Expect("""
        0 [0..10] committed: write x 1; write y 2
        1 [0..10] committed: read x 1; read y nothing
        """, TransactionLevel.Serializable, "G-single");

    [Fact]
    public void Two_writes_on_one_value_are_G2_without_versions() => Expect("""
        0 [0..10] committed: write x 1
        1 [0..10] committed: read x 1; write x 2
        2 [0..10] committed: read x 1; write x 3
        """, TransactionLevel.Serializable, "G2");

    [Fact]
    public void Two_writes_on_one_value_are_G_single_with_versions() => Expect("""
        0 [0..10] committed@1: write x 1
        1 [0..10] committed@2: read x 1; write x 2
        2 [0..10] committed@3: read x 1; write x 3
        """, TransactionLevel.Serializable, "G-single");

    [Fact]
    public void Two_writes_on_the_first_state_are_G2_among_many() => Expect("""
        0 [0..10] committed: read x nothing; write x 1
        1 [0..10] committed: read x nothing; write x 2
        2 [0..10] committed: read x nothing; write x 3
        3 [0..10] committed: read x nothing; write x 4
        4 [0..10] committed: read x nothing; write x 5
        5 [0..10] committed: read x nothing; write x 6
        """, TransactionLevel.Serializable, "G2");

    [Fact]
    public void One_write_on_the_first_state_that_many_read_is_good() => Expect("""
        0 [0..10] committed: read x nothing; write x 1
        1 [0..10] committed: read x nothing
        2 [0..10] committed: read x nothing
        3 [0..10] committed: read x 1; write x 2
        4 [0..10] committed: write x 3
        5 [0..10] committed: write x 4
        6 [0..10] committed: write x 5
        7 [0..10] committed: write x 6
        """, TransactionLevel.Serializable);

    [Fact]
    public void A_value_with_two_versions_is_named() => Expect("""
        0 [0..10] committed@1: write x 1
        1 [0..10] committed: read x 1@2
        """, TransactionLevel.Serializable, "conflicting-versions");

    [Fact]
    public void Two_values_with_one_version_are_named() => Expect("""
        0 [0..10] committed@1: write x 1
        1 [0..10] committed@1: write x 2
        """, TransactionLevel.Serializable, "conflicting-versions");

    [Fact]
    public void What_is_known_of_one_write_of_an_unknown_transaction_holds_for_its_others() => Expect("""
        0 [0..] unknown: write x 1; write y 1
        1 [0..10] committed@1: write y 2
        2 [0..10] committed@3: read y 1@2; write z 1
        3 [0..10] committed: read z 1@3; read x nothing
        """, TransactionLevel.Serializable, "G-single");

    [Fact]
    public void A_later_write_with_a_lower_version_is_against_real_time() => Expect("""
        0 [0..10] committed@2: write x 1
        1 [20..30] committed@1: write x 2
        """, TransactionLevel.LinearizablePerKey, "G0-realtime");

    [Fact]
    public void A_key_that_goes_back_between_two_reads_is_found_on_that_key_alone() => Expect("""
        0 [0..10] committed@1: write x 1
        1 [20..90] committed@2: write x 2
        2 [30..40] committed: read x 2@2
        3 [50..60] committed: read x 1@1
        """, TransactionLevel.LinearizablePerKey, "G-single-realtime");

    // Each key alone could be so; but reader 1 was over when writer 2 of the same key began.
    [Fact]
    public void A_write_that_reached_an_earlier_reader_of_its_key_over_other_keys_is_against_real_time() => Expect("""
        0 [0..4] committed: write x 1
        3 [5..50] committed: read y 2; write z 3
        1 [10..20] committed: read x 1; read z 3
        2 [30..40] committed: write x 2; write y 2
        """, TransactionLevel.LinearizablePerKey, "G1c-realtime");

    [Fact]
    public void A_write_that_reached_an_earlier_writer_of_its_key_over_other_keys_is_against_real_time() => Expect("""
        3 [5..50] committed: read y 2; write z 3
        1 [10..20] committed: write x 1; read z 3
        2 [30..40] committed: write x 2; write y 2
        """, TransactionLevel.LinearizablePerKey, "G1c-realtime");

    [Fact]
    public void A_register_that_was_removed_is_absent() => Expect("""
        0 [0..10] committed@1: write x 1
        1 [20..30] committed@2: delete x
        2 [40..50] committed: read x nothing
        """, TransactionLevel.StrictSerializable);

    [Fact]
    public void A_removal_is_a_version_like_others() => Expect("""
        0 [0..10] committed@1: write x 1
        1 [20..30] committed@2: delete x
        2 [40..50] committed: read x nothing
        3 [60..70] committed: read x 1@1
        """, TransactionLevel.LinearizablePerKey, "G-single-realtime");

    [Fact]
    public void A_row_that_a_scan_misses_is_a_missed_write() => Expect("""
        0 [0..10] committed@1: scan a..c {}; write z 1
        1 [0..10] committed@2: scan y..zz {}; write b 1
        """, TransactionLevel.Serializable, "G2");

    [Fact]
    public void A_scan_sees_what_its_own_transaction_wrote() => Expect("""
        0 [0..10] committed@1: write a 1; write d 2; scan a..c {}
        """, TransactionLevel.Serializable, "internal");

    [Fact]
    public void A_scan_shows_nothing_outside_of_its_span() => Expect("""
        0 [0..10] committed@1: write d 2
        1 [0..10] committed: scan a..d {d 2@1}
        """, TransactionLevel.Serializable, "internal");
}
