using OrleansGeo.Api.Access;
using OrleansGeo.Api.Answers;
using OrleansGeo.Api.OpenApi;
using OrleansGeo.Api.Problems;
using OrleansGeo.Api.Requests;
using OrleansGeo.Api.Views;

namespace OrleansGeo.Api.Resources;

/// <summary>Databases: regions and survival goals for their tables.</summary>
public static class DatabaseEndpoints
{
    /// <summary>Maps the routes.</summary>
    public static void Map(IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/v1/databases").WithTags("Databases");
        group.MapGet("", List).Describe("listDatabases", "All databases, by name", RequestShape.Plain)
            .Needs(EndpointRight.ReadAll).Produces<DatabasesView>();
        group.MapPost("", Create)
            .Describe("createDatabase", "Creates a database; answered once it is usable on every live node", RequestShape.Write)
            .Needs(EndpointRight.AdminAll).Accepts<DatabaseBody>("application/json").Produces<DatabaseView>(StatusCodes.Status201Created);
        group.MapGet("/{db}", Get).Describe("getDatabase", "A database", RequestShape.Plain)
            .Needs(EndpointRight.Read).Produces<DatabaseView>();
        group.MapDelete("/{db}", Drop).Describe("dropDatabase", "Removes a database, which must have no tables", RequestShape.Write)
            .Needs(EndpointRight.AdminAll).Produces(StatusCodes.Status204NoContent);
    }

    private static async Task<IResult> List(HttpContext http, IGeoStore store)
    {
        if (!GeoRequest.TryRead(http, out var request, out var problem))
        {
            return problem;
        }

        var databases = await store.ListDatabasesAsync(request.Options, http.RequestAborted);
        return Answer.Of(databases, DatabasesView.Of, GeoJsonContext.Default.DatabasesView);
    }

    private static async Task<IResult> Create(HttpContext http, IGeoStore store)
    {
        if (!GeoRequest.TryRead(http, out var request, out var problem))
        {
            return problem;
        }

        using var body = await JsonBody.ReadAsync(http, JsonBody.SpecBytesMax);
        if (!body.IsOk)
        {
            return Answer.Unreadable(body);
        }

        if (SpecReader.Database(body.Root, out var error) is not { } spec)
        {
            return new GeoProblem(error!);
        }

        var created = await store.CreateDatabaseAsync(spec, request.Options, http.RequestAborted);
        return Answer.Of(
            created, DatabaseView.Of, GeoJsonContext.Default.DatabaseView, StatusCodes.Status201Created,
            $"{http.Request.PathBase}/v1/databases/{spec.Name}");
    }

    private static async Task<IResult> Get(string db, HttpContext http, IGeoStore store)
    {
        if (!GeoRequest.TryRead(http, out var request, out var problem))
        {
            return problem;
        }

        var database = await store.GetDatabaseAsync(db, request.Options, http.RequestAborted);
        return Answer.Of(database, DatabaseView.Of, GeoJsonContext.Default.DatabaseView);
    }

    private static async Task<IResult> Drop(string db, HttpContext http, IGeoStore store)
    {
        if (!GeoRequest.TryRead(http, out var request, out var problem))
        {
            return problem;
        }

        return Answer.Done(await store.DropDatabaseAsync(db, request.Options, http.RequestAborted));
    }
}
