using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;
using OrleansGeo.Api.Problems;
using OrleansGeo.Security;

namespace OrleansGeo.Api.Access;

/// <summary>Who calls: the key behind <c>Authorization: Bearer</c> (RFC 6750).</summary>
internal sealed class ApiKeyAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logs, UrlEncoder encoder, Reloaded<ApiKeyRing> keys)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logs, encoder)
{
    /// <summary>The scheme's name.</summary>
    public const string SchemeName = "Bearer";

    /// <inheritdoc />
    protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(Authenticate());

    /// <inheritdoc />
    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        var (challenge, code, detail) = StringValues.IsNullOrEmpty(Request.Headers.Authorization)
            ? ("", "key-missing", "A key is needed: Authorization: Bearer KEY.")
            : (", error=\"invalid_token\"", "key-unknown", "The key is not known here. Keys are given as Authorization: Bearer KEY.");
        Response.Headers.WWWAuthenticate = $"{SchemeName} realm=\"OrleansGeo\"{challenge}";
        return Problem(StatusCodes.Status401Unauthorized, code, detail).ExecuteAsync(Context);
    }

    /// <inheritdoc />
    protected override Task HandleForbiddenAsync(AuthenticationProperties properties)
    {
        var needed = Context.GetEndpoint()?.Metadata.GetMetadata<EndpointRight>();
        return Forbidden(Context, needed, (Context.User.Identity as ApiKeyIdentity)?.Key).ExecuteAsync(Context);
    }

    /// <summary>
    /// The refusal of a request that turned out to need more than its endpoint does; null when the caller's key suffices, or no keys are
    /// asked for.
    /// </summary>
    public static GeoProblem? Refusal(HttpContext http, EndpointRight needed) =>
        http.User.Identity is ApiKeyIdentity { Key: var key } && !key.Allows(needed, http.Request.RouteValues["db"] as string)
            ? Forbidden(http, needed, key)
            : null;

    private static GeoProblem Forbidden(HttpContext http, EndpointRight? needed, ApiKey? key)
    {
        var right = needed?.Describe($"the database {http.Request.RouteValues["db"]}") ?? "a right that nobody has";
        return Problem(
            StatusCodes.Status403Forbidden, "not-allowed",
            $"This needs {right}; the key {key?.Name} has {string.Join(", ", key?.Grants ?? [])}.");
    }

    private AuthenticateResult Authenticate()
    {
        var header = Request.Headers.Authorization;
        if (StringValues.IsNullOrEmpty(header))
        {
            return AuthenticateResult.NoResult();
        }

        const string Before = SchemeName + " ";
        var key = header.Count == 1 && header[0] is { } text && text.StartsWith(Before, StringComparison.OrdinalIgnoreCase)
            ? keys.Current.Find(text[Before.Length..].Trim())
            : null;
        return key is null
            ? AuthenticateResult.Fail("unknown key")
            : AuthenticateResult.Success(new(new ClaimsPrincipal(new ApiKeyIdentity(key)), SchemeName));
    }

    private static GeoProblem Problem(int status, string code, string detail) =>
        new(ProblemKinds.OfStatus(status), new(GeoErrorKind.Invalid, code, detail, "Authorization"));
}

/// <summary>A caller with a key.</summary>
internal sealed class ApiKeyIdentity(ApiKey key) : ClaimsIdentity(ApiKeyAuthentication.SchemeName)
{
    /// <summary>The key.</summary>
    public ApiKey Key { get; } = key;
}

/// <summary>Whether the caller's key has the right of the endpoint.</summary>
internal sealed class EndpointRightHandler : AuthorizationHandler<EndpointRight>
{
    /// <summary>
    /// True when an endpoint says what it needs. Routing's own, which refuse a method or a media type, are of no route and do nothing else.
    /// </summary>
    public static bool IsDeclared(AuthorizationHandlerContext context) =>
        context.Resource is HttpContext http
        && (http.GetEndpoint() is not RouteEndpoint endpoint || endpoint.Metadata.GetMetadata<EndpointRight>() is not null);

    /// <inheritdoc />
    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, EndpointRight requirement)
    {
        if (context.User.Identity is ApiKeyIdentity { Key: var key } && context.Resource is HttpContext http
            && key.Allows(requirement, http.Request.RouteValues["db"] as string))
        {
            context.Succeed(requirement);
        }

        return Task.CompletedTask;
    }
}
