using OrleansGeo.Consensus;
using OrleansGeo.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Unit.Consensus;

public sealed class SnapshotTransferTests
{
    private const long RttMicros = 1_000;
    private static readonly RangeId s_range = new(3);
    private static readonly NodeId s_self = new(2);
    private static readonly NodeId s_source = new(1);
    private static readonly MonoTime s_start = new(0);

    [Fact]
    public void A_snapshot_arrives_whole_over_a_lane_that_loses_repeats_and_corrupts()
    {
        for (ulong seed = 1; seed <= 300; seed++)
        {
            var lane = new SnapshotLane(RttMicros);
            lane.RunOver(new Prng(seed), 0.2);
            Assert.True(lane.Installed, $"seed {seed}");
            Assert.Equal(Enumerable.Range(0, SnapshotLane.Parts).Select(i => (byte)i), lane.Staged);
        }
    }

    [Fact]
    public void A_part_that_is_lost_costs_one_part()
    {
        for (var lost = 1; lost <= SnapshotLane.Parts; lost++)
        {
            var lane = new SnapshotLane(RttMicros) { Drops = lost };
            lane.RunOver(new Prng(1), 0);
            Assert.True(lane.Installed);
            Assert.Equal(SnapshotLane.Parts + 1, lane.PartsSent);
        }
    }

    [Fact]
    public void What_is_under_way_is_not_given_up_for_a_newer_offer_of_the_same_source()
    {
        var receiver = Begun();
        var asked = AskIn(receiver.Received(s_source, Part(1, []), s_start, RttMicros));
        Assert.Equal([1], asked.Position.ToArray());
        Assert.Empty(receiver.Offered(s_source, new(90), s_start, RttMicros));
        asked = AskIn(receiver.Received(s_source, Part(2, [1]), s_start, RttMicros));
        Assert.Equal((7L, (byte)2), (asked.Snapshot, asked.Position.Span[0]));
    }

    [Fact]
    public void An_offer_after_a_silence_has_the_same_question_asked_at_once()
    {
        var receiver = Begun();
        receiver.Received(s_source, Part(1, []), s_start, RttMicros);
        for (var wakes = 0; wakes < 5; wakes++)
        {
            receiver.Wake(receiver.NextWake, RttMicros);
        }

        var asked = AskIn(receiver.Offered(s_source, new(90), s_start, RttMicros));
        Assert.Equal((7L, (byte)1), (asked.Snapshot, asked.Position.Span[0]));
    }

    [Fact]
    public void Before_its_first_part_a_newer_offer_asks_for_more()
    {
        var receiver = Begun();
        receiver.Offered(s_source, new(90), s_start, RttMicros);
        receiver.Offered(s_source, new(80), s_start, RttMicros);
        var asked = AskIn(receiver.Wake(receiver.NextWake, RttMicros));
        Assert.Equal((0, new LogIndex(90)), (asked.Snapshot, asked.AtLeast));
    }

    [Fact]
    public void An_offer_of_another_source_replaces_what_is_under_way()
    {
        var receiver = Begun();
        receiver.Received(s_source, Part(1, []), s_start, RttMicros);
        var effects = receiver.Offered(new(5), new(30), s_start, RttMicros);
        Assert.IsType<SnapshotReceiverEffect.Discard>(effects[0]);
        Assert.Equal(new SnapshotReceiverEffect.Ask(new(5), 0, new(30), default), AskIn(effects));
        Assert.Empty(receiver.Received(s_source, Part(2, [1]), s_start, RttMicros));
        Assert.Empty(receiver.Gone(s_source, 7, s_start, RttMicros));
    }

    [Fact]
    public void Parts_of_two_snapshots_are_never_put_together()
    {
        var receiver = Begun();
        receiver.Received(s_source, Part(1, []), s_start, RttMicros);
        Assert.Empty(receiver.Received(s_source, Part(2, [1]) with { Snapshot = 8 }, s_start, RttMicros));
        Assert.Empty(receiver.Received(s_source, Part(2, [1]) with { Point = SnapshotLane.PointAt(41) }, s_start, RttMicros));
        Assert.Empty(receiver.Received(s_source, Part(2, [1]) with { IsIntact = false }, s_start, RttMicros));
        Assert.Empty(receiver.Received(s_source, Part(1, []), s_start, RttMicros));
        Assert.NotEmpty(receiver.Received(s_source, Part(2, [1]), s_start, RttMicros));
    }

    [Fact]
    public void A_snapshot_that_is_no_more_is_begun_anew()
    {
        var receiver = Begun();
        receiver.Received(s_source, Part(1, []), s_start, RttMicros);
        Assert.Empty(receiver.Gone(s_source, 6, s_start, RttMicros));
        var effects = receiver.Gone(s_source, 7, s_start, RttMicros);
        Assert.IsType<SnapshotReceiverEffect.Discard>(effects[0]);
        Assert.Equal((0, 0), (AskIn(effects).Snapshot, AskIn(effects).Position.Length));
    }

    [Fact]
    public void A_receiver_that_hears_nothing_gives_up_and_takes_the_next_offer()
    {
        var receiver = Begun();
        IReadOnlyList<SnapshotReceiverEffect> last = [];
        for (var wakes = 0; receiver.IsReceiving; wakes++)
        {
            Assert.InRange(wakes, 0, 20);
            last = receiver.Wake(receiver.NextWake, RttMicros);
        }

        Assert.Contains(last, effect => effect is SnapshotReceiverEffect.GiveUp);
        Assert.Equal(MonoTime.Forever, receiver.NextWake);
        Assert.Equal(0, AskIn(receiver.Offered(s_source, new(90), s_start, RttMicros)).Snapshot);
    }

