using System.Net;
using Microsoft.Net.Http.Headers;

namespace OrleansGeo.Api.Demo;

/// <summary>The body of a request that is forwarded: kept when the request may be sent twice and is small, else streamed once.</summary>
public sealed class ForwardedBody
{
    // Rows are 1 MiB at most; what is larger is streamed, and sent once.
    private const int KeptBytesMax = 1024 * 1024;

    private readonly HttpRequest _request;
    private readonly byte[]? _kept;
    private readonly bool _hasContent;

    private ForwardedBody(HttpRequest request, byte[]? kept, bool hasContent, bool mayRepeat)
    {
        _request = request;
        _kept = kept;
        _hasContent = hasContent;
        MayRepeat = mayRepeat;
    }

    /// <summary>True when the request can be sent again after it may have been carried out.</summary>
    public bool MayRepeat { get; }

    /// <summary>True once a part of it went out.</summary>
    public bool IsStarted { get; private set; }

    /// <summary>Reads what has to be kept.</summary>
    public static async Task<ForwardedBody> ReadAsync(HttpRequest request)
    {
        var isIdempotent = IsIdempotent(request);
        var isEmpty = request.ContentLength == 0 || (request.ContentLength is null && request.Headers.TransferEncoding.Count == 0);
        if (isEmpty)
        {
            // Content, though empty, keeps the client from sending the request again by itself on a connection that broke.
            return new(request, [], !HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method), isIdempotent);
        }

        if (!isIdempotent || request.ContentLength is not { } length || length > KeptBytesMax)
        {
            return new(request, null, true, false);
        }

        var kept = new byte[length];
        await request.Body.ReadExactlyAsync(kept, request.HttpContext.RequestAborted);
        return new(request, kept, true, true);
    }

    /// <summary>The content of one attempt.</summary>
    public HttpContent? ToContent() => _hasContent ? new Content(this) : null;

    // A condition that held the first time does not hold the second: such a write is repeated only under an idempotency key.
    private static bool IsIdempotent(HttpRequest request) =>
        HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method) || HttpMethods.IsOptions(request.Method)
        || request.Headers.ContainsKey("Idempotency-Key")
        || ((HttpMethods.IsPut(request.Method) || HttpMethods.IsDelete(request.Method))
            && !request.Headers.ContainsKey(HeaderNames.IfMatch) && !request.Headers.ContainsKey(HeaderNames.IfNoneMatch));

    private sealed class Content(ForwardedBody body) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            body.IsStarted = true;
            if (body._kept is not null)
            {
                await stream.WriteAsync(body._kept);
            }
            else
            {
                await body._request.Body.CopyToAsync(stream);
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = body._kept?.Length ?? body._request.ContentLength ?? -1;
            return length >= 0;
        }
    }
}
