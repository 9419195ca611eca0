using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace OrleansGeo.Api.Demo;

/// <summary>How a request ended, as its client can tell.</summary>
public enum ReplyKind
{
    /// <summary>It was carried out.</summary>
    Acknowledged,

    /// <summary>It was certainly not carried out.</summary>
    Failed,

    /// <summary>It may have been carried out.</summary>
    Unknown,
}

/// <summary>What came back; status 0 when nothing did.</summary>
public sealed record DemoReply(ReplyKind Kind, int Status, string Body, string? ServedBy)
{
    /// <summary>The body.</summary>
    public JsonElement Json => JsonElement.Parse(Body);
}

/// <summary>A REST client that knows failed from unknown.</summary>
public sealed class DemoClient : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler
    {
        UseProxy = false,
        AllowAutoRedirect = false,
        ActivityHeadersPropagator = null,
        ConnectTimeout = TimeSpan.FromSeconds(1),
    })
    {
        Timeout = Timeout.InfiniteTimeSpan,
    };

    private const int CreateAttempts = 10;
    private static readonly TimeSpan s_createAgain = TimeSpan.FromSeconds(1);

    /// <summary>Sends a request. Waits a little longer than the node is told to, so that the node's own answer comes first.</summary>
    public async Task<DemoReply> SendAsync(
        HttpMethod method, Uri node, string path, string? json, TimeSpan timeout, CancellationToken stop,
        params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, new Uri(node, path));
        request.Headers.Add("Geo-Timeout-Ms", ((long)timeout.TotalMilliseconds).ToString());
        foreach (var (name, value) in headers)
        {
            request.Headers.Add(name, value);
        }

        if (json is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(json));
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }

        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(stop);
        deadline.CancelAfter(timeout + TimeSpan.FromMilliseconds(500));
        try
        {
            using var response = await _http.SendAsync(request, deadline.Token);
            var body = await response.Content.ReadAsStringAsync(deadline.Token);
            var servedBy = response.Headers.TryGetValues("Geo-Served-By", out var values) ? string.Join(',', values) : null;
            return new(KindOf((int)response.StatusCode), (int)response.StatusCode, body, servedBy);
        }
        catch (HttpRequestException refused) when (refused.HttpRequestError == HttpRequestError.ConnectionError)
        {
            return new(ReplyKind.Failed, 0, refused.Message, null);
        }
        catch (Exception lost) when (lost is HttpRequestException or IOException
            || (lost is OperationCanceledException && !stop.IsCancellationRequested))
        {
            return new(ReplyKind.Unknown, 0, lost.Message, null);
        }
    }

    /// <summary>Sends the same request every 20 ms until it is carried out.</summary>
    /// <exception cref="DemoFailedException">It was not within a minute, or never will be.</exception>
    public async Task<DemoReply> InsistAsync(
        HttpMethod method, Uri node, string path, string? json, CancellationToken stop, params (string Name, string Value)[] headers)
    {
        for (var attempt = 0; ; attempt++)
        {
            var reply = await SendAsync(method, node, path, json, TimeSpan.FromSeconds(10), stop, headers);
            if (reply.Kind == ReplyKind.Acknowledged)
            {
                return reply;
            }

            if (attempt == 3_000 || reply.Status is >= 400 and < 500 and not 404 and not 409 and not 429)
            {
                throw new DemoFailedException($"{method} {new Uri(node, path)} answered {reply.Status}: {reply.Body}");
            }

            await Task.Delay(LoadLoop.RetryAfter, stop);
        }
    }

    /// <summary>Creates something, or finds that it is there already. Whether a failed attempt made it is no matter.</summary>
    /// <exception cref="DemoFailedException">It cannot be, or was not in a few attempts.</exception>
    public async Task CreateAsync(Uri node, string path, string json, CancellationToken stop)
    {
        for (var attempt = 1; ; attempt++)
        {
            var reply = await SendAsync(HttpMethod.Post, node, path, json, TimeSpan.FromSeconds(30), stop);
            if (reply.Kind == ReplyKind.Acknowledged || reply.Status == 409)
            {
                return;
            }

            if (attempt == CreateAttempts || reply.Status is >= 400 and < 500)
            {
                throw new DemoFailedException($"POST {new Uri(node, path)} answered {reply.Status}: {reply.Body}");
            }

            await Task.Delay(s_createAgain, stop);
        }
    }

    /// <inheritdoc />
    public void Dispose() => _http.Dispose();

    // A 500 is a bug, and says nothing of what was done.
    private static ReplyKind KindOf(int status) => status switch
    {
        < 400 => ReplyKind.Acknowledged,
        < 500 or 503 => ReplyKind.Failed,
        _ => ReplyKind.Unknown,
    };
}

/// <summary>A load or script met what it cannot go on from; the message is for the user.</summary>
public sealed class DemoFailedException(string message) : Exception(message);
