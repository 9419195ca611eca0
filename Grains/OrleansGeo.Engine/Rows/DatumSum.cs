using System.Numerics;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>Sums of the numbers that columns hold. Exact for integers and decimals: a sum that would be rounded does not fit.</summary>
public static class DatumSum
{
    private const int ScaleMax = 28;
    private static readonly BigInteger s_mantissaMax = (BigInteger.One << 96) - 1;

    /// <summary>True for types whose values can be added.</summary>
    public static bool IsNumber(DatumType type) => type is DatumType.Int64 or DatumType.Float64 or DatumType.Decimal;

    /// <summary>A number of a type, zero in the place of null.</summary>
    public static Datum OrZero(Datum number, DatumType type) => !number.IsNull ? number : type switch
    {
        DatumType.Int64 => Datum.FromInt64(0),
        DatumType.Float64 => Datum.FromFloat64(0),
        _ => Datum.FromDecimal(0),
    };

    /// <summary>The sum of two numbers of one type; false when it does not fit that type.</summary>
    public static bool TryAdd(Datum a, Datum b, out Datum sum)
    {
        sum = default;
        switch (a.Type)
        {
            case DatumType.Int64:
                var (x, y) = (a.AsInt64(), b.AsInt64());
                var total = unchecked(x + y);
                if (((x ^ total) & (y ^ total)) < 0)
                {
                    return false;
                }

                sum = Datum.FromInt64(total);
                return true;
            case DatumType.Float64:
                var real = a.AsFloat64() + b.AsFloat64();
                if (!double.IsFinite(real))
                {
                    return false;
                }

                sum = Datum.FromFloat64(real);
                return true;
            default:
                return TryAdd(a.AsDecimal(), b.AsDecimal(), out sum);
        }
    }

    // decimal's own addition rounds when the digits of a sum do not fit; money would be lost without a word.
    private static bool TryAdd(decimal a, decimal b, out Datum sum)
    {
        sum = default;
        var scale = Math.Max(a.Scale, b.Scale);
        var total = Units(a, scale) + Units(b, scale);
        while (scale > 0 && total % 10 == 0)
        {
            total /= 10;
            scale--;
        }

        var size = BigInteger.Abs(total);
        if (size > s_mantissaMax || scale > ScaleMax)
        {
            return false;
        }

        sum = Datum.FromDecimal(new(
            unchecked((int)(uint)(size & uint.MaxValue)),
            unchecked((int)(uint)((size >> 32) & uint.MaxValue)),
            unchecked((int)(uint)(size >> 64)),
            total.Sign < 0,
            (byte)scale));
        return true;
    }

    private static BigInteger Units(decimal value, int scale)
    {
        Span<int> bits = stackalloc int[4];
        decimal.GetBits(value, bits);
        var size = ((BigInteger)(uint)bits[2] << 64) | ((BigInteger)(uint)bits[1] << 32) | (uint)bits[0];
        size *= BigInteger.Pow(10, scale - value.Scale);
        return bits[3] < 0 ? -size : size;
    }
}
