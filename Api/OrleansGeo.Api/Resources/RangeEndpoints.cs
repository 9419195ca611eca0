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

/// <summary>Ranges: where they are, and moving them by hand.</summary>
public static class RangeEndpoints
{
    /// <summary>Maps the routes.</summary>
    public static void Map(IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/v1/ranges").WithTags("Ranges");
        group.MapGet("", List).Describe("listRanges", "All ranges, or those of one table", RequestShape.Plain.With("table"))
            .Needs(EndpointRight.ReadAll).Produces<RangesView>();
        group.MapPost("/{id}/split", Split).Describe("splitRange", "Splits a range at a key, or near its middle", RequestShape.Write)
            .Needs(EndpointRight.AdminAll).Accepts<SplitBody>(isOptional: true, "application/json").Produces<RangeView>();
        group.MapPost("/{id}/transfer-leader", TransferLeader)
            .Describe("transferLeader", "Moves leadership of a range to a voter on the named node", RequestShape.Write)
            .Needs(EndpointRight.AdminAll).Accepts<TransferLeaderBody>("application/json").Produces<RangeView>();
    }

    private static async Task<IResult> List(HttpContext http, IGeoStore store)
    {
        if (!GeoRequest.TryRead(http, out var request, out var problem))
        {
            return problem;
        }

        TableRef? table = null;
        if (request.Query["table"] is { } text)
        {
            table = ToTable(text);
            if (table is null)
            {
                return new GeoProblem(
                    Refusal.Malformed(
                        "table", "bad-parameter", "The parameter table is a database and a table with a dot between: db.table."));
            }
        }

        var ranges = await store.ListRangesAsync(table, request.Options, http.RequestAborted);
        return Answer.Of(ranges, RangesView.Of, GeoJsonContext.Default.RangesView);
    }

    private static async Task<IResult> Split(string id, HttpContext http, IGeoStore store)
    {
        if (!GeoRequest.TryRead(http, out var request, out var problem) || !TryId(id, out var range, out problem))
        {
            return problem;
        }

        using var body = await JsonBody.ReadAsync(http, JsonBody.SpecBytesMax, allowEmpty: true);
        if (!body.IsOk)
        {
            return Answer.Unreadable(body);
        }

        ImmutableArray<Datum>? at = null;
        if (!body.IsEmpty)
        {
            var members = new JsonMembers(body.Root);
            var list = members.Element("at");
            if (members.Finish() is { } error)
            {
                return new GeoProblem(error);
            }

            if (list is { } key)
            {
                (at, problem) = await KeyInAsync(store, range, key, request.Options, http.RequestAborted);
                if (problem is not null)
                {
                    return problem;
                }
            }
        }

        var split = await store.SplitRangeAsync(range, at, request.Options, http.RequestAborted);
        return Answer.Of(split, RangeView.Of, GeoJsonContext.Default.RangeView);
    }

    private static async Task<IResult> TransferLeader(string id, HttpContext http, IGeoStore store)
    {
        if (!GeoRequest.TryRead(http, out var request, out var problem) || !TryId(id, out var range, out problem))
        {
            return problem;
        }

        using var body = await JsonBody.ReadAsync(http, JsonBody.SpecBytesMax);
        if (!body.IsOk)
        {
            return Answer.Unreadable(body);
        }

        var members = new JsonMembers(body.Root);
        var node = members.Text("node", required: true);
        if (members.Finish() is { } error)
        {
            return new GeoProblem(error);
        }

        var moved = await store.TransferLeaderAsync(range, node!, request.Options, http.RequestAborted);
        return Answer.Of(moved, RangeView.Of, GeoJsonContext.Default.RangeView);
    }

    // A key is typed by its table, and only the range knows whose it is.
    private static async Task<(ImmutableArray<Datum>? Key, GeoProblem? Problem)> KeyInAsync(
        IGeoStore store, long range, System.Text.Json.JsonElement at, RequestOptions options, CancellationToken cancellation)
    {
        var ranges = await store.ListRangesAsync(null, options, cancellation);
        if (!ranges.IsOk)
        {
            return (null, new(ranges.Error, ranges.Meta));
        }

        if (ranges.Value.Items.FirstOrDefault(info => info.Id == range) is not { } found)
        {
            var detail = $"There is no range {range.ToString(CultureInfo.InvariantCulture)}.";
            return (null, new(new(GeoErrorKind.NotFound, "unknown-range", detail, "id"), ranges.Meta));
        }

        if (ToTable(found.Table) is not { } name)
        {
            return (null, new(Refusal.NotSupported("at", $"Keys of {found.Table} cannot be given."), ranges.Meta));
        }

        var table = await store.GetTableAsync(name, ReadBound.Strong, options, cancellation);
        if (!table.IsOk)
        {
            return (null, new(table.Error, table.Meta));
        }

        return RowJson.TryReadKey(at, table.Value, "at", whole: false, out var key, out var error)
            ? (key, null)
            : (null, new(error!, table.Meta));
    }

    private static bool TryId(string text, out long id, [System.Diagnostics.CodeAnalysis.NotNullWhen(false)] out GeoProblem? problem)
    {
        problem = long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out id)
            ? null
            : new(Refusal.Malformed("id", "bad-id", $"A range's id is a number, not {DatumText.Quote(text)}."));
        return problem is null;
    }

    private static TableRef? ToTable(string text) =>
        text.IndexOf('.') is > 0 and var dot && dot < text.Length - 1 ? new TableRef(text[..dot], text[(dot + 1)..]) : null;
}
