using OrleansGeo.Primitives;
using OrleansGeo.Tests.Api.Model;
using OrleansGeo.Wire;

namespace OrleansGeo.Tests.Api.Conformance;

/// <summary>A store that is reached by bytes means what the store behind the bytes means.</summary>
public sealed class WireStoreConformance : GeoStoreConformance
{
    private readonly ModelGeoStore _model = new();

    protected override Task<IGeoStore> CreateAsync() => Task.FromResult<IGeoStore>(new Loopback(_model));

    protected override Task AdvanceAsync(TimeSpan by)
    {
        _model.Advance(by);
        return Task.CompletedTask;
    }
}

/// <summary>What a caller hears when the bytes do not come through, and what a node does with bytes it does not know.</summary>
public sealed class StoreWireTests
{
    private static readonly TableRef s_table = new("geo", "city");
    private static readonly RowWrite s_write = new(WriteKind.Put, [Datum.FromString("a")], [], Precondition.None);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_write_that_gets_no_answer_has_an_unknown_outcome_and_a_read_has_changed_nothing()
    {
        var store = new Loopback(null);
        var write = await store.WriteRowAsync(s_table, s_write, RequestOptions.Default, Cancellation);
        Assert.Equal(GeoErrorKind.OutcomeUnknown, write.Error!.Kind);
        var read = await store.ReadRowAsync(s_table, s_write.Key, ReadBound.Strong, RequestOptions.Default, Cancellation);
        Assert.Equal(GeoErrorKind.RegionUnavailable, read.Error!.Kind);
    }

    [Fact]
    public async Task A_request_of_a_newer_format_or_for_another_door_is_refused_before_anything_is_done()
    {
        var sent = new Loopback(null);
        await sent.WriteRowAsync(s_table, s_write, RequestOptions.Default, Cancellation);
        var model = new ModelGeoStore();
        var newer = sent.Last.ToArray();
        newer[0]++;
        await Assert.ThrowsAsync<CodecException>(() => StoreWire.AnswerAsync(model, StoreArea.Write, newer, Cancellation));
        await Assert.ThrowsAsync<CodecException>(() => StoreWire.AnswerAsync(model, StoreArea.Read, sent.Last, Cancellation));
        await Assert.ThrowsAsync<CodecException>(() => StoreWire.AnswerAsync(model, StoreArea.Write, [.. sent.Last, 0], Cancellation));
        await Assert.ThrowsAsync<CodecException>(() => StoreWire.AnswerAsync(model, StoreArea.Write, sent.Last[..^1], Cancellation));
    }
}

/// <summary>Bytes to a store in the same process; without a store nothing comes back.</summary>
internal sealed class Loopback(IGeoStore? store) : RemoteGeoStore
{
    public byte[] Last { get; private set; } = [];

    protected override Task<byte[]> SendAsync(StoreArea area, string subject, byte[] request, CancellationToken cancellation)
    {
        Last = request;
        return store is null
            ? Task.FromException<byte[]>(new IOException("nobody there"))
            : StoreWire.AnswerAsync(store, area, request, cancellation);
    }
}
