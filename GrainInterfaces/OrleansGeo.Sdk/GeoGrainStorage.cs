using System.ComponentModel.DataAnnotations;
using System.ComponentModel.DataAnnotations.Schema;
using Orleans.Runtime;
using Orleans.Serialization.Serializers;
using Orleans.Storage;
using OrleansGeo.Primitives;
using OrleansGeo.Tables;

namespace OrleansGeo.Sdk;

/// <summary>The row of a grain's state.</summary>
internal sealed record GrainStateRow(
    [property: Key, Column("service", Order = 1)] string Service,
    [property: Key, Column("grainType", Order = 2)] string GrainType,
    [property: Key, Column("grainKey", Order = 3)] string GrainKey,
    [property: Key, Column("state", Order = 4)] string State,
    byte[] Data);

/// <summary>
/// Grain state as rows of a table: one state is one row, its ETag the row's version. Reads are strong. A write is made when the row is as
/// the grain last saw it, else <see cref="InconsistentStateException"/>: so of two activations that write, one learns that it is not alone,
/// in whichever regions they are. Each write is repeated under one request id until it is known what became of it, so an answer that was
/// lost never looks like another writer; one that stays unknown is a <see cref="GeoOutcomeUnknownException"/>, after which the grain reads
/// its state again. Clearing removes the row; what comes after it begins anew, without an ETag.
/// </summary>
public sealed class GeoGrainStorage : IGrainStorage
{
    private readonly GeoClient _client;
    private readonly GeoGrainStorageOptions _options;
    private readonly string _service;
    private readonly IActivatorProvider _activators;
    private readonly Lock _lock = new();
    private Task<GeoTable<GrainStateRow>>? _table;

    /// <summary>A provider over a cluster, for the states of one service.</summary>
    public GeoGrainStorage(GeoClient client, GeoGrainStorageOptions options, string serviceId, IActivatorProvider activators) =>
        (_client, _options, _service, _activators) = (client, options, serviceId, activators);

    /// <inheritdoc />
    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        ReadStateAsync(stateName, grainId, grainState, CancellationToken.None);

    /// <inheritdoc />
    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        WriteStateAsync(stateName, grainId, grainState, CancellationToken.None);

    /// <inheritdoc />
    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        ClearStateAsync(stateName, grainId, grainState, CancellationToken.None);

    /// <inheritdoc cref="IGrainStorage.ReadStateAsync{T}(string, GrainId, IGrainState{T})" />
    public async Task ReadStateAsync<T>(
        string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken)
    {
        var table = await TableAsync(cancellationToken);
        var read = await table.GetAsync(KeyOf(stateName, grainId), ReadBound.Strong, cancellationToken);
        if (read.Found)
        {
            var state = Deserialize<T>(stateName, grainId, read.Value.Data);
            Become(grainState, state, read.Version.ToString());
        }
        else
        {
            Become(grainState, default, null);
        }
    }

    /// <inheritdoc cref="IGrainStorage.WriteStateAsync{T}(string, GrainId, IGrainState{T})" />
    public async Task WriteStateAsync<T>(
        string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken)
    {
        var condition = grainState.ETag is { } etag ? Precondition.VersionIs(VersionOf(stateName, grainId, etag)) : Precondition.Absent;
        var data = _options.GrainStorageSerializer.Serialize(grainState.State).ToArray();
        var row = new GrainStateRow(_service, grainId.Type.ToString()!, grainId.Key.ToString()!, stateName, data);
        var table = await TableAsync(cancellationToken);
        try
        {
            var written = await table.PutAsync(row, condition, cancellationToken);
            grainState.ETag = written.Version.ToString();
            grainState.RecordExists = true;
        }
        catch (GeoConditionException refused)
        {
            throw Inconsistent(stateName, grainId, refused.CurrentVersion, grainState.ETag, refused);
        }
    }

    /// <inheritdoc cref="IGrainStorage.ClearStateAsync{T}(string, GrainId, IGrainState{T})" />
    public async Task ClearStateAsync<T>(
        string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken)
    {
        var table = await TableAsync(cancellationToken);
        if (grainState.ETag is { } etag)
        {
            var version = VersionOf(stateName, grainId, etag);
            try
            {
                await table.DeleteAsync(KeyOf(stateName, grainId), Precondition.VersionIs(version), cancellationToken);
            }
            catch (GeoConditionException refused)
            {
                throw Inconsistent(stateName, grainId, refused.CurrentVersion, etag, refused);
            }
        }
        else if (await table.GetAsync(KeyOf(stateName, grainId), ReadBound.Strong, cancellationToken) is { Found: true } found)
        {
            throw Inconsistent(stateName, grainId, found.Version, null, null);
        }

        Become(grainState, default, null);
    }

    private void Become<T>(IGrainState<T> grainState, T? state, string? etag)
    {
        grainState.State = state ?? _activators.GetActivator<T>().Create();
        grainState.ETag = etag;
        grainState.RecordExists = etag is not null;
    }

    private RowKey KeyOf(string stateName, GrainId grainId) =>
        RowKey.Of(_service, grainId.Type.ToString()!, grainId.Key.ToString()!, stateName);

    // The first use makes or finds the table: on a silo that is a node, the node starts after the storage providers. All grains wait for
    // it, so it must not run on the scheduler of the one that came first.
    private async Task<GeoTable<GrainStateRow>> TableAsync(CancellationToken cancellation)
    {
        Task<GeoTable<GrainStateRow>> opening;
        lock (_lock)
        {
            if (_table is null or { IsFaulted: true } or { IsCanceled: true })
            {
                _table = Task.Run(OpenAsync);
            }

            opening = _table;
        }

        return await opening.WaitAsync(cancellation);
    }

    private async Task<GeoTable<GrainStateRow>> OpenAsync()
    {
        var database = _client.Database(_options.Database);
        if (_options.CreateTable)
        {
            return await database.EnsureTableAsync<GrainStateRow>(_options.Table, _options.Locality, _options.Survive);
        }

        var table = database.Table<GrainStateRow>(_options.Table);
        await table.CheckAsync();
        return table;
    }

    private T? Deserialize<T>(string stateName, GrainId grainId, byte[] data)
    {
        try
        {
            return _options.GrainStorageSerializer.Deserialize<T>(new BinaryData(data));
        }
        catch (Exception failure)
        {
            throw new OrleansException(
                $"The state {stateName} of grain {grainId} cannot be read as {typeof(T)}: {failure.Message}", failure);
        }
    }

    // An ETag of another provider, or one that was changed, matches no version.
    private static HlcTimestamp VersionOf(string stateName, GrainId grainId, string etag) =>
        HlcTimestamp.TryParse(etag, out var version) ? version : throw Inconsistent(stateName, grainId, null, etag, null);

    private static InconsistentStateException Inconsistent(
        string stateName, GrainId grainId, HlcTimestamp? stored, string? current, Exception? inner) => new(
        $"The state {stateName} of grain {grainId} is not what was last read or written here.", stored?.ToString(), current, inner);
}
