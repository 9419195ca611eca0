using OrleansGeo.Membership;
using OrleansGeo.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Membership.Table;

public sealed class MembershipTableTests
{
    private const int Joining = 2;
    private const int Active = MembershipTable.ActiveStatus;
    private const int Dead = 6;

    [Fact]
    public void An_insert_names_the_version_it_was_decided_at_and_makes_the_next()
    {
        var table = MembershipTable.Empty.Insert(Row("s1"), 0)!;
        Assert.Equal(1, table.Version);
        Assert.Equal(1, table.Rows["s1"].Tag);
        Assert.Null(table.Insert(Row("s2"), 0));
        Assert.Null(table.Insert(Row("s1"), 1));
        Assert.Equal(2, table.Insert(Row("s2"), 1)!.Version);
    }

    [Fact]
    public void An_update_holds_for_the_row_and_the_table_it_was_decided_at()
    {
        var table = MembershipTable.Empty.Insert(Row("s1"), 0)!.Insert(Row("s2"), 1)!;
        Assert.Null(table.Update(Row("s1"), 1, 1));
        Assert.Null(table.Update(Row("s1"), 2, 2));
        Assert.Null(table.Update(Row("s3"), 0, 2));
        var updated = table.Update(Row("s1") with { Status = Dead }, 1, 2)!;
        Assert.Equal((3, 3, 2), (updated.Version, updated.Rows["s1"].Tag, updated.Rows["s2"].Tag));
    }

    [Fact]
    public void A_sign_of_life_spoils_no_update()
    {
        var table = MembershipTable.Empty.Insert(Row("s1"), 0)!;
        var alive = table.Alive("s1", 500)!;
        Assert.Equal((1, 1, 500), (alive.Version, alive.Rows["s1"].Tag, alive.Rows["s1"].AliveTicks));
        Assert.Same(alive, alive.Alive("s1", 400));
        Assert.Null(alive.Alive("s2", 600));
    }

    [Fact]
    public void Only_silos_that_are_not_active_and_were_not_heard_of_since_are_forgotten()
    {
        var table = MembershipTable.Empty
            .Insert(Row("active"), 0)!
            .Insert(Row("dead") with { Status = Dead }, 1)!
            .Insert(Row("dead lately") with { Status = Dead, AliveTicks = 900 }, 2)!
            .Insert(Row("joining") with { Status = Joining }, 3)!
            .Insert(Row("suspected lately") with { Status = Dead, Suspicions = [new("s9", 901), new("s8", 20)] }, 4)!
            .Insert(Row("started lately") with { Status = Joining, StartTicks = 902 }, 5)!;
        var left = table.ForgetDefunct(500);
        Assert.Equal(["active", "dead lately", "started lately", "suspected lately"], left.Rows.Keys);
        Assert.Equal(table.Version, left.Version);
    }

    [Fact]
    public void Nothing_that_was_decided_before_a_table_was_cleared_holds_after_it()
    {
        var cleared = MembershipTable.Empty.Insert(Row("s1"), 0)!.Cleared();
        Assert.Empty(cleared.Rows);
        Assert.Null(cleared.Insert(Row("s2"), 0));
        Assert.Null(cleared.Insert(Row("s2"), 1));
        Assert.Same(MembershipTable.Empty, MembershipTable.Empty.Cleared());
    }

    [Fact]
    public void A_table_comes_back_as_it_was()
    {
        var row = Row("s2") with { Suspicions = [new("s1", 77), new("s3", 78)], RoleName = "", HostName = "hôte" };
        var table = MembershipTable.Empty.Insert(Row("s1"), 0)!.Insert(row, 1)!;
        Assert.Equal(table, MembershipTable.Decode(table.Encode()));
        Assert.Equal(MembershipTable.Empty, MembershipTable.Decode([]));
        Assert.Equal(MembershipTable.Empty, MembershipTable.Decode(MembershipTable.Empty.Encode()));
        Assert.Equal(
            "01" + "02" + "01" + "027331" + "06" + "00" + "8003" + "03777331" + "0773696C6F2D7331" + "00" + "62" + "64" + "02",
            Convert.ToHexString(MembershipTable.Empty.Insert(Row("s1"), 0)!.Encode()));
    }

