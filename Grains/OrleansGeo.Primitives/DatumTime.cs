using System.Globalization;
using System.Text;

namespace OrleansGeo.Primitives;

/// <summary>
/// RFC 3339 text of instants and back, in the proleptic Gregorian calendar. Days are counted as in Howard Hinnant's
/// "chrono-Compatible Low-Level Date Algorithms": in eras of 400 years that begin in March, so the leap day ends a year.
/// </summary>
public static class DatumTime
{
    /// <summary>What a reason says was expected.</summary>
    public const string Expected = "an RFC 3339 time of the years 1 to 9999 with at most 9 fraction digits, like 2025-03-01T12:30:00.5Z";

    private const int SecondsPerDay = 86_400;
    private const int DaysPerEra = 146_097;

    /// <summary>Days from 1970-01-01 to a date; negative before it.</summary>
    public static long DaysFromCivil(int year, int month, int day)
    {
        var y = month <= 2 ? year - 1 : year;
        var era = Math.DivRem(y >= 0 ? y : y - 399, 400).Quotient;
        var yearOfEra = y - (era * 400);
        var dayOfYear = ((153 * (month + (month > 2 ? -3 : 9))) + 2) / 5 + day - 1;
        var dayOfEra = (yearOfEra * 365) + (yearOfEra / 4) - (yearOfEra / 100) + dayOfYear;
        return ((long)era * DaysPerEra) + dayOfEra - 719_468;
    }

    /// <summary>The date that lies so many days after 1970-01-01.</summary>
    public static (int Year, int Month, int Day) CivilFromDays(long days)
    {
        var z = days + 719_468;
        var era = (z >= 0 ? z : z - (DaysPerEra - 1)) / DaysPerEra;
        var dayOfEra = (int)(z - (era * DaysPerEra));
        var yearOfEra = (dayOfEra - (dayOfEra / 1460) + (dayOfEra / 36_524) - (dayOfEra / 146_096)) / 365;
        var dayOfYear = dayOfEra - ((365 * yearOfEra) + (yearOfEra / 4) - (yearOfEra / 100));
        var shifted = ((5 * dayOfYear) + 2) / 153;
        var day = dayOfYear - (((153 * shifted) + 2) / 5) + 1;
        var month = shifted < 10 ? shifted + 3 : shifted - 9;
        return ((int)(yearOfEra + (era * 400)) + (month <= 2 ? 1 : 0), month, day);
    }

    /// <summary>The instant in UTC, without trailing zeros after the second.</summary>
    public static string Format(long unixSeconds, int nanos)
    {
        var days = Math.DivRem(unixSeconds, SecondsPerDay, out var second);
        if (second < 0)
        {
            days--;
            second += SecondsPerDay;
        }

        var (year, month, day) = CivilFromDays(days);
        var text = new StringBuilder(30);
        text.Append(
            CultureInfo.InvariantCulture,
            $"{year:D4}-{month:D2}-{day:D2}T{second / 3600:D2}:{second / 60 % 60:D2}:{second % 60:D2}");
        if (nanos != 0)
        {
            text.Append('.').Append(CultureInfo.InvariantCulture, $"{nanos:D9}");
            while (text[^1] == '0')
            {
                text.Length--;
            }
        }

        return text.Append('Z').ToString();
    }

    /// <summary>Reads RFC 3339 text with any offset; false for anything else, leap seconds included.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out Datum instant)
    {
        instant = default;
        if (text.Length < 20
            || text[4] != '-' || text[7] != '-' || text[10] is not ('T' or 't' or ' ') || text[13] != ':' || text[16] != ':'
            || !TryDigits(text[..4], 1, 9999, out var year)
            || !TryDigits(text[5..7], 1, 12, out var month)
            || !TryDigits(text[8..10], 1, DaysOfMonth(year, month), out var day)
            || !TryDigits(text[11..13], 0, 23, out var hour)
            || !TryDigits(text[14..16], 0, 59, out var minute)
            || !TryDigits(text[17..19], 0, 59, out var second))
        {
            return false;
        }

        var rest = text[19..];
        if (!TryTakeNanos(ref rest, out var nanos) || !TryOffset(rest, out var offsetMinutes))
        {
            return false;
        }

        var seconds = (DaysFromCivil(year, month, day) * SecondsPerDay) + (hour * 3600) + ((minute - offsetMinutes) * 60) + second;
        if (seconds is < Datum.UnixSecondsMin or > Datum.UnixSecondsMax)
        {
            return false;
        }

        instant = Datum.FromTimestamp(seconds, nanos);
        return true;
    }

    private static int DaysOfMonth(int year, int month) => month switch
    {
        2 => year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28,
        4 or 6 or 9 or 11 => 30,
        _ => 31,
    };

    private static bool TryTakeNanos(ref ReadOnlySpan<char> rest, out int nanos)
    {
        nanos = 0;
        if (rest[0] != '.')
        {
            return true;
        }

        rest = rest[1..];
        var end = rest.IndexOfAnyExceptInRange('0', '9');
        if (end is < 1 or > 9)
        {
            return false;
        }

        for (var i = 0; i < 9; i++)
        {
            nanos = (nanos * 10) + (i < end ? rest[i] - '0' : 0);
        }

        rest = rest[end..];
        return true;
    }

    private static bool TryOffset(ReadOnlySpan<char> rest, out int minutes)
    {
        minutes = 0;
        if (rest is ['Z'] or ['z'])
        {
            return true;
        }

        if (rest.Length != 6 || rest[0] is not ('+' or '-') || rest[3] != ':'
            || !TryDigits(rest[1..3], 0, 23, out var hours) || !TryDigits(rest[4..], 0, 59, out minutes))
        {
            return false;
        }

        minutes += hours * 60;
        minutes = rest[0] == '-' ? -minutes : minutes;
        return true;
    }

    private static bool TryDigits(ReadOnlySpan<char> text, int min, int max, out int value)
    {
        value = 0;
        foreach (var c in text)
        {
            if (!char.IsAsciiDigit(c))
            {
                return false;
            }

            value = (value * 10) + (c - '0');
        }

        return value >= min && value <= max;
    }
}
