namespace OrleansGeo.Tables.Gateways;

/// <summary>Which region's nodes a client is connected to.</summary>
public sealed record RegionGatewayOptions
{
    /// <summary>
    /// The client's own region, then those to fall back to, in this order. Regions that are not named come after them, the nearest first;
    /// with none named, the client's region is the nearest one. Near is what answered a connection soonest.
    /// </summary>
    public IList<string> Regions { get; } = [];

    /// <summary>How often it is looked whether the region answers, and whether a better one is back.</summary>
    public TimeSpan CheckPeriod { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a node may take to accept a connection before it counts as one that does not answer.</summary>
    public TimeSpan AnswerTimeout { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>What cannot be, or null.</summary>
    public string? Wrong() =>
        CheckPeriod <= TimeSpan.Zero || AnswerTimeout <= TimeSpan.Zero
            ? $"{nameof(CheckPeriod)} and {nameof(AnswerTimeout)} are above zero"
            : Regions.Any(string.IsNullOrWhiteSpace) ? "a region has a name"
            : Regions.Distinct(StringComparer.Ordinal).Count() < Regions.Count ? "a region is named once"
            : null;
}
