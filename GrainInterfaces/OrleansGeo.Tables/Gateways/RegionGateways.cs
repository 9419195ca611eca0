namespace OrleansGeo.Tables.Gateways;

/// <summary>Opens a connection to a gateway: how long it took, or null when it was not accepted before the token ended it.</summary>
internal delegate Task<TimeSpan?> GatewayProbe(Uri gateway, CancellationToken cancellation);

/// <summary>What a client is to use: gateways, and the region they are of; no region while none is known, or none answers.</summary>
internal sealed record GatewayChoice(IReadOnlyList<Uri> Gateways, string? Region);

/// <summary>
/// Of all gateways of a cluster, those that a client is to use now: the ones of the first region, in the client's order, of which any
/// gateway accepts a connection.
/// <para>
/// <b>Nobody is stranded.</b> A choice takes four times the answer timeout at most, and is made anew at every check. A region of which no
/// gateway answers is passed over at the next check, and taken again at the first at which one does. When no region answers, the choice is
/// every gateway, which is what a client without regions has.
/// </para>
/// <para>
/// <b>No storm.</b> While the client's region answers, a check is at most <see cref="ProbesMax"/> connections to it; only when none of them
/// is accepted are its other gateways asked, and the other regions. How far a region is, is measured a few times and then known.
/// </para>
/// One choice at a time; what is learned meanwhile counts from the next.
/// </summary>
internal sealed class RegionGateways(RegionGatewayOptions options, GatewayProbe probe, TimeProvider time)
{
    /// <summary>How many gateways of a region are asked before all of them are.</summary>
    public const int ProbesMax = 3;

    // The least of a few is not far from the distance, whatever else the machine did meanwhile; and an order that stands does not make
    // clients move to and fro between two regions that are equally near.
    private const int MeasurementsMax = 3;

    private readonly Dictionary<string, (int Times, TimeSpan Least)> _distances = new(StringComparer.Ordinal);
    private volatile IReadOnlyDictionary<string, string>? _regions;

    /// <summary>Takes in which region each gateway is of, by the gateway's authority, HOST:PORT.</summary>
    public void Learn(IReadOnlyDictionary<string, string> regions) => _regions = regions;

    /// <summary>The gateways of which no region is known.</summary>
    public IEnumerable<Uri> Unknown(IEnumerable<Uri> gateways) =>
        gateways.Where(gateway => _regions?.ContainsKey(gateway.Authority) != true);

    /// <summary>Chooses among these.</summary>
    public async Task<GatewayChoice> ChooseAsync(IReadOnlyList<Uri> gateways)
    {
        if (_regions is not { } known)
        {
            // One is enough to ask it for the regions, and the nearest is most likely of the client's own.
            return await FirstAsync(gateways) is { } nearest ? new([nearest.Gateway], null) : new(gateways, null);
        }

        var regions = gateways
            .Where(gateway => known.ContainsKey(gateway.Authority))
            .GroupBy(gateway => known[gateway.Authority], StringComparer.Ordinal)
            .ToDictionary(static region => region.Key, static region => region.ToList(), StringComparer.Ordinal);
        await MeasureAsync(regions);
        var ordered = regions.Keys
            .OrderBy(PositionOf)
            .ThenBy(region => _distances.TryGetValue(region, out var distance) ? distance.Least : TimeSpan.MaxValue)
            .ThenBy(static region => region, StringComparer.Ordinal)
            .ToList();
        return await AnsweringAsync(ordered, regions) is { } chosen
            ? new(regions[chosen], chosen)
            : new(gateways, null);
    }

    // Beyond the first all are asked at once: otherwise each lost region would add its wait.
    private async Task<string?> AnsweringAsync(List<string> ordered, Dictionary<string, List<Uri>> regions)
    {
        if (ordered.Count == 0)
        {
            return null;
        }

        if (await AnyAsync(regions[ordered[0]]) is not null)
        {
            return ordered[0];
        }

        var others = ordered.Skip(1).ToList();
        var answers = await Task.WhenAll(others.Select(region => FirstAsync(regions[region])));
        return others.Where((_, i) => answers[i] is not null).FirstOrDefault();
    }

    private async Task MeasureAsync(Dictionary<string, List<Uri>> regions)
    {
        if (regions.Count < 2)
        {
            return;
        }

        var asked = regions.Keys
            .Where(region => !options.Regions.Contains(region) && _distances.GetValueOrDefault(region).Times < MeasurementsMax)
            .ToList();
        var answers = await Task.WhenAll(asked.Select(region => FirstAsync(Some(regions[region]))));
        foreach (var (region, answer) in asked.Zip(answers))
        {
            if (answer is { } measured)
            {
                var (times, least) = _distances.GetValueOrDefault(region, (0, TimeSpan.MaxValue));
                _distances[region] = (times + 1, measured.Took < least ? measured.Took : least);
            }
        }
    }

    private async Task<(Uri Gateway, TimeSpan Took)?> AnyAsync(List<Uri> gateways)
    {
        var some = Some(gateways).ToList();
        return await FirstAsync(some) ?? (some.Count < gateways.Count ? await FirstAsync(gateways.Skip(ProbesMax)) : null);
    }

    private static IEnumerable<Uri> Some(List<Uri> gateways) => gateways.Take(ProbesMax);

    // The first to answer; the others are given up then.
    private async Task<(Uri Gateway, TimeSpan Took)?> FirstAsync(IEnumerable<Uri> gateways)
    {
        using var timeout = new CancellationTokenSource(options.AnswerTimeout, time);
        var asked = gateways.ToDictionary(gateway => probe(gateway, timeout.Token));
        (Uri, TimeSpan)? first = null;
        await foreach (var answered in Task.WhenEach(asked.Keys))
        {
            if (first is null && await answered is { } took)
            {
                first = (asked[answered], took);
                await timeout.CancelAsync();
            }
        }

        return first;
    }

    private int PositionOf(string region) => options.Regions.IndexOf(region) is >= 0 and var at ? at : int.MaxValue;
}
