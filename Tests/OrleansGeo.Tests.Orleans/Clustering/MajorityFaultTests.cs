using Microsoft.Extensions.Logging;
using Orleans.Runtime;
using OrleansGeo.Clustering;
using OrleansGeo.Membership;
using OrleansGeo.Tests.Membership.Postgres;
using static OrleansGeo.Tests.Orleans.Clustering.Entries;

namespace OrleansGeo.Tests.Orleans.Clustering;

/// <summary>The membership table while databases in memory are lost.</summary>
public sealed class MemoryFaultTests : MajorityFaultTests
{
    private readonly MemoryDatabases _databases = new();

    private protected override IMembershipDatabases Databases => _databases;

    [Fact(Timeout = TimeoutMs)]
    public async Task A_call_ends_when_its_time_is_up_though_no_database_answers_and_the_next_one_succeeds()
    {
        await using var membership = await Membership.FoundAsync(Databases);
        _databases.Options.CallTimeout = TimeSpan.FromMilliseconds(50);
        var table = membership.Table();
        _databases.Pause(0);
        _databases.Pause(2);
        await UnavailableAsync(() => table.ReadAll(), "no answer in time");
        _databases.Options.CallTimeout = TimeSpan.FromMinutes(1);
        var patient = membership.Table();
        _databases.Start(0);
        _databases.Start(2);
        Assert.Equal(0, (await patient.ReadAll()).Version.Version);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_caller_whose_scheduler_stands_still_delays_no_other_caller()
    {
        await using var membership = await Membership.FoundAsync(Databases);
        var table = membership.Table();
        var schedulers = new ConcurrentExclusiveSchedulerPair();
        using var isDone = new ManualResetEventSlim();
        var began = new TaskCompletionSource<Task>(TaskCreationOptions.RunContinuationsAsynchronously);
        var busy = Task.Factory.StartNew(
            () =>
            {
                began.SetResult(table.ReadAll());
                isDone.Wait(Cancellation);
            },
            Cancellation,
            TaskCreationOptions.None,
            schedulers.ExclusiveScheduler);
        try
        {
            await began.Task;
            await table.ReadAll().WaitAsync(Cancellation);
        }
        finally
        {
            isDone.Set();
        }

        await busy;
    }
}

/// <summary>The same with real PostgreSQL servers, killed and restored.</summary>
[Collection(PostgresServers.Name)]
public sealed class PostgresFaultTests(PostgresFixture fixture) : MajorityFaultTests
{
    private protected override IMembershipDatabases Databases => new PostgresDatabases(fixture.Servers);
}

/// <summary>What becomes of the membership when databases are lost.</summary>
public abstract class MajorityFaultTests
{
    private protected const int TimeoutMs = 120_000;

    private protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private protected abstract IMembershipDatabases Databases { get; }

    [Fact]
    public async Task Without_any_one_of_the_databases_everything_goes_on()
    {
        await using var membership = await Membership.FoundAsync(Databases);
        var table = membership.Table();
        var gateways = membership.Gateways();
        for (var lost = 0; lost < 3; lost++)
        {
            var entry = Entry(lost, SiloStatus.Active);
            await WithoutAsync(membership.Databases, [lost], async () =>
            {
                await InsertAsync(table, entry);
                await table.UpdateIAmAlive(new() { SiloAddress = entry.SiloAddress, IAmAliveTime = Now.AddMinutes(1) });
                var fresh = membership.Table();
                await fresh.InitializeMembershipTable(tryInitTableVersion: true);
                Assert.Equal(Now.AddMinutes(1), (await ReadAsync(fresh, entry)).Entry.IAmAliveTime);
                await UpdateAsync(fresh, entry);
                Assert.Contains(GatewayOf(entry), await gateways.GetGateways());
            });
        }

        Assert.Equal(6, (await table.ReadAll()).Version.Version);
        Assert.Empty(membership.Log.Lines);
    }

