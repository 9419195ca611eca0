using System.Globalization;
using OrleansGeo.Primitives;

namespace OrleansGeo.Api.Requests;

/// <summary>
/// <c>Geo-Consistency: strong | bounded;max-ms=N | exact;ms=N | at;ts=T</c>, the last three with <c>;local-only</c>. T is a version's text
/// or an RFC 3339 time. A level that is not understood fails: weakening a read silently would be wrong data.
/// </summary>
public static class ConsistencyHeader
{
    /// <summary>The header's name.</summary>
    public const string Name = "Geo-Consistency";

    /// <summary>What a reason says was expected.</summary>
    public const string Expected = "strong, bounded;max-ms=N, exact;ms=N or at;ts=T, the last three optionally with ;local-only";

    // A hundred years: no history is longer, and sums of milliseconds stay far from the ends of an int64.
    private const long StalenessMsMax = 3_155_760_000_000;

    /// <summary>Reads the header's value; false when it is not understood.</summary>
    public static bool TryParse(string text, out ReadBound bound)
    {
        bound = ReadBound.Strong;
        var parts = text.Split(';', StringSplitOptions.TrimEntries);
        if (parts is ["strong"])
        {
            return true;
        }

        var local = parts.Length == 3 && parts[2] == "local-only";
        if (parts.Length != 2 && !local)
        {
            return false;
        }

        switch (parts[0])
        {
            case "bounded" when TryMillis(parts[1], "max-ms=", out var most):
                bound = new ReadBound.Bounded(most, local);
                return true;
            case "exact" when TryMillis(parts[1], "ms=", out var exactly):
                bound = new ReadBound.Exact(exactly, local);
                return true;
            case "at" when parts[1].StartsWith("ts=", StringComparison.Ordinal) && TryTimestamp(parts[1].AsSpan(3), out var timestamp):
                bound = new ReadBound.At(timestamp, local);
                return true;
            default:
                return false;
        }
    }

    /// <summary>Reads a version's text or an RFC 3339 time; the latter means the beginning of its millisecond.</summary>
    public static bool TryTimestamp(ReadOnlySpan<char> text, out HlcTimestamp timestamp)
    {
        if (HlcTimestamp.TryParse(text, out timestamp))
        {
            return true;
        }

        if (!DatumTime.TryParse(text, out var instant))
        {
            return false;
        }

        var (seconds, nanos) = instant.AsTimestamp();
        timestamp = HlcTimestamp.FromMillis((seconds * 1000) + (nanos / 1_000_000));
        return true;
    }

    private static bool TryMillis(string part, string name, out long millis)
    {
        millis = 0;
        return part.StartsWith(name, StringComparison.Ordinal)
            && long.TryParse(part.AsSpan(name.Length), NumberStyles.None, CultureInfo.InvariantCulture, out millis)
            && millis <= StalenessMsMax;
    }
}
