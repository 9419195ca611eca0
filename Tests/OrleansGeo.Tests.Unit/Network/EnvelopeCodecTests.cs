using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using OrleansGeo.Consensus;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Unit.Network;

public sealed partial class EnvelopeCodecTests
{
    private static readonly EnvelopeCodec s_codec = EnvelopeCodec.Standard;

    [Fact]
    public void Every_message_of_the_engine_has_a_wire_format()
    {
        var known = EnvelopeCodecFormats.All.Select(f => f.Type).ToHashSet();
        Assert.Equal([], AnyValue.CasesOf(typeof(NodeMessage)).Except(known));
    }

    [Fact]
    public void Every_case_comes_back_as_it_was_sent()
    {
        foreach (var (name, sample) in Samples().Concat(FollowedSamples()))
        {
            for (var seed = 0UL; seed < 60; seed++)
            {
                var sent = sample(new(seed));
                var received = s_codec.Read(s_codec.Encode(sent));
                Assert.True(AnyValue.Describe(sent) == AnyValue.Describe(received), $"{name}, seed {seed}:\n{AnyValue.Describe(sent)}");
            }
        }
    }

    [Fact]
    public void A_clone_shares_nothing_that_can_change()
    {
        var path = WanPath.Add(null, new(1), new(2));
        var message = new Message { Kind = MessageKind.Append, Range = new(1), From = new(1), To = new(2), Term = new(1), Path = path };
        var envelope = new Envelope { From = new(1), To = new(2), Lane = Lane.Normal, Consensus = [message] };
        var clone = s_codec.Clone(envelope);
        clone.AddHop();
        Assert.Equal(1, message.Path!.Count);
        Assert.Equal(2, clone.Consensus[0].Path!.Count);
    }

