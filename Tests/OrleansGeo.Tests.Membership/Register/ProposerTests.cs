using OrleansGeo.Membership;
using Xunit;

namespace OrleansGeo.Tests.Membership.Register;

/// <summary>The stories of the register, message by message.</summary>
public sealed class ProposerTests
{
    private readonly RegisterScript _script = new();

    [Fact]
    public void A_first_change_takes_two_round_trips_and_the_next_one_takes_one()
    {
        var one = new Proposer(1, 3);
        _script.Change(one, 0, "x");
        Check("""
            a: prepare 1.1 -> done, 1 writes, promised 1.1, accepted 0.0
            b: prepare 1.1 -> done, 1 writes, promised 1.1, accepted 0.0
            c: prepare 1.1 -> done, 1 writes, promised 1.1, accepted 0.0
            a: accept 1.1 'x' from 1 -> done, 2 writes, promised 2.1, accepted 1.1
            b: accept 1.1 'x' from 1 -> done, 2 writes, promised 2.1, accepted 1.1
            decided: version 1 'x' Made
            c: accept 1.1 'x' from 1 -> done, 2 writes, promised 2.1, accepted 1.1
            """);
        _script.Change(one, 1, "y");
        Check("""
            a: accept 2.1 'y' from 2 -> done, 3 writes, promised 3.1, accepted 2.1
            b: accept 2.1 'y' from 2 -> done, 3 writes, promised 3.1, accepted 2.1
            decided: version 2 'y' Made
            c: accept 2.1 'y' from 2 -> done, 3 writes, promised 3.1, accepted 2.1
            """);
    }

    [Fact]
    public void A_read_that_a_majority_agrees_on_writes_nothing()
    {
        var one = new Proposer(1, 3);
        _script.Change(one, 0, "x");
        _ = _script.Lines;
        _script.Read(one);
        Check("""
            a: inspect from 2 -> done, 2 writes, promised 2.1, accepted 1.1
            b: inspect from 2 -> done, 2 writes, promised 2.1, accepted 1.1
            decided: version 1 'x' None
            c: inspect from 2 -> done, 2 writes, promised 2.1, accepted 1.1
            """);
    }

    [Fact]
    public void What_one_acceptor_accepted_is_finished_by_the_next_proposer_and_known_to_the_first_again()
    {
        var one = new Proposer(1, 3);
        var two = new Proposer(2, 3);
        _script.Change(one, 0, "x");
        _ = _script.Lines;
        _script.Silence(1, 2);
        var change = new ChangeId(1, 2);
        _script.Change(one, 1, "y", change);
        _script.Silence(2);
        _script.Change(two, 1, "z");
        _script.Silence();
        _script.Change(two, 2, "zz");
        _script.Change(one, 1, "y", change);
        _script.Change(one, 1, "y", change);
        Check("""
            a: accept 2.1 'y' from 2 -> done, 3 writes, promised 3.1, accepted 2.1
            b: accept 2.1 'y' from 2 -> silence
            c: accept 2.1 'y' from 2 -> silence
            no quorum: 1 of 2, may take effect: True
            a: prepare 1.2 -> declined, 3 writes, promised 3.1, accepted 2.1
            b: prepare 1.2 -> declined, 2 writes, promised 2.1, accepted 1.1
            outbid, may take effect: False
            c: prepare 1.2 -> silence
            a: prepare 4.2 from 3 -> done, 4 writes, promised 4.2, accepted 2.1
            b: prepare 4.2 from 2 -> done, 3 writes, promised 4.2, accepted 1.1
            c: prepare 4.2 from 2 -> done, 3 writes, promised 4.2, accepted 1.1
            a: accept 4.2 'zz' from 4 -> done, 5 writes, promised 5.2, accepted 4.2
            b: accept 4.2 'zz' from 3 -> done, 4 writes, promised 5.2, accepted 4.2
            decided: version 3 'zz' Made
            c: accept 4.2 'zz' from 3 -> done, 4 writes, promised 5.2, accepted 4.2
            a: prepare 4.1 from 3 -> declined, 5 writes, promised 5.2, accepted 4.2
            b: prepare 4.1 from 2 -> declined, 4 writes, promised 5.2, accepted 4.2
            outbid, may take effect: False
            c: prepare 4.1 from 2 -> declined, 4 writes, promised 5.2, accepted 4.2
            a: prepare 6.1 from 5 -> done, 6 writes, promised 6.1, accepted 4.2
            b: prepare 6.1 from 4 -> done, 5 writes, promised 6.1, accepted 4.2
            c: prepare 6.1 from 4 -> done, 5 writes, promised 6.1, accepted 4.2
            a: accept 6.1 'zz' from 6 -> done, 7 writes, promised 7.1, accepted 6.1
            b: accept 6.1 'zz' from 5 -> done, 6 writes, promised 7.1, accepted 6.1
            decided: version 3 'zz' Made
            c: accept 6.1 'zz' from 5 -> done, 6 writes, promised 7.1, accepted 6.1
            """);
    }

