using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using OrleansGeo.Api.Access;
using OrleansGeo.Api.Problems;
using OrleansGeo.Api.Requests;
using OrleansGeo.Api.Views;

namespace OrleansGeo.Api.OpenApi;

/// <summary>
/// Adds to each operation the headers and parameters that its <see cref="RequestShape"/> takes, and what every answer carries.
/// </summary>
public sealed class GeoOperationTransformer : IOpenApiOperationTransformer
{
    private static readonly Dictionary<string, string> s_query = new(StringComparer.Ordinal)
    {
        ["prefix"] = "Leading key values that all rows share: comma-separated literals in the text form of the key columns. "
            + "After the usual decoding of a query, a comma within a literal is %2C and a percent sign %25; "
            + "or the literal stands in single quotes, where '' is a quote.",
        ["from"] = "Key values to start at, included. Written as in prefix; the first columns of the key suffice.",
        ["to"] = "Key values to stop before. Written as in prefix.",
        ["index"] = "Refused with 422: tables have no indexes.",
        ["where"] = "Conditions that all hold: comma-separated 'column op literal', op one of = != < <= > >=; "
            + "literals as in prefix, by the column's type. "
            + "A null satisfies none.",
        ["order"] = "asc (default) or desc, by key.",
        ["limit"] = "Most rows of the page, 1 to 10000 (default 1000). A page may have fewer.",
        ["page"] = "The next of the page before. It pins timestamp and query.",
        ["region"] = "Refused with 422: tables are not regional by row.",
        ["table"] = "Only ranges of this table, as db.table.",
    };

    private static readonly (string Name, string Description)[] s_answerHeaders =
    [
        ("Geo-Effective-Consistency", "The consistency that was given."),
        ("Geo-Read-Timestamp", "The timestamp read at."),
        ("Geo-Staleness-Ms", "How old what was read may be."),
        ("Geo-Served-By", "The node that served, and its region: n4;region=us-west1."),
        ("Geo-Leaseholder", "The leaseholder of the (last) range."),
        ("Geo-Rtt", "Wide-area round trips paid: 2;ms=130;path=a>b,b>c."),
        ("Geo-Session", "Give it with a next request, to see what this one saw and did."),
    ];

    /// <inheritdoc />
    public Task TransformAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        AddRight(operation, context);
        var shape = context.Description.ActionDescriptor.EndpointMetadata.OfType<RequestShape>().FirstOrDefault();
        if (shape is not null && context.Description.RelativePath?.StartsWith("v1/", StringComparison.Ordinal) == true)
        {
            AddParameters(operation, shape);
            return AddAnswersAsync(operation, context, cancellationToken);
        }

        return Task.CompletedTask;
    }

    private static void AddRight(OpenApiOperation operation, OpenApiOperationTransformerContext context)
    {
        var right = context.Description.ActionDescriptor.EndpointMetadata.OfType<EndpointRight>().FirstOrDefault();
        if (right is { Right: not null })
        {
            operation.Description = $"Needs {right.Describe("the database")}.";
            operation.Security = [new() { [new(GeoOpenApi.KeyScheme, context.Document)] = [] }];
        }
    }

    private static void AddParameters(OpenApiOperation operation, RequestShape shape)
    {
        operation.Parameters ??= [];
        foreach (var parameter in operation.Parameters.OfType<OpenApiParameter>().Where(static parameter => parameter.Name == "key"))
        {
            parameter.Description = "The key's values as path segments, percent-encoded; a / within a value is %2F.";
        }

        foreach (var name in shape.Query)
        {
            operation.Parameters.Add(
                Parameter(name, ParameterLocation.Query, s_query[name], name == "limit" ? JsonSchemaType.Integer : JsonSchemaType.String));
        }

        Header(operation, "Geo-Timeout-Ms", "How long to wait, 1 to 60000 (default 5000).", JsonSchemaType.Integer);
        Header(operation, "Geo-Session", "The token of an earlier response, whose effects this request must see.");
        if (shape.Headers.HasFlag(TakenHeaders.Consistency))
        {
            Header(operation, ConsistencyHeader.Name, $"{ConsistencyHeader.Expected}. T is a version or an RFC 3339 time. Default strong.");
        }

        if (shape.Headers.HasFlag(TakenHeaders.Idempotency))
        {
            Header(
                operation, "Idempotency-Key",
                "1 to 128 visible ASCII characters, kept 24 h per database: a retry with it is applied once.");
        }

        if (shape.Headers.HasFlag(TakenHeaders.Preconditions) && shape.Query.IsEmpty)
        {
            Header(operation, "If-Match", "* or a list of entity tags: 412 unless the row has one of them.");
            Header(operation, "If-None-Match", "* or a list of entity tags: 304 (reads) or 412 (writes) when the row has one of them.");
        }
    }

    private static async Task AddAnswersAsync(
        OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellation)
    {
        var responses = operation.Responses ??= [];
        AddHeaders(context.Document!);
        foreach (var response in responses.Values.OfType<OpenApiResponse>())
        {
            response.Headers ??= new Dictionary<string, IOpenApiHeader>();
            foreach (var (name, _) in s_answerHeaders)
            {
                response.Headers[name] = new OpenApiHeaderReference(name, context.Document);
            }
        }

        var problem = await context.GetOrCreateSchemaAsync(typeof(ProblemView), null, cancellation);
        context.Document!.AddComponent<IOpenApiResponse>("Problem", new OpenApiResponse
        {
            Description = "A problem: 400 not well formed, 401 and 403 not allowed, 404 not there, "
                + "409 conflict, 412 precondition, 413 too large, 422 cannot be carried out, "
                + "429 overloaded, 503 unavailable and not applied, 504 outcome unknown.",
            Content = new Dictionary<string, OpenApiMediaType> { [GeoProblem.ContentType] = new() { Schema = problem } },
            Headers = s_answerHeaders.ToDictionary(
                static header => header.Name, header => (IOpenApiHeader)new OpenApiHeaderReference(header.Name, context.Document)),
        });
        responses["default"] = new OpenApiResponseReference("Problem", context.Document);
    }

    private static void AddHeaders(OpenApiDocument document)
    {
        foreach (var (name, description) in s_answerHeaders)
        {
            document.AddComponent<IOpenApiHeader>(name, new OpenApiHeader
            {
                Description = description,
                Schema = new OpenApiSchema { Type = JsonSchemaType.String },
            });
        }
    }

    private static void Header(OpenApiOperation operation, string name, string description, JsonSchemaType type = JsonSchemaType.String) =>
        operation.Parameters!.Add(Parameter(name, ParameterLocation.Header, description, type));

    private static OpenApiParameter Parameter(string name, ParameterLocation location, string description, JsonSchemaType type) =>
        new() { Name = name, In = location, Description = description, Schema = new OpenApiSchema { Type = type } };
}
