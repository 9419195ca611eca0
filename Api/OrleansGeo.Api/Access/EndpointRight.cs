using Microsoft.AspNetCore.Authorization;

namespace OrleansGeo.Api.Access;

/// <summary>What may be done, from least to most: who has one has those before it.</summary>
public enum Right
{
    /// <summary>See how the cluster is, and its metrics; no row and no key of one.</summary>
    Observe = 1,

    /// <summary>Read rows and schemas.</summary>
    Read,

    /// <summary>Write rows. What a write answers shows the row, so this cannot be without reading.</summary>
    Write,

    /// <summary>Change schemas; of all databases also: make and drop databases, and operate ranges and nodes.</summary>
    Admin,
}

/// <summary>
/// The right that an endpoint needs: its metadata, so that the check, the description of the API and a test that no endpoint was forgotten
/// read the same.
/// </summary>
public sealed class EndpointRight : IAuthorizationRequirement, IAuthorizationRequirementData
{
    private EndpointRight(Right? right, bool isOfDatabase)
    {
        Right = right;
        IsOfDatabase = isOfDatabase;
    }

    /// <summary>Nothing: everybody may, without a key.</summary>
    public static EndpointRight Open { get; } = new(null, false);

    /// <summary>To see how the cluster is.</summary>
    public static EndpointRight Observe { get; } = new(Access.Right.Observe, false);

    /// <summary>To read in the database that the path names as <c>{db}</c>.</summary>
    public static EndpointRight Read { get; } = new(Access.Right.Read, true);

    /// <summary>To write rows in it.</summary>
    public static EndpointRight Write { get; } = new(Access.Right.Write, true);

    /// <summary>To change its tables.</summary>
    public static EndpointRight Admin { get; } = new(Access.Right.Admin, true);

    /// <summary>To read everything.</summary>
    public static EndpointRight ReadAll { get; } = new(Access.Right.Read, false);

    /// <summary>To make and drop databases, and to operate the cluster.</summary>
    public static EndpointRight AdminAll { get; } = new(Access.Right.Admin, false);

    /// <summary>The right; null for everybody.</summary>
    public Right? Right { get; }

    /// <summary>True where the database that the path names as <c>{db}</c> suffices; else it must be all of them.</summary>
    public bool IsOfDatabase { get; }

    /// <inheritdoc />
    public IEnumerable<IAuthorizationRequirement> GetRequirements() => [this];

    /// <summary>The right in words, for people.</summary>
    public string Describe(string database) => Right switch
    {
        null => "no key",
        Access.Right.Observe => "the right to observe",
        var right => $"the right to {right.ToString()!.ToLowerInvariant()} {(IsOfDatabase ? database : "all databases")}",
    };
}

/// <summary>How endpoints say what they need.</summary>
public static class EndpointRights
{
    /// <summary>Says it.</summary>
    public static TBuilder Needs<TBuilder>(this TBuilder endpoint, EndpointRight right)
        where TBuilder : IEndpointConventionBuilder
    {
        endpoint.WithMetadata(right);
        return right.Right is null ? endpoint.AllowAnonymous() : endpoint;
    }
}
