using System.Globalization;

namespace OrleansGeo.Api.Answers;

/// <summary>What a request cost and who served it, as response headers; on errors too.</summary>
public static class MetaHeaders
{
    /// <summary>Sets the headers.</summary>
    public static void Write(HttpResponse response, ResponseMeta? meta)
    {
        var headers = response.Headers;
        if (meta is null)
        {
            // Refused before anybody was asked: nothing was read, nothing was paid.
            headers["Geo-Rtt"] = "0;ms=0";
            return;
        }

        headers["Geo-Effective-Consistency"] = meta.Consistency;
        if (meta.ReadTimestamp is { } timestamp)
        {
            headers["Geo-Read-Timestamp"] = timestamp.ToString();
            headers["Geo-Staleness-Ms"] = Millis(meta.StalenessMs);
        }

        if (meta.ServedBy is not null)
        {
            headers["Geo-Served-By"] = meta.ServedByRegion is null ? meta.ServedBy : $"{meta.ServedBy};region={meta.ServedByRegion}";
        }

        if (meta.Leaseholder is not null)
        {
            headers["Geo-Leaseholder"] = meta.Leaseholder;
        }

        var path = meta.WanPath.IsDefaultOrEmpty ? "" : ";path=" + string.Join(',', meta.WanPath);
        headers["Geo-Rtt"] = string.Create(CultureInfo.InvariantCulture, $"{meta.RoundTrips};ms={Millis(meta.ElapsedMs)}{path}");
        if (meta.Session is not null)
        {
            headers["Geo-Session"] = meta.Session;
        }
    }

    /// <summary>What two requests to the store cost one after the other; who served is said by the second.</summary>
    public static ResponseMeta Then(ResponseMeta first, ResponseMeta second) =>
        first.RoundTrips == 0 && first.WanPath.IsDefaultOrEmpty
            ? second
            : second with
            {
                RoundTrips = first.RoundTrips + second.RoundTrips,
                ElapsedMs = first.ElapsedMs + second.ElapsedMs,
                WanPath = [.. first.WanPath, .. second.WanPath],
            };

    private static string Millis(double value) => value.ToString("0.#", CultureInfo.InvariantCulture);
}
