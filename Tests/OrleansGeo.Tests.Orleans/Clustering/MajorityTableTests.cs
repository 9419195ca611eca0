using System.Globalization;
using System.Net;
using Orleans.Runtime;
using OrleansGeo.Clustering;
using OrleansGeo.Membership;
using OrleansGeo.Tests.Membership.Postgres;
using static OrleansGeo.Tests.Orleans.Clustering.Entries;

namespace OrleansGeo.Tests.Orleans.Clustering;

/// <summary>What Orleans expects of a membership table, on databases in memory.</summary>
public sealed class MemoryTableTests : MajorityTableTests
{
    private protected override IMembershipDatabases Databases { get; } = new MemoryDatabases();
}

/// <summary>The same on three real PostgreSQL servers.</summary>
[Collection(PostgresServers.Name)]
public sealed class PostgresTableTests(PostgresFixture fixture) : MajorityTableTests
{
    private protected override IMembershipDatabases Databases => new PostgresDatabases(fixture.Servers);
}

/// <summary>What Orleans expects of a membership table: its tags, its version, and who may change what.</summary>
public abstract class MajorityTableTests
{
    private protected abstract IMembershipDatabases Databases { get; }

    [Fact]
    public async Task A_new_table_is_empty_at_version_zero_and_has_a_tag()
    {
        await using var membership = await Membership.FoundAsync(Databases);
        var table = membership.Table();
        await table.InitializeMembershipTable(tryInitTableVersion: true);
        var read = await table.ReadAll();
        Assert.Empty(read.Members);
        Assert.Equal(0, read.Version.Version);
        Assert.NotEmpty(read.Version.VersionEtag);
        var row = await table.ReadRow(Entry(1).SiloAddress);
        Assert.Empty(row.Members);
        Assert.Equal(read.Version, row.Version);
    }

    [Fact]
    public async Task An_insert_makes_the_next_version_and_holds_only_at_the_version_it_names()
    {
        await using var membership = await Membership.FoundAsync(Databases);
        var table = membership.Table();
        var first = (await table.ReadAll()).Version.Next();
        Assert.True(await table.InsertRow(Entry(1), first));
        Assert.False(await table.InsertRow(Entry(1), first));
        Assert.False(await table.InsertRow(Entry(2), first));
        var second = await table.ReadAll();
        Assert.Equal(1, second.Version.Version);
        Assert.NotEqual(first.VersionEtag, second.Version.VersionEtag);
        Assert.False(await table.InsertRow(Entry(1), second.Version.Next()));
        Assert.False(await table.InsertRow(Entry(2), new(2, "no tag of ours")));
        Assert.Equal(second.Version, (await table.ReadAll()).Version);
        Assert.True(await table.InsertRow(Entry(2), second.Version.Next()));
        Assert.Equal(2, (await table.ReadAll()).Members.Count);
    }

    [Fact]
    public async Task An_update_holds_only_at_the_tags_of_row_and_table()
    {
        await using var membership = await Membership.FoundAsync(Databases);
        var table = membership.Table();
        await InsertAsync(table, Entry(1));
        await InsertAsync(table, Entry(2));
        var read = await table.ReadAll();
        var (entry, tag) = read.TryGet(Entry(1).SiloAddress)!;
        var otherTag = read.TryGet(Entry(2).SiloAddress)!.Item2;
        var before = new TableVersion(read.Version.Version, (read.Version.Version - 1).ToString(CultureInfo.InvariantCulture));
        entry.Status = SiloStatus.Active;
        Assert.False(await table.UpdateRow(entry, tag, before));
        Assert.False(await table.UpdateRow(entry, otherTag, read.Version.Next()));
        Assert.False(await table.UpdateRow(entry, "no tag of ours", read.Version.Next()));
        Assert.False(await table.UpdateRow(Entry(3), tag, read.Version.Next()));
        Assert.Equal(SiloStatus.Joining, (await ReadAsync(table, Entry(1))).Entry.Status);

        Assert.True(await table.UpdateRow(entry, tag, read.Version.Next()));
        var after = await table.ReadAll();
        Assert.Equal(read.Version.Version + 1, after.Version.Version);
        Assert.NotEqual(tag, after.TryGet(entry.SiloAddress)!.Item2);
        Assert.Equal(otherTag, after.TryGet(Entry(2).SiloAddress)!.Item2);
        Assert.Equal(SiloStatus.Active, after.TryGet(entry.SiloAddress)!.Item1.Status);
        Assert.False(await table.UpdateRow(entry, tag, after.Version.Next()));
    }

