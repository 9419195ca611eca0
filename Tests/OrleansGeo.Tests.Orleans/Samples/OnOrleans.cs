using Orleans.Hosting;
using Orleans.Runtime;
using OrleansGeo.Sdk;

namespace OrleansGeo.Tests.Orleans.Samples;

/// <summary>What README.md shows, as it runs in the tests.</summary>
internal static class OnOrleans
{
    public static void Configure(ISiloBuilder silo)
    {
        silo.AddGeoGrainStorage("geo", options =>
        {
            options.Database = "geo"; // Its regions and survival goal are what the grains get.
            options.CreateTable = true;
        });
    }
}

[Alias("geo.test.ICartGrain")]
public interface ICartGrain : IGrainWithStringKey
{
    [Alias("Add")]
    Task<int> AddAsync(string item);
}

public sealed class CartGrain([PersistentState("cart", "geo")] IPersistentState<List<string>> cart) : Grain, ICartGrain
{
    public async Task<int> AddAsync(string item)
    {
        cart.State.Add(item);
        await cart.WriteStateAsync();
        return cart.State.Count;
    }
}
