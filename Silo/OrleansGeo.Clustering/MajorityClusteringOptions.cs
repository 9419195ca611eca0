using System.Globalization;
using OrleansGeo.Membership;

namespace OrleansGeo.Clustering;

/// <summary>Where the membership is kept, and how long one call for it may take.</summary>
public sealed class MajorityClusteringOptions
{
    private const int DatabasesMin = 3;

    /// <summary>The databases: an odd number, three to nine, the same for every silo and client.</summary>
    public IList<MembershipDatabase> Databases { get; } = [];

    /// <summary>How long one call may take in all. A change that is not known to be made by then may yet be made.</summary>
    public TimeSpan CallTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long one database may take, and how often a call is tried.</summary>
    public RegisterOptions Register { get; set; } = new();

    /// <summary>Everything that cannot be, a line each.</summary>
    public IEnumerable<string> Wrong()
    {
        const int Most = AcceptorIdentity.AcceptorsMax;
        if (Databases.Count < DatabasesMin)
        {
            yield return $"{Counted} cannot outvote a lost one; it takes {DatabasesMin} to {Most}";
        }
        else if (Databases.Count > Most)
        {
            yield return $"{Counted} are too many; it takes {DatabasesMin} to {Most}";
        }
        else if (Databases.Count % 2 == 0)
        {
            yield return $"{Counted} survive no more losses than {Databases.Count - 1}; it takes an odd number";
        }

        foreach (var wrong in Databases.Select(database => database.Wrong()).OfType<string>())
        {
            yield return wrong;
        }

        foreach (var same in Databases.GroupBy(database => database.Name, StringComparer.Ordinal).Where(same => same.Count() > 1))
        {
            yield return $"{same.Count()} databases are named {same.Key}";
        }

        foreach (var same in Databases.Where(database => database.Wrong() is null).GroupBy(database => database.Place()))
        {
            if (same.Select(database => database.Name).Distinct(StringComparer.Ordinal).ToList() is { Count: > 1 } names)
            {
                yield return $"{string.Join(" and ", names)} are the same database";
            }
        }

        if (CallTimeout <= TimeSpan.Zero)
        {
            yield return $"a call takes time, and {CallTimeout} is none";
        }
    }

    private string Counted => Databases.Count == 1 ? "1 database" : $"{Databases.Count.ToString(CultureInfo.InvariantCulture)} databases";
}
