using System.Globalization;
using System.Text;
using System.Text.Json;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tests.Unit.Primitives;

/// <summary>Seeded values of every type, biased to edges and to pairs that differ only a little.</summary>
internal sealed class DatumSource(ulong seed)
{
    public static readonly DatumType[] Types =
    [
        DatumType.String, DatumType.Int64, DatumType.Float64, DatumType.Decimal, DatumType.Bool,
        DatumType.Uuid, DatumType.Timestamp, DatumType.Bytes, DatumType.Json,
    ];

    private static readonly string[] s_texts =
    [
        "", "\0", "\0\0", "\0\u0001", "\u0001", "a", "a\0", "a\0b", "a\u0001", "ab", "\u007F", "\u0080", "ÿ", "\u07FF", "\u0800", "\uD7FF",
        "\uE000", "\uFFFD", "\uFFFF", "\U00010000", "\U0010FFFF", "a\U0001F600", "a\uFF01", "é", "e\u0301", new string('x', 5000),
        new string('\0', 300), new string('x', 170) + "\U0001F600",
    ];

    private static readonly double[] s_doubles =
    [
        0.0, -0.0, double.Epsilon, -double.Epsilon, double.MaxValue, double.MinValue, 2.2250738585072014e-308, -2.2250738585072009e-308,
        1, -1, 0.1, Math.PI, 1e16, 123456789012345680.0, 9007199254740993.0, 1.0000000000000002,
    ];

    private static readonly decimal[] s_decimals =
    [
        0m, -0.0m, 1m, 1.0m, 1.000m, -1m, 0.1m, -0.1m, 10m, 99m, 100m, 101m, 1e-28m, -1e-28m, 1.5e-27m, decimal.MaxValue, decimal.MinValue,
        7.9228162514264337593543950335m, 0.1234567890123456789012345678m, 12.5m, 12.50m, 9.99m, 0.099m, 1e20m,
    ];

    private static readonly string[] s_jsonNumbers =
    [
        "0", "-0", "0.0", "1", "1.0", "1e0", "10E-1", "-1", "100", "1e2", "0.1", "9007199254740993", "9007199254740992", "1e308", "1e-308",
        "1e399", "-1e399", "1e-400", "123456789012345678901234567890123456789", "0.30000000000000004", "0.3", "-2.5e-7", "1e101", "1e-101",
    ];

    public Prng Chance { get; } = new(seed);

    public Datum Next() => Next(Types[Chance.Below(Types.Length)]);

    public Datum Next(DatumType type) => type switch
    {
        DatumType.String => Datum.FromString(Text()),
        DatumType.Int64 => Datum.FromInt64(Integer()),
        DatumType.Float64 => Datum.FromFloat64(Double()),
        DatumType.Decimal => Datum.FromDecimal(Decimal()),
        DatumType.Bool => Datum.FromBool(Chance.Chance(0.5)),
        DatumType.Uuid => Datum.FromUuid(Uuid()),
        DatumType.Timestamp => Timestamp(),
        DatumType.Bytes => Datum.FromBytes(Bytes()),
        _ => Datum.FromJson(CanonicalJson()),
    };

    public Datum NextOrNull(DatumType type) => Chance.Chance(0.05) ? Datum.Null : Next(type);

    /// <summary>Two tuples of the same types: often with equal first elements, and of different lengths at times.</summary>
    public (Datum[] A, Datum[] B) TuplePair()
    {
        var types = new DatumType[1 + Chance.Below(4)];
        for (var i = 0; i < types.Length; i++)
        {
            types[i] = Types[Chance.Below(Types.Length)];
        }

        var a = Array.ConvertAll(types, NextOrNull);
        var b = Array.ConvertAll(types, NextOrNull);
        Array.Copy(a, b, Chance.Below(types.Length + 1));
        return (a[..Chance.Below(a.Length + 1)], b[..Chance.Below(b.Length + 1)]);
    }

    public string RawJson(int depth = 0) => Chance.Below(depth > 3 ? 7 : 9) switch
    {
        0 => "null",
        1 => "false",
        2 => "true",
        3 => s_jsonNumbers[Chance.Below(s_jsonNumbers.Length)],
        4 => Decimal().ToString(CultureInfo.InvariantCulture),
        5 => Double().ToString("R", CultureInfo.InvariantCulture),
        6 => JsonSerializer.Serialize(Chance.Chance(0.9) ? s_texts[Chance.Below(25)] : Text()),
        7 => $"[ {string.Join(" , ", Items(depth))} ]",
        _ => $"{{{string.Join(",", Members(depth))}}}",
    };

