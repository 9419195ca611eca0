using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Microsoft.Net.Http.Headers;
using OrleansGeo.Api.Answers;

namespace OrleansGeo.Api.Problems;

/// <summary>An RFC 9457 answer.</summary>
public sealed class GeoProblem(ProblemKind kind, GeoError error, ResponseMeta? meta = null) : IResult
{
    /// <summary>The media type of every error.</summary>
    public const string ContentType = "application/problem+json";

    /// <summary>The problem of a refusal.</summary>
    public GeoProblem(GeoError error, ResponseMeta? meta = null)
        : this(ProblemKinds.Of(error.Kind), error, meta)
    {
    }

    /// <summary>The problem of a status that is no outcome of the store.</summary>
    public static GeoProblem OfStatus(int status, string detail, string? field = null)
    {
        var kind = ProblemKinds.OfStatus(status);
        return new(kind, new(GeoErrorKind.Invalid, kind.Slug, detail, field));
    }

    /// <inheritdoc />
    public Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.StatusCode = kind.Status;
        MetaHeaders.Write(response, meta);
        response.Headers.CacheControl = "no-store";
        if (error.RetryAfterMs is { } wait)
        {
            // The header counts whole seconds; rounding down would ask for a retry that must fail.
            response.Headers[HeaderNames.RetryAfter] = ((wait + 999) / 1000).ToString(CultureInfo.InvariantCulture);
        }

        return JsonBuffer.SendAsync(
            response, ContentType, (Problem: this, Trace: Activity.Current?.Id ?? httpContext.TraceIdentifier),
            static (writer, state) => state.Problem.Write(writer, state.Trace));
    }

    /// <summary>Writes the problem as an object.</summary>
    public void Write(Utf8JsonWriter writer, string? trace)
    {
        writer.WriteStartObject();
        writer.WriteString("type", kind.Type);
        writer.WriteString("title", kind.Title);
        writer.WriteNumber("status", kind.Status);
        writer.WriteString("detail", error.Detail);
        writer.WriteString("code", error.Code);
        if (error.Field is not null)
        {
            writer.WriteString("field", error.Field);
        }

        if (kind.Status is 409 or 429 or >= 500)
        {
            writer.WriteBoolean("retryable", kind.Retryable);
        }

        if (error.RetryAfterMs is { } wait)
        {
            writer.WriteNumber("retryAfterMs", wait);
        }

        if (error.Facts is { Count: > 0 } facts)
        {
            writer.WriteStartObject("facts");
            foreach (var (name, value) in facts)
            {
                writer.WriteString(name, value);
            }

            writer.WriteEndObject();
        }

        if (trace is not null)
        {
            writer.WriteString("traceId", trace);
        }

        writer.WriteEndObject();
    }
}
