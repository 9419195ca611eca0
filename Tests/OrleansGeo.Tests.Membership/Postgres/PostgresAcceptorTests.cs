using System.Collections.Immutable;
using OrleansGeo.Membership;
using OrleansGeo.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Membership.Postgres;

/// <summary>One acceptor in a real database against the rules it has to keep.</summary>
[Collection(PostgresServers.Name)]
public sealed class PostgresAcceptorTests(PostgresFixture fixture)
{
    private static CancellationToken None => CancellationToken.None;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task The_statements_decide_as_the_pure_acceptor_does(int seed)
    {
        await using var register = await PostgresRegister.Found($"pure-{seed}", fixture.Servers);
        var acceptor = register.Acceptors()[1];
        var prng = new Prng((ulong)seed);
        AcceptorState? model = AcceptorState.New(acceptor.Identity);
        var done = 0;
        for (var i = 0; i < 400; i++)
        {
            var request = Draw(prng, model!);
            (model, var expected) = Acceptor.Handle(model, acceptor.Identity, request, 0);
            var actual = await acceptor.AskAsync(request, None);
            Assert.Equal(Shown(expected), Shown(actual));
            done += expected is AcceptorReply.Answer { IsDone: true } && request is not AcceptorRequest.Inspect ? 1 : 0;
            if (model!.Refusal is not null)
            {
                model = model with { Refusal = null, Writes = model.Writes + 100 };
                Assert.True(await acceptor.SeatAsync(model, None));
            }
        }

        Assert.True(done > 100, $"only {done} of 400 requests changed anything");
    }

    [Fact]
    public async Task A_record_that_takes_part_is_not_written_over()
    {
        await using var register = await PostgresRegister.Found("not-over", fixture.Servers);
        var acceptor = register.Acceptors()[0];
        Assert.False(await acceptor.SeatAsync(AcceptorState.New(acceptor.Identity) with { Writes = 9 }, None));
    }

    [Fact]
    public async Task A_record_that_was_edited_by_hand_takes_no_part()
    {
        await using var register = await PostgresRegister.Found("edited", fixture.Servers);
        await register.Execute(0, "UPDATE geo_membership_register SET writes = 7 WHERE register = $register");
        Assert.Equal(RefusalKind.Tampered, Assert.IsType<AcceptorReply.Refused>(await register.Inspect(0)).Kind);
        using var client = register.Client();
        Assert.Equal(1, await PostgresRegister.Change(client, 0, "one"));
        Assert.Contains(register.Alarms, alarm => alarm.StartsWith("a Tampered", StringComparison.Ordinal));
        Assert.Equal(0, await register.Scalar<long>(0, "SELECT version FROM geo_membership_register WHERE register = $register"));
    }

    [Fact]
    public async Task A_record_that_a_dump_brought_back_takes_no_part()
    {
        await using var register = await PostgresRegister.Found("dumped", fixture.Servers);
        await register.Execute(2, """
            CREATE TEMPORARY TABLE dump AS SELECT * FROM geo_membership_register WHERE register = $register;
            DELETE FROM geo_membership_register WHERE register = $register;
            INSERT INTO geo_membership_register SELECT * FROM dump
            """);
        Assert.Equal(RefusalKind.Tampered, Assert.IsType<AcceptorReply.Refused>(await register.Inspect(2)).Kind);
    }

    [Fact]
    public async Task The_databases_of_two_acceptors_swapped_are_noticed()
    {
        await using var register = await PostgresRegister.Found("swapped", fixture.Servers);
        var identity = AcceptorIdentity.SetOf("swapped", ["a", "b", "c"])[0];
        await using var wrong = new PostgresAcceptor(identity, fixture.Servers[1].ConnectionString, TimeSpan.FromSeconds(1));
        var reply = await wrong.AskAsync(new AcceptorRequest.Prepare(0, new(1, 1), [0, 0, 0]), None);
        var refused = Assert.IsType<AcceptorReply.Refused>(reply);
        Assert.Equal(RefusalKind.Stranger, refused.Kind);
        Assert.Equal(0, await register.Scalar<long>(1, "SELECT writes FROM geo_membership_register WHERE register = $register"));
    }

