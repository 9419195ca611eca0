using System.ComponentModel.DataAnnotations.Schema;
using OrleansGeo.Primitives;
using OrleansGeo.Tables;
using OrleansGeo.Tables.Mapping;

namespace OrleansGeo.Tests.Sdk;

/// <summary>C# types as columns, and what is said of those that are none.</summary>
public sealed class MappingTests
{
    [Fact]
    public void A_table_is_made_of_a_type()
    {
        var spec = RowMap<Visit>.Instance.ToSpec("visits", new TableLocality.Regional("eu"), SurvivalGoal.Region);
        Assert.Equal(
            [
                new("number", DatumType.Int64, Nullable: false), new("where", DatumType.String, Nullable: false),
                new("note", DatumType.String),
            ],
            spec.Columns);
        Assert.Equal(["where", "number"], spec.PrimaryKey);
        Assert.Equal(
            [
                DatumType.String, DatumType.Bool, DatumType.Int64, DatumType.Int64, DatumType.Int64, DatumType.Int64, DatumType.Int64,
                DatumType.Int64, DatumType.Int64, DatumType.Float64, DatumType.Float64, DatumType.Decimal, DatumType.Uuid,
                DatumType.Timestamp, DatumType.Timestamp, DatumType.Bytes, DatumType.String, DatumType.String, DatumType.Json,
                DatumType.Json,
            ],
            RowMap<Everything>.Instance.Columns.Select(column => column.Type));
        Assert.All(RowMap<Everything>.Instance.Columns, column => Assert.False(column.AcceptsNull));
        Assert.All(RowMap<Perhaps>.Instance.Columns.Skip(1), column => Assert.True(column.AcceptsNull));
        Assert.DoesNotContain(RowMap<Perhaps>.Instance.Columns, column => column.Column == "shown");
    }

