using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Runtime;
using OrleansGeo.Clustering;
using OrleansGeo.Tests.Membership.Postgres;

namespace OrleansGeo.Tests.Orleans.Clustering;

/// <summary>A cluster whose membership is kept by databases in memory.</summary>
public sealed class MemoryClusterTests : MajorityClusterTests
{
    private protected override IMembershipDatabases Databases { get; } = new MemoryDatabases();
}

/// <summary>The same with three real PostgreSQL servers.</summary>
[Collection(PostgresServers.Name)]
public sealed class PostgresClusterTests(PostgresFixture fixture) : MajorityClusterTests
{
    private protected override IMembershipDatabases Databases => new PostgresDatabases(fixture.Servers);
}

/// <summary>Real silos over TCP whose membership is kept by a majority of databases, while databases and silos are lost.</summary>
public abstract class MajorityClusterTests
{
    private const int TimeoutMs = 240_000;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private protected abstract IMembershipDatabases Databases { get; }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_cluster_without_one_of_its_databases_forms_evicts_a_killed_silo_and_takes_in_another()
    {
        await using var membership = await Membership.FoundAsync(Databases);
        var databases = membership.Databases;
        databases.Stop(1);
        try
        {
            await using var cluster = new SiloCluster(membership);
            var killed = await cluster.StartThreeAsync();
            await using var client = await ClusterClient.StartAsync(membership);
            Assert.Equal(3, await client.ActiveSilosAsync());

            await cluster.KillAsync(killed);
            await cluster.UntilAsync(snapshot => snapshot.GetSiloStatus(killed.Address) == SiloStatus.Dead);
            var (row, _) = (await membership.Table().ReadRow(killed.Address)).Members.Single();
            var living = cluster.Running.Select(silo => silo.Address).ToHashSet();
            Assert.Equal(living, row.SuspectTimes!.Select(vote => vote.Item1).ToHashSet());
            Assert.All(cluster.Running, silo => Assert.Empty(silo.Fatal));

            var again = await cluster.StartAsync("c");
            await cluster.UntilAsync(snapshot => snapshot.GetSiloStatus(again.Address) == SiloStatus.Active);
            Assert.Equal(3, (await membership.Gateways().GetGateways()).Count);
            await using var late = await ClusterClient.StartAsync(membership);
            Assert.Equal(3, await late.ActiveSilosAsync());
        }
        finally
        {
            databases.Start(1);
        }
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_cluster_without_a_majority_of_its_databases_serves_on_evicts_nobody_and_recovers_by_itself()
    {
        await using var membership = await Membership.FoundAsync(Databases);
        var databases = membership.Databases;
        await using var cluster = new SiloCluster(membership);
        var killed = await cluster.StartThreeAsync();
        await using var client = await ClusterClient.StartAsync(membership);
        databases.Stop(0);
        databases.Stop(2);
        try
        {
            // Silos call each other as before; who asks for the members, or wants to become one, is told what is wrong.
            Assert.Equal(3, await client.LivingAsync(cluster.Running.Select(silo => silo.Address)));
            await Assert.ThrowsAsync<MembershipUnavailableException>(client.ActiveSilosAsync);
            await Assert.ThrowsAsync<MembershipUnavailableException>(() => cluster.StartAsync("d"));
            await cluster.KillAsync(killed);
            await Task.WhenAll(cluster.Running.Select(silo => silo.Table.FailuresAsync(4, Cancellation)));
            Assert.All(cluster.Running, silo => Assert.Equal(SiloStatus.Active, silo.Snapshot.GetSiloStatus(killed.Address)));
        }
        finally
        {
            databases.Start(0);
            databases.Start(2);
        }

        await cluster.UntilAsync(snapshot => snapshot.GetSiloStatus(killed.Address) == SiloStatus.Dead);
        var again = await cluster.StartAsync("d");
        await cluster.UntilAsync(snapshot => snapshot.GetSiloStatus(again.Address) == SiloStatus.Active);
        Assert.All(cluster.Running, silo => Assert.Empty(silo.Fatal));
    }

    /// <summary>A silo of the test.</summary>
    private sealed record RunningSilo(IHost Host, SiloAddress Address, KillableTable Table, ConcurrentQueue<string> Fatal)
    {
        public ClusterMembershipSnapshot Snapshot => Host.Services.GetRequiredService<IClusterMembershipService>().CurrentSnapshot;
    }

    private sealed class SiloCluster(Membership membership) : IAsyncDisposable
    {
        private readonly List<RunningSilo> _running = [];

        public IReadOnlyList<RunningSilo> Running => _running;

        /// <summary>Starts three, and gives the last.</summary>
        public async Task<RunningSilo> StartThreeAsync()
        {
            await StartAsync("a");
            await StartAsync("b");
            var last = await StartAsync("c");
            await UntilAsync(static snapshot => snapshot.Members.Values.Count(member => member.Status == SiloStatus.Active) == 3);
            return last;
        }

        public async Task<RunningSilo> StartAsync(string name)
        {
            var fatal = new FatalErrors();
            var builder = Host.CreateEmptyApplicationBuilder(null);
            builder.UseOrleans(silo => Configure(silo, name, fatal));
            var host = builder.Build();
            try
            {
                await host.StartAsync(Cancellation);
            }
            catch
            {
                host.Dispose();
                throw;
            }

            var address = host.Services.GetRequiredService<ILocalSiloDetails>().SiloAddress;
            var started = new RunningSilo(host, address, host.Services.GetRequiredService<KillableTable>(), fatal.Seen);
            _running.Add(started);
            return started;
        }

        /// <summary>It tells nobody: what it writes from now on goes nowhere, and its connections end.</summary>
        public async Task KillAsync(RunningSilo silo)
        {
            _running.Remove(silo);
            silo.Table.Kill();
            await StopAsync(silo, new CancellationToken(canceled: true));
        }

        /// <summary>Waits until every silo knows of something.</summary>
        public Task UntilAsync(Func<ClusterMembershipSnapshot, bool> holds) => Task.WhenAll(_running.Select(async silo =>
        {
            await foreach (var snapshot in
                silo.Host.Services.GetRequiredService<IClusterMembershipService>().MembershipUpdates.WithCancellation(Cancellation))
            {
                if (holds(snapshot))
                {
                    return;
                }
            }
        }));

        public async ValueTask DisposeAsync()
        {
            foreach (var silo in _running)
            {
                silo.Table.Kill();
                await StopAsync(silo, new CancellationToken(canceled: true));
            }
        }

        private static async Task StopAsync(RunningSilo silo, CancellationToken cancellation)
        {
            try
            {
                await silo.Host.StopAsync(cancellation);
            }
            catch (OperationCanceledException)
            {
                // It did not get to end in good order, which is what was asked.
            }

            await ((IAsyncDisposable)silo.Host).DisposeAsync();
        }

        private void Configure(ISiloBuilder silo, string name, FatalErrors fatal)
        {
            silo.Configure<ClusterOptions>(options => (options.ClusterId, options.ServiceId) = (membership.ClusterId, "test"));
            silo.Configure<SiloOptions>(options => options.SiloName = name);
            silo.ConfigureEndpoints(
                IPAddress.Loopback, SiloSettingsTests.FreePort(), SiloSettingsTests.FreePort(), listenOnAnyHostAddress: false);
            silo.Configure<ClusterMembershipOptions>(options =>
            {
                options.ProbeTimeout = TimeSpan.FromSeconds(1);
                options.NumMissedProbesLimit = 2;
                options.TableRefreshTimeout = TimeSpan.FromSeconds(2);
                options.IAmAliveTablePublishTimeout = TimeSpan.FromSeconds(2);

                // A silo that is stopped would tell the others so.
                options.UseLivenessGossip = false;
            });
            silo.Services.AddSingleton<IFatalErrorHandler>(fatal);
            membership.Use(silo.Services);
            silo.UseMajorityClustering(membership.CopyTo);
            silo.Services.AddSingleton<MajorityMembershipTable>();
            silo.Services.AddSingleton<KillableTable>();
            silo.Services.AddSingleton<IMembershipTable>(services => services.GetRequiredService<KillableTable>());
        }
    }

    private sealed class FatalErrors : IFatalErrorHandler
    {
        public ConcurrentQueue<string> Seen { get; } = new();

        public bool IsUnexpected(Exception exception) => true;

        public void OnFatalException(object? sender = null, string? context = null, Exception? exception = null) =>
            Seen.Enqueue($"{context} {exception}");
    }

    /// <summary>A client in a process of its own, as far as the cluster can tell.</summary>
    private sealed class ClusterClient(IHost host) : IAsyncDisposable
    {
        private IManagementGrain Management => host.Services.GetRequiredService<IClusterClient>().GetGrain<IManagementGrain>(0);

        public static async Task<ClusterClient> StartAsync(Membership membership)
        {
            var builder = Host.CreateEmptyApplicationBuilder(null);
            builder.UseOrleansClient(client =>
            {
                client.Configure<ClusterOptions>(options => (options.ClusterId, options.ServiceId) = (membership.ClusterId, "test"));
                membership.Use(client.Services);
                client.UseMajorityClustering(membership.CopyTo);
            });
            var host = builder.Build();
            await host.StartAsync(Cancellation);
            return new(host);
        }

        /// <summary>How many of these silos tell how they are, each asked by the silo that was called.</summary>
        public async Task<int> LivingAsync(IEnumerable<SiloAddress> silos) =>
            (await Management.GetRuntimeStatistics([.. silos])).Count(statistics => statistics is not null);

        /// <summary>How many silos the membership names, as a silo reads it.</summary>
        public async Task<int> ActiveSilosAsync() => (await Management.GetHosts(onlyActive: true)).Count;

        public async ValueTask DisposeAsync()
        {
            await host.StopAsync(CancellationToken.None);
            await ((IAsyncDisposable)host).DisposeAsync();
        }
    }
}
