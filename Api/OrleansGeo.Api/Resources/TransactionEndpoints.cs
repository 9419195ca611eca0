using System.Text.Json;
using OrleansGeo.Api.Access;
using OrleansGeo.Api.Answers;
using OrleansGeo.Api.OpenApi;
using OrleansGeo.Api.Problems;
using OrleansGeo.Api.Requests;
using OrleansGeo.Api.Views;

namespace OrleansGeo.Api.Resources;

/// <summary>Transactions that are given whole.</summary>
public static class TransactionEndpoints
{
    /// <summary>Maps the route.</summary>
    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapPost("/v1/databases/{db}/transactions", Transact).WithTags("Transactions")
            .Describe(
                "transact",
                "Reads, conditions and writes over rows of any tables, all at one moment or not at all; "
                + "with writes it needs the right to write the database",
                RequestShape.Write)
            .Needs(EndpointRight.Read).Accepts<TransactionBody>("application/json").Produces<TransactionView>();

    private static async Task<IResult> Transact(string db, HttpContext http, IGeoStore store)
    {
        if (!GeoRequest.TryRead(http, out var request, out var problem))
        {
            return problem;
        }

        using var body = await JsonBody.ReadAsync(http, JsonBody.BatchBytesMax);
        if (!body.IsOk)
        {
            return Answer.Unreadable(body);
        }

        var reader = new TransactionReader(body.Root);
        if (reader.Error is { } unreadable)
        {
            return new GeoProblem(unreadable);
        }

        if (reader.Writes && ApiKeyAuthentication.Refusal(http, EndpointRight.Write) is { } forbidden)
        {
            return forbidden;
        }

        var tables = new Dictionary<string, TableInfo>(StringComparer.Ordinal);
        ResponseMeta? meta = null;
        foreach (var (table, path) in reader.Tables())
        {
            var found = await store.GetTableAsync(new(db, table), ReadBound.Strong, request.Options, http.RequestAborted);
            meta = meta is null ? found.Meta : MetaHeaders.Then(meta, found.Meta);
            if (!found.IsOk)
            {
                return new GeoProblem(found.Error.Field == "table" ? found.Error with { Field = path } : found.Error, meta);
            }

            tables[table] = found.Value;
        }

        if (reader.Read(tables, out var error) is not { } transaction)
        {
            return new GeoProblem(error!, meta);
        }

        var done = await store.TransactAsync(db, transaction, request.Options, http.RequestAborted);
        meta = meta is null ? done.Meta : MetaHeaders.Then(meta, done.Meta);
        return done.IsOk ? new TransactionAnswer(transaction, tables, done.Value, meta) : new GeoProblem(done.Error, meta);
    }
}

/// <summary>What a transaction read and wrote.</summary>
public sealed class TransactionAnswer(
    TransactionRequest transaction, IReadOnlyDictionary<string, TableInfo> tables, TransactionResult result, ResponseMeta meta) : IResult
{
    /// <inheritdoc />
    public Task ExecuteAsync(HttpContext httpContext)
    {
        MetaHeaders.Write(httpContext.Response, meta);
        return JsonBuffer.SendAsync(
            httpContext.Response, "application/json", this, static (writer, answer) => answer.Write(writer));
    }

    private void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("commitTimestamp", result.CommitTimestamp.ToString());
        writer.WriteStartArray("reads");
        for (var i = 0; i < result.Reads.Length; i++)
        {
            WriteRead(writer, transaction.Reads[i], result.Reads[i]);
        }

        writer.WriteEndArray();
        writer.WriteStartArray("writes");
        foreach (var written in result.Writes)
        {
            writer.WriteStartObject();
            writer.WritePropertyName("key");
            RowJson.WriteKey(writer, written.Key);
            writer.WriteString("version", written.Version.ToString());
            writer.WriteBoolean("created", written.Created);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private void WriteRead(Utf8JsonWriter writer, TransactionRead read, VersionedRow? row)
    {
        writer.WriteStartObject();
        writer.WriteString("table", read.Table);
        writer.WritePropertyName("key");
        RowJson.WriteKey(writer, read.Key);
        writer.WritePropertyName("row");
        if (row is null)
        {
            writer.WriteNullValue();
        }
        else
        {
            RowJson.Write(writer, tables[read.Table], row.Row);
        }

        writer.WriteString("version", row?.Version.ToString());
        writer.WriteEndObject();
    }
}
