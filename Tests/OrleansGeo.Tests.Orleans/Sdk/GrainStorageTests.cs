using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Hosting;
using Orleans.Runtime;
using Orleans.Serialization.Serializers;
using Orleans.Storage;
using OrleansGeo.Sdk;
using OrleansGeo.Tables;
using OrleansGeo.Wire;
using static OrleansGeo.Tests.Orleans.GeoTestCluster;

namespace OrleansGeo.Tests.Orleans.Sdk;

/// <summary>Three silos with grain storage of both kinds.</summary>
public sealed class StorageFixture : IAsyncLifetime
{
    internal GeoTestCluster Cluster { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Cluster = await StartAsync(silo => silo
        .AddMemoryGrainStorage("memory")
        .AddGeoGrainStorage("geo", options =>
        {
            options.Database = "geo";
            options.CreateTable = true;
        })
        .AddGeoGrainStorage("other", options =>
        {
            options.Database = "geo";
            options.Table = "made_later";
        }));

    public ValueTask DisposeAsync() => Cluster.DisposeAsync();

    internal IGrainStorage Storage(string name, int silo = 0) =>
        Cluster.Silos[silo].ServiceProvider.GetRequiredKeyedService<IGrainStorage>(name);
}

public sealed class MemoryGrainStorageTests(StorageFixture fixture) : GrainStorageConformance, IClassFixture<StorageFixture>
{
    protected override IGrainStorage Storage => fixture.Storage("memory");
}

public sealed class GeoGrainStorageTests(StorageFixture fixture) : GrainStorageConformance, IClassFixture<StorageFixture>
{
    protected override IGrainStorage Storage => fixture.Storage("geo");

    [Fact]
    public async Task A_state_written_on_one_silo_is_read_on_another()
    {
        var written = await WrittenAsync("ann");
        var read = Fresh;
        await fixture.Storage("geo", 2).ReadStateAsync("state", Grain, read);
        Assert.Equal(("ann", written.ETag), (read.State!.Owner, read.ETag));
    }

    [Fact]
    public async Task A_state_over_the_limit_of_a_row_is_refused_and_the_old_one_stays()
    {
        var state = await WrittenAsync("ann");
        var etag = state.ETag;
        state.State!.Owner = new('x', GeoLimits.RowBytesMax);
        var refused = await Assert.ThrowsAsync<GeoRequestException>(() => WriteAsync(state));
        Assert.Equal(GeoErrorKind.TooLarge, refused.Error.Kind);
        Assert.Equal(etag, state.ETag);
        await AssertOwnerAsync("ann");
    }

    [Fact]
    public async Task A_state_whose_type_gained_and_lost_members_is_read_where_the_serializer_can()
    {
        var storage = Made(fixture.Cluster.Client, "geo", new PlainJson());
        await storage.WriteStateAsync("state", Grain, new GrainState<Cart>(new() { Owner = "ann", Items = ["one"] }));
        var later = new GrainState<LaterCart>();
        await storage.ReadStateAsync("state", Grain, later);
        Assert.Equal(("one", 5), (Assert.Single(later.State!.Items), later.State.Discount));
        await storage.WriteStateAsync("state", Grain, later);
    }

    [Fact]
    public async Task An_answer_that_was_lost_does_not_look_like_another_writer()
    {
        var storage = Made(new LossyStore(fixture.Cluster.Client), "geo", new PlainJson());
        var state = new GrainState<Cart>(new());
        for (var i = 0; i < 5; i++)
        {
            state.State!.Owner = $"{i}";
            await storage.WriteStateAsync("state", Grain, state);
        }

        await storage.ClearStateAsync("state", Grain, state);
        Assert.False(state.RecordExists);
    }

    [Fact]
    public async Task Services_that_share_a_table_do_not_share_states()
    {
        var (one, other) = (Made(fixture.Cluster.Client, "one", new PlainJson()), Made(fixture.Cluster.Client, "two", new PlainJson()));
        await one.WriteStateAsync("state", Grain, new GrainState<Cart>(new() { Owner = "ann" }));
        var state = Fresh;
        await other.ReadStateAsync("state", Grain, state);
        Assert.False(state.RecordExists);
    }

    [Fact]
    public async Task A_table_that_is_missing_is_named_and_used_once_it_is_there()
    {
        var storage = fixture.Storage("other");
        var missing = await Assert.ThrowsAsync<GeoRequestException>(() => storage.ReadStateAsync("state", Grain, Fresh));
        Assert.Contains("made_later", missing.Message, StringComparison.Ordinal);
        await Made(fixture.Cluster.Client, "other", new PlainJson(), "made_later").ReadStateAsync("state", Grain, Fresh);
        await storage.WriteStateAsync("state", Grain, new GrainState<Cart>(new()));
    }

    private GeoGrainStorage Made(IGeoStore store, string service, IGrainStorageSerializer serializer, string table = "grain_state") => new(
        new(store),
        new() { Database = "geo", Table = table, CreateTable = true, GrainStorageSerializer = serializer },
        service,
        fixture.Cluster.Silos[0].ServiceProvider.GetRequiredService<IActivatorProvider>());

    // JSON by member names alone, as a service would choose it that lets its types change.
    private sealed class PlainJson : IGrainStorageSerializer
    {
        public BinaryData Serialize<T>(T? input) => new(JsonSerializer.SerializeToUtf8Bytes(input));

        public T? Deserialize<T>(BinaryData input) => JsonSerializer.Deserialize<T>(input.ToMemory().Span);
    }

    // Every write is made, and the first answer to it is lost.
    private sealed class LossyStore(IGeoStore inner) : RemoteGeoStore
    {
        private int _writes;

        protected override async Task<byte[]> SendAsync(StoreArea area, string subject, byte[] request, CancellationToken cancellation)
        {
            var answer = await StoreWire.AnswerAsync(inner, area, request, cancellation);
            return area == StoreArea.Write && Interlocked.Increment(ref _writes) % 2 == 1 ? throw new IOException("lost") : answer;
        }
    }
}
