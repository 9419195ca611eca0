using OrleansGeo.Api.Requests;

namespace OrleansGeo.Api.Access;

/// <summary>
/// What a key may do: a right in one database, or in all. As text <c>read:shop</c>, <c>admin:*</c> or <c>observe</c>.
/// </summary>
/// <param name="Right">The right.</param>
/// <param name="Database">The database; null for all, and everything that is of none.</param>
public readonly record struct Grant(Right Right, string? Database)
{
    /// <summary>How grants are written.</summary>
    public const string Forms = "observe, read:DATABASE, write:DATABASE or admin:DATABASE, with * for all databases";

    private const string All = "*";

    private static readonly (string Word, Right Right)[] s_rights =
        [("read", Right.Read), ("write", Right.Write), ("admin", Right.Admin)];

    /// <summary>Reads a grant.</summary>
    public static bool TryParse(string text, out Grant grant)
    {
        grant = new(Right.Observe, null);
        if (text == "observe")
        {
            return true;
        }

        var parts = text.Split(':', 2);
        var right = s_rights.FirstOrDefault(known => known.Word == parts[0]).Right;
        if (right == default || parts.Length < 2 || (parts[1] != All && SpecReader.WrongName(parts[1], "", upperCase: false) is not null))
        {
            return false;
        }

        grant = new(right, parts[1] == All ? null : parts[1]);
        return true;
    }

    /// <summary>True when this suffices for an endpoint whose path names that database.</summary>
    public bool Allows(EndpointRight endpoint, string? database) =>
        endpoint.Right is not { } right
        || (right <= Right && (Database is null || (endpoint.IsOfDatabase && Database == database)));

    /// <inheritdoc />
    public override string ToString()
    {
        var right = Right;
        return right == Right.Observe ? "observe" : $"{s_rights.First(known => known.Right == right).Word}:{Database ?? All}";
    }
}
