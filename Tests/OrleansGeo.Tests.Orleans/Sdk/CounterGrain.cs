using Orleans.Runtime;

namespace OrleansGeo.Tests.Orleans.Sdk;

[Alias("geo.test.ICounterGrain")]
public interface ICounterGrain : IGrainWithStringKey
{
    [Alias("Add")]
    Task<long> AddAsync(long by);

    [Alias("Get")]
    Task<(long Value, bool Exists)> GetAsync();

    [Alias("Clear")]
    Task ClearAsync();

    [Alias("Forget")]
    Task ForgetAsync();
}

[GenerateSerializer]
public sealed class Counter
{
    [Id(0)]
    public long Value { get; set; }
}

/// <summary>A user's grain: nothing but the name of the storage says where its state is.</summary>
public sealed class CounterGrain([PersistentState("counter", "geo")] IPersistentState<Counter> state) : Grain, ICounterGrain
{
    public async Task<long> AddAsync(long by)
    {
        state.State.Value += by;
        await state.WriteStateAsync();
        return state.State.Value;
    }

    public Task<(long Value, bool Exists)> GetAsync() => Task.FromResult((state.State.Value, state.RecordExists));

    public Task ClearAsync() => state.ClearStateAsync();

    public Task ForgetAsync()
    {
        DeactivateOnIdle();
        return Task.CompletedTask;
    }
}
