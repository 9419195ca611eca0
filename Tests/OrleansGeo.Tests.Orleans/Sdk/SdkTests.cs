using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Hosting;
using Orleans.Runtime;
using OrleansGeo.Sdk;
using OrleansGeo.Tables;
using OrleansGeo.Tests.Orleans.Samples;
using static OrleansGeo.Tests.Orleans.GeoTestCluster;

namespace OrleansGeo.Tests.Orleans.Sdk;

/// <summary>The SDK on a client and on silos.</summary>
public sealed class SdkTests
{
    [Fact]
    public async Task Typed_tables_work_on_a_client_and_on_every_silo()
    {
        await using var cluster = await StartWithSdkAsync();
        GeoClient[] clients =
        [
            cluster.ClientServices.GetRequiredService<GeoClient>(),
            .. cluster.Silos.Select(silo => silo.ServiceProvider.GetRequiredService<GeoClient>()),
        ];
        for (var i = 0; i < clients.Length; i++)
        {
            await clients[i].Database("geo").Table<City>("city").InsertAsync(new($"{i}", i), cancellation: Cancellation);
        }

        foreach (var client in clients)
        {
            var names = await client.Database("geo").Table<City>("city").Scan().Select(city => city.Name).ToListAsync(Cancellation);
            Assert.Equal(["0", "1", "2", "3"], names);
        }
    }

    [Fact]
    public async Task No_call_fails_and_none_is_made_twice_while_the_leader_is_killed()
    {
        await using var cluster = await StartWithSdkAsync();
        var table = cluster.ClientServices.GetRequiredService<GeoClient>().Database("geo").Table<City>("city");
        await table.InsertAsync(new("first", 0), cancellation: Cancellation);
        var leader = await cluster.LeaderAsync();
        var killed = cluster.KillAsync(leader);
        for (var i = 0; i < 50; i++)
        {
            // An insert that was made twice would meet its own row.
            Assert.True((await table.InsertAsync(new($"{i:D2}", i), cancellation: Cancellation)).Created);
        }

        await killed;
        Assert.Equal(51, await table.Scan().CountAsync(Cancellation));
    }

    [Fact]
    public async Task A_grain_keeps_its_state_over_activations_and_silos()
    {
        await using var cluster = await StartWithSdkAsync();
        var grain = cluster.Grains.GetGrain<ICounterGrain>("a");
        Assert.Equal((0, false), await grain.GetAsync());
        Assert.Equal(3, await grain.AddAsync(3));
        await grain.ForgetAsync();
        await UntilAsync(async () => await grain.GetAsync() == (3, true));
        await grain.ClearAsync();
        Assert.Equal((0, false), await grain.GetAsync());
        Assert.Equal(4, await grain.AddAsync(4));

        // The grain's silo need not be the one that dies; its state is nowhere in particular.
        await cluster.KillAsync(await cluster.LeaderAsync());
        await UntilAsync(async () =>
        {
            try
            {
                return await grain.AddAsync(1) > 4;
            }
            catch (Exception failure) when (failure is OrleansException or TimeoutException)
            {
                return false;
            }
        });
    }

    [Fact]
    public async Task The_sample_of_the_README_does_what_it_says()
    {
        await using var cluster = await StartAsync(OnOrleans.Configure);
        Assert.Equal(1, await cluster.Grains.GetGrain<ICartGrain>("ann").AddAsync("tea"));
        Assert.Equal(2, await cluster.Grains.GetGrain<ICartGrain>("ann").AddAsync("milk"));
    }

    [Fact]
    public void A_grain_storage_without_a_database_does_not_start()
    {
        var silo = new SiloServices();
        silo.AddGeoGrainStorage("geo", _ => { });
        silo.Services.AddSingleton(new PlainSerializer() as global::Orleans.Storage.IGrainStorageSerializer);
        using var provider = silo.Services.BuildServiceProvider();
        var refused = Assert.Throws<OrleansConfigurationException>(
            () => provider.GetServices<IConfigurationValidator>().ToList().ForEach(validator => validator.ValidateConfiguration()));
        Assert.Contains("The grain storage geo needs a Database", refused.Message, StringComparison.Ordinal);
    }

    private static Task<GeoTestCluster> StartWithSdkAsync() => StartAsync(
        silo => silo.AddOrleansGeo(Patient).AddGeoGrainStorage("geo", options =>
        {
            options.Database = "geo";
            options.CreateTable = true;
        }),
        client => client.AddOrleansGeo(Patient));

    private static void Patient(GeoClientOptions options) => options.Timeout = TimeSpan.FromSeconds(60);

    private sealed record City([property: Key] string Name, long Pop);

    private sealed class SiloServices : ISiloBuilder
    {
        public IServiceCollection Services { get; } = new ServiceCollection();

        public Microsoft.Extensions.Configuration.IConfiguration Configuration =>
            new Microsoft.Extensions.Configuration.ConfigurationBuilder().Build();
    }

    private sealed class PlainSerializer : global::Orleans.Storage.IGrainStorageSerializer
    {
        public BinaryData Serialize<T>(T? input) => throw new NotSupportedException();

        public T? Deserialize<T>(BinaryData input) => throw new NotSupportedException();
    }
}
