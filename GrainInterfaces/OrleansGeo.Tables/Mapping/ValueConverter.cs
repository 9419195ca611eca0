using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tables.Mapping;

/// <summary>Between the values of a C# type and those of a column type. Neither way sees null.</summary>
/// <param name="Type">The column type.</param>
/// <param name="ToDatum">Throws <see cref="ArgumentException"/> or <see cref="FormatException"/> for a value that the column type does not
/// have.</param>
/// <param name="FromDatum">Throws <see cref="OverflowException"/> or <see cref="FormatException"/> for one that the C# type does not
/// have.</param>
internal sealed record ValueConverter<TValue>(DatumType Type, Func<TValue, Datum> ToDatum, Func<Datum, TValue> FromDatum);

/// <summary>The C# types that columns are made of.</summary>
internal static class ValueConverters
{
    // Whole numbers of every width are int64, and must fit both ways. An ulong does not.
    private static readonly Dictionary<Type, object> s_simple = new()
    {
        [typeof(string)] = new ValueConverter<string>(DatumType.String, Datum.FromString, datum => datum.AsString()),
        [typeof(bool)] = new ValueConverter<bool>(DatumType.Bool, Datum.FromBool, datum => datum.AsBool()),
        [typeof(sbyte)] = Whole(value => value, value => checked((sbyte)value)),
        [typeof(byte)] = Whole(value => value, value => checked((byte)value)),
        [typeof(short)] = Whole(value => value, value => checked((short)value)),
        [typeof(ushort)] = Whole(value => value, value => checked((ushort)value)),
        [typeof(int)] = Whole(value => value, value => checked((int)value)),
        [typeof(uint)] = Whole(value => value, value => checked((uint)value)),
        [typeof(long)] = Whole(value => value, value => value),
        [typeof(double)] = new ValueConverter<double>(DatumType.Float64, Datum.FromFloat64, datum => datum.AsFloat64()),
        [typeof(float)] = new ValueConverter<float>(DatumType.Float64, value => Datum.FromFloat64(value), ToSingle),
        [typeof(decimal)] = new ValueConverter<decimal>(DatumType.Decimal, Datum.FromDecimal, datum => datum.AsDecimal()),
        [typeof(Guid)] = new ValueConverter<Guid>(DatumType.Uuid, Datum.FromUuid, datum => datum.AsUuid()),
        [typeof(DateTimeOffset)] = new ValueConverter<DateTimeOffset>(DatumType.Timestamp, Instants.ToDatum, Instants.FromDatum),
        [typeof(DateTime)] = new ValueConverter<DateTime>(
            DatumType.Timestamp, Instants.ToDatum, datum => Instants.FromDatum(datum).UtcDateTime),
        [typeof(byte[])] = new ValueConverter<byte[]>(DatumType.Bytes, Datum.FromBytes, datum => datum.AsBytes()),
        [typeof(JsonElement)] = new ValueConverter<JsonElement>(DatumType.Json, ElementToDatum, ParseElement),
        [typeof(JsonNode)] = new ValueConverter<JsonNode>(
            DatumType.Json,
            node => ElementToDatum(JsonSerializer.SerializeToElement(node)),
            datum => JsonNode.Parse(datum.AsJson()) ?? throw new FormatException("it holds no JSON value")),
    };

    /// <summary>The converter of a type that is not <see cref="Nullable{T}"/>; null when there is none.</summary>
    public static object? Find(Type type, bool asJson)
    {
        if (asJson)
        {
            return Generic(nameof(Json), type);
        }

        return s_simple.GetValueOrDefault(type) ?? (type.IsEnum ? Generic(nameof(Enum), type) : null);
    }

    /// <summary>What to say to who uses a type that has no place in a column.</summary>
    public static string Advice(Type type) => type switch
    {
        _ when type == typeof(ulong) => "an int64 cannot hold every ulong: use long or decimal",
        _ when type == typeof(DateOnly) || type == typeof(TimeOnly) || type == typeof(TimeSpan) =>
            "there is no column type for it: use DateTimeOffset, long or string",
        _ => "there is no column type for it: mark it [NotMapped], or keep it as JSON with [Column(TypeName = \"json\")]",
    };

