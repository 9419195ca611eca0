using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Messaging;
using Orleans.Runtime;
using OrleansGeo.GrainInterfaces;
using OrleansGeo.Tables.Gateways;

namespace OrleansGeo.Sdk.Gateways;

/// <summary>
/// The gateways of the client's region, out of those that the configured clustering lists.
/// <para>
/// <b>Where the regions come from.</b> No list of gateways that Orleans has names regions, and a client has no other way to the membership.
/// The cluster itself knows: a silo is called like its node, the membership names each silo's gateway, and the system tables each node's
/// region. So a client connects to the gateway that answers first, one alone, and asks that one before it is said to be started. It asks
/// again when the list is another, and once a minute while it knows nothing of some gateway. Labels written into the membership would be
/// one question less, but Orleans' own provider has no place for them, and a label that is kept twice can be wrong once.
/// </para>
/// <para>
/// <b>When Orleans listens.</b> It asks for the list at each check, and at once when none of the gateways that it was given is left, which
/// it notices by connections that break. So a region whose processes die is left at once; one that is cut off while its connections stay
/// open is left at the next check. Connections to gateways that are no longer on the list are closed. A call that waited for an answer on
/// one is repeated by the <see cref="Tables.GeoClient"/> after its attempt's time, and made once.
/// </para>
/// <para>
/// <b>Without the clustering's database</b> the last list stays, and what is chosen from it goes on being looked at.
/// </para>
/// </summary>
internal sealed partial class RegionGatewayListProvider(
    IGatewayListProvider listed,
    RegionGatewayOptions options,
    GatewayProbe probe,
    IServiceProvider services,
    TimeProvider time,
    ILogger<RegionGatewayListProvider> log) : IGatewayListProvider, ILifecycleParticipant<IClusterClientLifecycle>, IDisposable
{
    // The clustering is not asked more often than Orleans itself would.
    private static readonly TimeSpan s_listPeriod = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan s_learnTimeout = TimeSpan.FromSeconds(5);

    private readonly RegionGateways _regions = new(options, probe, time);
    private readonly SemaphoreSlim _turn = new(1);
    private readonly CancellationTokenSource _stopped = new();
    private IReadOnlyList<Uri> _gateways = [];
    private long _listedAt;
    private GatewayChoice _choice = new([], null);
    private IReadOnlyList<Uri> _askedFor = [];
    private long _askedAt;
    private bool _isConnected;
    private Task _learning = Task.CompletedTask;

    /// <inheritdoc />
    public TimeSpan MaxStaleness => options.CheckPeriod;

    /// <inheritdoc />
    [Obsolete("Orleans no longer asks: every provider's list is refreshed")]
    public bool IsUpdatable => true;

// Newer versions of Orleans have twins of these methods that take a token. The old ones are what every version has.
#pragma warning disable CS0618
    /// <inheritdoc />
    public Task InitializeGatewayListProvider() => listed.InitializeGatewayListProvider();

    private Task<IList<Uri>> AskListAsync() => listed.GetGateways();
#pragma warning restore CS0618

    /// <inheritdoc />
    public async Task<IList<Uri>> GetGateways()
    {
        await _turn.WaitAsync(_stopped.Token);
        try
        {
            await ListAsync();
            var choice = await _regions.ChooseAsync(_gateways);
            if (choice.Region != _choice.Region)
            {
                RegionChosen(log, choice.Region ?? "any", choice.Gateways.Count);
            }

            _choice = choice;
            if (_isConnected && _learning.IsCompleted)
            {
                _learning = LearnAsync();
            }

            return [.. choice.Gateways];
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <inheritdoc />
    public void Participate(IClusterClientLifecycle lifecycle) => lifecycle.Subscribe(
        nameof(RegionGatewayListProvider),
        ServiceLifecycleStage.Active,
        async _ =>
        {
            _isConnected = true;
            await (_learning = LearnAsync());
        },
        async _ =>
        {
            _isConnected = false;
            await _stopped.CancelAsync();
            await _learning;
        });

    public void Dispose()
    {
        _stopped.Dispose();
        _turn.Dispose();
    }

    private async Task ListAsync()
    {
        // Of a region that does not answer the silos may be back elsewhere.
        var isFirst = _choice.Region is { } region && (options.Regions.Count == 0 || region == options.Regions[0]);
        if (_gateways.Count > 0 && isFirst && time.GetElapsedTime(_listedAt) < s_listPeriod)
        {
            return;
        }

        try
        {
            _gateways = [.. await AskListAsync()];
            _listedAt = time.GetTimestamp();
        }
        catch (Exception failure) when (_gateways.Count > 0)
        {
            ListFailed(log, failure);
        }
    }

    private async Task LearnAsync()
    {
        var gateways = _gateways;
        var isNew = !gateways.ToHashSet().SetEquals(_askedFor);
        if (!isNew && (!_regions.Unknown(gateways).Any() || time.GetElapsedTime(_askedAt) < s_listPeriod))
        {
            return;
        }

        try
        {
            // Apart from Orleans' own caller, which waits for the choice and not for this.
            await Task.Yield();
            _regions.Learn(await AskRegionsAsync());
            (_askedFor, _askedAt) = (gateways, time.GetTimestamp());
            if (isNew && _regions.Unknown(gateways).ToList() is { Count: > 0 } unknown)
            {
                RegionsUnknown(log, string.Join(", ", unknown.Select(static gateway => gateway.Authority)));
            }
        }
        catch (Exception failure)
        {
            // Asked again at the next check.
            if (!_stopped.IsCancellationRequested)
            {
                RegionsNotLearned(log, failure);
            }
        }
    }

    private async Task<IReadOnlyDictionary<string, string>> AskRegionsAsync()
    {
        var grains = services.GetRequiredService<IGrainFactory>();
        var silos = await grains.GetGrain<IManagementGrain>(0).GetDetailedHosts(onlyActive: true)
            .WaitAsync(s_learnTimeout, time, _stopped.Token);
        var nodes = await new GrainGeoStore(grains).ListNodesAsync(new(s_learnTimeout), _stopped.Token)
            .WaitAsync(s_learnTimeout, time, _stopped.Token);
        if (!nodes.IsOk)
        {
            throw new OrleansException($"The nodes cannot be listed: {nodes.Error.Detail}");
        }

        var regions = nodes.Value.Items.ToDictionary(static node => node.Name, static node => node.Region, StringComparer.Ordinal);
        return silos
            .Where(silo => silo.ProxyPort > 0 && regions.ContainsKey(silo.SiloName))
            .GroupBy(static silo => new IPEndPoint(silo.SiloAddress.Endpoint.Address, silo.ProxyPort).ToString())
            .ToDictionary(static gateway => gateway.Key, gateway => regions[gateway.Last().SiloName], StringComparer.Ordinal);
    }

    [LoggerMessage(1, LogLevel.Information, "The gateways used are those of region {Region}, {Count} of them")]
    private static partial void RegionChosen(ILogger logger, string region, int count);

    [LoggerMessage(2, LogLevel.Warning, "The clustering does not list its gateways; those known before are used")]
    private static partial void ListFailed(ILogger logger, Exception failure);

    [LoggerMessage(3, LogLevel.Warning, "The regions of the gateways are not known yet; the cluster is asked again")]
    private static partial void RegionsNotLearned(ILogger logger, Exception failure);

    [LoggerMessage(
        4, LogLevel.Warning, "No node of the cluster has these gateways, so they are used only when no other answers: {Gateways}")]
    private static partial void RegionsUnknown(ILogger logger, string gateways);
}
