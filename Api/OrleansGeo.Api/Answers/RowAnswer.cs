using Microsoft.Net.Http.Headers;
using OrleansGeo.Api.Requests;
using OrleansGeo.Primitives;

namespace OrleansGeo.Api.Answers;

/// <summary>One row, bare, with its version as entity tag; or that it is unchanged, or gone.</summary>
public sealed class RowAnswer(
    int status, TableInfo table, HlcTimestamp version, Row? row, ResponseMeta meta, string? location = null) : IResult
{
    /// <inheritdoc />
    public Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.StatusCode = status;
        MetaHeaders.Write(response, meta);
        if (row is null && status == StatusCodes.Status204NoContent)
        {
            return Task.CompletedTask;
        }

        response.Headers.ETag = EntityTags.Of(version);
        if (location is not null)
        {
            response.Headers[HeaderNames.Location] = location;
        }

        return row is null
            ? Task.CompletedTask
            : JsonBuffer.SendAsync(
                response, "application/json", (table, row), static (writer, state) => RowJson.Write(writer, state.table, state.row));
    }
}

/// <summary>A page of rows.</summary>
public sealed class PageAnswer(TableInfo table, ScanPage page, ResponseMeta meta) : IResult
{
    /// <inheritdoc />
    public Task ExecuteAsync(HttpContext httpContext)
    {
        MetaHeaders.Write(httpContext.Response, meta);
        return JsonBuffer.SendAsync(httpContext.Response, "application/json", (table, page), static (writer, state) =>
        {
            writer.WriteStartObject();
            writer.WriteStartArray("rows");
            foreach (var row in state.page.Rows)
            {
                writer.WriteStartObject();
                writer.WritePropertyName("key");
                RowJson.WriteKey(writer, row.Key);
                writer.WriteString("version", RowJson.VersionOf(row));
                writer.WritePropertyName("row");
                RowJson.Write(writer, state.table, row.Row);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
            writer.WriteString("next", state.page.Next);
            writer.WriteEndObject();
        });
    }
}
