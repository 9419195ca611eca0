using System.Collections.Immutable;
using OrleansGeo.Primitives;
using OrleansGeo.Tests.Unit.Network;
using OrleansGeo.Transactions;
using Xunit;

namespace OrleansGeo.Tests.Unit.Transactions;

/// <summary>What transactions leave in storage: it comes back as it was, stays what it is, and is refused when it is not that.</summary>
public sealed class TransactionFormatTests
{
    private static readonly TransactionId s_id = new(0x0102030405060708, 0x090A0B0C0D0E0F10);
    private static readonly TransactionTag s_tag = new(s_id, new([0x61]), new(5), new(3));
    private const string IdHex = "0102030405060708090A0B0C0D0E0F10";
    private const string TagHex = IdHex + "0161" + "0000000000000005" + "06";

    [Fact]
    public void Everything_comes_back_as_it_was_stored()
    {
        for (var seed = 0UL; seed < 300; seed++)
        {
            var prng = new Prng(seed);
            var intent = (Intent)AnyValue.Make(typeof(Intent), prng);
            AssertSame(intent, Intent.Decode(Stored(intent.Write)));
            var record = (TransactionRecord)AnyValue.Make(typeof(TransactionRecord), prng);
            AssertSame(record, TransactionRecord.Decode(Stored(record.Write)));
        }
    }

    [Fact]
    public void Stored_forms_stay_what_they_are()
    {
        AssertHex(TagHex, s_tag.Write);
        AssertHex("01" + "0162" + TagHex + "0000000000000007" + "01" + "020809", new Intent(new([0x62]), s_tag, new(7), [8, 9]).Write);
        AssertHex("01" + "0162" + TagHex + "0000000000000007" + "00", new Intent(new([0x62]), s_tag, new(7), null).Write);
        ImmutableArray<Key> keys = [new([0x61]), new([0x62])];
        AssertHex(
            "01" + TagHex + "01" + "0000000000000009" + "02" + "0161" + "0162" + "0107" + "0108" + "12",
            new TransactionRecord(s_tag, TransactionStatus.Staging, new(9), keys, new([7], [8], 9)).Write);
        AssertHex(
            "01" + TagHex + "03" + "0000000000000009" + "00" + "00" + "00" + "00",
            new TransactionRecord(s_tag, TransactionStatus.Aborted, new(9), [], RequestName.None).Write);
    }

