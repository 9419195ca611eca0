using System.Collections.Immutable;
using System.Globalization;
using OrleansGeo.Api.Access;
using OrleansGeo.Api.Answers;
using OrleansGeo.Api.OpenApi;
using OrleansGeo.Api.Problems;
using OrleansGeo.Api.Requests;
using OrleansGeo.Api.Views;
using OrleansGeo.Primitives;

namespace OrleansGeo.Api.Resources;

/// <summary>Rows, a page at a time.</summary>
public static class ScanEndpoints
{
    private const int LimitDefault = 1_000;

    /// <summary>The query parameters of a scan.</summary>
    internal static readonly string[] Parameters = ["prefix", "from", "to", "index", "where", "order", "limit", "page", "region"];

    private static readonly RequestShape s_shape = RequestShape.RowRead.With(Parameters);

    /// <summary>Maps the route.</summary>
    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapGroup("/v1/databases/{db}/tables/{table}/rows").WithTags("Rows")
            .MapGet("", List)
            .Describe("listRows", "A page of rows in key order at one timestamp, which the pages that follow keep", s_shape)
            .Needs(EndpointRight.Read).Produces<PageView>();

    private static async Task<IResult> List(string db, string table, HttpContext http, IGeoStore store)
    {
        // Routing takes a trailing slash for nothing; here it names the row whose key is the empty string.
        if (RowPath.HasKey(http))
        {
            return http.Request.QueryString.HasValue
                ? new GeoProblem(
                    Refusal.Malformed(
                        "key", "unknown-parameter", "A row takes no query parameters; without a slash at its end the path lists rows."))
                : await RowEndpoints.Get(db, table, http, store);
        }

        if (!GeoRequest.TryRead(http, out var request, out var problem))
        {
            return problem;
        }

        if (request.Precondition != Precondition.None)
        {
            return new GeoProblem(GeoRequest.NoPreconditions(http.Request.Headers));
        }

        var found = await store.GetTableAsync(new(db, table), request.Bound, request.Options, http.RequestAborted);
        if (!found.IsOk)
        {
            return new GeoProblem(found.Error, found.Meta);
        }

        if (Read(request.Query, found.Value, out var error) is not { } scan)
        {
            return new GeoProblem(error!, found.Meta);
        }

        var page = await store.ScanAsync(new(db, table), scan, request.Bound, request.Options, http.RequestAborted);
        var meta = MetaHeaders.Then(found.Meta, page.Meta);
        return page.IsOk ? new PageAnswer(found.Value, page.Value, meta) : new GeoProblem(page.Error, meta);
    }

    /// <summary>A scan of a table by its query parameters; null with what is wrong with them.</summary>
    internal static ScanRequest? Read(QueryParameters query, TableInfo table, out GeoError? error)
    {
        error = query switch
        {
            _ when query["index"] is not null => Refusal.NotSupported("index", $"{table.Spec.Name} has no indexes."),
            _ when query["region"] is not null =>
                Refusal.NotSupported("region", $"{table.Spec.Name} is not regional by row: all its rows have one home."),
            _ => null,
        };
        var prefix = KeyValues(query, "prefix", table, ref error);
        var from = KeyValues(query, "from", table, ref error);
        var to = KeyValues(query, "to", table, ref error);
        var where = Conditions(query, table, ref error);
        var order = query["order"] ?? "asc";
        if (order is not ("asc" or "desc"))
        {
            error ??= Refusal.Malformed("order", "bad-parameter", $"'order' is asc or desc, by key; not {DatumText.Quote(order)}.");
        }

        var limit = LimitDefault;
        if (query["limit"] is { } text
            && (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out limit) || limit is < 1 or > GeoLimits.PageRowsMax))
        {
            error ??= Refusal.Malformed(
                "limit", "bad-parameter", $"'limit' is a whole number from 1 to {GeoLimits.PageRowsMax}, not {DatumText.Quote(text)}.");
        }

        return error is null ? new(prefix ?? [], from, to, where, order == "desc", limit, query["page"]) : null;
    }

    private static ImmutableArray<Datum>? KeyValues(QueryParameters query, string name, TableInfo table, ref GeoError? error)
    {
        if (error is not null || query[name] is not { } text)
        {
            return null;
        }

        var columns = table.Spec.PrimaryKey;
        var values = ImmutableArray.CreateBuilder<Datum>(columns.Length);
        var scanner = new LiteralScanner(text);
        while (!scanner.IsAtEnd)
        {
            if (values.Count == columns.Length)
            {
                error = Refusal.Wrong(
                    name, "wrong-key-length", $"'{name}' has more values than the key of {table.Spec.Name}: {string.Join(", ", columns)}.");
                return null;
            }

            if (!scanner.TryTakeLiteral(out var literal))
            {
                error = Refusal.Malformed(
                    name, "bad-literal",
                    $"'{name}' is a comma-separated list of key values; in one, a comma is %2C and a percent sign %25, "
                    + "or it is quoted 'so'.");
                return null;
            }

            var column = table.Spec.Columns[table.IndexOf(columns[values.Count])];
            if (!DatumText.TryParse(column.Type, literal, out var value, out var why))
            {
                error = Refusal.Wrong(name, "wrong-type", $"'{name}', key column {column.Name}: {why}.");
                return null;
            }

            values.Add(value);
        }

        return values.DrainToImmutable();
    }

    private static ImmutableArray<ScanCondition> Conditions(QueryParameters query, TableInfo table, ref GeoError? error)
    {
        if (error is not null || query["where"] is not { } text)
        {
            return [];
        }

        var conditions = ImmutableArray.CreateBuilder<ScanCondition>();
        var scanner = new LiteralScanner(text);
        while (!scanner.IsAtEnd)
        {
            if (!scanner.TryTakeName("<>!=,", out var name) || !scanner.TryTakeOperator(out var op)
                || !scanner.TryTakeLiteral(out var literal))
            {
                error = Refusal.Malformed(
                    "where", "bad-condition", "'where' is a comma-separated list of conditions: a column, one of = != < <= > >=, a value.");
                return [];
            }

            var at = table.IndexOf(name);
            if (at < 0)
            {
                error = Refusal.Wrong("where", "unknown-column", $"'where': {table.Spec.Name} has no column {DatumText.Quote(name)}.");
                return [];
            }

            if (!DatumText.TryParse(table.Spec.Columns[at].Type, literal, out var value, out var why))
            {
                error = Refusal.Wrong("where", "wrong-type", $"'where', column {name}: {why}.");
                return [];
            }

            conditions.Add(new(name, op, value));
        }

        return conditions.ToImmutable();
    }
}