    [Fact]
    public async Task An_entry_comes_back_as_it_was_written()
    {
        await using var membership = await Membership.FoundAsync(Databases);
        var table = membership.Table();
        var entry = Entry(1);
        entry.SiloAddress = SiloAddress.New(new IPEndPoint(IPAddress.Parse("2001:db8::7"), 11_111), 7);
        await InsertAsync(table, entry);
        await AssertSameAsync(table, entry);
        entry.Status = SiloStatus.ShuttingDown;
        entry.HostName = "hôte";
        entry.RoleName = "other";
        entry.ProxyPort = 0;
        entry.StartTime = Now.AddTicks(7);
        entry.IAmAliveTime = Now.AddHours(-1);
        entry.AddSuspector(Entry(2).SiloAddress, Now.AddSeconds(1));
        entry.AddSuspector(Entry(3).SiloAddress, Now.AddSeconds(2));
        await UpdateAsync(table, entry);
        await AssertSameAsync(table, entry);
        entry.SuspectTimes = null;
        await UpdateAsync(table, entry);
        await AssertSameAsync(table, entry);
    }

    [Fact]
    public async Task A_sign_of_life_changes_nothing_but_its_time()
    {
        await using var membership = await Membership.FoundAsync(Databases);
        var table = membership.Table();
        await InsertAsync(table, Entry(1));
        var (entry, tag, version) = await ReadAsync(table, Entry(1));

        // All that Orleans fills in of the entry.
        await table.UpdateIAmAlive(new() { SiloAddress = entry.SiloAddress, IAmAliveTime = Now.AddSeconds(5) });
        var (alive, aliveTag, aliveVersion) = await ReadAsync(table, Entry(1));
        Assert.Equal(Now.AddSeconds(5), alive.IAmAliveTime);
        Assert.Equal((tag, version), (aliveTag, aliveVersion));
        alive.IAmAliveTime = entry.IAmAliveTime;
        Assert.Equal(entry.ToFullString(), alive.ToFullString());

        await table.UpdateIAmAlive(new() { SiloAddress = Entry(2).SiloAddress, IAmAliveTime = Now });
        Assert.Single((await table.ReadAll()).Members);
    }

    [Fact]
    public async Task Only_silos_that_are_not_active_and_not_heard_of_lately_are_cleaned_up()
    {
        await using var membership = await Membership.FoundAsync(Databases);
        var table = membership.Table();
        var number = 0;
        foreach (var status in Enum.GetValues<SiloStatus>())
        {
            await InsertAsync(table, Entry(++number, status, age: TimeSpan.FromDays(10)));
        }

        await InsertAsync(table, Entry(++number, SiloStatus.Dead));
        var suspected = Entry(++number, SiloStatus.Dead, age: TimeSpan.FromDays(10));
        suspected.AddSuspector(Entry(1).SiloAddress, Now);
        await InsertAsync(table, suspected);
        var before = await table.ReadAll();
        await table.CleanupDefunctSiloEntries(new DateTimeOffset(Now).AddDays(-3));
        var after = await table.ReadAll();
        Assert.Equal(before.Version, after.Version);
        Assert.Equal(
            ["silo-4", $"silo-{number - 1}", $"silo-{number}"],
            after.Members.Select(member => member.Item1.SiloName).Order(StringComparer.Ordinal));
        Assert.Equal(SiloStatus.Active, after.TryGet(Entry(4).SiloAddress)!.Item1.Status);
    }

    [Fact]
    public async Task Deleting_the_entries_forgets_every_silo_of_this_cluster_and_what_was_decided_before()
    {
        await using var membership = await Membership.FoundAsync(Databases);
        var table = membership.Table();
        var empty = (await table.ReadAll()).Version.Next();
        await InsertAsync(table, Entry(1));
        var before = (await table.ReadAll()).Version.Next();
        await Assert.ThrowsAsync<ArgumentException>(() => table.DeleteMembershipTableEntries("another"));
        Assert.Single((await table.ReadAll()).Members);
        await table.DeleteMembershipTableEntries(membership.ClusterId);
        Assert.Empty((await table.ReadAll()).Members);
        Assert.False(await table.InsertRow(Entry(1), before));
        Assert.False(await table.InsertRow(Entry(1), empty));
        await InsertAsync(table, Entry(1));
    }

