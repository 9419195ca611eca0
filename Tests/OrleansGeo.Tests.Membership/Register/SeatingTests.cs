using OrleansGeo.Membership;
using Xunit;

namespace OrleansGeo.Tests.Membership.Register;

public sealed class SeatingTests
{
    private readonly RegisterScript _script = new();

    [Fact]
    public void A_register_is_founded_only_with_all_acceptors()
    {
        Array.Fill(_script.States, null);
        _script.Silence(2);
        var declined = Assert.IsType<SeatingPlan.Declined>(Seating.Found(_script.Set, _script.InspectAll()));
        Assert.Contains("no answer came from c", declined.Reason, StringComparison.Ordinal);
        _script.Silence();
        Assert.Equal(3, Assert.IsType<SeatingPlan.Seats>(Seating.Found(_script.Set, _script.InspectAll())).States.Length);
    }

    [Fact]
    public void Founding_goes_on_after_an_interruption_but_never_replaces_what_was_lost()
    {
        _script.States[1] = null;
        var state = Assert.Single(Assert.IsType<SeatingPlan.Seats>(Seating.Found(_script.Set, _script.InspectAll())).States);
        Assert.Equal("b", state.Identity.Acceptor);

        _script.States[1] = AcceptorState.New(_script.Set[1]);
        _script.Change(new Proposer(1, 3), 0, "x");
        _script.States[1] = null;
        Assert.IsType<SeatingPlan.Declined>(Seating.Found(_script.Set, _script.InspectAll()));
    }

    [Fact]
    public void A_readmitted_acceptor_holds_the_highest_value_and_is_beyond_every_write_of_its_earlier_life()
    {
        var one = new Proposer(1, 3);
        _script.Silence(2);
        _script.Change(one, 0, "x");
        _script.Change(one, 1, "y");
        var before = _script.States[0]!;
        _script.Silence();
        _script.States[0] = null;
        var seats = Assert.IsType<SeatingPlan.Seats>(Seating.Readmit(_script.Set, 0, _script.InspectAll()));
        var state = Assert.Single(seats.States);
        Assert.Equal(2, state.Value.Version);
        Assert.Equal(before.Promised, state.Promised);
        Assert.True(state.Writes > before.Writes);

        // With it and the one that missed everything there is a majority again, and it knows.
        _script.States[0] = state;
        _script.Silence(1);
        var read = Assert.IsType<RoundEnd.Decided>(_script.Read(new Proposer(2, 3)));
        Assert.Equal(2, read.Value.Version);
    }

    [Fact]
    public void An_acceptor_is_readmitted_only_beside_a_majority_of_others()
    {
        _script.States[0] = null;
        _script.Silence(2);
        var declined = Assert.IsType<SeatingPlan.Declined>(Seating.Readmit(_script.Set, 0, _script.InspectAll()));
        Assert.Contains("2 other acceptors answer; 1 did", declined.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void One_that_takes_part_is_left_alone() =>
        Assert.IsType<SeatingPlan.Nothing>(Seating.Readmit(_script.Set, 0, _script.InspectAll()));

    [Theory]
    [InlineData("a")]
    [InlineData("a", "b")]
    [InlineData("a", "a", "b")]
    [InlineData("a", "", "b")]
    public void A_set_of_acceptors_is_odd_and_each_has_a_name_of_its_own(params string[] names)
    {
        if (names.Length == 1)
        {
            Assert.Single(AcceptorIdentity.SetOf("r", names));
        }
        else
        {
            Assert.Throws<ArgumentException>(() => AcceptorIdentity.SetOf("r", names));
        }
    }

    [Fact]
    public void A_value_comes_back_as_it_was_and_a_newer_format_is_refused()
    {
        var value = RegisterValue.Empty.Changed(new byte[] { 1, 2 }, new(long.MaxValue, 7)).Changed(new byte[] { 3 }, new(-4, 8));
        var encoded = value.Encode();
        Assert.Equal(value, RegisterValue.Decode(encoded));
        Assert.Equal("0104010302FFFFFFFFFFFFFFFC107FFFFFFFFFFFFFFF0E", Convert.ToHexString(encoded));
        encoded[0] = 2;
        Assert.Throws<OrleansGeo.Primitives.CodecException>(() => RegisterValue.Decode(encoded));
    }
}
