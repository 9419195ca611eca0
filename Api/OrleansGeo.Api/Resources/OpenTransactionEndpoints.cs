using System.Text.Json;
using OrleansGeo.Api.Access;
using OrleansGeo.Api.Answers;
using OrleansGeo.Api.OpenApi;
using OrleansGeo.Api.Problems;
using OrleansGeo.Api.Requests;
using OrleansGeo.Api.Views;
using OrleansGeo.Primitives;

namespace OrleansGeo.Api.Resources;

/// <summary>Transactions that stay open, step by step.</summary>
public static class OpenTransactionEndpoints
{
    /// <summary>Maps the routes.</summary>
    public static void Map(IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/v1/databases/{db}/transactions").WithTags("Transactions");
        group.MapPost("/begin", Begin)
            .Describe(
                "beginTransaction",
                "Begins a transaction that stays open, on the node that is asked, until it is committed, rolled back or left idle",
                RequestShape.Plain)
            .Needs(EndpointRight.Read).Accepts<TransactionBeginBody>(isOptional: true, "application/json")
            .Produces<TransactionBegunView>(StatusCodes.Status201Created);
        group.MapPost("/{id}/read", Read)
            .Describe("readInTransaction", "Rows by key, at the transaction's moment and with what it has written", RequestShape.Plain)
            .Needs(EndpointRight.Read).Accepts<TransactionReadsBody>("application/json").Produces<TransactionReadsView>();
        group.MapGet("/{id}/tables/{table}/rows", Scan)
            .Describe(
                "scanInTransaction",
                "A page of rows in key order, at the transaction's moment and with what it has written",
                RequestShape.Plain.With([.. ScanEndpoints.Parameters]))
            .Needs(EndpointRight.Read).Produces<PageView>();
        group.MapPost("/{id}/write", Write)
            .Describe(
                "writeInTransaction",
                "Writes rows, all of them or none; nobody else sees them before the commit. A row may be written again",
                RequestShape.Write)
            .Needs(EndpointRight.Write).Accepts<TransactionWritesBody>("application/json").Produces<TransactionWritesView>();
        group.MapPost("/{id}/savepoint", Savepoint)
            .Describe("markInTransaction", "Marks what was written so far, to come back to", RequestShape.Write)
            .Needs(EndpointRight.Read).Accepts<SavepointBody>("application/json").Produces(StatusCodes.Status204NoContent);
        group.MapPost("/{id}/rollback", Rollback)
            .Describe(
                "rollbackTransaction", "Takes back what was written since a savepoint; without one ends the transaction",
                RequestShape.Write)
            .Needs(EndpointRight.Read).Accepts<RollbackBody>(isOptional: true, "application/json")
            .Produces(StatusCodes.Status204NoContent);
        group.MapPost("/{id}/commit", Commit)
            .Describe(
                "commitTransaction",
                "Makes everything written visible at one moment at which all that was read still holds; asked again it answers the same",
                RequestShape.Write)
            .Needs(EndpointRight.Read).Produces<TransactionCommittedView>();
    }

    private static async Task<IResult> Begin(string db, HttpContext http, IGeoStore store)
    {
        if (!GeoRequest.TryRead(http, out var request, out var problem))
        {
            return problem;
        }

        using var body = await JsonBody.ReadAsync(http, JsonBody.SpecBytesMax, allowEmpty: true);
        if (!body.IsOk)
        {
            return Answer.Unreadable(body);
        }

        GeoError? error = null;
        var begin = body.IsEmpty ? new() : OpenTransactionReader.Begin(body.Root, out error);
        return begin is null
            ? new GeoProblem(error!)
            : Answer.Of(
                await store.BeginTransactionAsync(db, begin, request.Options, http.RequestAborted),
                static begun => new TransactionBegunView(begun.Id, begun.Node, (long)begun.IdleTimeout.TotalMilliseconds),
                GeoJsonContext.Default.TransactionBegunView,
                StatusCodes.Status201Created);
    }

