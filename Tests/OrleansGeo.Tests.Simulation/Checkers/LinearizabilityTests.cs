using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Checkers;
using Xunit;

namespace OrleansGeo.Tests.Simulation.Checkers;

public sealed class LinearizabilityTests
{
    private readonly History _history = new();

    [Fact]
    public void Answers_in_order_are_good()
    {
        Put(1, "a", 0, 10);
        Read(2, "a", 20, 30);
        Cas(1, "a", "b", 40, 50, true);
        Read(2, "b", 60, 70);
        Delete(1, 80, 90, true);
        Read(2, null, 100, 110);
        Insert(1, "c", 120, 130, true);
        Insert(2, "d", 140, 150, false);
        Good();
    }

    [Fact]
    public void A_read_beside_a_write_may_see_either_state()
    {
        Put(1, "a", 0, 10);
        Put(1, "b", 20, 100);
        Read(2, "a", 30, 40);
        Read(2, "b", 50, 60);
        Good();
    }

    [Fact]
    public void A_read_that_saw_a_write_binds_the_reads_after_it()
    {
        Put(1, "a", 0, 10);
        Put(1, "b", 20, 100);
        Read(2, "b", 30, 40);
        Read(3, "a", 50, 60);
        Bad("read x -> 'a'");
    }

    [Fact]
    public void A_stale_read_is_bad()
    {
        Put(1, "a", 0, 10);
        Put(1, "b", 20, 30);
        Read(2, "a", 40, 50);
        var text = Bad("key 'x' is not linearizable: 'a' was held all the time from the first to the second of");
        Assert.Contains("#2 client 2 [40..50us] read x -> 'a'\nbut 'b' was met in between", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_violation_shows_how_far_an_order_goes_and_what_cannot_come_next()
    {
        Put(1, "a", 0, 10);
        Put(1, "a", 11, 12);
        Put(1, "b", 20, 30);
        Read(2, "a", 40, 50);
        var text = Bad("then the key holds 'b', and none of these can come next:\n  #3 client 2 [40..50us] read x -> 'a'");
        Assert.Contains("the longest order that works has 3 of 4 answered operations", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_value_that_comes_back_is_bad()
    {
        Put(1, "a", 0, 10);
        Put(1, "b", 20, 30);
        Read(2, "b", 40, 50);
        Read(2, "a", 60, 70);
        Bad("but 'b' was met in between:\n  #1 client 1 [20..30us] put x='b' -> done\n  #2 client 2 [40..50us] read x -> 'b'");
    }

    [Fact]
    public void A_lost_update_is_bad()
    {
        Put(1, "0", 0, 10);
        Cas(1, "0", "1", 20, 60, true);
        Cas(2, "0", "2", 30, 50, true);
        Bad("none of these can come next");
    }

    [Fact]
    public void Two_inserts_that_both_succeed_are_bad()
    {
        Insert(1, "a", 0, 20, true);
        Insert(2, "b", 10, 30, true);
        Bad("insert x");
    }

    [Fact]
    public void Two_deletes_that_both_found_something_are_bad()
    {
        Put(1, "a", 0, 10);
        Delete(1, 20, 40, true);
        Delete(2, 30, 50, true);
        Bad("delete x");
    }

    [Fact]
    public void A_blind_delete_says_nothing_about_what_was_there()
    {
        var id = _history.Delete(1, "x", 0);
        _history.DeletedBlindly(id, 10);
        Read(2, null, 20, 30);
        Good();
    }

    [Fact]
    public void A_refused_condition_is_an_answer_too()
    {
        Put(1, "a", 0, 10);
        Cas(2, "a", "b", 20, 30, false);
        Bad("refused");
    }

    [Fact]
    public void A_value_that_nobody_wrote_is_bad()
    {
        Put(1, "a", 0, 10);
        Read(2, "z", 5, 20);
        Bad("'z'");
    }

    [Fact]
    public void A_write_that_is_gone_after_its_acknowledgement_is_bad()
    {
        Put(1, "a", 0, 10);
        Read(2, null, 20, 30);
        Bad("-> nothing");
    }

    [Fact]
    public void A_failed_write_that_is_seen_is_bad()
    {
        var id = _history.Put(1, "x", "a", 0);
        _history.Failed(id, 10);
        Read(2, "a", 20, 30);
        Bad("'a'");
    }

    [Fact]
    public void An_unknown_write_may_surface_later()
    {
        Put(1, "a", 0, 10);
        Unknown(_history.Put(2, "x", "b", 20), 30);
        Read(1, "a", 40, 50);
        Read(3, "b", 60, 70);
        Good();
    }

    [Fact]
    public void An_unknown_write_may_never_surface()
    {
        Put(1, "a", 0, 10);
        Unknown(_history.Put(2, "x", "b", 20), 30);
        Read(1, "a", 40, 50);
        Good();
    }

    [Fact]
    public void An_unknown_write_that_is_seen_and_then_unseen_is_bad()
    {
        Put(1, "a", 0, 10);
        Unknown(_history.Put(2, "x", "b", 20), 30);
        Read(1, "b", 40, 50);
        Read(3, "a", 60, 70);
        Bad("read x -> 'a'");
    }

    [Fact]
    public void An_unknown_write_cannot_be_seen_before_it_began()
    {
        Read(1, "b", 0, 10);
        Unknown(_history.Put(2, "x", "b", 20), 30);
        Bad("'b' was met before anyone wrote it");
    }

    [Fact]
    public void An_operation_that_never_returned_is_unknown()
    {
        _history.Put(1, "x", "a", 0);
        Read(2, "a", 10, 20);
        Good();
    }

    [Fact]
    public void Unknown_writes_may_stand_on_each_other()
    {
        Unknown(_history.Insert(1, "x", "a", 0), 5);
        Unknown(_history.CompareAndSet(2, "x", "a", "b", 1), 6);
        Unknown(_history.CompareAndSet(3, "x", "b", "c", 2), 7);
        Read(4, "c", 10, 20);
        Good();
    }

    [Fact]
    public void An_unknown_delete_explains_nothing_and_an_insert()
    {
        Put(1, "a", 0, 10);
        Unknown(_history.Delete(2, "x", 20), 30);
        Insert(1, "b", 40, 50, true);
        Read(1, "b", 60, 70);
        Good();
    }

    [Fact]
    public void An_unknown_read_says_nothing()
    {
        Put(1, "a", 0, 10);
        _history.Read(2, "x", 20);
        Read(1, "a", 30, 40);
        Good();
    }

    [Fact]
    public void One_write_is_not_done_twice()
    {
        Put(1, "a", 0, 10);
        Unknown(_history.Put(2, "x", "b", 20), 30);
        Read(1, "b", 40, 50);
        Put(1, "c", 60, 70);
        Read(1, "b", 80, 90);
        Bad("read x -> 'b'");
    }

    [Fact]
    public void A_compare_and_set_on_an_old_version_is_bad()
    {
        Put(1, "a", 0, 10, 100);
        Put(1, "b", 20, 30, 200);
        var id = _history.CompareAndSet(2, "x", new HlcTimestamp(100), "c", 40);
        _history.Done(id, 50, new HlcTimestamp(300));
        Bad("cas x");
    }

    [Fact]
    public void A_version_is_learned_from_a_read()
    {
        Unknown(_history.Put(1, "x", "a", 0), 5);
        Read(2, "a", 10, 20, 100);
        _history.Refused(_history.CompareAndSet(2, "x", new HlcTimestamp(100), "b", 30), 40);
        Bad("refused");
    }

    [Fact]
    public void A_write_that_is_read_with_two_versions_is_bad()
    {
        Unknown(_history.Put(1, "x", "a", 0), 5);
        Read(2, "a", 10, 20, 100);
        Read(2, "a", 30, 40, 101);
        Bad("several versions");
    }

    [Fact]
    public void A_read_with_another_version_than_the_acknowledged_one_is_bad()
    {
        Put(1, "a", 0, 10, 100);
        Read(2, "a", 20, 30, 101);
        Bad("read x");
    }

    [Fact]
    public void Keys_are_judged_each_for_itself()
    {
        Put(1, "a", 0, 10);
        _history.Found(_history.Read(2, "y", 20), null, 30);
        Good();
        _history.Found(_history.Read(2, "y", 40), "a", 50);
        Bad("key 'y'");
    }

    [Fact]
    public void What_was_there_at_first_can_be_told()
    {
        Read(1, "old", 0, 10);
        Assert.True(LinearizabilityChecker.Check(_history, initial: new Dictionary<string, string> { ["x"] = "old" }).IsGood);
        Bad("'old'");
    }

    [Fact]
    public void A_budget_that_runs_out_is_no_verdict()
    {
        for (var i = 0; i < 12; i++)
        {
            Put(i, i.ToString(), 0, 1000);
        }

        Read(1, "x", 2000, 3000);
        Assert.IsType<Verdict.Inconclusive>(LinearizabilityChecker.Check(_history, stepBudget: 1000));
        Bad("-> 'x'");
    }

    private void Put(int client, string value, long from, long to, ulong version = 0) =>
        _history.Done(_history.Put(client, "x", value, from), to, Version(version));

    private void Read(int client, string? value, long from, long to, ulong version = 0) =>
        _history.Found(_history.Read(client, "x", from), value, to, Version(version));

    private void Cas(int client, string expected, string value, long from, long to, bool applied) =>
        Answer(_history.CompareAndSet(client, "x", expected, value, from), to, applied);

    private void Insert(int client, string value, long from, long to, bool applied) =>
        Answer(_history.Insert(client, "x", value, from), to, applied);

    private void Delete(int client, long from, long to, bool applied) => Answer(_history.Delete(client, "x", from), to, applied);

    private void Unknown(int id, long at) => _history.Unknown(id, at);

    private void Answer(int id, long at, bool applied)
    {
        if (applied)
        {
            _history.Done(id, at);
        }
        else
        {
            _history.Refused(id, at);
        }
    }

    private void Good() => Assert.Equal("good", LinearizabilityChecker.Check(_history).ToString());

    // The search must find by itself what the quick look finds first.
    private string Bad(string words)
    {
        var searched = _history.ByKey.Select(key => LinearizabilityChecker.Search([.. key]));
        var verdict = Assert.IsType<Verdict.Violated>(LinearizabilityChecker.Check(_history));
        Assert.True(
            Verdict.Worst(searched) is Verdict.Violated || verdict.Explanation.Contains("several versions", StringComparison.Ordinal),
            "the search finds nothing wrong");
        Assert.Contains(words, verdict.Explanation, StringComparison.Ordinal);
        return verdict.Explanation;
    }

    private static HlcTimestamp? Version(ulong value) => value == 0 ? null : new HlcTimestamp(value);
}
