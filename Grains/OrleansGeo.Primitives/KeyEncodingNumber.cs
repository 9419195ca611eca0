using System.Buffers.Binary;

namespace OrleansGeo.Primitives;

/// <content>Decimal numbers of any length.</content>
public static partial class KeyEncoding
{
    // Exponents this close to zero take one byte, which covers every System.Decimal.
    private const int NearExponentMax = 100;
    private const int NearExponentBias = 0x80;
    private const byte FarPositive = NearExponentBias + NearExponentMax + 1;
    private const byte FarNegative = NearExponentBias - NearExponentMax - 1;
    private const int FarExponentBias = 0x8000;

    /// <summary>
    /// Appends a number: a tag for its sign (<paramref name="zeroTag"/>, or one less or more), then, unless it is zero, the exponent of
    /// 0.DIGITS × 10^exponent, the digits in pairs from 1 to 100, and 0. Everything after the tag of a negative number is complemented.
    /// </summary>
    private static void EncodeNumber(CodecWriter output, byte zeroTag, DatumNumber number)
    {
        if (number.IsZero)
        {
            output.WriteByte(zeroTag);
            return;
        }

        var flip = number.IsNegative ? (byte)0xFF : (byte)0;
        output.WriteByte((byte)(number.IsNegative ? zeroTag - 1 : zeroTag + 1));
        if (Math.Abs(number.Exponent) <= NearExponentMax)
        {
            output.WriteByte((byte)((number.Exponent + NearExponentBias) ^ flip));
        }
        else
        {
            var far = number.Exponent + FarExponentBias;
            output.WriteByte((byte)((number.Exponent > 0 ? FarPositive : FarNegative) ^ flip));
            output.WriteByte((byte)((far >> 8) ^ flip));
            output.WriteByte((byte)(far ^ flip));
        }

        var digits = number.Digits;
        for (var i = 0; i < digits.Length; i += 2)
        {
            var pair = ((digits[i] - '0') * 10) + (i + 1 < digits.Length ? digits[i + 1] - '0' : 0);
            output.WriteByte((byte)((pair + 1) ^ flip));
        }

        output.WriteByte(flip);
    }

    private static DatumNumber DecodeNumber(ref ReadOnlySpan<byte> source, int sign)
    {
        if (sign == 0)
        {
            return default;
        }

        var flip = sign < 0 ? (byte)0xFF : (byte)0;
        var exponent = DecodeExponent(ref source, flip);
        var count = source.IndexOf(flip);
        if (count is < 1 or > DatumNumber.DigitsMax / 2)
        {
            throw new CodecException("a number in a key has no end, no digits, or too many");
        }

        Span<char> digits = stackalloc char[2 * count];
        for (var i = 0; i < count; i++)
        {
            var pair = (source[i] ^ flip) - 1;
            if (pair > 99)
            {
                throw new CodecException("a number in a key has a digit pair above 99");
            }

            digits[2 * i] = (char)('0' + (pair / 10));
            digits[(2 * i) + 1] = (char)('0' + (pair % 10));
        }

        source = source[(count + 1)..];
        if (digits[0] == '0' || digits[^2..] is "00")
        {
            throw new CodecException("a number in a key is not in its one form");
        }

        return new(sign < 0, exponent, digits.TrimEnd('0').ToString());
    }

    private static int DecodeExponent(ref ReadOnlySpan<byte> source, byte flip)
    {
        var first = TakeByte(ref source) ^ flip;
        if (first is > FarNegative and < FarPositive)
        {
            return first - NearExponentBias;
        }

        var exponent = (BinaryPrimitives.ReadUInt16BigEndian(Take(ref source, 2)) ^ (flip << 8 | flip)) - FarExponentBias;
        var isWithin = Math.Abs(exponent) is > NearExponentMax and <= DatumNumber.ExponentMax;
        return isWithin && first == (exponent > 0 ? FarPositive : FarNegative)
            ? exponent
            : throw new CodecException("the exponent of a number in a key is not in its one form");
    }
}