    [Fact]
    public void Every_shortened_lengthened_or_newer_form_is_refused()
    {
        AssertRefusesBroken(Stored(new Intent(new([0x62]), s_tag, new(7), [8, 9]).Write), bytes => Intent.Decode(bytes));
        var record = new TransactionRecord(s_tag, TransactionStatus.Committed, new(9), [new([0x61])], new([7], [8], 9));
        AssertRefusesBroken(Stored(record.Write), bytes => TransactionRecord.Decode(bytes));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public void A_record_of_no_known_status_is_refused(byte status)
    {
        var stored = Stored(new TransactionRecord(s_tag, TransactionStatus.Aborted, new(9), [], RequestName.None).Write);
        stored[1 + (TagHex.Length / 2)] = status;
        Assert.Throws<CodecException>(() => TransactionRecord.Decode(stored));
    }

    [Fact]
    public void What_is_absent_is_not_stored() => Assert.Throws<InvariantViolationException>(
        () => Stored(new TransactionRecord(s_tag, TransactionStatus.Absent, new(9), [], RequestName.None).Write));

    [Fact]
    public void Of_two_attempts_exactly_one_goes_before_the_other()
    {
        var prng = new Prng(3);
        for (var i = 0; i < 2_000; i++)
        {
            TransactionTag Any() => new(new((ulong)prng.Below(2), (ulong)prng.Below(3)), Key.Min, new((ulong)prng.Below(3)), new(1));
            var (a, b, c) = (Any(), Any(), Any());
            Assert.Equal(a.Priority == b.Priority && a.Id == b.Id ? 0 : 1, (a.GoesBefore(b) ? 1 : 0) + (b.GoesBefore(a) ? 1 : 0));
            Assert.True(!(a.GoesBefore(b) && b.GoesBefore(c)) || a.GoesBefore(c));
            Assert.True(a.Priority >= b.Priority || a.GoesBefore(b));
        }
    }

    [Fact]
    public void Versions_by_transactions_are_values_and_tombstones_like_others_and_name_their_maker()
    {
        var (buffer, other) = (new CodecWriter(), new TransactionId(1, 1));
        MvccValue.Encode(buffer, s_id, [8, 9]);
        Assert.Equal("02" + IdHex + "0809", Convert.ToHexString(buffer.Written));
        var value = MvccValue.Decode(new(4), buffer.Written);
        Assert.Equal((new HlcTimestamp(4), false), (value.Timestamp, value.IsTombstone));
        Assert.Equal([8, 9], value.Bytes);
        Assert.True(MvccValue.IsBy(buffer.Written, s_id));
        Assert.False(MvccValue.IsBy(buffer.Written, other));

        MvccValue.Encode(buffer, s_id, (byte[])[]);
        Assert.False(MvccValue.IsStoredTombstone(buffer.Written));
        Assert.Empty(MvccValue.Decode(new(4), buffer.Written).Bytes);

        MvccValue.Encode(buffer, s_id, null);
        Assert.Equal("03" + IdHex, Convert.ToHexString(buffer.Written));
        Assert.True(MvccValue.Decode(new(4), buffer.Written).IsTombstone);
        Assert.True(MvccValue.IsBy(buffer.Written, s_id));

        // A plain value whose bytes look like a maker's has none.
        MvccValue.Encode(buffer, Stored(s_id.Write));
        Assert.False(MvccValue.IsBy(buffer.Written, s_id));
        Assert.False(MvccValue.IsBy(MvccValue.EncodedTombstone, s_id));
    }

    [Theory]
    [InlineData("")]
    [InlineData("02")]
    [InlineData("02" + "0102030405060708090A0B0C0D0E0F")]
    [InlineData("03" + "0102030405060708090A0B0C0D0E0F")]
    [InlineData("03" + IdHex + "00")]
    [InlineData("04" + IdHex)]
    public void A_version_that_is_neither_is_refused(string hex) =>
        Assert.Throws<CodecException>(() => MvccValue.IsStoredTombstone(Convert.FromHexString(hex)));

    [Fact]
    public void A_reader_finds_what_a_transaction_made_of_a_key_and_looks_no_further_than_it_began()
    {
        var (storage, reader) = (new SortedReader(), new MvccReader());
        var key = new Key([0x61]);
        Assert.Null(reader.MadeBy(storage, key, s_id, HlcTimestamp.Zero));
        Put(storage, key, 10, s_id, [1]);
        Put(storage, key, 20, new(9, 9), null);
        Put(storage, new([0x61, 0x00]), 30, new(8, 8), [1]);
        Put(storage, new([0x60]), 30, new(7, 7), [1]);
        Assert.Equal(new HlcTimestamp(10), reader.MadeBy(storage, key, s_id, HlcTimestamp.Zero));
        Assert.Equal(new HlcTimestamp(10), reader.MadeBy(storage, key, s_id, new(10)));
        Assert.Null(reader.MadeBy(storage, key, s_id, new(11)));
        Assert.Equal(new HlcTimestamp(20), reader.MadeBy(storage, key, new(9, 9), new(11)));
        Assert.Null(reader.MadeBy(storage, key, new(8, 8), HlcTimestamp.Zero));
        Assert.Null(reader.MadeBy(storage, key, new(7, 7), HlcTimestamp.Zero));
    }

    [Fact]
    public void The_spaces_of_a_span_hold_all_that_is_of_its_keys_and_nothing_of_others_in_storage_order()
    {
        var (chance, buffer) = (new Prng(40), new CodecWriter());
        for (var i = 0; i < 3_000; i++)
        {
            var (key, span) = (Draw.Key(chance), Draw.Span(chance));
            var spaces = ReplicatedSpaces.Of(span).Select(bounds => new KeySpan(new(bounds.Start), new(bounds.End))).ToArray();
            Assert.All(spaces.Zip(spaces.Skip(1)), pair => Assert.True(pair.First.End <= pair.Second.Start));
            RequestRecordKey.Encode(buffer, key, [1]);
            Expect();
            MvccKey.Encode(buffer, key, Draw.Timestamp(chance, 9));
            Expect();
            IntentKey.Encode(buffer, key);
            Expect();
            TransactionRecordKey.Encode(buffer, key, s_id);
            Expect();
            VersionThreshold.EncodeKey(buffer, key);
            Expect();

            void Expect() => Assert.Equal(
                span.Contains(key) ? 1 : 0, spaces.Count(space => space.Contains(new Key(buffer.ToArray()))));
        }
    }

    private static void Put(SortedReader storage, Key key, ulong at, TransactionId by, byte[]? value)
    {
        var buffer = new CodecWriter();
        MvccKey.Encode(buffer, key, new(at));
        var stored = buffer.ToArray();
        MvccValue.Encode(buffer, by, value);
        storage.Put(stored, buffer.Written);
    }

    private static byte[] Stored(Action<CodecWriter> write)
    {
        var buffer = new CodecWriter();
        write(buffer);
        return buffer.ToArray();
    }

    private static void AssertSame(object expected, object actual) => Assert.Equal(AnyValue.Describe(expected), AnyValue.Describe(actual));

    private static void AssertHex(string expected, Action<CodecWriter> write) => Assert.Equal(expected, Convert.ToHexString(Stored(write)));

    private static void AssertRefusesBroken(byte[] stored, Action<byte[]> decode)
    {
        for (var length = 0; length < stored.Length; length++)
        {
            Assert.Throws<CodecException>(() => decode(stored[..length]));
        }

        Assert.Throws<CodecException>(() => decode([.. stored, 0]));
        Assert.Throws<CodecException>(() => decode([2, .. stored[1..]]));
    }
}
