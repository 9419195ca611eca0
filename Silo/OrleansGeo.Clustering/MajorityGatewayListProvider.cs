using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Messaging;
using Orleans.Runtime;
using OrleansGeo.Membership;

namespace OrleansGeo.Clustering;

/// <summary>
/// The gateways of the active silos, read from the membership each time Orleans asks, once per refresh period. Without a majority of the
/// databases a call throws, and Orleans keeps the gateways it knows.
/// </summary>
public sealed class MajorityGatewayListProvider(MembershipRegister register, IOptions<GatewayOptions> options) : IGatewayListProvider
{
    /// <inheritdoc />
    public TimeSpan MaxStaleness => options.Value.GatewayListRefreshPeriod;

    /// <inheritdoc />
    [Obsolete("Orleans no longer asks: every provider's list is refreshed")]
    public bool IsUpdatable => true;

    /// <inheritdoc />
    public Task InitializeGatewayListProvider() => register.ReadAsync();

    /// <inheritdoc />
    public async Task<IList<Uri>> GetGateways() =>
    [
        .. (await register.ReadAsync()).Rows.Values
            .Where(row => row.Status == MembershipTable.ActiveStatus && row.ProxyPort > 0)
            .Select(UriOf),
    ];

    private static Uri UriOf(MemberRow row)
    {
        var silo = SiloAddress.FromParsableString(row.Silo);
        return SiloAddress.New(silo.Endpoint.Address, row.ProxyPort, silo.Generation).ToGatewayUri();
    }
}
