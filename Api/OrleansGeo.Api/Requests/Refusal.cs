using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;

namespace OrleansGeo.Api.Requests;

/// <summary>The refusals that the edge makes itself, before the store is asked.</summary>
public static class Refusal
{
    /// <summary>400: not well formed.</summary>
    public static GeoError Malformed(string? field, string code, string detail) => new(GeoErrorKind.Invalid, code, detail, field);

    /// <summary>422: well formed, and wrong.</summary>
    public static GeoError Wrong(string? field, string code, string detail) => new(GeoErrorKind.Unprocessable, code, detail, field);

    /// <summary>422: understood, and not offered.</summary>
    public static GeoError NotSupported(string field, string detail) => Wrong(field, "not-supported", detail);

    /// <summary>413.</summary>
    public static GeoError BodyTooLarge(long bytesMax) =>
        new(GeoErrorKind.TooLarge, "body-too-large", $"The body is over {bytesMax.ToString(CultureInfo.InvariantCulture)} bytes.", "body");

    /// <summary>400, with where the text stops being JSON.</summary>
    public static GeoError NotJson(JsonException why)
    {
        var line = ((why.LineNumber ?? 0) + 1).ToString(CultureInfo.InvariantCulture);
        var position = ((why.BytePositionInLine ?? 0) + 1).ToString(CultureInfo.InvariantCulture);
        var facts = ImmutableSortedDictionary<string, string>.Empty.Add("line", line).Add("position", position);
        return new(GeoErrorKind.Invalid, "malformed-json", $"The body is not JSON: line {line}, byte {position}.", "body", Facts: facts);
    }
}
