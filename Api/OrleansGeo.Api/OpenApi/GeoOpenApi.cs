using System.Globalization;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using OrleansGeo.Api.Requests;

namespace OrleansGeo.Api.OpenApi;

/// <summary>The description of the REST interface, OpenAPI 3.1.</summary>
public static class GeoOpenApi
{
    /// <summary>The document's name, in its path.</summary>
    public const string DocumentName = "v1";

    /// <summary>The name of the security scheme.</summary>
    public const string KeyScheme = "apiKey";

    /// <summary>Names an endpoint, and says what it takes: for the description and for <see cref="GeoRequest"/> alike.</summary>
    public static RouteHandlerBuilder Describe(this RouteHandlerBuilder endpoint, string id, string summary, RequestShape shape) =>
        endpoint.WithName(id).WithSummary(summary).WithMetadata(shape);

    /// <summary>Registers the document.</summary>
    public static IServiceCollection AddGeoOpenApi(this IServiceCollection services) => services.AddOpenApi(DocumentName, static options =>
    {
        options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
        options.AddDocumentTransformer(static (document, _, _) =>
        {
            document.Info = new()
            {
                Title = "OrleansGeo",
                Version = DocumentName,
                Description = "A geo-distributed table store. Errors are problem+json (RFC 9457); "
                    + "an option that is not understood is an error.",
            };

            // Every node serves all of it, at its own address.
            document.Servers = [];
            document.AddComponent<IOpenApiSecurityScheme>(KeyScheme, new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http,
                Scheme = "bearer",
                Description = "An API key, where the host was given keys; without, it listens on loopback and needs none. 401 without a "
                    + "known key, 403 when the key has not the right that the operation needs. Each of the rights read, write and admin "
                    + "includes those before it; observe is included in read of all databases.",
            });
            return Task.CompletedTask;
        });
        options.AddOperationTransformer(new GeoOperationTransformer());
    });

    /// <summary>The document as it is checked in.</summary>
    public static async Task<string> RenderAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddGeoApi();

        // Registered so that handlers' parameters are told from bodies; a description asks no store.
        builder.Services.AddSingleton<IGeoStore>(static _ => throw new InvalidOperationException("the description has no store behind it"));
        await using var app = builder.Build();
        app.MapGeoApi();

        // UseEndpoints shows the mapped endpoints to the description; a host does it when it starts, and nothing starts here.
        app.UseRouting();
        app.UseEndpoints(static _ => { });
        var provider = app.Services.GetRequiredKeyedService<IOpenApiDocumentProvider>(DocumentName);
        var document = await provider.GetOpenApiDocumentAsync();
        await using var text = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        document.SerializeAsV31(new OpenApiJsonWriter(text));
        return text.ToString().ReplaceLineEndings("\n").TrimEnd() + "\n";
    }
}
