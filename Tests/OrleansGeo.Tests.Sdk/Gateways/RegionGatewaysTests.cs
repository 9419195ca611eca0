using OrleansGeo.Tables.Gateways;

namespace OrleansGeo.Tests.Sdk.Gateways;

/// <summary>Which gateways a client uses, over a network that is a table.</summary>
public sealed class RegionGatewaysTests
{
    // Only what never answers is waited for, so it does not matter how long.
    private static readonly TimeSpan s_answerTimeout = TimeSpan.FromMilliseconds(10);

    private readonly Dictionary<string, TimeSpan> _distances = new(StringComparer.Ordinal);
    private readonly HashSet<string> _down = new(StringComparer.Ordinal);
    private readonly List<string> _asked = [];
    private readonly List<SortedSet<string>> _rounds = [];
    private int _waiting;

    [Fact]
    public async Task The_gateways_of_the_own_region_are_used_while_any_of_them_answers()
    {
        Region("eu", 3, 1);
        Region("us", 3, 80);
        var regions = Regions("eu");
        Assert.Equal("eu", (await ChooseAsync(regions)).Region);
        _down.UnionWith(["eu-0:1", "eu-1:1"]);
        Assert.Equal(["eu-0:1", "eu-1:1", "eu-2:1"], (await ChooseAsync(regions)).Gateways.Select(gateway => gateway.Authority));
    }

    [Fact]
    public async Task A_region_is_left_when_none_of_its_gateways_answers_and_taken_again_when_one_does()
    {
        Region("ap", 3, 150);
        Region("eu", 3, 1);
        Region("us", 3, 80);
        var regions = Regions("eu");
        Assert.Equal("eu", (await ChooseAsync(regions)).Region);
        Down("eu");
        Assert.Equal("us", (await ChooseAsync(regions)).Region);
        Down("us");
        Assert.Equal("ap", (await ChooseAsync(regions)).Region);
        _down.Remove("us-2:1");
        Assert.Equal("us", (await ChooseAsync(regions)).Region);
        _down.Remove("eu-1:1");
        Assert.Equal("eu", (await ChooseAsync(regions)).Region);
    }

    [Fact]
    public async Task Regions_that_are_named_go_before_those_that_are_nearer()
    {
        Region("ap", 1, 150);
        Region("eu", 1, 1);
        Region("us", 1, 80);
        var regions = Regions("eu", "ap");
        Down("eu");
        Assert.Equal("ap", (await ChooseAsync(regions)).Region);
        Down("ap");
        Assert.Equal("us", (await ChooseAsync(regions)).Region);
    }

    [Fact]
    public async Task Without_a_region_the_nearest_is_taken_and_one_slow_answer_does_not_change_it()
    {
        Region("eu", 2, 20);
        Region("us", 2, 80);
        var regions = Regions();
        Assert.Equal("eu", (await ChooseAsync(regions)).Region);
        Region("eu", 2, 200);
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal("eu", (await ChooseAsync(regions)).Region);
        }
    }

    [Fact]
    public async Task A_choice_ends_in_four_answer_timeouts_whatever_does_not_answer()
    {
        Region("ap", 5, 1);
        Region("eu", 5, 1);
        Region("us", 5, 1);
        Down("ap");
        Down("eu");
        Down("us");
        var choice = await Regions("eu").ChooseAsync(Gateways());
        Assert.Null(choice.Region);
        Assert.Equal(15, choice.Gateways.Count);

        // Some of the two regions whose distance is not known; some of the own, then all of it; and all of the others.
        Assert.Equal(["ap us", "eu", "eu", "ap us"], _rounds.Select(round => string.Join(' ', round.Order(StringComparer.Ordinal))));
    }

    [Fact]
    public async Task While_the_own_region_answers_a_check_asks_a_few_gateways_of_it_and_nobody_else()
    {
        Region("eu", 9, 1);
        Region("us", 9, 80);
        var regions = Regions("eu");
        for (var i = 0; i < 3; i++)
        {
            await ChooseAsync(regions);
        }

        _asked.Clear();
        await ChooseAsync(regions);
        Assert.Equal(["eu-0:1", "eu-1:1", "eu-2:1"], _asked);
    }

    [Fact]
    public async Task Before_the_regions_are_known_the_one_nearest_gateway_is_used()
    {
        Region("eu", 2, 20);
        Region("us", 2, 80);
        _down.UnionWith(_distances.Keys.Where(gateway => gateway != "eu-1:1"));
        var regions = new RegionGateways(Options(), ProbeAsync, TimeProvider.System);
        var choice = await ChooseAsync(regions);
        Assert.Equal("eu-1:1", Assert.Single(choice.Gateways).Authority);
        Assert.Null(choice.Region);
    }

    [Fact]
    public async Task Gateways_of_no_known_region_are_used_when_no_other_answers()
    {
        Region("eu", 1, 1);
        _distances["other:1"] = TimeSpan.Zero;
        var regions = new RegionGateways(Options(), ProbeAsync, TimeProvider.System);
        regions.Learn(new Dictionary<string, string> { ["eu-0:1"] = "eu" });
        Assert.Equal("eu-0:1", Assert.Single((await ChooseAsync(regions)).Gateways).Authority);
        Assert.Equal("other:1", Assert.Single(regions.Unknown(Gateways())).Authority);
        Down("eu");
        Assert.Equal(2, (await ChooseAsync(regions)).Gateways.Count);
        regions.Learn(new Dictionary<string, string>());
        Assert.Equal(2, (await ChooseAsync(regions)).Gateways.Count);
    }

    private RegionGateways Regions(params string[] named)
    {
        var regions = new RegionGateways(Options(named), ProbeAsync, TimeProvider.System);
        regions.Learn(_distances.Keys.ToDictionary(gateway => gateway, RegionOf));
        return regions;
    }

    private static RegionGatewayOptions Options(params string[] named)
    {
        var options = new RegionGatewayOptions { AnswerTimeout = s_answerTimeout };
        foreach (var region in named)
        {
            options.Regions.Add(region);
        }

        return options;
    }

    private static string RegionOf(string gateway) => gateway.Split('-')[0];

    private void Region(string name, int gateways, int distanceMs)
    {
        for (var i = 0; i < gateways; i++)
        {
            _distances[$"{name}-{i}:1"] = TimeSpan.FromMilliseconds(distanceMs);
        }
    }

    private void Down(string region) =>
        _down.UnionWith(_distances.Keys.Where(gateway => gateway.StartsWith(region, StringComparison.Ordinal)));

    private List<Uri> Gateways() => [.. _distances.Keys.Order(StringComparer.Ordinal).Select(gateway => new Uri($"gwy.tcp://{gateway}/0"))];

    private Task<GatewayChoice> ChooseAsync(RegionGateways regions) => regions.ChooseAsync(Gateways());

    // Probes that wait at one time are a round; who asks next has given them all up.
    private async Task<TimeSpan?> ProbeAsync(Uri gateway, CancellationToken cancellation)
    {
        _asked.Add(gateway.Authority);
        if (!_down.Contains(gateway.Authority))
        {
            return _distances[gateway.Authority];
        }

        if (Interlocked.Increment(ref _waiting) == 1)
        {
            _rounds.Add(new(StringComparer.Ordinal));
        }

        _rounds[^1].Add(RegionOf(gateway.Authority));
        var givenUp = new TaskCompletionSource();
        await using var registration = cancellation.Register(givenUp.SetResult);
        await givenUp.Task;
        Interlocked.Decrement(ref _waiting);
        return null;
    }
}
