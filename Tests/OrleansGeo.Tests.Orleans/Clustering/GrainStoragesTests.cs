using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans;
using Orleans.Hosting;
using Orleans.Runtime;
using Orleans.Storage;
using OrleansGeo.Silo;
using OrleansGeo.Tests.Membership.Postgres;
using OrleansGeo.Tests.Orleans.Sdk;

namespace OrleansGeo.Tests.Orleans.Clustering;

/// <summary>Orleans' own grain storage in a real PostgreSQL, with our statements.</summary>
[Collection(PostgresServers.Name)]
public sealed class GrainStoragesTests(PostgresFixture fixture) : GrainStorageConformance, IAsyncLifetime
{
    private IHost? _silo;

    private string Named => $"geo={fixture.Servers[0].ConnectionString}";

    protected override IGrainStorage Storage => _silo!.Services.GetRequiredKeyedService<IGrainStorage>("geo");

    public async ValueTask InitializeAsync()
    {
        // Again is harmless.
        await GrainStorages.PrepareAsync([Named]);
        await GrainStorages.PrepareAsync([Named]);
        await GrainStorages.CheckAsync([Named]);
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.UseOrleans(silo =>
        {
            silo.UseLocalhostClustering(SiloSettingsTests.FreePort(), SiloSettingsTests.FreePort());
            GrainStorages.Add(silo, [Named]);
        });
        _silo = builder.Build();
        await _silo.StartAsync(TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (_silo is not null)
        {
            await _silo.StopAsync(CancellationToken.None);
            _silo.Dispose();
        }
    }

    /// <summary>Orleans' provider looks for the ETag itself when it is given none.</summary>
    [Fact]
    public override async Task A_clear_with_an_older_etag_is_refused_and_changes_nothing()
    {
        var first = await WrittenAsync("ann");
        var second = new GrainState<Cart>(new() { Owner = "bob" }, first.ETag);
        await WriteAsync(second);
        await Assert.ThrowsAnyAsync<InconsistentStateException>(() => Storage.ClearStateAsync("state", Grain, first));
        await AssertOwnerAsync("bob");
    }

    /// <summary>Orleans' provider leaves the type of the grain to the name of the state, which has the grain's class in it.</summary>
    [Fact]
    public override Task States_differ_by_grain_type_key_and_name() => DifferAsync(
        ("Cart.a", Grain), ("Cart.b", Grain), ("List.a", Grain), ("Cart.a", GrainId.Create("cart", $"{Grain.Key}/ä b")),
        ("Cart.a", GrainId.Create("cart", "7")), ("Cart.a", GrainId.Create("cart", "8")), ("Cart.a", GrainId.Create("cart", "7+x")));

    [Fact]
    public async Task A_grain_keeps_its_state_in_it_by_naming_it()
    {
        var grain = _silo!.Services.GetRequiredService<IGrainFactory>().GetGrain<ICounterGrain>(Guid.NewGuid().ToString("N"));
        Assert.Equal(3, await grain.AddAsync(3));
        await grain.ForgetAsync();
        while (await grain.GetAsync() != (3, true))
        {
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
        }

        await grain.ClearAsync();
        Assert.Equal((0, false), await grain.GetAsync());
    }

    [Fact]
    public async Task A_storage_that_was_not_prepared_or_does_not_answer_is_one_line()
    {
        var refused = await Assert.ThrowsAsync<SiloRefusedException>(
            () => GrainStorages.CheckAsync([$"carts={fixture.Servers[1].ConnectionString}"]));
        Assert.StartsWith("The grain storage carts has no tables", refused.Message, StringComparison.Ordinal);
        refused = await Assert.ThrowsAsync<SiloRefusedException>(
            () => GrainStorages.CheckAsync([$"carts=Host=127.0.0.1;Port={SiloSettingsTests.FreePort()};Username=geo"]));
        Assert.StartsWith("The grain storage carts cannot be used: ", refused.Message, StringComparison.Ordinal);
    }
}
