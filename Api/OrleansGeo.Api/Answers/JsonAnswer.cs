using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using OrleansGeo.Api.Problems;

namespace OrleansGeo.Api.Answers;

/// <summary>A value of a type that <see cref="Views.GeoJsonContext"/> describes.</summary>
public sealed class JsonAnswer<T>(int status, T value, JsonTypeInfo<T> type, ResponseMeta meta, string? location = null) : IResult
{
    /// <inheritdoc />
    public Task ExecuteAsync(HttpContext httpContext)
    {
        httpContext.Response.StatusCode = status;
        MetaHeaders.Write(httpContext.Response, meta);
        if (location is not null)
        {
            httpContext.Response.Headers.Location = location;
        }

        return JsonBuffer.SendAsync(
            httpContext.Response, "application/json", (value, type), static (writer, state) =>
                JsonSerializer.Serialize(writer, state.value, state.type));
    }
}

/// <summary>Turns what the store answered into what the client gets.</summary>
public static class Answer
{
    /// <summary>The value in the form of a view, or the problem.</summary>
    public static IResult Of<T, TView>(
        GeoResult<T> result, Func<T, TView> view, JsonTypeInfo<TView> type, int status = StatusCodes.Status200OK, string? location = null)
        where T : class =>
        result.IsOk
            ? new JsonAnswer<TView>(status, view(result.Value), type, result.Meta, location)
            : new GeoProblem(result.Error, result.Meta);

    /// <summary>Nothing but that it is done, or the problem.</summary>
    public static IResult Done<T>(GeoResult<T> result)
        where T : class =>
        result.IsOk ? new DoneAnswer(result.Meta) : new GeoProblem(result.Error, result.Meta);

    /// <summary>The problem of a body that could not be read.</summary>
    public static IResult Unreadable(Requests.JsonBody body) =>
        body.Status == StatusCodes.Status415UnsupportedMediaType
            ? new GeoProblem(ProblemKinds.OfStatus(body.Status), body.Error!)
            : new GeoProblem(body.Error!);
}

/// <summary>204.</summary>
public sealed class DoneAnswer(ResponseMeta meta) : IResult
{
    /// <inheritdoc />
    public Task ExecuteAsync(HttpContext httpContext)
    {
        httpContext.Response.StatusCode = StatusCodes.Status204NoContent;
        MetaHeaders.Write(httpContext.Response, meta);
        return Task.CompletedTask;
    }
}
