using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace OrleansGeo.Api.Answers;

/// <summary>
/// Writes JSON answers without reflection: rendered into a buffer of the thread, so that the length is known and one write sends it.
/// </summary>
public static class JsonBuffer
{
    // A page may be 4 MiB; a buffer grown for one is not kept for a thread's life.
    private const int KeptBytesMax = 64 * 1024;

    /// <summary>How answers are written. Nothing is escaped for HTML: the media type is JSON and says nosniff.</summary>
    public static JsonWriterOptions WriterOptions { get; } = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    };

    [ThreadStatic]
    private static (ArrayBufferWriter<byte> Buffer, Utf8JsonWriter Writer)? s_kept;

    /// <summary>Sends what <paramref name="write"/> writes. It must not wait.</summary>
    public static Task SendAsync<TState>(HttpResponse response, string contentType, TState state, Action<Utf8JsonWriter, TState> write)
    {
        var (buffer, writer) = s_kept ?? Make();
        s_kept = null;
        write(writer, state);
        writer.Flush();

        response.ContentType = contentType;
        response.ContentLength = buffer.WrittenCount;
        response.Headers.XContentTypeOptions = "nosniff";
        response.BodyWriter.Write(buffer.WrittenSpan);
        if (buffer.Capacity <= KeptBytesMax)
        {
            buffer.ResetWrittenCount();
            writer.Reset();
            s_kept = (buffer, writer);
        }

        var flushed = response.BodyWriter.FlushAsync(response.HttpContext.RequestAborted);
        return flushed.IsCompletedSuccessfully ? Task.CompletedTask : flushed.AsTask();
    }

    private static (ArrayBufferWriter<byte> Buffer, Utf8JsonWriter Writer) Make()
    {
        var buffer = new ArrayBufferWriter<byte>(4096);
        return (buffer, new Utf8JsonWriter(buffer, WriterOptions));
    }
}
