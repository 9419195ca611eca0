using System.Net;
using System.Text;
using Orleans.TestingHost;
using OrleansGeo.Primitives;
using static OrleansGeo.Tests.Orleans.GeoTestCluster;

namespace OrleansGeo.Tests.Orleans;

public sealed class ClusterTests
{
    [Fact]
    public async Task Rows_are_written_read_and_scanned_through_the_locality_grain_of_every_silo_and_of_a_client()
    {
        await using var cluster = await StartAsync();
        IGeoStore[] stores = [cluster.Client, .. cluster.Silos.Select(StoreOn)];
        for (var i = 0; i < stores.Length; i++)
        {
            Ok(await PutAsync(stores[i], $"city-{i}", i));
        }

        foreach (var store in stores)
        {
            Assert.Equal(3, Ok(await GetAsync(store, "city-3")).Row["pop"].AsInt64());
            var page = Ok(await store.ScanAsync(City, new([], null, null, [], false, 10, null), ReadBound.Strong, Options, Cancellation));
            Assert.Equal(["city-0", "city-1", "city-2", "city-3"], page.Rows.Select(row => row.Key[0].AsString()));
            Assert.Equal(GeoErrorKind.NotFound, (await GetAsync(store, "nowhere")).Error?.Kind);
        }

        Assert.Equal(3, Ok(await cluster.Client.ListNodesAsync(Options, Cancellation)).Items.Length);
        Assert.True(Ok(await cluster.Client.GetReadinessAsync(Options, Cancellation)).Ready);
    }

    [Fact]
    public async Task A_silo_asks_the_nodes_of_other_silos_and_its_own()
    {
        await using var cluster = await StartAsync();
        foreach (var silo in cluster.Silos)
        {
            // The grain works on the silo that was called, and says so.
            Assert.Equal(silo.Name, Ok(await StoreOn(silo).GetClusterAsync(Options, Cancellation)).Node);
            var read = await GetAsync(StoreOn(silo), "nowhere");
            Assert.Equal((await cluster.LeaderAsync()).Name, read.Meta.Leaseholder);
        }
    }

    [Fact]
    public async Task Rows_are_written_and_read_through_REST_on_every_silo()
    {
        await using var cluster = await StartAsync();
        foreach (var silo in cluster.Silos)
        {
            await using var app = await ServeAsync(silo);
            using var http = new HttpClient { BaseAddress = new(app.Urls.Single()) };
            var path = $"/v1/databases/geo/tables/city/rows/{silo.Name}";
            using var row = new StringContent("""{"pop":7}""", Encoding.UTF8, "application/json");
            using var put = await http.PutAsync(path, row, Cancellation);
            Assert.Equal(HttpStatusCode.Created, put.StatusCode);
            Assert.Contains("\"pop\":7", await http.GetStringAsync(path, Cancellation), StringComparison.Ordinal);
            using var ready = await http.GetAsync("/readyz", Cancellation);
            Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
        }

        Assert.Equal(7, Ok(await GetAsync(cluster.Client, cluster.Silos[0].Name)).Row["pop"].AsInt64());
    }

    [Fact]
    public async Task Writes_go_on_and_nothing_acknowledged_is_lost_when_the_leader_is_killed()
    {
        await using var cluster = await StartAsync();
        for (var i = 0; i < 20; i++)
        {
            Ok(await PutAsync(cluster.Client, $"before-{i}", i));
        }

        var leader = await cluster.LeaderAsync();
        var other = StoreOn(cluster.Silos.First(silo => silo.Name != leader.Name));
        await cluster.KillAsync(leader);
        Ok(await PutAsync(other, "after", 1));
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(i, Ok(await GetAsync(other, $"before-{i}")).Row["pop"].AsInt64());
        }
    }

    [Fact]
    public async Task A_silo_that_is_stopped_hands_over_what_it_leads_first()
    {
        await using var cluster = await StartAsync();
        Ok(await PutAsync(cluster.Client, "before", 1));
        var leader = await cluster.LeaderAsync();
        var other = StoreOn(cluster.Silos.First(silo => silo.Name != leader.Name));
        await cluster.StopAsync(leader);

        // A loss is known only after the support duration; who was handed the lease needs not wait for that.
        Ok(await PutAsync(other, "after", 2));
        Assert.Equal(1, Ok(await GetAsync(other, "before")).Row["pop"].AsInt64());
    }

    [Fact]
    public async Task A_silo_that_is_no_seed_joins_the_cluster_and_is_a_member_after_a_restart()
    {
        await using var cluster = await StartAsync();
        Ok(await PutAsync(cluster.Client, "before", 1));
        var joined = await cluster.JoinAsync();
        await IsMemberAsync(cluster, joined);
        Assert.Equal(1, Ok(await GetAsync(StoreOn(joined), "before")).Row["pop"].AsInt64());
        Ok(await PutAsync(StoreOn(joined), "through it", 2));

        await cluster.RestartAsync(joined);
        joined = cluster.Silos.First(silo => silo.Name == joined.Name);
        await IsMemberAsync(cluster, joined);
        Assert.Equal(2, Ok(await GetAsync(StoreOn(joined), "through it")).Row["pop"].AsInt64());
    }

    private static async Task IsMemberAsync(GeoTestCluster cluster, InProcessSiloHandle joined)
    {
        await UntilAsync(async () => (await StoreOn(joined).ListNodesAsync(Options, Cancellation)).Value?.Items.Length == 4);
        await UntilAsync(async () =>
            Ok(await StoreOn(cluster.Silos[0]).ListNodesAsync(Options, Cancellation)).Items.Any(node => node.Name == joined.Name && node.Live));
    }
}