    [Fact]
    public void Bytes_that_are_cut_short_or_newer_are_refused()
    {
        var encoded = MembershipTable.Empty.Insert(Row("s1"), 0)!.Encode();
        for (var length = 1; length < encoded.Length; length++)
        {
            var cut = length;
            Assert.Throws<CodecException>(() => MembershipTable.Decode(encoded.AsSpan(0, cut)));
        }

        encoded[0] = 2;
        Assert.Throws<CodecException>(() => MembershipTable.Decode(encoded));
    }

    [Fact]
    public async Task Silos_that_join_and_show_life_at_once_all_find_their_rows()
    {
        const int Silos = 6;
        var acceptors = MemoryAcceptor.Three();
        await Task.WhenAll(Enumerable.Range(0, Silos).Select(silo => Task.Run(() => JoinAndLive(acceptors, silo))));
        using var client = Client(acceptors, 99);
        var done = Assert.IsType<TableOutcome.Done>(await new MembershipTableStore(client).ReadAsync(CancellationToken.None));
        Assert.Equal(Silos, done.Table.Version);
        Assert.Equal(Silos, done.Table.Rows.Count);
        Assert.Equal(Enumerable.Range(1, Silos), done.Table.Rows.Values.Select(row => row.Tag).Order());
        Assert.All(done.Table.Rows.Values, row => Assert.Equal(1_004, row.AliveTicks));
    }

    private static async Task JoinAndLive(IReadOnlyList<IAcceptor> acceptors, int silo)
    {
        using var client = Client(acceptors, silo + 1);
        var store = new MembershipTableStore(client);
        var row = Row($"s{silo}");
        TableOutcome outcome;
        do
        {
            // Decided at the version that was read, as the protocol does it, and again when another silo was faster.
            var read = Assert.IsType<TableOutcome.Done>(await store.ReadAsync(CancellationToken.None)).Table;
            outcome = await store.ChangeAsync(table => table.Insert(row, read.Version), CancellationToken.None);
        }
        while (outcome is TableOutcome.Declined);
        Assert.IsType<TableOutcome.Done>(outcome);
        for (var i = 0; i < 5; i++)
        {
            var at = 1_000 + i;
            Assert.IsType<TableOutcome.Done>(await store.ChangeAsync(table => table.Alive(row.Silo, at), CancellationToken.None));
        }
    }

    private static RegisterClient Client(IReadOnlyList<IAcceptor> acceptors, int seed) => new(
        acceptors,
        new() { RoundsMax = 1_000, RetryPause = TimeSpan.FromMilliseconds(1), RetryPauseMax = TimeSpan.FromMilliseconds(20) },
        TimeProvider.System,
        new((ulong)seed),
        (acceptor, kind, reason) => throw new InvalidOperationException($"{acceptor} {kind} {reason}"));

    private static MemberRow Row(string silo) => new(silo, Active, [], 192, "ws1", "silo-" + silo, "", 49, 50, 0);

    /// <summary>An acceptor in memory that answers one request at a time, on some thread.</summary>
    private sealed class MemoryAcceptor(AcceptorIdentity identity) : IAcceptor
    {
        private readonly Lock _lock = new();
        private AcceptorState? _state = AcceptorState.New(identity);

        public AcceptorIdentity Identity => identity;

        public static IReadOnlyList<IAcceptor> Three() =>
            [.. AcceptorIdentity.SetOf("members", ["a", "b", "c"]).Select(identity => new MemoryAcceptor(identity))];

        public async Task<AcceptorReply> AskAsync(AcceptorRequest request, CancellationToken cancellation)
        {
            await Task.Yield();
            lock (_lock)
            {
                (_state, var reply) = Acceptor.Handle(_state, identity, request, 1);
                return reply;
            }
        }

        public Task<bool> SeatAsync(AcceptorState state, CancellationToken cancellation) => Task.FromResult(false);
    }
}
