using System.Collections.Immutable;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Checkers;

namespace OrleansGeo.Simulation;

/// <summary>
/// A client of the rows workload: one request after another through one node, another node when that one is down, everything noted in the
/// history. It retries what it cannot know only under the request's own idempotency key.
/// </summary>
public sealed class RowClient(SimRun run, int id, NodeId home)
{
    private static readonly ImmutableArray<string> s_columns = ["k", "v"];
    private readonly Prng _prng = run.World.Prng.Fork((ulong)(1000 + id));
    private readonly Dictionary<string, (HlcTimestamp Version, string Value)> _seen = new(StringComparer.Ordinal);
    private NodeId _node = home;
    private int _writes;

    /// <summary>Requests that were answered with what was asked for.</summary>
    public int Served { get; private set; }

    /// <summary>Runs until the workload ends.</summary>
    public async Task RunAsync()
    {
        while (!run.IsOver)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(_prng.Between(1, run.Options.ThinkMsMax)), run.Time);
            if (run.IsOver)
            {
                return;
            }

            await StepAsync();
        }
    }

    private async Task StepAsync()
    {
        var (table, key) = run.Keys[_prng.Below(run.Keys.Length)];
        switch (_prng.Below(20))
        {
            case < 7:
                await ReadAsync(table, key);
                break;
            case < 11:
                await WriteAsync(table, key, WriteKind.Put);
                break;
            case < 13:
                await WriteAsync(table, key, WriteKind.Insert);
                break;
            case < 15:
                await WriteAsync(table, key, WriteKind.Delete);
                break;
            case < 18:
                await CompareAndSetAsync(table, key);
                break;
            default:
                await ReadStaleAsync(table);
                break;
        }
    }

    private async Task ReadAsync(TableRef table, string key)
    {
        if (Store() is not { } store)
        {
            return;
        }

        var operation = run.History.Read(id, Name(table, key), run.World.NowMicros);
        var result = await store.ReadRowAsync(table, Key(key), ReadBound.Strong, Options(null), CancellationToken.None);
        if (result.Value is { } row)
        {
            _seen[Name(table, key)] = (row.Version, row.Row["v"].AsString());
            run.History.Found(operation, row.Row["v"].AsString(), run.World.NowMicros, row.Version);
            NoteStrongRead(table, key, operation, result, row);
            Served++;
        }
        else if (result.Error!.Kind == GeoErrorKind.NotFound && result.Error.Code == "row-not-found")
        {
            run.History.Found(operation, null, run.World.NowMicros);
            NoteStrongRead(table, key, operation, result, null);
            Served++;
        }
        else
        {
            run.History.Failed(operation, run.World.NowMicros);
            Move(result.Error);
        }
    }

    // A strong read also says at which timestamp it was true; nothing may be written below that afterwards.
    private void NoteStrongRead(TableRef table, string key, int operation, GeoResult<VersionedRow> result, VersionedRow? row)
    {
        if (result.Meta.ReadTimestamp is { } at)
        {
            run.StaleReads.Add(new()
            {
                Client = id,
                InvokedAtMicros = run.History.Operations[operation].InvokedAtMicros,
                ReadTimestamp = at,
                StalenessMs = 0,
                Rows = [new(Name(table, key), row?.Row["v"].AsString(), row?.Version)],
            });
        }
    }

    private async Task WriteAsync(TableRef table, string key, WriteKind kind)
    {
        var value = $"c{id}-{++_writes}";
        var requestId = _prng.Chance(0.5) ? value : null;
        var name = Name(table, key);
        var now = run.World.NowMicros;
        var operation = kind switch
        {
            WriteKind.Insert => run.History.Insert(id, name, value, now, requestId),
            WriteKind.Delete => run.History.Delete(id, name, now, requestId),
            _ => run.History.Put(id, name, value, now, requestId),
        };
        var write = new RowWrite(kind, Key(key), kind == WriteKind.Delete ? [] : [new("v", Datum.FromString(value))], Precondition.None);
        await SendAsync(table, name, operation, write, requestId, value);
    }

    private async Task CompareAndSetAsync(TableRef table, string key)
    {
        var name = Name(table, key);
        if (!_seen.TryGetValue(name, out var seen))
        {
            await ReadAsync(table, key);
            return;
        }

        var value = $"c{id}-{++_writes}";
        var requestId = _prng.Chance(0.5) ? value : null;
        var operation = run.History.CompareAndSet(id, name, seen.Version, value, run.World.NowMicros, requestId);
        var condition = Precondition.None with { IfMatch = [seen.Version] };
        await SendAsync(
            table, name, operation, new(WriteKind.Put, Key(key), [new("v", Datum.FromString(value))], condition), requestId, value);
    }

    // With an idempotency key the client asks until it knows, through whatever node runs; without one it gives up at the first unknown.
    private async Task SendAsync(TableRef table, string name, int operation, RowWrite write, string? requestId, string value)
    {
        var mayHaveArrived = false;
        for (var attempt = 0; attempt < 8; attempt++)
        {
            if (Store() is not { } store)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(200), run.Time);
                continue;
            }

            var result = await store.WriteRowAsync(table, write, Options(requestId), CancellationToken.None);
            if (result.Value is { } made)
            {
                run.History.Done(operation, run.World.NowMicros, made.Version);
                _seen[name] = (made.Version, value);
                if (write.Kind == WriteKind.Delete)
                {
                    _seen.Remove(name);
                }

                Served++;
                return;
            }

            var error = result.Error!;
            if (error.Kind is GeoErrorKind.PreconditionFailed or GeoErrorKind.AlreadyExists || error.Code == "row-not-found")
            {
                _seen.Remove(name);
                run.History.Refused(operation, run.World.NowMicros);
                Served++;
                return;
            }

            Move(error);
            mayHaveArrived |= error.Kind is GeoErrorKind.OutcomeUnknown or GeoErrorKind.IdempotencyInFlight;
            if (requestId is null)
            {
                break;
            }
        }

        if (mayHaveArrived)
        {
            run.History.Unknown(operation, run.World.NowMicros);
        }
        else
        {
            run.History.Failed(operation, run.World.NowMicros);
        }
    }

    private async Task ReadStaleAsync(TableRef table)
    {
        if (Store() is not { } store)
        {
            return;
        }

        var names = run.Keys.Where(key => key.Table == table).Select(key => key.Key).ToArray();
        var localOnly = _prng.Chance(0.5);
        ReadBound bound = _prng.Below(2) == 0
            ? new ReadBound.Bounded(_prng.Between(100, 20_000), localOnly)
            : new ReadBound.Exact(_prng.Between(0, 20_000), localOnly);
        var invoked = run.World.NowMicros;
        var result = await store.ReadRowsAsync(table, [.. names.Select(Key)], bound, Options(null), CancellationToken.None);
        if (result.Value is not { } rows)
        {
            Move(result.Error!);
            return;
        }

        Served++;
        run.StaleReads.Add(new()
        {
            Client = id,
            InvokedAtMicros = invoked,
            ReadTimestamp = result.Meta.ReadTimestamp!.Value,
            StalenessMs = (long)result.Meta.StalenessMs,
            MaxStalenessMs = bound is ReadBound.Bounded { MaxStalenessMs: var max } ? max : null,
            Rows = [.. rows.Items.Select((row, i) => new StaleRow(Name(table, names[i]), row?.Row["v"].AsString(), row?.Version))],
        });
    }

    private NodeFront? Store()
    {
        if (run.Cluster.Cluster.Nodes[_node].Front is { } front)
        {
            return front;
        }

        Move(null);
        return run.Cluster.Cluster.Nodes[_node].Front;
    }

    private void Move(GeoError? error)
    {
        if (error is null || error.Code == "node-stopped" || _prng.Chance(0.2))
        {
            _node = run.Cluster.Cluster.Nodes.Keys.ElementAt(_prng.Below(run.Cluster.Cluster.Nodes.Count));
        }
    }

    private RequestOptions Options(string? requestId) => new(TimeSpan.FromMilliseconds(_prng.Between(200, 8_000)), requestId);

    private static ImmutableArray<Datum> Key(string key) => [Datum.FromString(key)];

    private static string Name(TableRef table, string key) => table.Table + "/" + key;
}