    private string CanonicalJson()
    {
        using var document = JsonDocument.Parse(RawJson());
        return DatumJson.Canonicalise(document.RootElement);
    }

    private List<string> Items(int depth)
    {
        var items = new List<string>();
        for (var left = Chance.Below(4); left > 0; left--)
        {
            items.Add(RawJson(depth + 1));
        }

        return items;
    }

    private List<string> Members(int depth)
    {
        string[] names = ["", "a", "b", "ab", "\uFF01", "\U0001F600", "a\0"];
        Chance.Shuffle<string>(names);
        var members = new List<string>();
        foreach (var name in names[..Chance.Below(4)])
        {
            members.Add($"{JsonSerializer.Serialize(name)}: {RawJson(depth + 1)}");
        }

        return members;
    }

    private string Text()
    {
        if (Chance.Chance(0.6))
        {
            return s_texts[Chance.Below(s_texts.Length)];
        }

        var text = new StringBuilder();
        for (var left = Chance.Below(6); left > 0; left--)
        {
            text.Append(Chance.Chance(0.5) ? s_texts[Chance.Below(25)] : new Rune(Scalar()).ToString());
        }

        return text.ToString();
    }

    private int Scalar()
    {
        var value = (int)(Chance.NextUInt64() % 0x110000) >> Chance.Below(20);
        return value is >= 0xD800 and <= 0xDFFF ? 'x' : value;
    }

    private long Integer()
    {
        long[] edges = [0, 1, -1, long.MinValue, long.MaxValue, 255, 256, -256, -257, 65535, 65536, -65536, -65537];
        return Chance.Below(3) switch
        {
            0 => edges[Chance.Below(edges.Length)],
            1 => (1L << Chance.Below(63)) + Chance.Between(-2, 2),
            _ => (long)Chance.NextUInt64() >> Chance.Below(64),
        };
    }

    private double Double()
    {
        var drawn = BitConverter.UInt64BitsToDouble(Chance.NextUInt64());
        return Chance.Chance(0.5) || !double.IsFinite(drawn) ? s_doubles[Chance.Below(s_doubles.Length)] : drawn;
    }

    private decimal Decimal()
    {
        if (Chance.Chance(0.4))
        {
            return s_decimals[Chance.Below(s_decimals.Length)];
        }

        var (low, high, cut) = (Chance.NextUInt64(), (uint)Chance.NextUInt64(), Chance.Below(64));
        return new((int)(low >> cut), (int)((low >> 32) >> cut), cut < 8 ? (int)high : 0, Chance.Chance(0.5), (byte)Chance.Below(29));
    }

    private Guid Uuid()
    {
        var bytes = new byte[16];
        Chance.Fill(bytes);
        if (Chance.Chance(0.5))
        {
            bytes.AsSpan(0, 15).Fill(Chance.Chance(0.5) ? (byte)0 : (byte)0xFF);
            bytes.AsSpan().Reverse();
            (bytes[0], bytes[Chance.Below(16)]) = (0, bytes[0]);
        }

        return new(bytes, bigEndian: true);
    }

    private Datum Timestamp()
    {
        long[] seconds = [Datum.UnixSecondsMin, Datum.UnixSecondsMax, 0, -1, 1, Chance.Between(Datum.UnixSecondsMin, Datum.UnixSecondsMax)];
        int[] nanos = [0, 1, 999_999_999, 500_000_000, 100, Chance.Below(1_000_000_000)];
        return Datum.FromTimestamp(seconds[Chance.Below(seconds.Length)], nanos[Chance.Below(nanos.Length)]);
    }

    private byte[] Bytes()
    {
        byte[] edges = [0, 1, 0xFE, 0xFF, 0x7F, 0x80];
        var bytes = new byte[Chance.Chance(0.02) ? 4000 : Chance.Below(6)];
        for (var i = 0; i < bytes.Length; i++)
        {
            bytes[i] = edges[Chance.Below(edges.Length)];
        }

        return bytes;
    }
}
