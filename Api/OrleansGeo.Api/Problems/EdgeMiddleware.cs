using OrleansGeo.Api.Requests;

namespace OrleansGeo.Api.Problems;

/// <summary>
/// The outermost layer of a host: every refusal leaves as problem+json, also those of routing and of the server; dot
/// segments are settled before routing could lose them.
/// </summary>
public sealed partial class EdgeMiddleware(RequestDelegate next, ILogger<EdgeMiddleware> log)
{
    /// <summary>Runs the rest of the pipeline.</summary>
    public async Task InvokeAsync(HttpContext http)
    {
        try
        {
            if (RowPath.TrySettleDotSegments(http))
            {
                await next(http);
                await FillInAsync(http);
            }
            else
            {
                await new GeoProblem(Refusal.Malformed("path", "dot-segment", "'.' and '..' stand only for keys, behind /rows/"))
                    .ExecuteAsync(http);
            }
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            // Nobody is left to answer.
        }
        catch (BadHttpRequestException refused) when (!http.Response.HasStarted)
        {
            await GeoProblem.OfStatus(refused.StatusCode, refused.Message).ExecuteAsync(http);
        }
        catch (Exception bug) when (!http.Response.HasStarted)
        {
            HandlerThrew(log, bug, http.Request.Method, http.Request.Path);
            http.Response.Clear();
            await GeoProblem.OfStatus(500, "The request met an error on our side; it was logged under the traceId.").ExecuteAsync(http);
        }
    }

    private static Task FillInAsync(HttpContext http)
    {
        var response = http.Response;
        if (response.HasStarted || response.StatusCode < 400 || response.ContentType is not null || response.ContentLength > 0)
        {
            return Task.CompletedTask;
        }

        var (detail, field) = response.StatusCode switch
        {
            404 => ($"There is nothing at {http.Request.Path}.", null),
            405 => ($"{http.Request.Path} takes {response.Headers.Allow}, not {http.Request.Method}.", null),
            415 => ($"A body is JSON in UTF-8, for PATCH also a JSON merge patch; not {http.Request.ContentType}.", "Content-Type"),
            var status => ($"The request was refused with status {status}.", (string?)null),
        };
        return GeoProblem.OfStatus(response.StatusCode, detail, field).ExecuteAsync(http);
    }
}

/// <summary>Puts the <see cref="EdgeMiddleware"/> before everything that a host adds, so that no host can forget it.</summary>
public sealed class EdgeStartupFilter : IStartupFilter
{
    /// <inheritdoc />
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.UseMiddleware<EdgeMiddleware>();
        next(app);
    };
}