    [Fact]
    public void A_first_question_that_is_repeated_finds_the_snapshot_that_is_open_unless_more_is_asked_for()
    {
        var sender = new SnapshotSender(100);
        Assert.Equal(100, Open(sender, s_self, 40, s_start));
        var again = Assert.Single(sender.Asked(s_self, s_range, 0, new(40), default, s_start));
        Assert.Equal(100, Assert.IsType<SnapshotSenderEffect.SendPart>(again).Snapshot);
        Assert.IsType<SnapshotSenderEffect.Open>(Assert.Single(sender.Asked(s_self, s_range, 0, new(41), default, s_start)));
        sender.LastSent(100);
        Assert.IsType<SnapshotSenderEffect.Open>(Assert.Single(sender.Asked(s_self, s_range, 0, new(40), default, s_start)));
    }

    [Fact]
    public void A_snapshot_that_nobody_asks_for_is_closed_and_gone()
    {
        var sender = new SnapshotSender(100);
        Open(sender, s_self, 40, s_start);
        Assert.Equal(new LogIndex(41), sender.NeededFrom(s_range));
        Assert.Empty(sender.Wake(sender.NextWake.AddMicros(-1)));
        Assert.Equal([new SnapshotSenderEffect.Close(100)], sender.Wake(sender.NextWake));
        Assert.Null(sender.NeededFrom(s_range));
        Assert.Equal(MonoTime.Forever, sender.NextWake);
        Assert.Equal(
            [new SnapshotSenderEffect.SendGone(100, s_range, s_self)], sender.Asked(s_self, s_range, 100, default, new byte[1], s_start));
    }

    [Fact]
    public void A_snapshot_is_nobody_elses_and_of_no_other_range()
    {
        var sender = new SnapshotSender(100);
        Open(sender, s_self, 40, s_start);
        Assert.IsType<SnapshotSenderEffect.SendGone>(Assert.Single(sender.Asked(new(9), s_range, 100, default, new byte[1], s_start)));
        Assert.IsType<SnapshotSenderEffect.SendGone>(Assert.Single(sender.Asked(s_self, new(4), 100, default, new byte[1], s_start)));
        Assert.IsType<SnapshotSenderEffect.SendPart>(Assert.Single(sender.Asked(s_self, s_range, 100, default, new byte[1], s_start)));
    }

    [Fact]
    public void A_new_snapshot_closes_the_older_one_of_its_receiver_and_the_idlest_when_there_are_too_many()
    {
        var sender = new SnapshotSender(100);
        for (var i = 0; i < SnapshotSender.OpenMax; i++)
        {
            Open(sender, new(10 + i), 40, s_start.AddMicros(i == 3 ? 0 : 10 + i));
        }

        var own = Assert.IsType<SnapshotSenderEffect.Open>(Assert.Single(sender.Asked(new(12), s_range, 0, new(50), default, s_start)));
        Assert.Equal(new SnapshotSenderEffect.Close(102), sender.Opened(own, new(50), s_start.AddMicros(100))[0]);
        var more = Assert.IsType<SnapshotSenderEffect.Open>(Assert.Single(sender.Asked(new(30), s_range, 0, new(50), default, s_start)));
        Assert.Equal(new SnapshotSenderEffect.Close(103), sender.Opened(more, new(50), s_start.AddMicros(100))[0]);
    }

    [Fact]
    public void The_log_is_kept_for_a_snapshot_under_way_up_to_four_times_the_limit()
    {
        var cluster = new ReplicaCluster(1, 1, new(), Configuration.Of([new(1)]));
        cluster.RunUntil(() => cluster.Server is not null, 10_000_000, "a leader");
        for (var i = 0; i < 20; i++)
        {
            cluster[1].Propose("x");
        }

        cluster.RunFor(1_000_000);
        var replica = cluster[1].Replica!;
        var applied = replica.AppliedIndex;
        Assert.InRange(applied.Value, 21, 30);
        LogIndex Compactable(long entries, LogIndex? neededFrom) =>
            replica.CompactableIndex(entries * (ReplicaLog.EntryOverheadBytes + 1), neededFrom, cluster[1].Mono);

        Assert.InRange(Compactable(6, null).Value, 12, applied.Value);
        Assert.Equal(new LogIndex(4), Compactable(6, new(5)));
        Assert.Equal(Compactable(6, null), Compactable(6, applied.Next));
        Assert.Equal(Compactable(4, null), Compactable(4, new(5)));
        Assert.Equal(default, Compactable(100, new(5)));
    }

    private static SnapshotReceiver Begun()
    {
        var receiver = new SnapshotReceiver();
        var effects = receiver.Offered(s_source, new(40), s_start, RttMicros);
        Assert.Equal(new SnapshotReceiverEffect.Ask(s_source, 0, new(40), default), AskIn(effects));
        return receiver;
    }

    private static long Open(SnapshotSender sender, NodeId by, long index, MonoTime now)
    {
        var open = Assert.IsType<SnapshotSenderEffect.Open>(Assert.Single(sender.Asked(by, s_range, 0, new(index), default, now)));
        Assert.IsType<SnapshotSenderEffect.SendPart>(Assert.Single(sender.Opened(open, new(index), now)));
        return open.Snapshot;
    }

    private static SnapshotPartInfo Part(byte next, byte[] position) =>
        new(7, SnapshotLane.PointAt(40), position, new[] { next }, false, true);

    private static SnapshotReceiverEffect.Ask AskIn(IReadOnlyList<SnapshotReceiverEffect> effects) =>
        Assert.Single(effects.OfType<SnapshotReceiverEffect.Ask>());
}
