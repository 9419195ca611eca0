using OrleansGeo.Consensus;
using OrleansGeo.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Unit.Consensus;

/// <summary>The supporter's promises, one at a time. Node 1 supports node 2.</summary>
public sealed class StoreLivenessTests
{
    private const long D = 1_500_000;
    private static readonly NodeId s_self = new(1);
    private static readonly NodeId s_peer = new(2);
    private static readonly HlcTimestamp s_clock = HlcTimestamp.FromMillis(1_000_000);

    [Fact]
    public void The_first_grant_leaves_only_when_its_record_is_durable()
    {
        var liveness = New([]);
        liveness.Receive(Ask(1, 10), At(0), s_clock);
        Assert.Empty(liveness.Effects.SendNow);
        Assert.Equal(new SupportRecord(s_peer, new(1), new(1)), Assert.Single(liveness.Effects.Records));
        Assert.True(Assert.Single(liveness.Effects.SendAfterPersist).Granted);
        Assert.Equal(new SupportEpoch(1), liveness.Given(s_peer));
    }

    [Fact]
    public void A_lapse_shows_only_when_the_raised_epoch_is_durable()
    {
        var liveness = New([]);
        liveness.Receive(Ask(1, 10), At(0), s_clock);
        Persist(liveness);
        liveness.Tick(At(D - 1), s_clock, true);
        Assert.Equal(new SupportEpoch(1), liveness.Given(s_peer));
        Persist(liveness);
        liveness.Tick(At(D), s_clock, true);
        Assert.Equal(new SupportEpoch(1), liveness.Given(s_peer));
        Assert.Equal(new SupportRecord(s_peer, new(1), new(2)), Assert.Single(liveness.Effects.Records));
        Persist(liveness);
        Assert.Null(liveness.Given(s_peer));
    }

    [Fact]
    public void Restored_support_is_live_for_D_and_a_higher_incarnation_waits_for_it()
    {
        var liveness = New([new(s_peer, new(7), new(3))]);
        Assert.Equal(new SupportEpoch(3), liveness.Given(s_peer));
        liveness.Receive(Ask(8, 10), At(100_000), s_clock);
        var refusal = Assert.Single(liveness.Effects.SendNow);
        Assert.False(refusal.Granted);
        Assert.Equal(D - 100_000, refusal.RemainingMicros);
        Assert.Equal(new SupportEpoch(3), liveness.Given(s_peer));
        liveness.Effects.Clear();

        liveness.Receive(Ask(8, 20), At(D), s_clock);
        Assert.Equal(new SupportEpoch(3), liveness.Given(s_peer));
        Persist(liveness);
        Assert.Null(liveness.Given(s_peer));
        liveness.Receive(Ask(8, 30), At(D + 10_000), s_clock);
        Persist(liveness);
        Assert.Equal(new SupportEpoch(4), liveness.Given(s_peer));
    }

#if PLANTED_BUGS
    [Theory]
    [InlineData("liveness.forget-support-on-restart")]
    [InlineData("liveness.shorten-for-new-incarnation")]
    public void The_rule_for_restored_support_catches_a_planted_bug(string bug)
    {
        PlantedBug.Active = bug;
        try
        {
            Assert.ThrowsAny<Xunit.Sdk.XunitException>(Restored_support_is_live_for_D_and_a_higher_incarnation_waits_for_it);
        }
        finally
        {
            PlantedBug.Active = null;
        }
    }
#endif

    [Fact]
    public void A_bound_is_acknowledged_once_a_limit_at_or_above_it_is_durable()
    {
        var liveness = New([]);
        var wanted = s_clock.AddMillis(1_500);
        liveness.Receive(Ask(1, 10, wanted), At(0), s_clock);
        Assert.Equal(HlcTimestamp.Zero, liveness.DurableLimit);
        Assert.True(liveness.Effects.Limit >= wanted);
        Persist(liveness);
        Assert.True(liveness.DurableLimit >= wanted);

        // Within the slack of that write another heartbeat costs none.
        liveness.Receive(Ask(1, 20, wanted.AddMillis(300)), At(10), s_clock);
        Assert.False(liveness.Effects.HasPersist);
        Assert.Equal(wanted.AddMillis(300), Assert.Single(liveness.Effects.SendNow).Bound);
    }

