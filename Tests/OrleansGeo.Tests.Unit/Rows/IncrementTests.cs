using System.Globalization;
using System.Numerics;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using OrleansGeo.Tests.Unit.Gateway;
using OrleansGeo.Tests.Unit.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Unit.Rows;

/// <summary>What an increment does to a stored row.</summary>
public sealed class IncrementTests
{
    private static readonly TableInfo s_table = new(
        9,
        "app",
        new(
            "t",
            [
                new("k", DatumType.Int64, false), new("n", DatumType.Int64), new("level", DatumType.Int64, false, Datum.FromInt64(4)),
                new("wish", DatumType.Int64, true, Datum.FromInt64(7)), new("real", DatumType.Float64), new("money", DatumType.Decimal),
                new("text", DatumType.String),
            ],
            ["k"],
            new TableLocality.Regional()),
        [1, 2, 4, 5, 6, 8, 9],
        1,
        "east",
        SurvivalGoal.Zone);

    private static readonly Datum s_key = Datum.FromInt64(1);

    private static GeoError? Map(out KeyWrite mapped, params (string Name, Datum Value)[] values) => RowMapper.TryMap(
        s_table,
        new(WriteKind.Increment, [s_key], [.. values.Select(value => KeyValuePair.Create(value.Name, value.Value))], Precondition.None),
        new byte[16],
        out _,
        out mapped);

    private static Row? After(ColumnValue[] row, params (string Name, Datum Value)[] values)
    {
        Assert.Null(Map(out var mapped, values));
        Assert.Equal(WriteKind.Increment, mapped.Kind);
        return RowPatch.TryApply(RowCodec.Encode(row), mapped.Value.Span, out var after)
            ? RowMapper.ToRow(s_table, [s_key], default, after).Row
            : null;
    }

    [Fact]
    public void What_is_named_grows_and_the_rest_stays()
    {
        var row = After(
            [
                new(2, Datum.FromInt64(40)), new(3, Datum.FromString("dropped")), new(4, Datum.FromInt64(1)),
                new(8, Datum.FromDecimal(1.25m)),
            ],
            ("n", Datum.FromInt64(-50)),
            ("money", Datum.FromDecimal(0.75m)))!;
        Assert.Equal((Datum.FromInt64(-10), Datum.FromInt64(1), Datum.FromDecimal(2)), (row["n"], row["level"], row["money"]));
        Assert.True(row["real"].IsNull);
    }

    [Fact]
    public void A_null_column_counts_as_zero_and_one_that_was_added_later_as_its_default()
    {
        var one = Datum.FromInt64(1);
        var row = After(
            [], ("n", one), ("level", one), ("wish", one), ("real", Datum.FromFloat64(0.5)), ("money", Datum.FromDecimal(-1)))!;
        Assert.Equal(
            [s_key, one, Datum.FromInt64(5), one, Datum.FromFloat64(0.5), Datum.FromDecimal(-1)], row.Values.Select(value => value.Value));
    }

    [Fact]
    public void A_sum_that_does_not_fit_is_refused_and_one_that_just_fits_is_not()
    {
        Assert.Null(After([new(2, Datum.FromInt64(long.MaxValue))], ("n", Datum.FromInt64(1))));
        Assert.Null(After([new(2, Datum.FromInt64(long.MinValue))], ("n", Datum.FromInt64(-1))));
        Assert.Equal(long.MaxValue, After([new(2, Datum.FromInt64(long.MaxValue - 1))], ("n", Datum.FromInt64(1)))!["n"].AsInt64());
        Assert.Null(After([new(6, Datum.FromFloat64(double.MaxValue))], ("real", Datum.FromFloat64(double.MaxValue))));
        Assert.Null(After([new(8, Datum.FromDecimal(decimal.MaxValue))], ("money", Datum.FromDecimal(1))));

        // Here decimal's own addition would round, and say nothing.
        Assert.Null(After([new(8, Datum.FromDecimal(decimal.MaxValue))], ("money", Datum.FromDecimal(0.1m))));
        Assert.Null(After([new(8, Datum.FromDecimal(12345678901m))], ("money", Datum.FromDecimal(1e-28m))));
        Assert.Equal(
            Datum.FromDecimal(decimal.MaxValue),
            After([new(8, Datum.FromDecimal(decimal.MaxValue - 1))], ("money", Datum.FromDecimal(1)))!["money"]);

        // One that does not fit among others that do.
        Assert.Null(After([new(6, Datum.FromFloat64(double.MaxValue))], ("n", s_key), ("real", Datum.FromFloat64(double.MaxValue))));
    }

