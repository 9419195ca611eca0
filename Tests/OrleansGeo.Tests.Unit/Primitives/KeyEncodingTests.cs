using OrleansGeo.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Unit.Primitives;

public sealed class KeyEncodingTests
{
    public static TheoryData<DatumType> EveryType => [.. DatumSource.Types];

    [Theory]
    [MemberData(nameof(EveryType))]
    public void Bytes_and_values_compare_as_the_dumb_order_says(DatumType type)
    {
        var source = new DatumSource(100 + (ulong)type);
        for (var i = type == DatumType.Json ? 20_000 : 0; i < 30_000; i++)
        {
            var (a, b) = (source.NextOrNull(type), source.NextOrNull(type));
            var expected = DumbOrder.Compare(a, b);
            var byBytes = Math.Sign(KeyEncoding.EncodeTuple(a).AsSpan().SequenceCompareTo(KeyEncoding.EncodeTuple(b)));
            Assert.True(expected == byBytes, $"values {expected}, bytes {byBytes}: {Show(a)} and {Show(b)}");
            Assert.True(expected == Math.Sign(a.CompareTo(b)), $"values {expected}, CompareTo {a.CompareTo(b)}: {Show(a)} and {Show(b)}");
            Assert.True((expected == 0) == a.Equals(b), $"values {expected}, Equals {a.Equals(b)}: {Show(a)} and {Show(b)}");
            Assert.True(expected != 0 || a.GetHashCode() == b.GetHashCode(), $"equal values hash apart: {Show(a)}");
        }
    }

    [Fact]
    public void Tuples_compare_as_their_bytes()
    {
        var source = new DatumSource(110);
        for (var i = 0; i < 60_000; i++)
        {
            var (a, b) = source.TuplePair();
            var expected = DumbOrder.Compare(a, b);
            var byBytes = Math.Sign(KeyEncoding.EncodeTuple(a).AsSpan().SequenceCompareTo(KeyEncoding.EncodeTuple(b)));
            Assert.True(expected == byBytes, $"values {expected}, bytes {byBytes}: {Show(a)} and {Show(b)}");
        }
    }

    [Fact]
    public void A_tuple_begins_with_another_exactly_when_its_bytes_do()
    {
        var source = new DatumSource(111);
        for (var i = 0; i < 60_000; i++)
        {
            var (a, b) = source.TuplePair();
            var begins = a.Length >= b.Length && a.AsSpan(0, b.Length).SequenceEqual(b);
            var bytesBegin = KeyEncoding.EncodeTuple(a).AsSpan().StartsWith(KeyEncoding.EncodeTuple(b));
            Assert.True(begins == bytesBegin, $"{Show(a)} and {Show(b)}");
        }
    }

    [Fact]
    public void Every_tuple_is_read_back_exactly()
    {
        var source = new DatumSource(112);
        for (var i = 0; i < 60_000; i++)
        {
            var (tuple, _) = source.TuplePair();
            var bytes = KeyEncoding.EncodeTuple(tuple);
            Assert.True(bytes.Length == 0 || bytes[0] < 0x60, $"a key begins with 0x{bytes.FirstOrDefault():x2}");
            ReadOnlySpan<byte> rest = bytes;
            foreach (var value in tuple)
            {
                KeyEncoding.Decode(ref rest, out var read);
                Assert.True(value == read, $"{Show(value)} was read as {Show(read)}");
            }

            Assert.Equal(0, rest.Length);
        }
    }

    [Fact]
    public void Bytes_that_are_read_are_the_one_encoding_of_the_value_and_all_others_are_refused()
    {
        var source = new DatumSource(113);
        var (read, refused) = (0, 0);
        for (var i = 0; i < 300_000; i++)
        {
            var bytes = Damaged(source);
            ReadOnlySpan<byte> rest = bytes;
            try
            {
                KeyEncoding.Decode(ref rest, out var value);
                var used = bytes.AsSpan(0, bytes.Length - rest.Length);
                var isTheOne = KeyEncoding.EncodeTuple(value).AsSpan().SequenceEqual(used);
                Assert.True(isTheOne, $"{Convert.ToHexString(used)} was read as {Show(value)}");
                read++;
            }
            catch (CodecException)
            {
                refused++;
            }
        }

        Assert.True(read > 10_000 && refused > 10_000, $"{read} read, {refused} refused");
    }

    [Fact]
    public void A_key_that_is_cut_short_is_refused()
    {
        var source = new DatumSource(114);
        for (var i = 0; i < 5_000; i++)
        {
            var bytes = KeyEncoding.EncodeTuple(source.Next());
            var cut = source.Chance.Below(bytes.Length);
            Assert.Throws<CodecException>(() =>
            {
                ReadOnlySpan<byte> rest = bytes.AsSpan(0, cut);
                KeyEncoding.Decode(ref rest, out _);
            });
        }
    }

    [Fact]
    public void Arrays_deeper_than_any_value_are_refused_and_do_not_exhaust_the_stack() => Assert.Throws<CodecException>(() =>
    {
        var bytes = new byte[100_000];
        bytes.AsSpan().Fill(0x57);
        ReadOnlySpan<byte> rest = bytes;
        KeyEncoding.Decode(ref rest, out _);
    });