    [Fact]
    public async Task A_server_that_does_not_sync_is_refused()
    {
        await using var register = await PostgresRegister.Found("unsynced", fixture.Servers);
        await register.Execute(0, "ALTER SYSTEM SET fsync = off");
        await register.Execute(0, "SELECT pg_reload_conf()");
        try
        {
            AcceptorReply reply;
            do
            {
                reply = await register.Inspect(0);
            }
            while (reply is AcceptorReply.Answer);
            Assert.Equal(RefusalKind.Unsafe, Assert.IsType<AcceptorReply.Refused>(reply).Kind);
        }
        finally
        {
            await register.Execute(0, "ALTER SYSTEM RESET fsync");
            await register.Execute(0, "SELECT pg_reload_conf()");
        }
    }

    [Fact]
    public async Task Founding_again_changes_nothing_and_a_lost_record_is_not_founded_anew()
    {
        await using var register = await PostgresRegister.Found("founded", fixture.Servers);
        Assert.Equal(new SeatingOutcome.Seated(false), await RegisterSeats.FoundAsync(register.Acceptors(), None));
        using var client = register.Client();
        await PostgresRegister.Change(client, 0, "one");
        await register.Execute(1, "DELETE FROM geo_membership_register WHERE register = $register");
        var declined = Assert.IsType<SeatingOutcome.Declined>(await RegisterSeats.FoundAsync(register.Acceptors(), None));
        Assert.Contains("'b' lost its record: readmit it", declined.Reason, StringComparison.Ordinal);
        Assert.Equal(new SeatingOutcome.Seated(true), await register.Readmit("b"));
        Assert.Equal("one", (await PostgresRegister.Read(client)).Text);
    }

    private static AcceptorRequest Draw(Prng prng, AcceptorState state)
    {
        var floor = prng.Below(40) == 0 ? state.Writes + prng.Below(3) : prng.Below(2) == 0 ? state.Writes : 0;
        var witnessed = ImmutableArray.Create<long>(prng.Below(1000), prng.Below(1000), prng.Below(1000));
        var near = new Ballot(Math.Max(0, state.Promised.Counter + prng.Between(-1, 1)), prng.Between(1, 3));
        return prng.Below(5) switch
        {
            0 => new AcceptorRequest.Inspect(floor),
            1 or 2 => new AcceptorRequest.Prepare(floor, near, witnessed),
            _ => Accept(prng, state, floor, prng.Below(4) == 0 ? near : prng.Below(8) == 0 ? state.Accepted : state.Promised, witnessed),
        };
    }

    private static AcceptorRequest.Accept Accept(
        Prng prng, AcceptorState state, long floor, Ballot ballot, ImmutableArray<long> witnessed)
    {
        var bytes = new byte[prng.Below(5) == 0 ? 9_000 : prng.Below(20)];
        prng.Fill(bytes);
        var value = state.Value.Changed(bytes, new(prng.Between(1, 9), prng.Between(1, 9)));
        return new(floor, ballot, ballot.Next, prng.Below(8) == 0 ? state.Writes - 1 : state.Writes, value, witnessed);
    }

    private static string Shown(AcceptorReply reply) => reply switch
    {
        AcceptorReply.Answer { Report: var report } answer =>
            $"{answer.IsDone} promised {report.Promised} accepted {report.Accepted} writes {report.Writes} "
            + $"witnessed {string.Join(',', report.Witnessed)} value {Convert.ToHexString(report.Value.Encode())}",
        AcceptorReply.Refused refused => $"{refused.Kind} {refused.Reason} {refused.Writes}",
        _ => throw new InvalidOperationException(),
    };
}
