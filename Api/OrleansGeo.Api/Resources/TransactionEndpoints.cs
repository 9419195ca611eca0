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

    private static Task<IResult> Transact(string db, HttpContext http, IGeoStore store) =>
        WithStepsAsync(db, http, store, TransactionParts.All, async (request, transaction, tables, meta) =>
        {
            var done = await store.TransactAsync(db, transaction, request.Options, http.RequestAborted);
            meta = MetaHeaders.Then(meta, done.Meta);
            return done.IsOk ? new TransactionMadeAnswer(transaction, tables, done.Value, meta) : new GeoProblem(done.Error, meta);
        });

    /// <summary>Reads a body of steps by the tables that it names, and goes on with them.</summary>
    internal static async Task<IResult> WithStepsAsync(
        string db, HttpContext http, IGeoStore store, TransactionParts parts,
        Func<GeoRequest, TransactionRequest, IReadOnlyDictionary<string, TableInfo>, ResponseMeta, Task<IResult>> then)
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

        var reader = new TransactionReader(body.Root, parts);
        if (reader.Error is { } unreadable)
        {
            return new GeoProblem(unreadable);
        }

        if (reader.Writes && ApiKeyAuthentication.Refusal(http, EndpointRight.Write) is { } forbidden)
        {
            return forbidden;
        }

        var tables = new Dictionary<string, TableInfo>(StringComparer.Ordinal);
        var meta = ResponseMeta.Local();
        foreach (var (table, path) in reader.Tables())
        {
            var found = await store.GetTableAsync(new(db, table), ReadBound.Strong, request.Options, http.RequestAborted);
            meta = MetaHeaders.Then(meta, found.Meta);
            if (!found.IsOk)
            {
                return new GeoProblem(found.Error.Field == "table" ? found.Error with { Field = path } : found.Error, meta);
            }

            tables[table] = found.Value;
        }

        return reader.Read(tables, out var error) is { } transaction
            ? await then(request, transaction, tables, meta)
            : new GeoProblem(error!, meta);
    }
}
