using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;
using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Messaging;
using Orleans.Runtime;
using OrleansGeo.Silo;
using OrleansGeo.Tests.Membership.Postgres;
using static OrleansGeo.Tests.Orleans.Clustering.Entries;

// Later versions of Orleans have twins of these methods, which earlier ones have not; both have these.
#pragma warning disable CS0618

namespace OrleansGeo.Tests.Orleans.Clustering;

/// <summary>Orleans' own membership table and gateway list in one real PostgreSQL, with our statements.</summary>
[Collection(PostgresServers.Name)]
public sealed class SingleDatabaseTests(PostgresFixture fixture) : IAsyncLifetime
{
    private readonly string _cluster = $"c-{Guid.NewGuid():N}";
    private readonly ConcurrentBag<IHost> _hosts = [];

    private string Database => fixture.Servers[0].ConnectionString;

    public async ValueTask InitializeAsync()
    {
        // Again is harmless.
        await ClusterDatabases.PrepareOneAsync(Database);
        await ClusterDatabases.PrepareOneAsync(Database);
        await ClusterDatabases.CheckOneAsync(Database);
    }

    public ValueTask DisposeAsync()
    {
        foreach (var host in _hosts)
        {
            host.Dispose();
        }

        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_new_table_is_empty_at_version_zero_and_stays_what_it_is()
    {
        var table = await TableAsync();
        var read = await table.ReadAll();
        Assert.Empty(read.Members);
        Assert.Equal(0, read.Version.Version);
        var row = await table.ReadRow(Entry(1).SiloAddress);
        Assert.Empty(row.Members);
        Assert.Equal(0, row.Version.Version);
        await InsertAsync(table, Entry(1));
        Assert.Single((await (await TableAsync()).ReadAll()).Members);
    }

    [Fact]
    public async Task An_insert_makes_the_next_version_and_holds_only_at_the_version_it_names()
    {
        var table = await TableAsync();
        var first = (await table.ReadAll()).Version.Next();
        Assert.True(await table.InsertRow(Entry(1), first));
        Assert.False(await table.InsertRow(Entry(1), first));
        Assert.False(await table.InsertRow(Entry(2), first));
        var second = await table.ReadAll();
        Assert.Equal(1, second.Version.Version);
        Assert.False(await table.InsertRow(Entry(1), second.Version.Next()));
        Assert.Equal(1, (await table.ReadAll()).Version.Version);
        Assert.True(await table.InsertRow(Entry(2), second.Version.Next()));
        Assert.Equal(2, (await table.ReadAll()).Members.Count);
    }

    [Fact]
    public async Task An_update_holds_only_at_the_version_it_names_and_only_of_a_silo_that_is_there()
    {
        var table = await TableAsync();
        await InsertAsync(table, Entry(1));
        var read = (await table.ReadAll()).Version;
        await InsertAsync(table, Entry(2));
        Assert.False(await table.UpdateRow(Entry(1, SiloStatus.Active), "", read.Next()));
        read = (await table.ReadAll()).Version;
        Assert.False(await table.UpdateRow(Entry(3, SiloStatus.Active), "", read.Next()));
        Assert.Equal(2, (await table.ReadAll()).Version.Version);
        Assert.True(await table.UpdateRow(Entry(1, SiloStatus.Active), "", read.Next()));
        var after = await table.ReadAll();
        Assert.Equal(3, after.Version.Version);
        Assert.Equal(SiloStatus.Active, after.TryGet(Entry(1).SiloAddress)!.Item1.Status);
        Assert.Equal(SiloStatus.Joining, after.TryGet(Entry(2).SiloAddress)!.Item1.Status);
    }

    [Fact]
    public async Task An_entry_comes_back_as_it_was_written()
    {
        var table = await TableAsync();
        var entry = Entry(1);
        entry.SiloAddress = SiloAddress.New(new IPEndPoint(IPAddress.Parse("2001:db8::7"), 11_111), 7);
        entry.HostName = "hôte";
        await InsertAsync(table, entry);
        Same(entry, await ReadAsync(table, entry));
        entry.Status = SiloStatus.ShuttingDown;
        entry.AddSuspector(Entry(2).SiloAddress, Now.AddSeconds(1));
        entry.AddSuspector(Entry(3).SiloAddress, Now.AddSeconds(2));
        Assert.True(await table.UpdateRow(entry, "", (await table.ReadAll()).Version.Next()));
        Same(entry, await ReadAsync(table, entry));
        entry.SuspectTimes = null;
        Assert.True(await table.UpdateRow(entry, "", (await table.ReadAll()).Version.Next()));
        Same(entry, await ReadAsync(table, entry));

        static void Same(MembershipEntry written, MembershipEntry read)
        {
            Assert.Equal(written.SiloAddress, read.SiloAddress);
            Assert.Equal(
                (written.SiloName, written.HostName, written.Status, written.ProxyPort),
                (read.SiloName, read.HostName, read.Status, read.ProxyPort));
            Assert.Equal((written.StartTime, written.IAmAliveTime), (read.StartTime, read.IAmAliveTime));
            Assert.Equal(DateTimeKind.Utc, read.IAmAliveTime.Kind);
            Assert.Equal(written.SuspectTimes ?? [], read.SuspectTimes ?? []);
        }
    }

    [Fact]
    public async Task A_sign_of_life_changes_its_time_alone_and_is_not_taken_back()
    {
        var table = await TableAsync();
        await InsertAsync(table, Entry(1));
        var read = (await table.ReadAll()).Version;
        await table.UpdateIAmAlive(new() { SiloAddress = Entry(1).SiloAddress, IAmAliveTime = Now.AddSeconds(5) });
        await table.UpdateIAmAlive(new() { SiloAddress = Entry(2).SiloAddress, IAmAliveTime = Now });
        Assert.Equal(Now.AddSeconds(5), (await ReadAsync(table, Entry(1))).IAmAliveTime);
        Assert.Equal(read.Version, (await table.ReadAll()).Version.Version);

        // By somebody who has not heard of it.
        Assert.True(await table.UpdateRow(Entry(1, SiloStatus.Active), "", read.Next()));
        Assert.Equal(Now.AddSeconds(5), (await ReadAsync(table, Entry(1))).IAmAliveTime);
    }

    [Fact]
    public async Task Only_silos_that_are_not_active_and_not_heard_of_lately_are_cleaned_up()
    {
        var table = await TableAsync();
        var number = 0;
        foreach (var status in Enum.GetValues<SiloStatus>())
        {
            await InsertAsync(table, Entry(++number, status, age: TimeSpan.FromDays(10)));
        }

        await InsertAsync(table, Entry(++number, SiloStatus.Dead));
        var before = (await table.ReadAll()).Version.Version;
        await table.CleanupDefunctSiloEntries(new DateTimeOffset(Now).AddDays(-3));
        var after = await table.ReadAll();
        Assert.Equal(before, after.Version.Version);
        Assert.Equal(
            [$"{SiloStatus.Active} silo-4", $"{SiloStatus.Dead} silo-{number}"],
            after.Members.Select(member => $"{member.Item1.Status} {member.Item1.SiloName}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Deleting_the_entries_forgets_every_silo_of_this_cluster_and_what_was_decided_before()
    {
        var table = await TableAsync();
        var other = await TableAsync($"{_cluster}-other");
        await InsertAsync(other, Entry(1));
        var empty = (await table.ReadAll()).Version.Next();
        await InsertAsync(table, Entry(1));
        await table.DeleteMembershipTableEntries(_cluster);
        Assert.Empty((await table.ReadAll()).Members);
        Assert.False(await table.InsertRow(Entry(1), empty));
        await InsertAsync(table, Entry(1));
        Assert.Single((await other.ReadAll()).Members);
    }

    [Fact]
    public async Task Of_many_silos_that_change_the_table_at_one_version_one_does()
    {
        const int Silos = 8;
        var tables = await Task.WhenAll(Enumerable.Range(0, Silos).Select(_ => TableAsync()));
        var version = (await tables[0].ReadAll()).Version.Next();
        var inserted = await Task.WhenAll(tables.Select((table, i) => Task.Run(() => table.InsertRow(Entry(i + 1), version))));
        Assert.Single(inserted, true);
        var entry = Assert.Single((await tables[0].ReadAll()).Members).Item1;
        for (var round = 0; round < 20; round++)
        {
            version = (await tables[0].ReadAll()).Version.Next();
            var done = await Task.WhenAll(tables.Select(table => Task.Run(() => table.UpdateRow(entry, "", version))));
            Assert.Single(done, true);
            Assert.Equal(version.Version, (await tables[0].ReadAll()).Version.Version);
        }
    }

    [Fact]
    public async Task The_gateways_are_those_of_the_active_silos()
    {
        var table = await TableAsync();
        await InsertAsync(table, Entry(1));
        await InsertAsync(table, Entry(2, SiloStatus.Active));
        await InsertAsync(table, Entry(3, SiloStatus.Active));
        var without = Entry(4, SiloStatus.Active);
        without.ProxyPort = 0;
        await InsertAsync(table, without);
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.UseOrleansClient(client =>
        {
            client.UseAdoNetClustering(options => (options.Invariant, options.ConnectionString) = ("Npgsql", Database));
            client.Configure<ClusterOptions>(options => (options.ClusterId, options.ServiceId) = (_cluster, "orleansgeo"));
        });
        var host = builder.Build();
        _hosts.Add(host);
        var gateways = host.Services.GetRequiredService<IGatewayListProvider>();
        await gateways.InitializeGatewayListProvider();
        Assert.Equal([GatewayOf(Entry(2)), GatewayOf(Entry(3))], (await gateways.GetGateways()).OrderBy(static uri => uri.Port));
    }

    [Fact]
    public async Task Statements_of_another_script_are_not_replaced_and_a_database_without_any_is_one_line()
    {
        var other = await DatabaseAsync();
        var line = (await Assert.ThrowsAsync<SiloRefusedException>(() => ClusterDatabases.CheckOneAsync(other))).Message;
        Assert.StartsWith("The PostgreSQL of --clustering has no membership tables", line, StringComparison.Ordinal);
        await ClusterDatabases.PrepareOneAsync(other);
        await using var source = NpgsqlDataSource.Create(other + ";Pooling=false");
        await using var foreign = source.CreateCommand(
            "UPDATE orleansquery SET querytext = 'SELECT 1 FROM theirs' WHERE querykey = 'MembershipReadAllKey'");
        await foreign.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        line = (await Assert.ThrowsAsync<SiloRefusedException>(() => ClusterDatabases.PrepareOneAsync(other))).Message;
        Assert.Contains("the database has clustering statements of another script", line, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', line);
        await using var kept = source.CreateCommand("SELECT querytext FROM orleansquery WHERE querykey = 'MembershipReadAllKey'");
        Assert.Equal("SELECT 1 FROM theirs", await kept.ExecuteScalarAsync(TestContext.Current.CancellationToken));
        await ClusterDatabases.CheckOneAsync(other);
        await using var none = source.CreateCommand("DELETE FROM orleansquery");
        await none.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        await Assert.ThrowsAsync<SiloRefusedException>(() => ClusterDatabases.CheckOneAsync(other));
    }

    private static async Task InsertAsync(IMembershipTable table, MembershipEntry entry) =>
        Assert.True(await table.InsertRow(entry, (await table.ReadAll()).Version.Next()));

    private static async Task<MembershipEntry> ReadAsync(IMembershipTable table, MembershipEntry entry) =>
        Assert.Single((await table.ReadRow(entry.SiloAddress)).Members).Item1;

    // A database of its own on the server.
    private async Task<string> DatabaseAsync()
    {
        var name = $"d{Guid.NewGuid():N}";
        await PostgresDatabases.ExecuteAsync(fixture.Servers[0], $"CREATE DATABASE {name}");
        return new NpgsqlConnectionStringBuilder(Database) { Database = name }.ConnectionString;
    }

    // The table as one more silo has it, which does not start.
    private async Task<IMembershipTable> TableAsync(string? cluster = null)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.UseOrleans(silo =>
        {
            silo.UseAdoNetClustering(options => (options.Invariant, options.ConnectionString) = ("Npgsql", Database));
            silo.Configure<ClusterOptions>(options => (options.ClusterId, options.ServiceId) = (cluster ?? _cluster, "orleansgeo"));
        });
        var host = builder.Build();
        _hosts.Add(host);
        var table = host.Services.GetRequiredService<IMembershipTable>();
        await table.InitializeMembershipTable(tryInitTableVersion: true);
        return table;
    }
}
