using System.Collections.Immutable;
using System.Text.Json.Nodes;
using OrleansGeo.Api.Access;
using OrleansGeo.Api.Answers;
using OrleansGeo.Api.OpenApi;
using OrleansGeo.Api.Problems;
using OrleansGeo.Api.Requests;
using OrleansGeo.Api.Views;
using OrleansGeo.Primitives;

namespace OrleansGeo.Api.Resources;

/// <summary>Rows, one at a time.</summary>
public static class RowEndpoints
{
    private const string KeyPattern = "/{**key}";

    /// <summary>Maps the routes.</summary>
    public static void Map(IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/v1/databases/{db}/tables/{table}/rows").WithTags("Rows");
        group.MapGet(KeyPattern, Get).Describe("getRow", "A row", RequestShape.RowRead)
            .Needs(EndpointRight.Read).Produces<JsonObject>().Produces(StatusCodes.Status304NotModified);
        group.MapPut(KeyPattern, Put).Describe("putRow", "Creates a row, or replaces it whole", RequestShape.RowWrite)
            .Needs(EndpointRight.Write)
            .Accepts<JsonObject>("application/json").Produces<JsonObject>().Produces<JsonObject>(StatusCodes.Status201Created);
        group.MapPatch(KeyPattern, Patch)
            .Describe(
                "patchRow", "Changes the named columns (JSON merge patch); null clears, a json column is replaced whole",
                RequestShape.RowWrite)
            .Needs(EndpointRight.Write).Accepts<JsonObject>("application/merge-patch+json", "application/json").Produces<JsonObject>();
        group.MapDelete(KeyPattern, Delete).Describe("deleteRow", "Removes a row", RequestShape.RowWrite)
            .Needs(EndpointRight.Write).Produces(StatusCodes.Status204NoContent);
        group.MapPost("", Insert).Describe("insertRow", "Creates a row; 409 when its key exists", RequestShape.Write)
            .Needs(EndpointRight.Write).Accepts<JsonObject>("application/json").Produces<JsonObject>(StatusCodes.Status201Created);
    }

    /// <summary>Reads the row that the path names.</summary>
    public static async Task<IResult> Get(string db, string table, HttpContext http, IGeoStore store)
    {
        if (!GeoRequest.TryRead(http, out var request, out var problem))
        {
            return problem;
        }

        var found = await store.GetTableAsync(new(db, table), request.Bound, request.Options, http.RequestAborted);
        if (!found.IsOk)
        {
            return new GeoProblem(found.Error, found.Meta);
        }

        if (!RowPath.TryReadKey(http, found.Value, out var key, out var error))
        {
            return new GeoProblem(error!, found.Meta);
        }

        var read = await store.ReadRowAsync(new(db, table), key, request.Bound, request.Options, http.RequestAborted);
        var meta = MetaHeaders.Then(found.Meta, read.Meta);
        return read.IsOk
            ? Conditional(found.Value, read.Value, request.Precondition, meta)
            : new GeoProblem(IfMissing(read.Error, request.Precondition), meta);
    }

    private static IResult Conditional(TableInfo table, VersionedRow row, Precondition precondition, ResponseMeta meta)
    {
        if (!precondition.IfMatch.IsEmpty && !precondition.IfMatch.Contains(row.Version))
        {
            return new GeoProblem(NoMatch($"The row's version is {row.Version}."), meta);
        }

        var unchanged = precondition.IfAbsent || precondition.IfNoneMatch.Contains(row.Version);
        return unchanged
            ? new RowAnswer(StatusCodes.Status304NotModified, table, row.Version, null, meta)
            : new RowAnswer(StatusCodes.Status200OK, table, row.Version, row.Row, meta);
    }

    // RFC 9110 §13.1.1: If-Match is false for what does not exist.
    private static GeoError IfMissing(GeoError error, Precondition precondition) =>
        error.Kind == GeoErrorKind.NotFound && (precondition.IfExists || !precondition.IfMatch.IsEmpty)
            ? NoMatch("The row does not exist.")
            : error;

    private static GeoError NoMatch(string detail) => new(GeoErrorKind.PreconditionFailed, "precondition-failed", detail, "If-Match");

    private static Task<IResult> Put(string db, string table, HttpContext http, IGeoStore store) =>
        WriteAsync(db, table, WriteKind.Put, http, store);

    private static Task<IResult> Patch(string db, string table, HttpContext http, IGeoStore store) =>
        WriteAsync(db, table, WriteKind.Merge, http, store);

    private static Task<IResult> Delete(string db, string table, HttpContext http, IGeoStore store) =>
        WriteAsync(db, table, WriteKind.Delete, http, store);

    private static Task<IResult> Insert(string db, string table, HttpContext http, IGeoStore store) =>
        WriteAsync(db, table, WriteKind.Insert, http, store);

    private static async Task<IResult> WriteAsync(string db, string table, WriteKind kind, HttpContext http, IGeoStore store)
    {
        if (!GeoRequest.TryRead(http, out var request, out var problem))
        {
            return problem;
        }

        if (kind != WriteKind.Insert && !RowPath.HasKey(http))
        {
            http.Response.Headers.Allow = "GET, POST";
            return GeoProblem.OfStatus(StatusCodes.Status405MethodNotAllowed, $"{http.Request.Method} needs a key behind /rows/.", "key");
        }

        var found = await store.GetTableAsync(new(db, table), ReadBound.Strong, request.Options, http.RequestAborted);
        if (!found.IsOk)
        {
            return new GeoProblem(found.Error, found.Meta);
        }

        ImmutableArray<Datum> key = default;
        if (kind != WriteKind.Insert && !RowPath.TryReadKey(http, found.Value, out key, out var error))
        {
            return new GeoProblem(error!, found.Meta);
        }

        ImmutableArray<KeyValuePair<string, Datum>> values = [];
        if (kind != WriteKind.Delete)
        {
            using var body = await JsonBody.ReadAsync(http, JsonBody.RowBytesMax, allowPatch: kind == WriteKind.Merge);
            if (!body.IsOk)
            {
                return Answer.Unreadable(body);
            }

            if (!RowJson.TryRead(body.Root, found.Value, "", ref key, out values, out error))
            {
                return new GeoProblem(error!, found.Meta);
            }
        }

        var write = new RowWrite(kind, key, values, request.Precondition);
        var written = await store.WriteRowAsync(new(db, table), write, request.Options, http.RequestAborted);
        return ToAnswer(http, found.Value, written, MetaHeaders.Then(found.Meta, written.Meta));
    }

    private static IResult ToAnswer(HttpContext http, TableInfo table, GeoResult<WriteResult> written, ResponseMeta meta)
    {
        if (!written.IsOk)
        {
            return new GeoProblem(written.Error, meta);
        }

        var result = written.Value;
        var status = BatchEndpoints.StatusOf(result);
        var location = result.Created ? RowPath.Of(http, table.Database, table.Spec.Name, result.Key) : null;
        return new RowAnswer(status, table, result.Version, result.Row, meta, location);
    }
}
