using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Checkers;

namespace OrleansGeo.Simulation.Scenarios;

/// <summary>
/// A closed-loop client that reads and writes a few rows through one node and notes everything in a history, for the checkers to judge.
/// </summary>
public sealed class HistoryClient(ScenarioHost host, History history, int id, NodeId node, TableRef table, int keys)
{
    private readonly Prng _prng = host.World.Prng.Fork((ulong)(5_000 + id));
    private bool _stopped;
    private int _writes;

    /// <summary>Requests that were answered with what they asked for.</summary>
    public int Served { get; private set; }

    /// <summary>True once <see cref="RunAsync"/> came to its end.</summary>
    public bool IsDone { get; private set; }

    /// <summary>Asks until it is stopped.</summary>
    public async Task RunAsync()
    {
        while (!_stopped)
        {
            if (host.StoreOf(node) is { } store)
            {
                await (_prng.Chance(0.5) ? ReadAsync(store) : WriteAsync(store));
            }

            await Task.Delay(TimeSpan.FromMilliseconds(_prng.Between(5, 60)), host.Time);
        }

        IsDone = true;
    }

    /// <summary>Asks no more.</summary>
    public void Stop() => _stopped = true;

    private async Task ReadAsync(IGeoStore store)
    {
        var (key, name) = Draw();
        var operation = history.Read(id, name, host.World.NowMicros);
        var read = await store.ReadRowAsync(table, ScenarioHost.Key(key), ReadBound.Strong, RequestOptions.Default, CancellationToken.None);
        if (read.IsOk || read.Error.Code == "row-not-found")
        {
            history.Found(operation, read.Value?.Row["v"].AsString(), host.World.NowMicros, read.Value?.Version);
            Served++;
        }
        else
        {
            history.Failed(operation, host.World.NowMicros);
        }
    }

    private async Task WriteAsync(IGeoStore store)
    {
        var (key, name) = Draw();
        var value = $"c{id}-{++_writes}";
        var operation = history.Put(id, name, value, host.World.NowMicros);
        var write = await store.WriteRowAsync(table, ScenarioHost.Put(key, value), RequestOptions.Default, CancellationToken.None);
        if (write.IsOk)
        {
            history.Done(operation, host.World.NowMicros, write.Value.Version);
            Served++;
        }
        else if (write.Error.Kind == GeoErrorKind.OutcomeUnknown)
        {
            history.Unknown(operation, host.World.NowMicros);
        }
        else
        {
            history.Failed(operation, host.World.NowMicros);
        }
    }

    private (string Key, string Name) Draw()
    {
        var key = $"h{_prng.Below(keys)}";
        return (key, table.Table + "/" + key);
    }
}