    private static Task<IResult> Read(string db, string id, HttpContext http, IGeoStore store) =>
        TransactionEndpoints.WithStepsAsync(db, http, store, TransactionParts.Reads, async (request, steps, tables, meta) =>
        {
            var answer = await store.StepTransactionAsync(
                db, id, new TransactionStep.Read(steps.Reads), request.Options, http.RequestAborted);
            meta = MetaHeaders.Then(meta, answer.Meta);
            return answer.Value is TransactionAnswer.Rows rows
                ? new TransactionReadsAnswer(steps.Reads, tables, rows.Items, meta)
                : new GeoProblem(answer.Error!, meta);
        });

    private static Task<IResult> Write(string db, string id, HttpContext http, IGeoStore store) =>
        TransactionEndpoints.WithStepsAsync(db, http, store, TransactionParts.Writes, async (request, steps, _, meta) =>
        {
            var answer = await store.StepTransactionAsync(
                db, id, new TransactionStep.Write(steps.Writes), request.Options, http.RequestAborted);
            meta = MetaHeaders.Then(meta, answer.Meta);
            return answer.Value is TransactionAnswer.Written written
                ? new TransactionKeysAnswer(written.Keys, meta)
                : new GeoProblem(answer.Error!, meta);
        });

    private static async Task<IResult> Scan(string db, string id, string table, HttpContext http, IGeoStore store)
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

        if (ScanEndpoints.Read(request.Query, found.Value, out var error) is not { } scan)
        {
            return new GeoProblem(error!, found.Meta);
        }

        var answer = await store.StepTransactionAsync(db, id, new TransactionStep.Scan(table, scan), request.Options, http.RequestAborted);
        var meta = MetaHeaders.Then(found.Meta, answer.Meta);
        return answer.Value is TransactionAnswer.Page page
            ? new PageAnswer(found.Value, page.Content, meta)
            : new GeoProblem(answer.Error!, meta);
    }

    private static Task<IResult> Savepoint(string db, string id, HttpContext http, IGeoStore store) =>
        NamedAsync(db, id, http, store, "name", static name => name is null ? null : new TransactionStep.Savepoint(name));

    private static Task<IResult> Rollback(string db, string id, HttpContext http, IGeoStore store) =>
        NamedAsync(
            db, id, http, store, "to",
            static name => name is null ? new TransactionStep.Rollback() : new TransactionStep.RollbackTo(name));

    // A step that one name says all about; null when it cannot do without.
    private static async Task<IResult> NamedAsync(
        string db, string id, HttpContext http, IGeoStore store, string member, Func<string?, TransactionStep?> toStep)
    {
        if (!GeoRequest.TryRead(http, out var request, out var problem))
        {
            return problem;
        }

        using var body = await JsonBody.ReadAsync(http, JsonBody.SpecBytesMax, allowEmpty: true);
        if (!body.IsOk)
        {
            return Answer.Unreadable(body);
        }

        string? name = null;
        if (!body.IsEmpty)
        {
            var members = new JsonMembers(body.Root);
            name = members.Text(member);
            if (members.Finish() is { } error)
            {
                return new GeoProblem(error);
            }
        }

        return toStep(name) is { } step
            ? Answer.Done(await store.StepTransactionAsync(db, id, step, request.Options, http.RequestAborted))
            : new GeoProblem(Refusal.Wrong(member, "missing-member", $"'{member}' is missing."));
    }

    private static async Task<IResult> Commit(string db, string id, HttpContext http, IGeoStore store)
    {
        if (!GeoRequest.TryRead(http, out var request, out var problem))
        {
            return problem;
        }

        var answer = await store.StepTransactionAsync(db, id, new TransactionStep.Commit(), request.Options, http.RequestAborted);
        return answer.Value is TransactionAnswer.Committed committed
            ? new TransactionCommittedAnswer(committed.Result, answer.Meta)
            : new GeoProblem(answer.Error!, answer.Meta);
    }
}
