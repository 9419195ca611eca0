using OrleansGeo.Consensus;
using OrleansGeo.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Unit.Consensus;

public sealed class SnapshotTransferTests
{
    private static readonly RangeId s_range = new(3);
    private static readonly SnapshotPoint s_point = new(new(40), new(2), Configuration.Of([new(1), new(2)]));

    [Fact]
    public void A_snapshot_arrives_whole_over_a_lane_that_loses_repeats_and_corrupts()
    {
        for (ulong seed = 1; seed <= 300; seed++)
        {
            var (staged, installed) = Transfer(new Prng(seed), 0.2);
            Assert.True(installed, $"seed {seed}");
            Assert.Equal(Enumerable.Range(0, 20).Select(i => (byte)i), staged);
        }
    }

    [Fact]
    public void A_closed_snapshot_is_gone_and_the_receiver_begins_anew()
    {
        var sender = new SnapshotSender(s_range, new(1), 100);
        var receiver = new SnapshotReceiver(s_range, new(2), new(1));
        var now = new MonoTime(0);
        Assert.IsType<SnapshotSenderEffect.Open>(Assert.Single(sender.Receive(FetchIn(receiver.Start(now, 1)), now)));
        var read = Assert.IsType<SnapshotSenderEffect.ReadChunk>(Assert.Single(sender.Opened(new(2), s_point, now)));
        var chunk = sender.ChunkOf(read.Snapshot, read.Position, new byte[] { 1 }, new byte[] { 1 }, false, now)!;
        var fetch = FetchIn(receiver.Receive(chunk, now, 1));
        Assert.Equal(new byte[] { 1 }, fetch.Position.ToArray());

        now = now.AddMicros(30_000_001);
        Assert.IsType<SnapshotSenderEffect.Close>(Assert.Single(sender.Wake(now)));
        var gone = Assert.IsType<SnapshotSenderEffect.Send>(Assert.Single(sender.Receive(fetch, now))).Message;
        Assert.Equal(SnapshotMessageKind.Gone, gone.Kind);
        var effects = receiver.Receive(gone, now, 1);
        Assert.IsType<SnapshotReceiverEffect.Discard>(effects[0]);
        Assert.Equal(0, FetchIn(effects).Snapshot);
    }

    [Fact]
    public void A_receiver_that_hears_nothing_gives_up()
    {
        var receiver = new SnapshotReceiver(s_range, new(2), new(1));
        receiver.Start(new(0), 1);
        IReadOnlyList<SnapshotReceiverEffect> last = [];
        for (var wakes = 0; !receiver.IsOver; wakes++)
        {
            Assert.InRange(wakes, 0, 20);
            last = receiver.Wake(receiver.NextWake, 1);
        }

        Assert.Contains(last, e => e is SnapshotReceiverEffect.GiveUp);
    }

    [Fact]
    public void The_checksum_is_the_known_one() =>
        Assert.Equal(0xE3069283u, SnapshotMessage.ChecksumOf("123456789"u8));

    private static SnapshotMessage FetchIn(IReadOnlyList<SnapshotReceiverEffect> effects) =>
        Assert.Single(effects.OfType<SnapshotReceiverEffect.Send>()).Message;

    private static (List<byte> Staged, bool Installed) Transfer(Prng prng, double trouble)
    {
        var pair = new Pair();
        pair.Perform(pair.Receiver.Start(pair.Now, 1000));
        while (!pair.Receiver.IsOver)
        {
            if (pair.Lane.Count == 0)
            {
                pair.Now = MonoTime.Max(pair.Now, pair.Receiver.NextWake);
                pair.Perform(pair.Receiver.Wake(pair.Now, 1000));
                continue;
            }

            var at = prng.Below(pair.Lane.Count);
            var message = Copy(pair.Lane[at], prng.Chance(trouble / 4) ? prng : null);
            if (!prng.Chance(trouble))
            {
                pair.Lane.RemoveAt(at);
            }

            if (message is not null && !prng.Chance(trouble))
            {
                pair.Deliver(message);
            }
        }

        return (pair.Staged, pair.Installed);
    }

    // Over the codec; a corrupted payload keeps its framing, as a disk or a bug would do it.
    private static SnapshotMessage? Copy(SnapshotMessage message, Prng? corrupting)
    {
        var writer = new CodecWriter();
        message.Write(writer);
        var reader = new CodecReader(writer.Written);
        var copy = SnapshotMessage.Read(ref reader);
        reader.ExpectEnd("a snapshot message");
        return corrupting is null || copy.Data.Length == 0 ? copy : copy with { Data = new[] { (byte)(copy.Data.Span[0] ^ 0x40) } };
    }

    /// <summary>A sender and a receiver, what is on its way between them, and what was received.</summary>
    private sealed class Pair
    {
        private readonly SnapshotSender _sender = new(s_range, new(1), 1);

        public SnapshotReceiver Receiver { get; } = new(s_range, new(2), new(1));

        public MonoTime Now { get; set; } = new(0);

        public List<SnapshotMessage> Lane { get; } = [];

        public List<byte> Staged { get; } = [];

        public bool Installed { get; private set; }

        public void Deliver(SnapshotMessage message)
        {
            if (message.To == new NodeId(2))
            {
                Perform(Receiver.Receive(message, Now, 1000));
            }
            else
            {
                Serve(_sender.Receive(message, Now));
            }
        }

        public void Perform(IReadOnlyList<SnapshotReceiverEffect> effects)
        {
            foreach (var effect in effects)
            {
                switch (effect)
                {
                    case SnapshotReceiverEffect.Send send:
                        Lane.Add(send.Message);
                        break;
                    case SnapshotReceiverEffect.Discard:
                        Staged.Clear();
                        break;
                    case SnapshotReceiverEffect.Stage stage:
                        Staged.AddRange(stage.Data.ToArray());
                        break;
                    case SnapshotReceiverEffect.Install install:
                        Installed = install.Point == s_point;
                        break;
                    default:
                        break;
                }
            }
        }

        private void Serve(IReadOnlyList<SnapshotSenderEffect> effects)
        {
            foreach (var effect in effects)
            {
                switch (effect)
                {
                    case SnapshotSenderEffect.Open open:
                        Serve(_sender.Opened(open.For, s_point, Now));
                        break;
                    case SnapshotSenderEffect.ReadChunk read:
                        var next = (byte)(read.Position.Length == 0 ? 0 : read.Position.Span[0] + 1);
                        Lane.Add(_sender.ChunkOf(read.Snapshot, read.Position, new[] { next }, new[] { next }, next == 19, Now)!);
                        break;
                    case SnapshotSenderEffect.Send send:
                        Lane.Add(send.Message);
                        break;
                    default:
                        break;
                }
            }
        }
    }
}