    [Fact]
    public void A_type_that_is_no_row_is_refused_by_name()
    {
        Refused<HasUlong>("an int64 cannot hold every ulong", nameof(HasUlong.Count), "count");
        Refused<HasDuration>("use DateTimeOffset, long or string", nameof(HasDuration.Took), "took");
        Refused<HasInner>("[Column(TypeName = \"json\")]", nameof(HasInner.Inner), "inner");
        Refused<HasComputed>("cannot be set", nameof(HasComputed.Twice), "twice");
        Refused<SharesColumn>("shares its column with the property A", nameof(SharesColumn.B), "a");
        Refused<AsksForText>("only json can be asked for", nameof(AsksForText.A), "a");
        Refused<TwoWays>("needs one public constructor", null, null);
        Refused<StrangeParameter>("has a parameter other", null, null);
        var keyless = Assert.Throws<GeoMappingException>(
            () => RowMap<HasNoKey>.Instance.ToSpec("t", new TableLocality.Regional(), null));
        Assert.Contains("has no key", keyless.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("number", 3_000_000_000L, "Number")]
    [InlineData("number", null, "Number")]
    [InlineData("number", "7", "Number")]
    [InlineData("colour", "Blue", "Colour")]
    [InlineData("colour", "1", "Colour")]
    [InlineData("ratio", 1e300, "Ratio")]
    public void A_value_that_a_property_cannot_take_is_refused_by_property_and_column(string column, object? value, string property)
    {
        var datum = value switch
        {
            long number => Datum.FromInt64(number),
            double number => Datum.FromFloat64(number),
            string text => Datum.FromString(text),
            _ => Datum.Null,
        };
        var good = new Dictionary<string, Datum>
        {
            ["id"] = Datum.FromString("1"),
            ["number"] = Datum.FromInt64(1),
            ["colour"] = Datum.FromString("Red"),
            ["ratio"] = Datum.FromFloat64(1),
        };
        Assert.Equal(new("1", 1, Colour.Red, 1), RowMap<Strict>.Instance.Read(new([.. good])));
        good[column] = datum;
        var refused = Assert.Throws<GeoMappingException>(() => RowMap<Strict>.Instance.Read(new([.. good])));
        Assert.Equal((property, column), (refused.Property, refused.Column));
        Assert.Contains($"the property {property} of Strict, column {column},", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_value_that_a_column_cannot_take_is_refused_by_property_and_column()
    {
        RefusedValue(new("1", 1, (Colour)9, 1), 2, "9 is no member of Colour");
        RefusedValue(new("1", 1, Colour.Red, float.NaN), 3, "finite");
        RefusedValue(new(null!, 1, Colour.Red, 1), 0, "is not nullable, and is null");
        RefusedValue(new("\ud800", 1, Colour.Red, 1), 0, "surrogate");
        var local = Assert.Throws<GeoMappingException>(
            () => RowMap<HasDate>.Instance.Write(new(1, new(2026, 1, 1, 0, 0, 0, DateTimeKind.Local)), 1));
        Assert.Contains("kind is Utc, not Local", local.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Instants_keep_their_ticks_before_and_after_1970()
    {
        foreach (var ticks in new[] { -1L, 0, 1, TimeSpan.TicksPerSecond - 1, -TimeSpan.TicksPerSecond - 1 })
        {
            var instant = DateTimeOffset.UnixEpoch.AddTicks(ticks);
            Assert.Equal(instant, Instants.FromDatum(Instants.ToDatum(instant)));
        }

        foreach (var instant in new[] { DateTimeOffset.MinValue, DateTimeOffset.MaxValue })
        {
            Assert.Equal(instant, Instants.FromDatum(Instants.ToDatum(instant)));
        }

        var (seconds, nanos) = Instants.ToDatum(DateTimeOffset.UnixEpoch.AddTicks(-1)).AsTimestamp();
        Assert.Equal((-1L, 999_999_900), (seconds, nanos));
    }

    [Fact]
    public void A_patch_names_columns_and_takes_the_last_value()
    {
        var patch = new Patch<City>().Set(city => city.Population, 1).Set(city => city.Mayor, null).Set(city => city.Population, 2);
        Assert.Equal(
            [new("mayor", Datum.Null), new KeyValuePair<string, Datum>("population", Datum.FromInt64(2))],
            patch.Values);
        Assert.Throws<GeoMappingException>(() => patch.Set(city => city.Mayor!.Length, 1));
        Assert.Throws<GeoMappingException>(() => new ScanQuery<City>().Where(_ => "x", ScanOperator.Equal, "x"));
    }

    [Fact]
    public void An_increment_names_columns_of_numbers_and_takes_the_last_value()
    {
        var increment = new Increment<Perhaps>().By(row => row.Number, 1).By(row => row.Price, -0.5m).By(row => row.Ratio, 0.25)
            .By(row => row.Number, -2);
        Assert.Equal(
            [
                KeyValuePair.Create("price", Datum.FromDecimal(-0.5m)), KeyValuePair.Create("ratio", Datum.FromFloat64(0.25)),
                KeyValuePair.Create("number", Datum.FromInt64(-2)),
            ],
            increment.Values);
        var refused = Assert.Throws<GeoMappingException>(() => increment.By(row => row.At, DateTimeOffset.UnixEpoch));
        Assert.Equal(("At", "at"), (refused.Property, refused.Column));
        Assert.Throws<GeoMappingException>(() => increment.By(row => row.Flag, true));
    }

    private static void Refused<TRow>(string words, string? property, string? column)
        where TRow : class
    {
        var refused = Assert.Throws<GeoMappingException>(() => RowMap<TRow>.Instance);
        Assert.Contains(words, refused.Message, StringComparison.Ordinal);
        Assert.Equal((property, column), (refused.Property, refused.Column));
        Assert.Contains(typeof(TRow).Name, refused.Message, StringComparison.Ordinal);
    }

    private static void RefusedValue(Strict row, int position, string words)
    {
        var refused = Assert.Throws<GeoMappingException>(() => RowMap<Strict>.Instance.Write(row, position));
        Assert.Contains(words, refused.Message, StringComparison.Ordinal);
        Assert.Equal(RowMap<Strict>.Instance.Columns[position].Column, refused.Column);
    }

    private sealed record Strict(string Id, int Number, Colour Colour, float Ratio);

    private sealed record HasUlong(string Id, ulong Count);

    private sealed record HasDuration(string Id, TimeSpan? Took);

    private sealed record HasInner(string Id, City Inner);

    private sealed record HasDate(long Id, DateTime At);

    private sealed record HasNoKey(string Name);

    private sealed record HasComputed(string Id)
    {
        public string Twice => Id + Id;
    }

    private sealed record SharesColumn(string A, [property: Column("a")] string B);

    private sealed record AsksForText([property: Column(TypeName = "text")] string A);

    private sealed class TwoWays
    {
        public TwoWays(string id) => Id = id;

        public TwoWays(string id, int _) => Id = id;

        public string Id { get; }
    }

    private sealed class StrangeParameter(string other)
    {
        public string Id { get; set; } = other;
    }
}
