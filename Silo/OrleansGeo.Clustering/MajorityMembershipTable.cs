using System.Globalization;
using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Configuration;
using Orleans.Runtime;
using OrleansGeo.Membership;

namespace OrleansGeo.Clustering;

/// <summary>
/// Orleans' membership table on a majority of databases. The table's version is its own tag. A call that finds no majority throws, and
/// Orleans tries again: silos that run go on meanwhile, and none joins or is evicted.
/// </summary>
public sealed class MajorityMembershipTable(MembershipRegister register, IOptions<ClusterOptions> cluster) : IMembershipTable
{
    /// <summary>Makes sure that the table can be reached. It is made by an operator, once, and never here: a database that
    /// lost it must not pass for a new one.</summary>
    public Task InitializeMembershipTable(bool tryInitTableVersion) => register.ReadAsync();

    /// <summary>Forgets every silo of this cluster; what was read before changes nothing any more.</summary>
    public Task DeleteMembershipTableEntries(string clusterId) =>
        clusterId == cluster.Value.ClusterId
            ? register.ChangeAsync(static table => table.Cleared())
            : throw new ArgumentException($"this is the membership of {cluster.Value.ClusterId}, not of {clusterId}", nameof(clusterId));

    /// <summary>Forgets the silos that are not active and that nothing was heard of since.</summary>
    public Task CleanupDefunctSiloEntries(DateTimeOffset beforeDate) =>
        register.ChangeAsync(table => table.ForgetDefunct(beforeDate.UtcTicks));

    /// <summary>One silo, with the version of the table it was read in.</summary>
    public async Task<MembershipTableData> ReadRow(SiloAddress key)
    {
        var table = await register.ReadAsync();
        return table.Rows.TryGetValue(key.ToParsableString(), out var row)
            ? new(MembershipRows.EntryOf(row), VersionOf(table))
            : new(VersionOf(table));
    }

    /// <summary>The whole table.</summary>
    public async Task<MembershipTableData> ReadAll()
    {
        var table = await register.ReadAsync();
        return new([.. table.Rows.Values.Select(MembershipRows.EntryOf)], VersionOf(table));
    }

    /// <summary>Adds a silo at the version of the table whose tag is given; false when it is there, or the version is another.</summary>
    public async Task<bool> InsertRow(MembershipEntry entry, TableVersion tableVersion)
    {
        var row = MembershipRows.RowOf(entry);
        return TryTag(tableVersion.VersionEtag, out var version) && await register.ChangeAsync(table => table.Insert(row, version));
    }

    /// <summary>Writes a silo anew, at the tags of it and of the table that are given; false when either is another.</summary>
    public async Task<bool> UpdateRow(MembershipEntry entry, string etag, TableVersion tableVersion)
    {
        var row = MembershipRows.RowOf(entry);
        return TryTag(tableVersion.VersionEtag, out var version) && TryTag(etag, out var tag)
            && await register.ChangeAsync(table => table.Update(row, tag, version));
    }

    /// <summary>Notes a sign of life. Tags and version stay as they are, and a silo that is not there stays away.</summary>
    public Task UpdateIAmAlive(MembershipEntry entry)
    {
        var (silo, at) = (entry.SiloAddress.ToParsableString(), MembershipRows.TicksOf(entry.IAmAliveTime));
        return register.ChangeAsync(table => table.Alive(silo, at));
    }

    private static TableVersion VersionOf(MembershipTable table) => new(table.Version, MembershipRows.TagOf(table.Version));

    private static bool TryTag(string? text, out int tag) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out tag);
}
