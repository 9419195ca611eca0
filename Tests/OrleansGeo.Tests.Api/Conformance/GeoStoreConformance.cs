using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tests.Api.Conformance;

/// <summary>
/// What <see cref="IGeoStore"/> means, whoever implements it. A subclass says how to make an empty store and how time passes for it;
/// everything else goes through the port. xunit makes an instance for each test, so each has a store of its own.
/// </summary>
public abstract partial class GeoStoreConformance : IAsyncLifetime
{
    protected static readonly TableRef City = new("geo", "city");
    protected static readonly TableRef Pair = new("geo", "pair");
    protected static readonly RequestOptions Options = new(TimeSpan.FromSeconds(30));

    protected IGeoStore Store { get; private set; } = null!;

    protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>A store with no databases and at least one live region.</summary>
    protected abstract Task<IGeoStore> CreateAsync();

    /// <summary>Lets at least so much time pass for the store's clock, without waiting where time is virtual.</summary>
    protected abstract Task AdvanceAsync(TimeSpan by);

    /// <summary>Ends what <see cref="CreateAsync"/> made.</summary>
    protected virtual ValueTask CloseAsync() => ValueTask.CompletedTask;

    public async ValueTask InitializeAsync()
    {
        Store = await CreateAsync();
        var regions = Ok(await Store.GetClusterAsync(Options, Cancellation)).Regions;
        Ok(await Store.CreateDatabaseAsync(new("geo", regions[0], [regions[0]]), Options, Cancellation));
        Ok(await Store.CreateTableAsync("geo", new(
            "city",
            [
                new(
                    "name", DatumType.String, Nullable: false), new("pop", DatumType.Int64), new("state", DatumType.String, Nullable: false,
                    Default: Text("none")),
                new("doc", DatumType.Json),
            ],
            ["name"], new TableLocality.Regional()), Options, Cancellation));
        Ok(await Store.CreateTableAsync("geo", new(
            "pair", [new("a", DatumType.String, Nullable: false), new("b", DatumType.Int64, Nullable: false), new("v", DatumType.Int64)],
            ["a", "b"], new TableLocality.Regional()), Options, Cancellation));
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        GC.SuppressFinalize(this);
    }

    protected static Datum Text(string text) => Datum.FromString(text);

    protected static Datum Number(long number) => Datum.FromInt64(number);

    protected static T Ok<T>(GeoResult<T> result)
        where T : class
    {
        Assert.True(result.IsOk, $"{result.Error?.Kind} {result.Error?.Code}: {result.Error?.Detail}");
        return result.Value;
    }

    protected static GeoError Refused<T>(GeoErrorKind kind, GeoResult<T> result)
        where T : class
    {
        Assert.False(result.IsOk, $"expected {kind}, and it was done");
        Assert.True(kind == result.Error.Kind, $"expected {kind}, got {result.Error}");
        Assert.NotEmpty(result.Error.Code);
        Assert.NotEmpty(result.Error.Detail);
        return result.Error;
    }

    protected Task<GeoResult<WriteResult>> WriteAsync(
        WriteKind kind, string name, Precondition? condition = null, string? idempotencyKey = null, params (
            string Column, Datum Value)[] values) =>
        Store.WriteRowAsync(
            City, Write(kind, [Text(name)], condition, values), Options with { IdempotencyKey = idempotencyKey }, Cancellation);

    protected static RowWrite Write(
        WriteKind kind, ImmutableArray<Datum> key, Precondition? condition, params (string Column, Datum Value)[] values) =>
        new(kind, key, [.. values.Select(value => KeyValuePair.Create(value.Column, value.Value))], condition ?? Precondition.None);

    protected Task<GeoResult<VersionedRow>> ReadAsync(string name, ReadBound? bound = null) =>
        Store.ReadRowAsync(City, [Text(name)], bound ?? ReadBound.Strong, Options, Cancellation);

    protected Task<GeoResult<ScanPage>> ScanPairsAsync(ScanRequest scan, ReadBound? bound = null) =>
        Store.ScanAsync(Pair, scan, bound ?? ReadBound.Strong, Options, Cancellation);

    protected static ScanRequest All(int limit = 1_000, bool descending = false, string? page = null) =>
        new([], null, null, [], descending, limit, page);

    protected async Task PutPairAsync(string a, long b, long v) =>
        Ok(await Store.WriteRowAsync(Pair, Write(WriteKind.Put, [Text(a), Number(b)], null, ("v", Number(v))), Options, Cancellation));
}
