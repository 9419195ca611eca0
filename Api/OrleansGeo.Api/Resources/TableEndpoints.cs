using OrleansGeo.Api.Access;
using OrleansGeo.Api.Answers;
using OrleansGeo.Api.OpenApi;
using OrleansGeo.Api.Problems;
using OrleansGeo.Api.Requests;
using OrleansGeo.Api.Views;

namespace OrleansGeo.Api.Resources;

/// <summary>Tables: columns, key, where the rows live.</summary>
public static class TableEndpoints
{
    /// <summary>Maps the routes.</summary>
    public static void Map(IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/v1/databases/{db}/tables").WithTags("Tables");
        group.MapGet("", List).Describe("listTables", "All tables of a database, by name", RequestShape.Plain)
            .Needs(EndpointRight.Read).Produces<TablesView>();
        group.MapPost("", Create)
            .Describe("createTable", "Creates a table; answered once it is usable on every live node", RequestShape.Write)
            .Needs(EndpointRight.Admin).Accepts<TableBody>("application/json").Produces<TableView>(StatusCodes.Status201Created);
        group.MapGet("/{table}", Get).Describe("getTable", "A table", RequestShape.Read)
            .Needs(EndpointRight.Read).Produces<TableView>();
        group.MapPatch("/{table}", Change).Describe("changeTable", "Adds columns, each nullable or with a default", RequestShape.Write)
            .Needs(EndpointRight.Admin).Accepts<TableChangeBody>("application/json").Produces<TableView>();
        group.MapDelete("/{table}", Drop).Describe("dropTable", "Removes a table and its rows", RequestShape.Write)
            .Needs(EndpointRight.Admin).Produces(StatusCodes.Status204NoContent);
    }

    private static async Task<IResult> List(string db, HttpContext http, IGeoStore store)
    {
        if (!GeoRequest.TryRead(http, out var request, out var problem))
        {
            return problem;
        }

        var tables = await store.ListTablesAsync(db, request.Options, http.RequestAborted);
        return Answer.Of(tables, TablesView.Of, GeoJsonContext.Default.TablesView);
    }

    private static async Task<IResult> Create(string db, HttpContext http, IGeoStore store)
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

        if (SpecReader.Table(body.Root, out var error) is not { } spec)
        {
            return new GeoProblem(error!);
        }

        var created = await store.CreateTableAsync(db, spec, request.Options, http.RequestAborted);
        return Answer.Of(
            created, TableView.Of, GeoJsonContext.Default.TableView, StatusCodes.Status201Created,
            $"{http.Request.PathBase}/v1/databases/{Uri.EscapeDataString(db)}/tables/{spec.Name}");
    }

    private static async Task<IResult> Get(string db, string table, HttpContext http, IGeoStore store)
    {
        if (!GeoRequest.TryRead(http, out var request, out var problem))
        {
            return problem;
        }

        var found = await store.GetTableAsync(new(db, table), request.Bound, request.Options, http.RequestAborted);
        return Answer.Of(found, TableView.Of, GeoJsonContext.Default.TableView);
    }

    private static async Task<IResult> Change(string db, string table, HttpContext http, IGeoStore store)
    {
        if (!GeoRequest.TryRead(http, out var request, out var problem))
        {
            return problem;
        }

        using var body = await JsonBody.ReadAsync(http, JsonBody.SpecBytesMax, allowPatch: true);
        if (!body.IsOk)
        {
            return Answer.Unreadable(body);
        }

        if (SpecReader.Change(body.Root, out var error) is not { } change)
        {
            return new GeoProblem(error!);
        }

        var changed = await store.ChangeTableAsync(new(db, table), change, request.Options, http.RequestAborted);
        return Answer.Of(changed, TableView.Of, GeoJsonContext.Default.TableView);
    }

    private static async Task<IResult> Drop(string db, string table, HttpContext http, IGeoStore store)
    {
        if (!GeoRequest.TryRead(http, out var request, out var problem))
        {
            return problem;
        }

        return Answer.Done(await store.DropTableAsync(new(db, table), request.Options, http.RequestAborted));
    }
}
