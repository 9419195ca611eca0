using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using OrleansGeo.Tests.Unit.Network;
using OrleansGeo.Transactions;
using Xunit;

namespace OrleansGeo.Tests.Unit.Transactions;

/// <summary>What goes into a range's log for transactions, and what is remembered of their requests.</summary>
public sealed class TransactCommandTests
{
    private static readonly TransactionTag s_tag = new(new(1, 2), new([0x61]), new(5), new(3));
    private const string IdHex = "00000000000000010000000000000002";
    private const string TagHex = IdHex + "0161" + "0000000000000005" + "06";

    [Fact]
    public void A_command_comes_back_as_it_was_proposed()
    {
        for (var seed = 0UL; seed < 200; seed++)
        {
            var command = Any(new(seed));
            var again = new TransactCommand().Decode(command.Encode(new()));
            Assert.Equal(Text(command), Text(again));
            Assert.Equal(command.IsEmpty, again.IsEmpty);
        }
    }

    [Fact]
    public void Nothing_is_an_empty_command()
    {
        Assert.True(new TransactCommand().IsEmpty);
        Assert.False(new TransactCommand { Resolutions = [new(new([1]), s_tag.Id, null)] }.IsEmpty);
        Assert.False(new TransactCommand { Records = [new(new([1]), s_tag.Id, null)] }.IsEmpty);
        Assert.False(new TransactCommand { Intents = [new(new([1]), s_tag, new(1), null)] }.IsEmpty);
        Assert.False(new TransactCommand { Requests = [new(new([1]), [1], [2], new(1), [3])] }.IsEmpty);
    }

    [Fact]
    public void A_commands_bytes_stay_what_they_are()
    {
        var command = new TransactCommand
        {
            Intents = [new(new([0x62]), s_tag, new(7), [8])],
            Resolutions = [new(new([0x63]), s_tag.Id, new(9)), new(new([0x64]), s_tag.Id, null)],
            Records = [new(new([0x61]), s_tag.Id, null)],
            Requests = [new(new([0x61]), [1], [2], new(3), [4])],
        };
        Assert.Equal(
            "01" + "05"
            + "01" + ("01" + "0162" + TagHex + "0000000000000007" + "01" + "0108")
            + "02" + ("0163" + IdHex + "01" + "0000000000000009") + ("0164" + IdHex + "00")
            + "01" + ("0161" + IdHex + "00")
            + "01" + ("0161" + "0101" + "0102" + "0000000000000003" + "0104"),
            Convert.ToHexString(command.Encode(new())));
    }

    [Fact]
    public void A_broken_command_is_refused()
    {
        var bytes = Any(new(4)).Encode(new());
        for (var length = 0; length < bytes.Length; length++)
        {
            Assert.Throws<CodecException>(() => new TransactCommand().Decode(bytes.AsSpan(0, length)));
        }

        Assert.Throws<CodecException>(() => new TransactCommand().Decode([.. bytes, 0]));
        Assert.Throws<CodecException>(() => new TransactCommand().Decode([9, .. bytes[1..]]));
    }

    [Fact]
    public void What_is_remembered_of_a_request_comes_back_and_stays_what_it_is()
    {
        AssertRemembered("0101" + "0000000000000007" + "02" + "0100", new RecordedOutcome.Made(new(7), [true, false]));
        AssertRemembered("0102" + TagHex, new RecordedOutcome.Claimed(s_tag));
        var refusal = new RangeOutcome.Refused(3, RefusalReason.Check, new(7));
        AssertRemembered("0100" + "06" + "06" + "0000000000000007", new RecordedOutcome.Refused(refusal));
        Assert.Throws<CodecException>(() => RecordedOutcome.Read([1, 9]));
    }

    private static void AssertRemembered(string hex, RecordedOutcome outcome)
    {
        Assert.Equal(hex, Convert.ToHexString(outcome.Encode()));
        Assert.Equal(AnyValue.Describe(outcome), AnyValue.Describe(RecordedOutcome.Read(outcome.Encode())));
    }

    private static TransactCommand Any(Prng prng) => new()
    {
        Intents = Many<Intent>(prng),
        Resolutions = Many<Resolution>(prng),
        Records = [.. Enumerable.Range(0, prng.Below(3)).Select(_ => new RecordChange(
            new([1]), s_tag.Id, prng.Chance(0.5) ? null : new(s_tag, TransactionStatus.Committed, new(4), [new([1])], RequestName.None)))],
        Requests = Many<RequestStamp>(prng),
    };

    private static List<T> Many<T>(Prng prng) =>
        [.. Enumerable.Range(0, prng.Below(4)).Select(_ => (T)AnyValue.Make(typeof(T), prng))];

    private static string Text(TransactCommand command) => string.Concat(
        AnyValue.Describe(command.Intents), AnyValue.Describe(command.Resolutions), AnyValue.Describe(command.Records),
        AnyValue.Describe(command.Requests));
}
