using System.Collections.Immutable;

namespace OrleansGeo.Locality;

/// <summary>
/// Round-trip times between regions, in microseconds, as far as they were measured. Immutable. A pair that was never measured counts as
/// farther than every measured one, so that a guess never beats a measurement; equal distances are told apart by region name.
/// </summary>
public sealed class RegionRtts
{
    private readonly ImmutableSortedDictionary<(string, string), long> _micros;

    private RegionRtts(ImmutableSortedDictionary<(string, string), long> micros) => _micros = micros;

    /// <summary>Nothing is measured.</summary>
    public static RegionRtts Unknown { get; } = new(ImmutableSortedDictionary.Create<(string, string), long>(PairOrder.Instance));

    /// <summary>Takes a measurement in; of several for one pair the lowest counts, because queueing only ever adds.</summary>
    public RegionRtts With(string a, string b, long micros)
    {
        var pair = Pair(a, b);
        return _micros.TryGetValue(pair, out var known) && known <= micros ? this : new(_micros.SetItem(pair, micros));
    }

    /// <summary>The measured time between two regions; zero within one; null when never measured.</summary>
    public long? Between(string a, string b) =>
        string.Equals(a, b, StringComparison.Ordinal) ? 0 : _micros.TryGetValue(Pair(a, b), out var micros) ? micros : null;

    /// <summary>Compares two regions by how near they are to a third, then by name. Total.</summary>
    public int CompareDistance(string from, string a, string b)
    {
        var order = (Between(from, a) ?? long.MaxValue).CompareTo(Between(from, b) ?? long.MaxValue);
        return order != 0 ? order : string.CompareOrdinal(a, b);
    }

    private static (string, string) Pair(string a, string b) => string.CompareOrdinal(a, b) <= 0 ? (a, b) : (b, a);

    private sealed class PairOrder : IComparer<(string, string)>
    {
        public static PairOrder Instance { get; } = new();

        public int Compare((string, string) x, (string, string) y)
        {
            var order = string.CompareOrdinal(x.Item1, y.Item1);
            return order != 0 ? order : string.CompareOrdinal(x.Item2, y.Item2);
        }
    }
}
