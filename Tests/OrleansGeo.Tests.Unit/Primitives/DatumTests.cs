using OrleansGeo.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Unit.Primitives;

public sealed class DatumTests
{
    [Fact]
    public void Each_accessor_gives_what_its_factory_took()
    {
        var uuid = Guid.Parse("123e4567-e89b-12d3-a456-426614174000");
        byte[] bytes = [1, 2];
        Assert.Equal("a", Datum.FromString("a").AsString());
        Assert.Equal(long.MinValue, Datum.FromInt64(long.MinValue).AsInt64());
        Assert.Equal(-1.5, Datum.FromFloat64(-1.5).AsFloat64());
        Assert.Equal(decimal.MinValue, Datum.FromDecimal(decimal.MinValue).AsDecimal());
        Assert.Equal(1e-28m, Datum.FromDecimal(1e-28m).AsDecimal());
        Assert.True(Datum.FromBool(true).AsBool());
        Assert.False(Datum.FromBool(false).AsBool());
        Assert.Equal(uuid, Datum.FromUuid(uuid).AsUuid());
        Assert.Equal((-5L, 7), Datum.FromTimestamp(-5, 7).AsTimestamp());
        Assert.Same(bytes, Datum.FromBytes(bytes).AsBytes());
        Assert.Equal("[]", Datum.FromJson("[]").AsJson());
        Assert.True(Datum.Null.IsNull && default(Datum).IsNull);
        Assert.Equal(DatumType.None, Datum.Null.Type);
    }

    [Fact]
    public void A_value_of_another_type_is_not_given_out()
    {
        Assert.Throws<InvalidOperationException>(() => Datum.Null.AsInt64());
        Assert.Throws<InvalidOperationException>(() => Datum.FromBool(true).AsInt64());
        Assert.Throws<InvalidOperationException>(() => Datum.FromJson("[]").AsString());
        Assert.Throws<InvalidOperationException>(() => Datum.FromInt64(1).AsDecimal());
    }

    [Fact]
    public void Half_a_surrogate_pair_is_refused()
    {
        // Not inline data: attributes are stored as UTF-8, which cannot hold these.
        string[] texts = ["\uD800", "\uDC00", "a\uD83Db", "\uDE00\uD83D", "\U0001F600\uD83D"];
        foreach (var text in texts)
        {
            Assert.Throws<ArgumentException>(() => Datum.FromString(text));
            Assert.Throws<ArgumentException>(() => Datum.FromJson($"\"{text}\""));
            Assert.False(DatumText.TryParse(DatumType.String, text, out _, out _));
            Assert.False(DatumText.TryParse(DatumType.Json, $"\"{text}\"", out _, out _));
        }
    }

    [Fact]
    public void Only_finite_doubles_are_values_and_zero_has_no_sign()
    {
        Assert.Throws<ArgumentException>(() => Datum.FromFloat64(double.NaN));
        Assert.Throws<ArgumentException>(() => Datum.FromFloat64(double.PositiveInfinity));
        Assert.Throws<ArgumentException>(() => Datum.FromFloat64(double.NegativeInfinity));
        Assert.Equal(Datum.FromFloat64(0.0), Datum.FromFloat64(-0.0));
        Assert.False(double.IsNegative(Datum.FromFloat64(-0.0).AsFloat64()));
    }

    [Fact]
    public void Equal_decimals_are_the_same_value_however_written()
    {
        Assert.Equal(Datum.FromDecimal(1m), Datum.FromDecimal(1.000m));
        Assert.Equal(Datum.FromDecimal(0m), Datum.FromDecimal(new decimal(0, 0, 0, isNegative: true, 5)));
        Assert.Equal("12.5", Datum.FromDecimal(12.50m).ToString());
        Assert.Equal("100", Datum.FromDecimal(100m).ToString());
        Assert.NotEqual(Datum.FromDecimal(1m), Datum.FromDecimal(10m));
        Assert.NotEqual(Datum.FromDecimal(1m), Datum.FromDecimal(-1m));
    }

    [Fact]
    public void Instants_outside_the_years_1_to_9999_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Datum.FromTimestamp(Datum.UnixSecondsMin - 1, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Datum.FromTimestamp(Datum.UnixSecondsMax + 1, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Datum.FromTimestamp(0, -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Datum.FromTimestamp(0, 1_000_000_000));
    }

    [Fact]
    public void Values_of_different_types_are_never_equal_and_have_an_order()
    {
        Datum[] ascending =
        [
            Datum.Null, Datum.FromString("9"), Datum.FromInt64(1), Datum.FromFloat64(1), Datum.FromDecimal(1), Datum.FromBool(true),
            Datum.FromUuid(Guid.Empty), Datum.FromTimestamp(1, 0), Datum.FromBytes([]), Datum.FromJson("1"),
        ];
        for (var i = 0; i < ascending.Length; i++)
        {
            for (var j = 0; j < ascending.Length; j++)
            {
                Assert.Equal(i.CompareTo(j), Math.Sign(ascending[i].CompareTo(ascending[j])));
                Assert.Equal(i == j, ascending[i] == ascending[j]);
            }
        }
    }

    [Fact]
    public void Order_is_total()
    {
        var source = new DatumSource(140);
        for (var i = 0; i < 30_000; i++)
        {
            var type = DatumSource.Types[source.Chance.Below(9)];
            var (a, b, c) = (source.NextOrNull(type), source.NextOrNull(type), source.NextOrNull(type));
            Assert.Equal(Math.Sign(a.CompareTo(b)), -Math.Sign(b.CompareTo(a)));
            Assert.False(a.CompareTo(b) <= 0 && b.CompareTo(c) <= 0 && a.CompareTo(c) > 0, $"{a} <= {b} <= {c} < {a}");
        }
    }

    [Fact]
    public void A_number_has_one_text_and_that_text_is_the_number()
    {
        (string Given, string Text)[] cases =
        [
            ("0", "0"), ("-0.000e5", "0"), ("1.0", "1"), ("1e2", "100"), ("-12.50", "-12.5"), ("0.000001", "0.000001"),
            ("0.0000001", "1e-7"),
            ("123456789012345678901", "123456789012345678901"), ("1e21", "1e21"), ("1e20", "100000000000000000000"), ("1.5E+30", "1.5e30"),
            ("0.1e-400", "1e-401"), ("10e398", "1e399"), ("1e00000000000000000000002", "100"),
        ];
        foreach (var (given, text) in cases)
        {
            Assert.True(DatumNumber.TryParse(given, out var number), given);
            Assert.Equal(text, number.ToString());
            Assert.True(DatumNumber.TryParse(text, out var again));
            Assert.Equal(number, again);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("-")]
    [InlineData("+1")]
    [InlineData("01")]
    [InlineData(".5")]
    [InlineData("5.")]
    [InlineData("1e")]
    [InlineData("1e+")]
    [InlineData("1e1.5")]
    [InlineData("0x10")]
    [InlineData("1 ")]
    [InlineData("1e400")]
    [InlineData("1e-402")]
    [InlineData("1e99999999999999999999")]
    [InlineData("NaN")]
    [InlineData("٣")]
    public void Other_text_is_no_number(string text) => Assert.False(DatumNumber.TryParse(text, out _));

    [Fact]
    public void A_number_may_have_800_digits_and_not_801()
    {
        Assert.True(DatumNumber.TryParse("0." + new string('7', 800), out var number));
        Assert.Equal(800, number.Digits.Length);
        Assert.False(DatumNumber.TryParse("0." + new string('7', 801), out _));
    }
}
