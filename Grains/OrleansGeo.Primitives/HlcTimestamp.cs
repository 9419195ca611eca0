using System.Globalization;

namespace OrleansGeo.Primitives;

/// <summary>
/// A hybrid logical clock reading (Kulkarni et al., 2014): 48 bits of milliseconds since 1970 UTC, then 16 bits of a counter. Versions
/// carry these. They order writes to one key; they say nothing about what time it is elsewhere.
/// Text form: milliseconds, a dot, the counter in five digits, as in <c>1763704800123.00004</c>.
/// </summary>
public readonly record struct HlcTimestamp(ulong Value) : IComparable<HlcTimestamp>
{
    private const long WallMillisMax = (1L << 48) - 1;

    /// <summary>Below every version.</summary>
    public static HlcTimestamp Zero => default;

    /// <summary>Above every version.</summary>
    public static HlcTimestamp Max => new(ulong.MaxValue);

    /// <summary>Milliseconds since 1970-01-01 UTC.</summary>
    public long WallMillis => (long)(Value >> 16);

    /// <summary>The counter that orders events of one millisecond.</summary>
    public int Logical => (int)(Value & 0xFFFF);

    /// <summary>The next larger timestamp.</summary>
    public HlcTimestamp Next => new(Value + 1);

    /// <summary>The next smaller timestamp; zero stays zero.</summary>
    public HlcTimestamp Previous => new(Value == 0 ? 0 : Value - 1);

    /// <summary>The first timestamp of a millisecond; of the nearest one in range when it is outside.</summary>
    public static HlcTimestamp FromMillis(long wallMillis) => new((ulong)Math.Clamp(wallMillis, 0, WallMillisMax) << 16);

    /// <summary>This timestamp moved by milliseconds; the counter stays. Past either end it is that end.</summary>
    public HlcTimestamp AddMillis(long millis)
    {
        if (millis > WallMillisMax - WallMillis)
        {
            return Max;
        }

        return millis < -WallMillis ? Zero : new(((ulong)(WallMillis + millis) << 16) | (Value & 0xFFFF));
    }

    /// <summary>The later of two.</summary>
    public static HlcTimestamp Later(HlcTimestamp a, HlcTimestamp b) => a.Value >= b.Value ? a : b;

    /// <summary>The earlier of two.</summary>
    public static HlcTimestamp Earlier(HlcTimestamp a, HlcTimestamp b) => a.Value <= b.Value ? a : b;

    /// <inheritdoc />
    public int CompareTo(HlcTimestamp other) => Value.CompareTo(other.Value);

    /// <summary>Order by time, then counter.</summary>
    public static bool operator <(HlcTimestamp a, HlcTimestamp b) => a.Value < b.Value;

    /// <summary>Order by time, then counter.</summary>
    public static bool operator >(HlcTimestamp a, HlcTimestamp b) => a.Value > b.Value;

    /// <summary>Order by time, then counter.</summary>
    public static bool operator <=(HlcTimestamp a, HlcTimestamp b) => a.Value <= b.Value;

    /// <summary>Order by time, then counter.</summary>
    public static bool operator >=(HlcTimestamp a, HlcTimestamp b) => a.Value >= b.Value;

    /// <summary>Reads the text form; false when the text is anything else.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out HlcTimestamp timestamp)
    {
        timestamp = default;
        var dot = text.IndexOf('.');
        if (dot <= 0 || text.Length - dot - 1 != 5
            || !long.TryParse(text[..dot], NumberStyles.None, CultureInfo.InvariantCulture, out var wall)
            || !int.TryParse(text[(dot + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var logical)
            || wall >= 1L << 48 || logical > 0xFFFF)
        {
            return false;
        }

        timestamp = new(((ulong)wall << 16) | (uint)logical);
        return true;
    }

    /// <inheritdoc />
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{WallMillis}.{Logical:D5}");
}