    [Fact]
    public void Broken_bytes_are_refused_with_a_codec_exception_and_nothing_else()
    {
        var prng = new Prng(7);
        var samples = Samples();
        var refused = 0;
        for (var i = 0; i < 20_000; i++)
        {
            var bytes = s_codec.Encode(samples[prng.Below(samples.Count)].Make(prng));
            var broken = Break(bytes, prng);
            try
            {
                // What is read from broken bytes is still an envelope: it can be written and read again.
                s_codec.Clone(s_codec.Read(broken));
            }
            catch (CodecException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 5_000, 20_000);
    }

    [Fact]
    public void An_unknown_version_or_kind_is_named()
    {
        var bytes = s_codec.Encode(new() { From = new(1), To = new(2), Lane = Lane.Normal });
        bytes[0] = 9;
        Assert.Contains("format version 9", Assert.Throws<CodecException>(() => s_codec.Read(bytes)).Message);
        byte[] unknownKind = [1, 2, 4, 2, 0, 0, 0, 0, 0, 1, 250, 0];
        Assert.Contains("kind 250", Assert.Throws<CodecException>(() => s_codec.Read(unknownKind)).Message);
    }

    [Fact]
    public void Messages_of_every_written_format_are_still_read()
    {
        // What was written down of version 1 knows nothing of spans, nor of checks beside writes.
        CheckGolden("wire-v1", Samples(), static text => LaterThanFirst().Replace(text, ""));
        CheckGolden("wire-v2", FollowedSamples(), static text => text);
    }

    [Fact]
    public void Only_what_somebody_follows_needs_the_second_version()
    {
        foreach (var (name, make) in Samples().Where(static sample => sample.Name != "mixed"))
        {
            Assert.True(s_codec.Encode(make(new(1)))[0] == 1, name);
        }

        foreach (var (name, make) in FollowedSamples())
        {
            Assert.True(s_codec.Encode(make(new(1)))[0] == 2, name);
        }
    }

    [Fact]
    public void A_span_on_its_way_is_the_same_where_it_arrives()
    {
        var context = new ActivityContext(
            ActivityTraceId.CreateFromString("0af7651916cd43dd8448eb211c80319c"), ActivitySpanId.CreateFromString("b7ad6b7169203331"),
            ActivityTraceFlags.Recorded);
        var arrived = TraceParent.Of(context)!.ToContext();
        Assert.Equal((context.TraceId, context.SpanId, context.TraceFlags), (arrived.TraceId, arrived.SpanId, arrived.TraceFlags));
        Assert.True(arrived.IsRemote);
        Assert.Null(TraceParent.Of(default));
        Assert.Null(TraceParent.Of(new(context.TraceId, context.SpanId, ActivityTraceFlags.None)));
    }

    private static void CheckGolden(string name, List<(string Name, Func<Prng, Envelope> Make)> samples, Func<string, string> asWrittenDown)
    {
        var folder = Folder(name);
        if (Environment.GetEnvironmentVariable("GEO_REWRITE") == "1")
        {
            Rewrite(folder, samples, asWrittenDown);
        }

        var files = Directory.GetFiles(folder, "*.bin").Order(StringComparer.Ordinal).ToArray();
        Assert.Equal(samples.Select(s => s.Name).Order(StringComparer.Ordinal), files.Select(f => Path.GetFileNameWithoutExtension(f)!));
        foreach (var file in files)
        {
            var bytes = File.ReadAllBytes(file);
            var envelope = s_codec.Read(bytes);
            Assert.Equal(File.ReadAllText(Path.ChangeExtension(file, ".txt")), asWrittenDown(AnyValue.Describe(envelope)));
            Assert.Equal(bytes, s_codec.Encode(envelope));
        }
    }

    private static byte[] Break(byte[] bytes, Prng prng)
    {
        switch (prng.Below(4))
        {
            case 0:
                return bytes[..prng.Below(bytes.Length)];
            case 1:
                return [.. bytes, (byte)prng.Below(256)];
            case 2:
                var noise = new byte[prng.Below(60)];
                prng.Fill(noise);
                return noise;
            default:
                for (var n = prng.Between(1, 4); n > 0; n--)
                {
                    bytes[prng.Below(bytes.Length)] = prng.Chance(0.5) ? (byte)0xFF : (byte)prng.Below(256);
                }

                return bytes;
        }
    }

    private static List<(string Name, Func<Prng, Envelope> Make)> Samples()
    {
        List<(string, Func<Prng, Envelope>)> samples = [];
        foreach (var kind in Enum.GetValues<MessageKind>())
        {
            samples.Add(($"consensus-{kind}", prng => Of(consensus: [OfKind(kind, prng)])));
        }

        samples.Add(("liveness", prng => Of(liveness: [(LivenessMessage)AnyValue.Make(typeof(LivenessMessage), prng)])));
        foreach (var type in AnyValue.CasesOf(typeof(NodeMessage)).Where(t => t != typeof(RangeRequest) && t != typeof(RangeReply)))
        {
            samples.Add(($"message-{type.Name}", prng => Of(messages: [(NodeMessage)AnyValue.Make(type, prng)])));
        }

        foreach (var type in AnyValue.CasesOf(typeof(RangeOperation)))
        {
            samples.Add(($"request-{type.Name}", prng => Of(messages: [Request((RangeOperation)AnyValue.Make(type, prng), prng)])));
        }

        foreach (var type in AnyValue.CasesOf(typeof(RangeOutcome)))
        {
            samples.Add(($"reply-{type.Name}", prng => Of(messages: [Reply((RangeOutcome)AnyValue.Make(type, prng), prng)])));
        }

        samples.Add(("mixed", prng => (Envelope)AnyValue.Make(typeof(Envelope), prng)));
        return samples;
    }

    private static List<(string Name, Func<Prng, Envelope> Make)> FollowedSamples() =>
    [
        ("request-Followed", static prng => Of(messages: [Followed(prng)])),
        ("mixed-Followed", static prng => Of(
            messages: [Request(new RangeOperation.Status(), prng), Followed(prng), Reply(new RangeOutcome.NoReplica(), prng)])),
    ];

    private static RangeRequest Followed(Prng prng)
    {
        var request = Request((RangeOperation)AnyValue.Make(typeof(RangeOperation.Get), prng), prng);
        request.Trace = new(0x0af7651916cd43dd, 0x8448eb211c80319c, 0xb7ad6b7169203331, 1);
        return request;
    }

    private static Envelope Of(Message[]? consensus = null, LivenessMessage[]? liveness = null, NodeMessage[]? messages = null) => new()
    {
        From = new(1),
        To = new(2),
        Lane = Lane.Normal,
        Consensus = consensus ?? [],
        Liveness = liveness ?? [],
        Messages = messages ?? [],
    };

    private static Message OfKind(MessageKind kind, Prng prng)
    {
        var message = (Message)AnyValue.Make(typeof(Message), prng);
        typeof(Message).GetProperty(nameof(Message.Kind))!.SetValue(message, kind);
        return message;
    }

    private static RangeRequest Request(RangeOperation operation, Prng prng) => new()
    {
        CallId = prng.Below(1000),
        Range = new(7),
        TimeoutMicros = 5_000_000,
        Observed = new(prng.NextUInt64()),
        Operation = operation,
        Path = WanPath.Add(null, new(4), new(1)),
    };

    private static RangeReply Reply(RangeOutcome outcome, Prng prng) => new()
    {
        CallId = prng.Below(1000),
        ServedBy = new(3),
        Clock = new(prng.NextUInt64()),
        Outcome = outcome,
    };

    private static void Rewrite(string folder, List<(string Name, Func<Prng, Envelope> Make)> samples, Func<string, string> asWrittenDown)
    {
        Directory.CreateDirectory(folder);
        foreach (var old in Directory.GetFiles(folder))
        {
            File.Delete(old);
        }

        foreach (var (name, make) in samples)
        {
            var envelope = make(new(1));
            File.WriteAllBytes(Path.Combine(folder, name + ".bin"), s_codec.Encode(envelope));
            File.WriteAllText(Path.Combine(folder, name + ".txt"), asWrittenDown(AnyValue.Describe(envelope)));
        }
    }

    [GeneratedRegex(
        @"^ *(Trace: null|Checks: \[\]|Checked: \[\]|IsRecorded: False)\n",
        RegexOptions.Multiline | RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant,
        1000)]
    private static partial Regex LaterThanFirst();

    private static string Folder(string name, [CallerFilePath] string here = "") =>
        Path.Combine(Path.GetDirectoryName(here)!, "golden", name);
}