    public static TheoryData<string, string, string, Datum> Refused => new()
    {
        { "not-a-number", "text", "text", Datum.FromString("1") },
        { "wrong-type", "text", "text", Datum.FromInt64(1) },
        { "wrong-type", "n", "n", Datum.FromFloat64(1) },
        { "null-not-allowed", "n", "n", Datum.Null },
        { "null-not-allowed", "level", "level", Datum.Null },
        { "unknown-column", "zzz", "zzz", Datum.FromInt64(1) },
        { "key-column", "k", "k", s_key },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void An_increment_that_makes_no_sense_names_the_column(string code, string field, string column, Datum value)
    {
        var error = Map(out _, (column, value));
        Assert.Equal((code, field), (error!.Code, error.Field));
    }

    [Fact]
    public void An_increment_of_nothing_is_refused() => Assert.Equal("nothing-to-add", Map(out _)!.Code);

    [Fact]
    public void Bytes_that_are_no_increment_are_refused_and_never_crash()
    {
        Assert.Null(Map(out var mapped, ("n", s_key), ("real", Datum.FromFloat64(2)), ("money", Datum.FromDecimal(3))));
        var good = mapped.Value.ToArray();
        Assert.Equal(good, RowPatch.Encode(RowPatch.Decode(good)));
        Fuzz.Bytes(good, bytes => RowPatch.Decode(bytes));
        var row = RowCodec.Encode([new(2, Datum.FromString("no number"))]);
        Assert.Throws<CodecException>(() => RowPatch.TryApply(row, good, out _));
    }

    [Fact]
    public void Integers_add_as_numbers_without_bound_would_where_they_fit()
    {
        var source = new DatumSource(21);
        var (fitting, refused) = (0, 0);
        for (var i = 0; i < 5_000; i++)
        {
            var (a, b) = (source.Next(DatumType.Int64), source.Next(DatumType.Int64));
            var exact = (BigInteger)a.AsInt64() + b.AsInt64();
            if (DatumSum.TryAdd(a, b, out var sum))
            {
                fitting++;
                Assert.Equal(exact, sum.AsInt64());
            }
            else
            {
                refused++;
                Assert.True(exact < long.MinValue || exact > long.MaxValue);
            }
        }

        Assert.True(fitting > 100 && refused > 100, $"{fitting} fitting, {refused} refused");
    }

    [Fact]
    public void Decimals_add_exactly_or_not_at_all()
    {
        static BigInteger Units(decimal value) => BigInteger.Parse(
            value.ToString("F28", CultureInfo.InvariantCulture).Replace(".", "", StringComparison.Ordinal), CultureInfo.InvariantCulture);

        var source = new DatumSource(22);
        var (fitting, refused) = (0, 0);
        for (var i = 0; i < 5_000; i++)
        {
            var (a, b) = (source.Next(DatumType.Decimal), source.Next(DatumType.Decimal));
            var exact = Units(a.AsDecimal()) + Units(b.AsDecimal());
            if (DatumSum.TryAdd(a, b, out var sum))
            {
                fitting++;
                Assert.Equal(exact, Units(sum.AsDecimal()));
            }
            else
            {
                refused++;
                decimal? rounded = null;
                try
                {
                    rounded = a.AsDecimal() + b.AsDecimal();
                }
                catch (OverflowException)
                {
                }

                Assert.True(rounded is not { } near || Units(near) != exact, $"{a} + {b}");
            }
        }

        Assert.True(fitting > 100 && refused > 100, $"{fitting} fitting, {refused} refused");
    }
}
