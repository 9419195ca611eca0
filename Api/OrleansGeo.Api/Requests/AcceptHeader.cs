using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace OrleansGeo.Api.Requests;

/// <summary><c>Accept</c> (RFC 9110 §12.5.1), for a server that has one form to offer.</summary>
public static class AcceptHeader
{
    /// <summary>True when JSON is acceptable; an Accept that cannot be read accepts everything, as none does.</summary>
    public static bool AllowsJson(StringValues accept)
    {
        if (accept.Count == 0 || (accept.Count == 1 && accept[0] is "*/*" or "application/json" or ""))
        {
            return true;
        }

        return !MediaTypeHeaderValue.TryParseList(accept, out var ranges) || Allows(ranges);
    }

    private static bool Allows(IList<MediaTypeHeaderValue> ranges)
    {
        // The most specific range that fits decides, so "application/json;q=0, */*" refuses JSON.
        (int Specificity, bool Allowed) best = (-1, false);
        foreach (var range in ranges)
        {
            var specificity = range.MediaType.Value switch
            {
                "*/*" => 0,
                var text when string.Equals(text, "application/*", StringComparison.OrdinalIgnoreCase) => 1,
                var text when string.Equals(text, "application/json", StringComparison.OrdinalIgnoreCase) => 2,
                _ => -1,
            };
            if (specificity > best.Specificity)
            {
                best = (specificity, range.Quality is not 0);
            }
        }

        return best.Allowed;
    }
}