    private static object Generic(string method, Type type) =>
        typeof(ValueConverters).GetMethod(method, System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Static)!
            .MakeGenericMethod(type).Invoke(null, null)!;

    private static ValueConverter<TValue> Whole<TValue>(Func<TValue, long> widen, Func<long, TValue> narrow) =>
        new(DatumType.Int64, value => Datum.FromInt64(widen(value)), datum => narrow(datum.AsInt64()));

    private static ValueConverter<TEnum> Enum<TEnum>()
        where TEnum : struct, Enum => new(DatumType.String, EnumNames<TEnum>.ToDatum, EnumNames<TEnum>.FromDatum);

    private static ValueConverter<TValue> Json<TValue>() => new(
        DatumType.Json,
        value => ElementToDatum(JsonSerializer.SerializeToElement(value, JsonSerializerOptions.Web)),
        datum => JsonSerializer.Deserialize<TValue>(datum.AsJson(), JsonSerializerOptions.Web)!);

    // The null of JSON and that of a column are one.
    private static Datum ElementToDatum(JsonElement element) => element.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null
        ? Datum.Null
        : Datum.FromJson(DatumJson.Canonicalise(element));

    private static JsonElement ParseElement(Datum datum)
    {
        using var document = JsonDocument.Parse(datum.AsJson());
        return document.RootElement.Clone();
    }

    private static float ToSingle(Datum datum) => (float)datum.AsFloat64() is var single && float.IsFinite(single)
        ? single
        : throw new OverflowException("it is too large for a float");
}

/// <summary>Instants in C# and in columns. What C# cannot hold, below 100 ns, is cut off when read.</summary>
internal static class Instants
{
    private const int NanosPerTick = 100;

    public static Datum ToDatum(DateTimeOffset value)
    {
        var seconds = Math.DivRem(value.UtcTicks - DateTimeOffset.UnixEpoch.Ticks, TimeSpan.TicksPerSecond, out var ticks);
        return ticks < 0
            ? Datum.FromTimestamp(seconds - 1, (int)(ticks + TimeSpan.TicksPerSecond) * NanosPerTick)
            : Datum.FromTimestamp(seconds, (int)ticks * NanosPerTick);
    }

    // A local or unspecified time names different instants on different machines.
    public static Datum ToDatum(DateTime value) => value.Kind == DateTimeKind.Utc
        ? ToDatum(new DateTimeOffset(value))
        : throw new FormatException($"a DateTime is written when its kind is Utc, not {value.Kind}");

    public static DateTimeOffset FromDatum(Datum datum)
    {
        var (seconds, nanos) = datum.AsTimestamp();
        return DateTimeOffset.UnixEpoch.AddTicks((seconds * TimeSpan.TicksPerSecond) + (nanos / NanosPerTick));
    }
}

/// <summary>Enums as the names of their members; a value of flags as several, with a comma between.</summary>
internal static class EnumNames<TEnum>
    where TEnum : struct, Enum
{
    private static readonly Dictionary<string, TEnum> s_values = Enum.GetNames<TEnum>().ToDictionary(name => name, Enum.Parse<TEnum>);

    public static Datum ToDatum(TEnum value)
    {
        // The text of a value without a name is its number.
        var text = value.ToString();
        return char.IsAsciiDigit(text[0]) || text[0] == '-'
            ? throw new FormatException($"{text} is no member of {typeof(TEnum).Name}")
            : Datum.FromString(text);
    }

    public static TEnum FromDatum(Datum datum)
    {
        var text = datum.AsString();
        if (s_values.TryGetValue(text, out var value))
        {
            return value;
        }

        var flags = 0L;
        foreach (var part in text.Split(", "))
        {
            flags |= s_values.TryGetValue(part, out var flag) && typeof(TEnum).IsDefined(typeof(FlagsAttribute), false)
                ? Convert.ToInt64(flag, CultureInfo.InvariantCulture)
                : throw new FormatException($"{DatumText.Quote(text)} is no member of {typeof(TEnum).Name}");
        }

        return (TEnum)Enum.ToObject(typeof(TEnum), flags);
    }
}