    [Fact]
    public void These_bytes_are_stored_and_never_change()
    {
        Assert.Equal("02", Hex(Datum.Null));
        Assert.Equal("106100ff620001", Hex(Datum.FromString("a\0b")));
        Assert.Equal("28", Hex(Datum.FromInt64(0)));
        Assert.Equal("2901", Hex(Datum.FromInt64(1)));
        Assert.Equal("27ff", Hex(Datum.FromInt64(-1)));
        Assert.Equal("208000000000000000", Hex(Datum.FromInt64(long.MinValue)));
        Assert.Equal("34bff8000000000000", Hex(Datum.FromFloat64(1.5)));
        Assert.Equal("344007ffffffffffff", Hex(Datum.FromFloat64(-1.5)));
        Assert.Equal("39", Hex(Datum.FromDecimal(0)));
        Assert.Equal("3a820d3300", Hex(Datum.FromDecimal(12.50m)));
        Assert.Equal("387df2ccff", Hex(Datum.FromDecimal(-12.5m)));
        Assert.Equal("3d", Hex(Datum.FromBool(true)));
        Assert.Equal("40123e4567e89b12d3a456426614174000", Hex(Datum.FromUuid(Guid.Parse("123e4567-e89b-12d3-a456-426614174000"))));
        Assert.Equal("440e7791f70000000005", Hex(Datum.FromTimestamp(0, 5)));
        Assert.Equal("48ff00ff0001", Hex(Datum.FromBytes([0xFF, 0])));
        Assert.Equal("58016100015755810b005600010000", Hex(Datum.FromJson("{\"a\":[1,\"\"]}")));
    }

    [Fact]
    public void Ids_compare_as_their_bytes_and_are_read_back()
    {
        var chance = new Prng(115);
        for (var i = 0; i < 50_000; i++)
        {
            var (a, b) = (Id(chance), Id(chance));
            var (left, right) = (Unsigned(a), Unsigned(b));
            Assert.True(a.CompareTo(b) == Math.Sign(left.AsSpan().SequenceCompareTo(right)), $"{a} and {b}");
            Assert.True(a == b || !left.AsSpan().StartsWith(right), $"{a} begins with {b}");
            ReadOnlySpan<byte> rest = left;
            KeyEncoding.DecodeUnsigned(ref rest, out var read);
            Assert.Equal(a, read);
            Assert.Equal(0, rest.Length);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("f1")]
    [InlineData("f105")]
    [InlineData("f20001")]
    [InlineData("f8ffffffffffffffff")]
    [InlineData("f9000000000000000001")]
    [InlineData("ff")]
    public void An_id_in_another_form_is_refused(string bytes) => Assert.Throws<CodecException>(() =>
    {
        ReadOnlySpan<byte> rest = Convert.FromHexString(bytes);
        KeyEncoding.DecodeUnsigned(ref rest, out _);
    });

    // Encodings with bytes changed, cut out, put in, or simply random bytes behind a tag.
    private static byte[] Damaged(DatumSource source)
    {
        var chance = source.Chance;
        if (chance.Chance(0.2))
        {
            var random = new byte[1 + chance.Below(20)];
            chance.Fill(random);
            random[0] = (byte)chance.Below(0x60);
            return random;
        }

        var bytes = KeyEncoding.EncodeTuple(source.Next());
        bytes = bytes.Length > 100 ? bytes[^100..] : bytes;
        for (var left = chance.Below(3); left > 0; left--)
        {
            var at = chance.Below(bytes.Length);
            byte[] edges = [0, 1, 0xFF, 0x57, 0x58, (byte)chance.NextUInt64(), (byte)(bytes[at] + 1), (byte)(bytes[at] - 1)];
            var put = edges[chance.Below(edges.Length)];
            bytes = chance.Below(3) switch
            {
                0 => [.. bytes[..at], put, .. bytes[(at + 1)..]],
                1 => [.. bytes[..at], put, .. bytes[at..]],
                _ when bytes.Length > 1 => [.. bytes[..at], .. bytes[(at + 1)..]],
                _ => bytes,
            };
        }

        return bytes;
    }

    private static long Id(Prng chance) =>
        chance.Chance(0.3) ? chance.Between(235, 260) : (long)(chance.NextUInt64() >> (1 + chance.Below(63)));

    private static byte[] Unsigned(long value)
    {
        var writer = new CodecWriter();
        KeyEncoding.EncodeUnsigned(writer, value);
        return writer.ToArray();
    }

    private static string Hex(Datum value) => Convert.ToHexStringLower(KeyEncoding.EncodeTuple(value));

    private static string Show(params ReadOnlySpan<Datum> tuple)
    {
        var parts = new List<string>();
        foreach (var value in tuple)
        {
            parts.Add($"{value.Type} {DatumText.Quote(value.ToString())} = {DatumText.Quote(Hex(value))}");
        }

        return $"({string.Join("; ", parts)})";
    }
}