    [Fact]
    public void A_held_ballot_that_was_outbid_changes_nothing()
    {
        var one = new Proposer(1, 3);
        var two = new Proposer(2, 3);
        _script.Change(one, 0, "x");
        _script.Read(two);
        _script.Change(two, 1, "y");
        _ = _script.Lines;
        var change = one.NextChange();
        _script.Change(one, 1, "lost", change);
        _script.Change(one, 1, "lost", change);
        Check("""
            a: accept 2.1 'lost' from 2 -> declined, 4 writes, promised 4.2, accepted 3.2
            b: accept 2.1 'lost' from 2 -> declined, 4 writes, promised 4.2, accepted 3.2
            outbid, may take effect: True
            c: accept 2.1 'lost' from 2 -> declined, 4 writes, promised 4.2, accepted 3.2
            a: prepare 5.1 from 4 -> done, 5 writes, promised 5.1, accepted 3.2
            b: prepare 5.1 from 4 -> done, 5 writes, promised 5.1, accepted 3.2
            c: prepare 5.1 from 4 -> done, 5 writes, promised 5.1, accepted 3.2
            a: accept 5.1 'y' from 5 -> done, 6 writes, promised 6.1, accepted 5.1
            b: accept 5.1 'y' from 5 -> done, 6 writes, promised 6.1, accepted 5.1
            decided: version 2 'y' Overtaken
            c: accept 5.1 'y' from 5 -> done, 6 writes, promised 6.1, accepted 5.1
            """);
    }

    [Fact]
    public void An_acceptor_that_went_back_refuses_itself_for_good()
    {
        var one = new Proposer(1, 3);
        _script.Change(one, 0, "x");
        var backup = _script.States[0];
        _script.Change(one, 1, "y");
        _script.Change(one, 2, "z");
        (_script.States[0], _script.Lives[0]) = (backup, 2);
        _ = _script.Lines;
        _script.Read(one);
        _script.Read(new Proposer(2, 3));
        Check("""
            a: inspect from 4 -> Regressed
            alarm: a Regressed
            b: inspect from 4 -> done, 4 writes, promised 4.1, accepted 3.1
            c: inspect from 4 -> done, 4 writes, promised 4.1, accepted 3.1
            decided: version 3 'z' None
            a: inspect -> Quarantined
            alarm: a Quarantined
            b: inspect -> done, 4 writes, promised 4.1, accepted 3.1
            c: inspect -> done, 4 writes, promised 4.1, accepted 3.1
            decided: version 3 'z' None
            """);
    }

    [Fact]
    public void A_majority_with_a_new_life_in_it_waits_for_the_one_that_may_know_better()
    {
        var one = new Proposer(1, 3);
        _script.Change(one, 0, "x");
        var backup = _script.States[0];
        _script.Silence(2);
        _script.Change(one, 1, "y");
        _script.Change(one, 2, "z");
        _script.Silence();
        (_script.States[0], _script.Lives[0]) = (backup, 2);
        _ = _script.Lines;
        var two = new Proposer(2, 3);
        _script.HeldBack.Add((two, 1));
        Assert.Null(_script.Read(two));
        Assert.IsType<RoundEnd.Decided>(_script.Release(two));
        Check("""
            a: inspect -> done, 2 writes, promised 2.1, accepted 1.1
            c: inspect -> done, 2 writes, promised 2.1, accepted 1.1
            b: inspect -> done, 4 writes, promised 4.1, accepted 3.1
            a: inspect from 3 -> Regressed
            alarm: a Regressed
            a: prepare 5.2 from 3 -> Quarantined
            alarm: a Quarantined
            b: prepare 5.2 from 4 -> done, 5 writes, promised 5.2, accepted 3.1
            c: prepare 5.2 from 2 -> done, 3 writes, promised 5.2, accepted 1.1
            b: accept 5.2 'z' from 5 -> done, 6 writes, promised 6.2, accepted 5.2
            c: accept 5.2 'z' from 3 -> done, 4 writes, promised 6.2, accepted 5.2
            decided: version 3 'z' None
            """);
    }

    [Fact]
    public void An_answer_that_is_only_late_is_doubted_and_not_condemned()
    {
        var one = new Proposer(1, 3);
        var two = new Proposer(2, 3);
        _script.Change(one, 0, "x");
        _ = _script.Lines;
        _script.HeldBack.UnionWith([(two, 1), (two, 2)]);
        Assert.Null(_script.Read(two));
        _script.Read(one);
        _script.Change(one, 1, "y");
        _script.Change(one, 2, "z");
        _ = _script.Lines;
        _script.Release(two);
        Check("""
            b: inspect -> done, 4 writes, promised 4.1, accepted 3.1
            c: inspect -> done, 4 writes, promised 4.1, accepted 3.1
            a: inspect from 3 -> done, 4 writes, promised 4.1, accepted 3.1
            decided: version 3 'z' None
            """);
    }

    [Fact]
    public void A_change_that_was_overtaken_too_often_is_forgotten_and_not_guessed()
    {
        var one = new Proposer(1, 3);
        var two = new Proposer(2, 3);
        for (var version = 0; version <= RegisterValue.LatestMax; version++)
        {
            _script.Read(two);
            _script.Change(two, version, "by two");
        }

        _script.Read(one);
        var again = Assert.IsType<RoundEnd.Decided>(_script.Change(one, 0, "by one", new ChangeId(1, 1)));
        Assert.Equal(ChangeVerdict.Forgotten, again.Verdict);
        var still = Assert.IsType<RoundEnd.Decided>(_script.Change(one, 1, "by one", new ChangeId(1, 2)));
        Assert.Equal(ChangeVerdict.Overtaken, still.Verdict);
    }

    private void Check(string expected) => Assert.Equal(expected, _script.Lines);
}