    [Fact]
    public async Task Clusters_that_share_the_databases_do_not_see_each_other()
    {
        var databases = Databases;
        await using var membership = await Membership.FoundAsync(databases);
        await using var other = await Membership.FoundAsync(databases);
        await InsertAsync(membership.Table(), Entry(1));
        Assert.Empty((await other.Table().ReadAll()).Members);
    }

    [Fact]
    public async Task A_table_that_nobody_founded_says_so_and_is_not_made()
    {
        await using var membership = Membership.NotFounded(Databases);
        var table = membership.Table();
        for (var i = 0; i < 2; i++)
        {
            var thrown = await Assert.ThrowsAsync<MembershipUnavailableException>(() => table.InitializeMembershipTable(true));
            Assert.Contains("'eu': has no record as 'eu' of {ap, eu, us}", thrown.Message, StringComparison.Ordinal);
            Assert.False(thrown.MayHaveBeenMade);
        }
    }

    [Fact]
    public async Task The_gateways_are_those_of_the_active_silos_as_of_now()
    {
        await using var membership = await Membership.FoundAsync(Databases);
        var table = membership.Table();
        var gateways = membership.Gateways(new() { GatewayListRefreshPeriod = TimeSpan.FromSeconds(7) });
        await gateways.InitializeGatewayListProvider();
        Assert.Empty(await gateways.GetGateways());
        Assert.Equal(TimeSpan.FromSeconds(7), gateways.MaxStaleness);
        await InsertAsync(table, Entry(1));
        await InsertAsync(table, Entry(2, SiloStatus.Active));
        await InsertAsync(table, Entry(3, SiloStatus.Active));
        var without = Entry(4, SiloStatus.Active);
        without.ProxyPort = 0;
        await InsertAsync(table, without);
        Assert.Equal([GatewayOf(Entry(2)), GatewayOf(Entry(3))], (await gateways.GetGateways()).OrderBy(uri => uri.Port));
        await UpdateAsync(table, Entry(3, SiloStatus.Dead));
        await UpdateAsync(table, Entry(1, SiloStatus.Active));
        Assert.Equal([GatewayOf(Entry(1)), GatewayOf(Entry(2))], (await gateways.GetGateways()).OrderBy(uri => uri.Port));
    }

    [Fact]
    public void Statuses_have_the_numbers_that_the_table_knows() => Assert.Equal((int)SiloStatus.Active, MembershipTable.ActiveStatus);

    [Fact]
    public async Task Of_many_silos_that_insert_at_one_version_one_does_and_their_updates_are_counted_one_by_one()
    {
        const int Silos = 8;
        await using var membership = await Membership.FoundAsync(Databases);
        var tables = Enumerable.Range(0, Silos).Select(_ => membership.Table()).ToList();
        var version = (await tables[0].ReadAll()).Version.Next();
        var inserted = await Task.WhenAll(tables.Select(table => Task.Run(() => table.InsertRow(Entry(1), version))));
        Assert.Single(inserted, true);
        Assert.Single((await tables[0].ReadAll()).Members);
        await Task.WhenAll(tables.Select(table => Task.Run(() => UpdateAsync(table, Entry(1, SiloStatus.Active)))));
        Assert.Equal(1 + Silos, (await tables[0].ReadAll()).Version.Version);
    }

    [Fact]
    public async Task Of_two_silos_that_update_a_row_at_the_same_tags_one_does()
    {
        await using var membership = await Membership.FoundAsync(Databases);
        MajorityMembershipTable[] tables = [membership.Table(), membership.Table()];
        await InsertAsync(tables[0], Entry(1));
        for (var round = 0; round < 20; round++)
        {
            var (_, tag, version) = await ReadAsync(tables[0], Entry(1));
            var done = await Task.WhenAll(tables.Select((table, i) => Task.Run(() => table.UpdateRow(By(i), tag, version.Next()))));
            var (after, _, afterVersion) = await ReadAsync(tables[0], Entry(1));
            Assert.Single(done, true);
            Assert.Equal(version.Version + 1, afterVersion.Version);
            Assert.Equal(By(Array.IndexOf(done, true)).HostName, after.HostName);
        }

        static MembershipEntry By(int silo)
        {
            var entry = Entry(1);
            entry.HostName = $"by-{silo}";
            return entry;
        }
    }
}
