using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;
using System.Text.Json;
using System.Text.Unicode;
using Microsoft.Net.Http.Headers;

namespace OrleansGeo.Api.Requests;

/// <summary>A request's body as JSON, parsed where the server buffered it. Dispose it when the values are read.</summary>
public sealed class JsonBody : IDisposable
{
    /// <summary>A row of 1 MiB, each byte of it as an escape of six.</summary>
    public const long RowBytesMax = (6 * GeoLimits.RowBytesMax) + 65_536;

    /// <summary>Many rows in one call.</summary>
    public const long BatchBytesMax = 16 * 1024 * 1024;

    /// <summary>Anything else.</summary>
    public const long SpecBytesMax = 1024 * 1024;

    // A JSON column may be 64 deep and stands inside a batch: writes, write, row.
    private static readonly JsonDocumentOptions s_options = new() { MaxDepth = 72 };

    private readonly JsonDocument? _document;

    private JsonBody(JsonDocument? document, GeoError? error, int status)
    {
        _document = document;
        Error = error;
        Status = status;
    }

    /// <summary>Why there is no document.</summary>
    public GeoError? Error { get; }

    /// <summary>415 for a body of another type, else 0.</summary>
    public int Status { get; }

    /// <summary>True when the body was empty and that was allowed.</summary>
    public bool IsEmpty => _document is null && Error is null;

    /// <summary>True when it was read, or was empty where that is allowed.</summary>
    [MemberNotNullWhen(false, nameof(Error))]
    public bool IsOk => Error is null;

    /// <summary>The value.</summary>
    public JsonElement Root => _document!.RootElement;

    /// <summary>Reads the body.</summary>
    public static async ValueTask<JsonBody> ReadAsync(HttpContext http, long bytesMax, bool allowEmpty = false, bool allowPatch = false)
    {
        if (http.Request.ContentLength > bytesMax)
        {
            return new(null, Refusal.BodyTooLarge(bytesMax), 0);
        }

        if (http.Request.ContentType is { } type && !IsJson(type, allowPatch))
        {
            var allowed = allowPatch ? "application/merge-patch+json or application/json" : "application/json";
            return new(
                null, Refusal.Malformed("Content-Type", "unsupported-media-type", $"A body is {allowed} in UTF-8, not {type}."), 415);
        }

        var reader = http.Request.BodyReader;
        while (true)
        {
            var read = await reader.ReadAsync(http.RequestAborted);
            if (read.Buffer.Length > bytesMax)
            {
                reader.AdvanceTo(read.Buffer.End);
                return new(null, Refusal.BodyTooLarge(bytesMax), 0);
            }

            if (read.IsCompleted)
            {
                return Parse(reader, read.Buffer, allowEmpty);
            }

            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    /// <inheritdoc />
    public void Dispose() => _document?.Dispose();

    private static JsonBody Parse(PipeReader reader, ReadOnlySequence<byte> buffer, bool allowEmpty)
    {
        try
        {
            if (buffer.IsEmpty)
            {
                return new(
                    null, allowEmpty ? null : Refusal.Malformed("body", "body-expected", "A JSON body is expected and there is none."), 0);
            }

            // The document keeps what it parsed, and the server takes its buffer back: one copy, which most bodies need anyway.
            var bytes = buffer.ToArray();
            return Utf8.IsValid(bytes)
                ? new(JsonDocument.Parse(bytes, s_options), null, 0)
                : new(null, Refusal.Malformed("body", "not-utf8", "The body is not UTF-8."), 0);
        }
        catch (JsonException why)
        {
            return new(null, Refusal.NotJson(why), 0);
        }
        finally
        {
            reader.AdvanceTo(buffer.End);
        }
    }

    private static bool IsJson(string contentType, bool allowPatch)
    {
        if (string.Equals(contentType, "application/json", StringComparison.Ordinal))
        {
            return true;
        }

        if (!MediaTypeHeaderValue.TryParse(contentType, out var type))
        {
            return false;
        }

        var isJson = type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
            || (allowPatch && type.MediaType.Equals("application/merge-patch+json", StringComparison.OrdinalIgnoreCase));
        return isJson && (!type.Charset.HasValue || type.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase));
    }
}
