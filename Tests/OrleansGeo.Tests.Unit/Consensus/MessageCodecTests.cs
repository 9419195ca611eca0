using OrleansGeo.Consensus;
using OrleansGeo.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Unit.Consensus;

public sealed class MessageCodecTests
{
    private static readonly Message s_full = new()
    {
        Kind = MessageKind.Append,
        Range = new(9),
        From = new(1),
        To = new(2),
        Term = new(5),
        LogTerm = new(4),
        Index = new(77),
        Commit = new(70),
        Entries = [new(new(5), new(78), EntryKind.Command, new byte[] { 1, 2, 3 }), new(new(5), new(79), EntryKind.LeaderStart, default)],
        Reject = true,
        Hint = new(60),
        HintTerm = new(3),
        NeedsSnapshot = true,
        Leader = new(3),
        RemainingMicros = 1234,
        Epoch = new(8),
        Bound = new(99),
        Transfer = true,
        Path = WanPath.Add(null, new(1), new(2)),
    };

    [Fact]
    public void A_message_with_every_field_comes_back_as_it_was()
    {
        var bytes = Encode(s_full);
        var reader = new CodecReader(bytes);
        var read = MessageCodec.ReadMessage(ref reader);
        reader.ExpectEnd("a message");
        Assert.Equal(bytes, Encode(read));
        Assert.Equal((s_full.Kind, s_full.Range, s_full.From, s_full.To, s_full.Term),
            (read.Kind, read.Range, read.From, read.To, read.Term));
        Assert.Equal((s_full.LogTerm, s_full.Index, s_full.Commit, s_full.Reject), (read.LogTerm, read.Index, read.Commit, read.Reject));
        Assert.Equal((s_full.Hint, s_full.HintTerm, s_full.NeedsSnapshot, s_full.Leader),
            (read.Hint, read.HintTerm, read.NeedsSnapshot, read.Leader));
        Assert.Equal((s_full.RemainingMicros, s_full.Epoch, s_full.Bound, s_full.Transfer),
            (read.RemainingMicros, read.Epoch, read.Bound, read.Transfer));
        Assert.Equal(s_full.Path, read.Path);
        Assert.Equal(s_full.Entries.Select(e => (e.Term, e.Index, e.Kind, Convert.ToHexString(e.Payload.Span))),
            read.Entries.Select(e => (e.Term, e.Index, e.Kind, Convert.ToHexString(e.Payload.Span))));
    }

    [Fact]
    public void Every_truncation_and_a_newer_version_are_refused()
    {
        var bytes = Encode(s_full);
        for (var length = 0; length < bytes.Length; length++)
        {
            var cut = bytes[..length];
            Assert.Throws<CodecException>(() => Decode(cut));
        }

        var newer = (byte[])bytes.Clone();
        newer[0] = 2;
        Assert.Contains("format version 2", Assert.Throws<CodecException>(() => Decode(newer)).Message, StringComparison.Ordinal);
        newer[0] = 1;
        newer[1] = 200;
        Assert.Contains("unknown kind 200", Assert.Throws<CodecException>(() => Decode(newer)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Flipped_bytes_throw_nothing_but_codec_errors()
    {
        var prng = new Prng(5);
        for (var round = 0; round < 20_000; round++)
        {
            var bytes = Encode(s_full);
            for (var flips = prng.Below(3) + 1; flips > 0; flips--)
            {
                bytes[prng.Below(bytes.Length)] ^= (byte)(1 << prng.Below(8));
            }

            try
            {
                Decode(bytes);
            }
            catch (CodecException)
            {
                continue;
            }
        }
    }

    [Fact]
    public void Heartbeats_come_back_as_they_were()
    {
        var writer = new CodecWriter();
        var beat = new LivenessMessage
        {
            From = new(1),
            To = new(2),
            Incarnation = new(3),
            IsReply = true,
            SentAt = new(4),
            AskerIncarnation = new(5),
            Epoch = new(6),
            Granted = true,
            RemainingMicros = 7,
            Bound = new(8),
            Clock = new(9),
            LatestWallMillis = 10,
            IsDraining = true,
        };
        MessageCodec.Write(writer, beat);
        var reader = new CodecReader(writer.Written);
        Assert.Equal(beat, MessageCodec.ReadLiveness(ref reader));
        reader.ExpectEnd("a heartbeat");
    }

    private static byte[] Encode(Message message)
    {
        var writer = new CodecWriter();
        MessageCodec.Write(writer, message);
        return writer.ToArray();
    }

    private static void Decode(byte[] bytes)
    {
        var reader = new CodecReader(bytes);
        MessageCodec.ReadMessage(ref reader);
        reader.ExpectEnd("a message");
    }
}