    [Fact]
    public void A_bound_far_ahead_is_not_reserved_but_support_is_given()
    {
        var liveness = New([]);
        liveness.Receive(Ask(1, 10, s_clock.AddMillis(600_001)), At(0), s_clock);
        Assert.Null(liveness.Effects.Limit);
        var answer = Assert.Single(liveness.Effects.SendAfterPersist);
        Assert.True(answer.Granted);
        Assert.Equal(HlcTimestamp.Zero, answer.Bound);
    }

    [Fact]
    public void A_node_whose_wall_clock_is_behind_asks_for_bounds_above_the_foremost_wall_clock_it_was_told_of()
    {
        // Its clock is dragged along by what others send: a bound just above it would be passed before it is acknowledged.
        var liveness = New([]);
        liveness.SetPeers([s_peer]);
        var behind = s_clock.WallMillis - 10_000;
        liveness.Tick(At(0), s_clock, true, behind);
        Assert.Equal(s_clock.AddMillis(20), Assert.Single(liveness.Effects.SendNow).Bound);
        liveness.Receive(Answer(0, 5) with { LatestWallMillis = s_clock.WallMillis }, At(40_000), s_clock);
        liveness.Effects.Clear();
        liveness.Tick(At(300_000), s_clock.AddMillis(300), true, behind + 300);
        var beat = Assert.Single(liveness.Effects.SendNow);
        Assert.Equal(HlcTimestamp.FromMillis(s_clock.WallMillis + (D / 1000)), beat.Bound);
        Assert.Equal(s_clock.WallMillis, beat.LatestWallMillis);

        // A wall clock that cannot be right is not believed, nor told on.
        liveness.Receive(Answer(300_000, 5) with { LatestWallMillis = s_clock.WallMillis + 600_001 }, At(340_000), s_clock);
        liveness.Effects.Clear();
        liveness.Tick(At(600_000), s_clock, true, behind + 600);
        Assert.Equal(s_clock.WallMillis, Assert.Single(liveness.Effects.SendNow).LatestWallMillis);
    }

    [Fact]
    public void Received_support_counts_from_the_sending_and_is_shortened_by_the_drift()
    {
        var liveness = New([]);
        liveness.SetPeers([s_peer]);
        liveness.Tick(At(0), s_clock, true);
        liveness.Receive(Answer(0, 5), At(40_000), s_clock);
        Assert.Equal((new SupportEpoch(5), At(D * 99 / 100)), liveness.Received(s_peer));
        Assert.True(liveness.Hears(s_peer, At(D - 1)));
        Assert.False(liveness.Hears(s_peer, At(D)));

        // An answer to an earlier life of this node, and one of an older epoch, change nothing.
        liveness.Receive(Answer(900_000, 5) with { AskerIncarnation = new(3) }, At(950_000), s_clock);
        liveness.Receive(Answer(900_000, 4), At(950_000), s_clock);
        Assert.Equal((new SupportEpoch(5), At(D * 99 / 100)), liveness.Received(s_peer));
    }

    [Fact]
    public void A_node_with_a_stalled_disk_sends_no_heartbeat()
    {
        var liveness = New([]);
        liveness.SetPeers([s_peer]);
        liveness.Tick(At(0), s_clock, false);
        Assert.Empty(liveness.Effects.SendNow);
        liveness.Tick(At(300_000), s_clock, true);
        Assert.Single(liveness.Effects.SendNow);
    }

    private static StoreLiveness New(SupportRecord[] restored) => new(s_self, new(4), new(), restored, HlcTimestamp.Zero, At(0));

    private static MonoTime At(long micros) => new(77_000_000 + micros);

    private static LivenessMessage Ask(long incarnation, long sentAt, HlcTimestamp bound = default) => new()
    {
        From = s_peer,
        To = s_self,
        Incarnation = new(incarnation),
        IsReply = false,
        SentAt = new(sentAt),
        Bound = bound,
        Clock = s_clock,
    };

    private static LivenessMessage Answer(long sentAt, long epoch) => new()
    {
        From = s_peer,
        To = s_self,
        Incarnation = new(1),
        IsReply = true,
        SentAt = At(sentAt),
        AskerIncarnation = new(4),
        Epoch = new(epoch),
        Granted = true,
        Clock = s_clock,
    };

    private static void Persist(StoreLiveness liveness)
    {
        var token = liveness.Effects.Token;
        liveness.Effects.Clear();
        liveness.Persisted(token, At(0));
    }
}