    [Fact]
    public async Task Without_a_majority_calls_fail_and_say_why_and_succeed_again_afterwards()
    {
        await using var membership = await Membership.FoundAsync(Databases);
        var table = membership.Table();
        var gateways = membership.Gateways();
        await InsertAsync(table, Entry(1, SiloStatus.Active));
        var (entry, tag, version) = await ReadAsync(table, Entry(1));
        await WithoutAsync(membership.Databases, [0, 2], async () =>
        {
            await UnavailableAsync(() => table.ReadAll());
            await UnavailableAsync(() => table.ReadRow(entry.SiloAddress));
            await UnavailableAsync(() => table.InsertRow(Entry(2), version.Next()));
            await UnavailableAsync(() => table.UpdateRow(entry, tag, version.Next()));
            await UnavailableAsync(() => table.UpdateIAmAlive(entry));
            await UnavailableAsync(() => table.CleanupDefunctSiloEntries(new(Now)));
            await UnavailableAsync(() => table.DeleteMembershipTableEntries(membership.ClusterId));
            await UnavailableAsync(() => membership.Table().InitializeMembershipTable(true));
            await UnavailableAsync(() => gateways.GetGateways());
        });
        Assert.Equal(version, (await table.ReadAll()).Version);
        Assert.Equal([GatewayOf(entry)], await gateways.GetGateways());
        Assert.True(await table.UpdateRow(entry, tag, version.Next()));
        await InsertAsync(membership.Table(), Entry(2));
        Assert.Empty(membership.Log.Lines);
    }

    [Fact]
    public async Task A_change_whose_outcome_is_unknown_says_so_and_was_made_once_or_never()
    {
        await using var membership = await Membership.FoundAsync(Databases);
        var register = membership.Register();
        var table = new MajorityMembershipTable(register, membership.Cluster);
        await InsertAsync(table, Entry(1));
        var evaluated = 0;
        var thrown = await Assert.ThrowsAsync<MembershipUnavailableException>(() => register.ChangeAsync(held =>
        {
            // Between reading and writing, two are lost: the third may have taken the change.
            if (evaluated++ == 0)
            {
                membership.Databases.Stop(0);
                membership.Databases.Stop(2);
            }

            return held.Alive(Entry(1).SiloAddress.ToParsableString(), Now.AddDays(1).Ticks);
        }));
        Assert.True(thrown.MayHaveBeenMade);
        Assert.Contains("is not known", thrown.Message, StringComparison.Ordinal);
        membership.Databases.Start(0);
        membership.Databases.Start(2);
        Assert.Contains((await ReadAsync(table, Entry(1))).Entry.IAmAliveTime, new[] { Now, Now.AddDays(1) });
        var version = (await table.ReadAll()).Version;
        Assert.Equal(1, version.Version);
        await UpdateAsync(table, Entry(1, SiloStatus.Active));
    }

    [Fact]
    public async Task A_database_that_was_restored_from_an_old_backup_is_reported_and_does_not_count()
    {
        await using var membership = await Membership.FoundAsync(Databases);
        var databases = membership.Databases;
        var table = membership.Table();
        await InsertAsync(table, Entry(1));
        databases.Stop(1);
        var restore = databases.BackUp(1);
        databases.Start(1);
        await InsertAsync(table, Entry(2));
        await InsertAsync(membership.Table(), Entry(3));
        databases.Stop(1);
        restore();
        databases.Start(1);
        Assert.Equal(3, (await membership.Table().ReadAll()).Members.Count);
        await InsertAsync(table, Entry(4));
        var (level, text) = membership.Log.Lines.First();
        Assert.Equal(LogLevel.Error, level);
        Assert.StartsWith("Membership database eu takes no part", text, StringComparison.Ordinal);
        Assert.Contains("it was restored from an old backup", text, StringComparison.Ordinal);
        await WithoutAsync(databases, [0], () => UnavailableAsync(() => table.ReadAll(), "'eu'"));
        var acceptors = databases.Connect(membership.ClusterId);
        Assert.IsType<SeatingOutcome.Seated>(await RegisterSeats.ReadmitAsync(acceptors, "eu", CancellationToken.None));
        await WithoutAsync(databases, [0], () => InsertAsync(table, Entry(5)));
    }

    private protected static async Task UnavailableAsync(Func<Task> call, string words = "'ap'")
    {
        var thrown = await Assert.ThrowsAsync<MembershipUnavailableException>(call);
        Assert.Contains(words, thrown.Message, StringComparison.Ordinal);
    }

    private static async Task WithoutAsync(IMembershipDatabases databases, int[] lost, Func<Task> then)
    {
        foreach (var database in lost)
        {
            databases.Stop(database);
        }

        try
        {
            await then();
        }
        finally
        {
            foreach (var database in lost)
            {
                databases.Start(database);
            }
        }
    }
}
