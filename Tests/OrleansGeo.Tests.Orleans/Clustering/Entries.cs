using System.Net;
using Orleans;
using Orleans.Runtime;
using OrleansGeo.Clustering;

namespace OrleansGeo.Tests.Orleans.Clustering;

/// <summary>Silos as Orleans describes them, and what it does with their rows.</summary>
internal static class Entries
{
    public static readonly DateTime Now = new(2026, 11, 21, 17, 30, 12, 345, DateTimeKind.Utc);

    public static MembershipEntry Entry(int number, SiloStatus status = SiloStatus.Joining, TimeSpan age = default) => new()
    {
        SiloAddress = SiloAddress.New(new IPEndPoint(IPAddress.Loopback, 11_110 + number), 100 + number),
        Status = status,
        HostName = "host",
        SiloName = $"silo-{number}",
        RoleName = "role",
        ProxyPort = 30_000 + number,
        StartTime = Now - age,
        IAmAliveTime = Now - age,
    };

    public static Uri GatewayOf(MembershipEntry entry) =>
        SiloAddress.New(entry.SiloAddress.Endpoint.Address, entry.ProxyPort, entry.SiloAddress.Generation).ToGatewayUri();

    public static async Task InsertAsync(MajorityMembershipTable table, MembershipEntry entry) =>
        Assert.True(await table.InsertRow(entry, (await table.ReadAll()).Version.Next()));

    /// <summary>Reads and updates until an update holds.</summary>
    public static async Task UpdateAsync(MajorityMembershipTable table, MembershipEntry entry)
    {
        while (true)
        {
            var (_, tag, version) = await ReadAsync(table, entry);
            if (await table.UpdateRow(entry, tag, version.Next()))
            {
                return;
            }
        }
    }

    public static async Task<(MembershipEntry Entry, string Tag, TableVersion Version)> ReadAsync(
        MajorityMembershipTable table, MembershipEntry entry)
    {
        var read = await table.ReadRow(entry.SiloAddress);
        var (found, tag) = Assert.Single(read.Members);
        return (found, tag, read.Version);
    }

    /// <summary>The row says all that was written, and says it in UTC.</summary>
    public static async Task AssertSameAsync(MajorityMembershipTable table, MembershipEntry entry)
    {
        var (row, _, _) = await ReadAsync(table, entry);
        Assert.Equal(entry.ToFullString(), row.ToFullString());
        Assert.Equal((entry.StartTime, entry.IAmAliveTime), (row.StartTime, row.IAmAliveTime));
        Assert.Equal((DateTimeKind.Utc, DateTimeKind.Utc), (row.StartTime.Kind, row.IAmAliveTime.Kind));
        Assert.Equal(entry.SuspectTimes ?? [], row.SuspectTimes ?? []);
        Assert.Equal(entry.SiloAddress, row.SiloAddress);
        Assert.Equal((entry.RoleName, entry.HostName), (row.RoleName, row.HostName));
    }
}
