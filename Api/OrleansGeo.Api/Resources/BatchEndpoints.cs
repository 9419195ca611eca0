using System.Collections.Immutable;
using System.Text.Json;
using OrleansGeo.Api.Access;
using OrleansGeo.Api.Answers;
using OrleansGeo.Api.OpenApi;
using OrleansGeo.Api.Problems;
using OrleansGeo.Api.Requests;
using OrleansGeo.Api.Views;
using OrleansGeo.Primitives;

namespace OrleansGeo.Api.Resources;

/// <summary>Many writes in one call, each with its own outcome.</summary>
public static class BatchEndpoints
{
    /// <summary>Maps the route.</summary>
    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapPost("/v1/databases/{db}/tables/{table}/rows:batch", Write).WithTags("Rows")
            .Describe(
                "writeRows", "Many writes, each on its own; a batch that is not well formed is refused whole, and nothing is written",
                RequestShape.Write)
            .Needs(EndpointRight.Write).Accepts<BatchBody>("application/json").Produces<BatchView>();

    /// <summary>The status of a write that was made.</summary>
    public static int StatusOf(WriteResult result) => result switch
    {
        { Row: null } => StatusCodes.Status204NoContent,
        { Created: true } => StatusCodes.Status201Created,
        _ => StatusCodes.Status200OK,
    };

    private static async Task<IResult> Write(string db, string table, HttpContext http, IGeoStore store)
    {
        if (!GeoRequest.TryRead(http, out var request, out var problem))
        {
            return problem;
        }

        var found = await store.GetTableAsync(new(db, table), ReadBound.Strong, request.Options, http.RequestAborted);
        if (!found.IsOk)
        {
            return new GeoProblem(found.Error, found.Meta);
        }

        using var body = await JsonBody.ReadAsync(http, JsonBody.BatchBytesMax);
        if (!body.IsOk)
        {
            return Answer.Unreadable(body);
        }

        var members = new JsonMembers(body.Root);
        var writes = ReadWrites(members, found.Value);
        if (members.Finish() is { } error)
        {
            return new GeoProblem(error, found.Meta);
        }

        var written = await store.WriteRowsAsync(new(db, table), writes, request.Options, http.RequestAborted);
        var meta = MetaHeaders.Then(found.Meta, written.Meta);
        return written.IsOk ? new BatchAnswer(written.Value, meta) : new GeoProblem(written.Error, meta);
    }

    private static ImmutableArray<RowWrite> ReadWrites(JsonMembers members, TableInfo table)
    {
        var items = members.Items("writes", required: true);
        if (items.Count > GeoLimits.BatchWritesMax)
        {
            members.Refuse(
                new(GeoErrorKind.TooLarge, "too-many-writes", $"A batch has at most {GeoLimits.BatchWritesMax} writes.", "writes"));
            return [];
        }

        if (items.Count == 0)
        {
            members.Refuse(Refusal.Wrong("writes", "empty-list", "'writes' names no write."));
        }

        var writes = ImmutableArray.CreateBuilder<RowWrite>(items.Count);
        foreach (var (item, path) in items)
        {
            if (members.Error is not null)
            {
                break;
            }

            var write = new JsonMembers(item, path);
            writes.Add(WriteReader.Read(write, table));
            members.Refuse(write.Finish());
        }

        return writes.DrainToImmutable();
    }
}

/// <summary>The outcomes of a batch.</summary>
public sealed class BatchAnswer(Listing<GeoResult<WriteResult>> results, ResponseMeta meta) : IResult
{
    /// <inheritdoc />
    public Task ExecuteAsync(HttpContext httpContext)
    {
        MetaHeaders.Write(httpContext.Response, meta);
        return JsonBuffer.SendAsync(httpContext.Response, "application/json", results, static (writer, results) =>
        {
            writer.WriteStartObject();
            writer.WriteStartArray("results");
            foreach (var result in results.Items)
            {
                WriteResult(writer, result);
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        });
    }

    private static void WriteResult(Utf8JsonWriter writer, GeoResult<WriteResult> result)
    {
        writer.WriteStartObject();
        if (result.IsOk)
        {
            writer.WriteNumber("status", BatchEndpoints.StatusOf(result.Value));
            writer.WritePropertyName("key");
            RowJson.WriteKey(writer, result.Value.Key);
            writer.WriteString("version", result.Value.Version.ToString());
        }
        else
        {
            writer.WriteNumber("status", ProblemKinds.Of(result.Error.Kind).Status);
            writer.WritePropertyName("problem");
            new GeoProblem(result.Error).Write(writer, trace: null);
        }

        writer.WriteEndObject();
    }
}
