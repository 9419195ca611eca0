using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.DependencyInjection.Extensions;
using OrleansGeo.Security;

namespace OrleansGeo.Api.Access;

/// <summary>Keys for the REST interface of a host.</summary>
public static class ApiKeys
{
    /// <summary>
    /// From now on a request needs a key of the file, with the right of its endpoint; an endpoint that declares none is refused to all.
    /// The framework runs the check behind routing by itself once these services are there, so no host can forget it.
    /// </summary>
    public static IServiceCollection AddGeoApiKeys(this IServiceCollection services, string path)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(host => new Reloaded<ApiKeyRing>(
            () => ApiKeyFile.Read(path), host.GetRequiredService<TimeProvider>(), host.GetRequiredService<ILogger<ApiKeyRing>>()));
        services.AddAuthentication(ApiKeyAuthentication.SchemeName)
            .AddScheme<Microsoft.AspNetCore.Authentication.AuthenticationSchemeOptions, ApiKeyAuthentication>(
                ApiKeyAuthentication.SchemeName, static _ => { });
        services.AddAuthorization(static options =>
            options.FallbackPolicy = new AuthorizationPolicyBuilder().RequireAssertion(EndpointRightHandler.IsDeclared).Build());
        services.AddSingleton<IAuthorizationHandler, EndpointRightHandler>();

        // The framework logs each refused request, and who is refused decides how many there are. Metrics count them by status.
        services.AddLogging(static logs => logs
            .AddFilter("Microsoft.AspNetCore.Authorization", LogLevel.Warning)
            .AddFilter(typeof(ApiKeyAuthentication).FullName, LogLevel.Warning));
        return services;
    }
}
