using System.Globalization;
using System.Text;

namespace OrleansGeo.Primitives;

/// <summary>
/// A decimal number of any length, exactly: plus or minus 0.DIGITS × 10^<see cref="Exponent"/>. The digits begin and end with another digit
/// than 0; zero has none. One number has one representation. It gives JSON numbers their order, and decimals their key encoding.
/// </summary>
public readonly struct DatumNumber : IEquatable<DatumNumber>, IComparable<DatumNumber>
{
    /// <summary>Numbers from 10^400 up, and those closer to zero than 10^-401, are refused: no double needs them.</summary>
    public const int ExponentMax = 400;

    /// <summary>More significant digits are refused. The longest exact double has 767.</summary>
    public const int DigitsMax = 800;

    private readonly string? _digits;

    /// <summary>Makes a number from its parts, which must be in the form that the type describes.</summary>
    public DatumNumber(bool isNegative, int exponent, string digits)
    {
        Invariant.Holds(digits.Length == 0 ? !isNegative && exponent == 0 : digits[0] != '0' && digits[^1] != '0');
        IsNegative = isNegative;
        Exponent = exponent;
        _digits = digits;
    }

    /// <summary>True below zero.</summary>
    public bool IsNegative { get; }

    /// <summary>The power of ten, when the point stands before the first digit.</summary>
    public int Exponent { get; }

    /// <summary>The significant digits; empty for zero.</summary>
    public string Digits => _digits ?? "";

    /// <summary>True for zero.</summary>
    public bool IsZero => Digits.Length == 0;

    /// <summary>True without digits after the point.</summary>
    public bool IsInteger => Exponent >= Digits.Length;

    /// <summary>Reads a number in JSON's grammar (RFC 8259 §6); false for other text, and for numbers beyond the limits.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out DatumNumber number)
    {
        number = default;
        var rest = text;
        var negative = rest.StartsWith("-");
        rest = negative ? rest[1..] : rest;
        var whole = TakeDigits(ref rest);
        if (whole.Length == 0 || (whole.Length > 1 && whole[0] == '0'))
        {
            return false;
        }

        var fraction = default(ReadOnlySpan<char>);
        if (rest.StartsWith("."))
        {
            rest = rest[1..];
            fraction = TakeDigits(ref rest);
            if (fraction.Length == 0)
            {
                return false;
            }
        }

        return TryTakeExponent(rest, out var power) && TryNormalise(negative, whole, fraction, power, out number);
    }

    /// <summary>The exact value of a decimal.</summary>
    public static DatumNumber FromDecimal(decimal value)
    {
        // The invariant text of a decimal is plain digits, and within the limits.
        var parsed = TryParse(value.ToString(CultureInfo.InvariantCulture), out var number);
        Invariant.Holds(parsed);
        return number;
    }

    /// <summary>The number as an int64; false when it is not one exactly.</summary>
    public bool TryToInt64(out long value)
    {
        value = 0;
        if (!TryToUnscaled(19, 0, out var unscaled) || unscaled > (UInt128)long.MaxValue + (IsNegative ? 1u : 0u))
        {
            return false;
        }

        value = IsNegative ? unchecked(-(long)(ulong)unscaled) : (long)unscaled;
        return true;
    }

    /// <summary>The number as a decimal; false when it is not one exactly.</summary>
    public bool TryToDecimal(out decimal value)
    {
        value = 0;
        var scale = Math.Max(0, Digits.Length - Exponent);
        if (scale > 28 || !TryToUnscaled(29, scale, out var unscaled) || unscaled >> 96 != 0)
        {
            return false;
        }

        var low = (ulong)unscaled;
        value = new decimal((int)low, (int)(low >> 32), (int)(uint)(unscaled >> 64), IsNegative, (byte)scale);
        return true;
    }

    /// <inheritdoc />
    public int CompareTo(DatumNumber other)
    {
        var sign = Sign;
        if (sign != other.Sign || sign == 0)
        {
            return sign.CompareTo(other.Sign);
        }

        var magnitude = Exponent != other.Exponent
            ? Exponent.CompareTo(other.Exponent)
            : string.CompareOrdinal(Digits, other.Digits);
        return sign * Math.Sign(magnitude);
    }

    /// <inheritdoc />
    public bool Equals(DatumNumber other) => CompareTo(other) == 0;

    /// <inheritdoc />
    public override bool Equals(object? obj) => obj is DatumNumber other && Equals(other);

    /// <inheritdoc />
    public override int GetHashCode() => HashCode.Combine(IsNegative, Exponent, Digits);

    /// <summary>The one text of the number, which JSON can read: plain from 0.000001 up to 21 digits, else like <c>1.5e-30</c>.</summary>
    public override string ToString()
    {
        if (IsZero)
        {
            return "0";
        }

        var text = new StringBuilder(IsNegative ? "-" : "");
        switch (Exponent)
        {
            case > 21 or < -5:
                text.Append(Digits[0]);
                if (Digits.Length > 1)
                {
                    text.Append('.').Append(Digits, 1, Digits.Length - 1);
                }

                return text.Append('e').Append(CultureInfo.InvariantCulture, $"{Exponent - 1}").ToString();
            case <= 0:
                return text.Append("0.").Append('0', -Exponent).Append(Digits).ToString();
            default:
                return IsInteger
                    ? text.Append(Digits).Append('0', Exponent - Digits.Length).ToString()
                    : text.Append(Digits, 0, Exponent).Append('.').Append(Digits, Exponent, Digits.Length - Exponent).ToString();
        }
    }

    private int Sign => IsZero ? 0 : IsNegative ? -1 : 1;

    // The value × 10^scale as an integer of at most so many digits.
    private bool TryToUnscaled(int digitsMax, int scale, out UInt128 value)
    {
        value = 0;
        var length = IsZero ? 0 : Exponent + scale;
        if (length > digitsMax || Digits.Length > length)
        {
            return false;
        }

        for (var i = 0; i < length; i++)
        {
            value = (value * 10) + (uint)(i < Digits.Length ? Digits[i] - '0' : 0);
        }

        return true;
    }

    private static ReadOnlySpan<char> TakeDigits(scoped ref ReadOnlySpan<char> rest)
    {
        var end = rest.IndexOfAnyExceptInRange('0', '9');
        var digits = end < 0 ? rest : rest[..end];
        rest = rest[digits.Length..];
        return digits;
    }

    private static bool TryTakeExponent(ReadOnlySpan<char> rest, out int power)
    {
        power = 0;
        if (rest.Length == 0)
        {
            return true;
        }

        if (rest[0] is not ('e' or 'E'))
        {
            return false;
        }

        rest = rest[1..];
        var negative = rest.StartsWith("-");
        rest = negative || rest.StartsWith("+") ? rest[1..] : rest;
        var digits = TakeDigits(ref rest);
        if (digits.Length == 0 || rest.Length != 0)
        {
            return false;
        }

        // Enough for every exponent within the limits, however many zeros the number is written with.
        digits = digits.TrimStart('0');
        if (digits.Length > 0)
        {
            power = digits.Length > 7 ? 10_000_000 : int.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture);
            power = negative ? -power : power;
        }

        return true;
    }

    private static bool TryNormalise(
        bool negative, ReadOnlySpan<char> whole, ReadOnlySpan<char> fraction, int power, out DatumNumber number)
    {
        var digits = string.Concat(whole, fraction);
        var significant = digits.AsSpan().TrimStart('0');
        var exponent = (long)whole.Length - (digits.Length - significant.Length) + power;
        significant = significant.TrimEnd('0');
        if (significant.Length == 0)
        {
            number = default;
            return true;
        }

        var isWithin = significant.Length <= DigitsMax && Math.Abs(exponent) <= ExponentMax;
        number = isWithin ? new(negative, (int)exponent, significant.ToString()) : default;
        return isWithin;
    }

    /// <summary>Equality of value.</summary>
    public static bool operator ==(DatumNumber a, DatumNumber b) => a.Equals(b);

    /// <summary>Inequality of value.</summary>
    public static bool operator !=(DatumNumber a, DatumNumber b) => !a.Equals(b);
}
