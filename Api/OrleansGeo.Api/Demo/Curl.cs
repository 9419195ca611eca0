namespace OrleansGeo.Api.Demo;

/// <summary>Requests as lines to paste into a shell.</summary>
public static class Curl
{
    /// <summary>The line that makes a request; more options go before the address.</summary>
    public static string Line(HttpMethod method, Uri node, string path, string? json, string options = "")
    {
        // Data makes curl post and no data makes it get; only another method is named.
        var verb = method == HttpMethod.Get || (method == HttpMethod.Post && json is not null) ? "" : $" -X {method}";
        var data = json is null ? "" : $" -H 'content-type: application/json' -d '{json}'";
        return $"curl -sS{verb} '{new Uri(node, path)}'{data}{options}";
    }
}
