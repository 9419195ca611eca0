using System.Text;
using Npgsql;

namespace OrleansGeo.Clustering;

/// <summary>
/// One of the databases that keep the membership together. The name never changes, whatever becomes of the address: it is what the other
/// databases know this one by.
/// </summary>
public sealed record MembershipDatabase(string Name, string ConnectionString)
{
    private const int NameCharsMax = 63;

    /// <summary>What cannot be, or null.</summary>
    internal string? Wrong()
    {
        if (Name is not { Length: > 0 and <= NameCharsMax } || !Name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'))
        {
            return $"a database needs a name of 1 to {NameCharsMax} letters, digits, '-', '_' and '.', and '{Name}' is none";
        }

        try
        {
            // Whoever answers for a server must be that server: one that took over may lack what was acknowledged.
            return Parsed() switch
            {
                { Host: null or "" } => $"the connection string of database {Name} names no host",
                { Host: var host } when host.Contains(',', StringComparison.Ordinal) =>
                    $"the connection string of database {Name} names several hosts; each database is one server",
                _ => null,
            };
        }
        catch (ArgumentException unreadable)
        {
            return $"the connection string of database {Name} cannot be read: {unreadable.Message}";
        }
    }

    /// <summary>Which database of which server, however the rest is written.</summary>
    internal (string Host, int Port, string Database) Place() =>
        Parsed() is var parsed ? (parsed.Host!.ToUpperInvariant(), parsed.Port, parsed.Database ?? parsed.Username ?? "") : default;

    // Without the connection string, in which a password may be.
    private bool PrintMembers(StringBuilder builder)
    {
        builder.Append(Name);
        return true;
    }

    private NpgsqlConnectionStringBuilder Parsed() => new(ConnectionString);
}
