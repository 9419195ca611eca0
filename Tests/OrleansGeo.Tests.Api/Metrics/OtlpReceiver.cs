using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace OrleansGeo.Tests.Api.Metrics;

/// <summary>A collector for OTLP over HTTP that knows of the format where names stand: enough to see what arrives.</summary>
public sealed class OtlpReceiver : IAsyncDisposable
{
    private readonly WebApplication _app;

    private OtlpReceiver(WebApplication app)
    {
        _app = app;
        app.MapPost("/v1/metrics", (HttpContext http) => TakeAsync(http, Metrics, 1));
        app.MapPost("/v1/traces", (HttpContext http) => TakeAsync(http, Spans, 5));
    }

    public ConcurrentDictionary<string, int> Metrics { get; } = new(StringComparer.Ordinal);

    public ConcurrentDictionary<string, int> Spans { get; } = new(StringComparer.Ordinal);

    /// <summary>Attributes of the resources.</summary>
    public ConcurrentDictionary<string, int> Attributes { get; } = new(StringComparer.Ordinal);

    /// <summary>Nodes whose round trips arrived.</summary>
    public ConcurrentDictionary<string, int> Nodes { get; } = new(StringComparer.Ordinal);

    public Uri Address => new(_app.Urls.First());

    public static async Task<OtlpReceiver> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Logging.ClearProviders();
        var receiver = new OtlpReceiver(builder.Build());
        await receiver._app.StartAsync();
        return receiver;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    // A request is resources (1), each with what it is (1) and scopes (2), each with what it is (1) and metrics or spans (2), whose names
    // are field 1 or 5.
    private async Task TakeAsync(HttpContext http, ConcurrentDictionary<string, int> names, int nameField)
    {
        Assert.Equal("application/x-protobuf", http.Request.ContentType);
        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body);
        foreach (var resource in Fields(body.ToArray(), 1))
        {
            Count(Attributes, Fields(resource, 1).SelectMany(static what => Fields(what, 1)).Select(Pair));
            foreach (var one in Fields(resource, 2).SelectMany(static scope => Fields(scope, 2)))
            {
                var name = Encoding.UTF8.GetString(Fields(one, nameField).Single());
                Count(names, [name]);
                if (name == "orleansgeo.peer.rtt")
                {
                    // A gauge (5) has points (1), each with attributes (7).
                    var points = Fields(one, 5).SelectMany(static gauge => Fields(gauge, 1)).SelectMany(static point => Fields(point, 7));
                    Count(Nodes, points.Select(Pair).Where(static pair => pair.StartsWith("node=", StringComparison.Ordinal))
                        .Select(static pair => pair["node=".Length..]));
                }
            }
        }
    }

    private static void Count(ConcurrentDictionary<string, int> counts, IEnumerable<string> names)
    {
        foreach (var name in names)
        {
            counts.AddOrUpdate(name, 1, static (_, count) => count + 1);
        }
    }

    // An attribute is a key (1) and a value (2); a value that is a text holds it in field 1.
    private static string Pair(byte[] pair) =>
        $"{Encoding.UTF8.GetString(Fields(pair, 1).Single())}="
        + Encoding.UTF8.GetString(Fields(Fields(pair, 2).Single(), 1).FirstOrDefault() ?? []);

    private static IEnumerable<byte[]> Fields(byte[] message, int field) =>
        Wire(message)?.GetValueOrDefault(field) ?? Enumerable.Empty<byte[]>();

    // The fields of a message that are themselves bytes; null for bytes that are no message.
    private static Dictionary<int, List<byte[]>>? Wire(byte[] message)
    {
        var fields = new Dictionary<int, List<byte[]>>();
        for (var at = 0; at < message.Length;)
        {
            if (Varint(message, ref at) is not { } tag)
            {
                return null;
            }

            switch (tag & 7)
            {
                case 0 when Varint(message, ref at) is not null:
                    break;
                case 1:
                    at += 8;
                    break;
                case 5:
                    at += 4;
                    break;
                case 2 when Varint(message, ref at) is { } length && at + length <= message.Length:
                    if (!fields.TryGetValue((int)(tag >> 3), out var values))
                    {
                        fields.Add((int)(tag >> 3), values = []);
                    }

                    values.Add(message[at..(at + (int)length)]);
                    at += (int)length;
                    break;
                default:
                    return null;
            }
        }

        return fields;
    }

    private static long? Varint(byte[] message, ref int at)
    {
        var value = 0L;
        for (var shift = 0; shift < 64 && at < message.Length; shift += 7)
        {
            var next = message[at++];
            value |= (long)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }

        return null;
    }
}
