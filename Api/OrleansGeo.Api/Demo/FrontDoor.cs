using System.Net.Sockets;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;
using OrleansGeo.Api.Answers;
using OrleansGeo.Api.Problems;
using OrleansGeo.Api.Requests;
using OrleansGeo.Api.Views;

namespace OrleansGeo.Api.Demo;

/// <summary>
/// One address for all nodes: forwards each request to the nearest ready node, streaming both ways. Another node is tried only when the
/// request was certainly not sent, or doing it twice is doing it once.
/// </summary>
public sealed class FrontDoor : IAsyncDisposable
{
    /// <summary>Which node the request was forwarded to.</summary>
    public const string ForwardedHeader = "Geo-Forwarded-To";

    private readonly FrontDoorHealth _health;
    private readonly HttpMessageInvoker _client = new(new SocketsHttpHandler
    {
        UseProxy = false,
        UseCookies = false,
        AllowAutoRedirect = false,
        ActivityHeadersPropagator = null,
        ConnectTimeout = TimeSpan.FromSeconds(1),
        PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30),
    });

    private HttpPort? _port;

    private FrontDoor(FrontDoorHealth health) => _health = health;

    /// <summary>Takes requests on a port that was taken.</summary>
    public static async Task<FrontDoor> StartAsync(DemoCluster cluster, DemoOptions options, Socket listener)
    {
        var door = new FrontDoor(new(cluster, options.FrontRegion));
        door._port = await HttpPort.StartAsync(listener, static services => services.AddRouting(), app => door.Map(app, cluster));
        return door;
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        if (_port is not null)
        {
            _port.Die();
            await _port.DisposeAsync();
        }

        await _health.DisposeAsync();
        _client.Dispose();
    }

    private void Map(WebApplication app, DemoCluster cluster)
    {
        app.MapGet("/livez", static () => Results.Text("ok"));
        app.MapGet("/readyz", (Delegate)ReadyAsync);
        cluster.Faults.Map(app);
        app.MapFallback("{**path}", ForwardAsync);
    }

    private async Task<IResult> ReadyAsync(HttpContext http)
    {
        var (ready, reasons) = await _health.ReadyAsync();
        http.Response.Headers.CacheControl = "no-store";
        return new JsonAnswer<ReadinessView>(
            ready ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable, new(ready, reasons),
            GeoJsonContext.Default.ReadinessView, ResponseMeta.Local());
    }

    private async Task ForwardAsync(HttpContext http)
    {
        if (http.Request.ContentLength > JsonBody.BatchBytesMax)
        {
            await new GeoProblem(Refusal.BodyTooLarge(JsonBody.BatchBytesMax)).ExecuteAsync(http);
            return;
        }

        var body = await ForwardedBody.ReadAsync(http.Request);
        foreach (var backend in _health.Ranked().ToArray())
        {
            switch (await TryAsync(http, backend, body))
            {
                case Attempt.Answered:
                    return;
                case Attempt.Sent when !body.MayRepeat:
                    await Problem(GeoErrorKind.OutcomeUnknown, "node-lost", $"{backend.Node.Record.Name} was lost before it answered.")
                        .ExecuteAsync(http);
                    return;
            }
        }

        await Problem(GeoErrorKind.RegionUnavailable, "no-node", "No node takes requests now.").ExecuteAsync(http);
    }

    private async Task<Attempt> TryAsync(HttpContext http, Backend backend, ForwardedBody body)
    {
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(
            http.RequestAborted, body.MayRepeat ? backend.Lost : CancellationToken.None);
        using var request = Copy(http, backend, body);
        HttpResponseMessage response;
        try
        {
            response = await _client.SendAsync(request, cancel.Token);
        }
        catch (HttpRequestException failed) when (failed.HttpRequestError == HttpRequestError.ConnectionError && !body.IsStarted)
        {
            return Attempt.NotSent;
        }
        catch (Exception failed) when (failed is HttpRequestException or OperationCanceledException
            && !http.RequestAborted.IsCancellationRequested)
        {
            return Attempt.Sent;
        }

        using (response)
        {
            http.Response.StatusCode = (int)response.StatusCode;
            Copy(response.Headers, http.Response.Headers);
            Copy(response.Content.Headers, http.Response.Headers);
            http.Response.Headers[ForwardedHeader] = backend.Node.Record.Name;
            await response.Content.CopyToAsync(http.Response.Body, http.RequestAborted);
        }

        return Attempt.Answered;
    }

    private static HttpRequestMessage Copy(HttpContext http, Backend backend, ForwardedBody body)
    {
        // A key may hold %2F and dots: the target goes on as it came.
        var raw = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        var target = raw.StartsWith('/') ? raw : http.Request.Path + http.Request.QueryString.ToString();
        var options = new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true };
        var address = new Uri(backend.Node.Address.GetLeftPart(UriPartial.Authority) + target, options);
        var request = new HttpRequestMessage(new(http.Request.Method), address)
        {
            Content = body.ToContent(),
        };
        foreach (var (name, values) in http.Request.Headers)
        {
            if (!IsHopByHop(name) && name != HeaderNames.Host
                && !request.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values))
            {
                request.Content?.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values);
            }
        }

        return request;
    }

    private static void Copy(System.Net.Http.Headers.HttpHeaders from, IHeaderDictionary to)
    {
        foreach (var (name, values) in from.NonValidated)
        {
            if (!IsHopByHop(name))
            {
                to[name] = values.ToArray();
            }
        }
    }

    // RFC 9110 §7.6.1.
    private static bool IsHopByHop(string name) => name.ToUpperInvariant() is
        "CONNECTION" or "KEEP-ALIVE" or "PROXY-CONNECTION" or "TE" or "TRAILER" or "TRANSFER-ENCODING" or "UPGRADE";

    private static GeoProblem Problem(GeoErrorKind kind, string code, string detail) => new(new GeoError(kind, code, detail));

    private enum Attempt
    {
        Answered,
        NotSent,
        Sent,
    }
}
