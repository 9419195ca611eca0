using System.Diagnostics;
using OrleansGeo.Api.Demo;
using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Checkers;

namespace OrleansGeo.Tests.Orleans.Nine;

/// <summary>A client through each node that reads and writes the same few rows; what it saw is judged for linearizability.</summary>
internal sealed class HistoryLoad(DemoClient client, IOutageStage stage, string database)
{
    private const int Keys = 12;
    private const int PauseMsMax = 150;
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private readonly History _history = new();
    private readonly long _began = Stopwatch.GetTimestamp();
    private int _served;
    private int _guests;

    /// <summary>Requests that were answered with what they asked for.</summary>
    public int Served => Volatile.Read(ref _served);

    private string Path => $"/v1/databases/{database}/tables/registers/rows";

    /// <summary>Makes the table, with the region goal.</summary>
    public async Task PrepareAsync(CancellationToken stop)
    {
        var regions = string.Join(',', stage.Nodes.Select(node => node.Region).Distinct().Select(region => $"\"{region}\""));
        await client.CreateAsync(
            stage.Front, "/v1/databases",
            $$"""{"name":"{{database}}","primaryRegion":"{{stage.Nodes[0].Region}}","regions":[{{regions}}],"survive":"region"}""", stop);
        await client.CreateAsync(
            stage.Front, $"/v1/databases/{database}/tables",
            """{"name":"registers","columns":[{"name":"k","type":"string"},{"name":"v","type":"string"}],"primaryKey":["k"]}""", stop);
    }

    /// <summary>Runs until it is stopped.</summary>
    public Task RunAsync(CancellationToken stop) => Task.WhenAll(stage.Nodes.Select((node, i) => RunAsync(node.Address, i, stop)));

    /// <summary>Asks a node many things at once, with time to wait for it; done when all were answered or given up.</summary>
    public Task VolleyAsync(string node, int count, CancellationToken stop)
    {
        var address = AddressOf(node);
        return Task.WhenAll(Enumerable.Range(0, count).Select(_ =>
        {
            // Each is a client of its own: they are under way together.
            var id = Interlocked.Increment(ref _guests) + stage.Nodes.Length;
            var key = $"r{id % Keys}";
            return id % 2 == 0 ? ReadAsync(address, id, key, s_patience, stop) : WriteAsync(address, id, key, $"g{id}", s_patience, stop);
        }));
    }

    /// <summary>Writes a row of its own through a node; true when it was acknowledged.</summary>
    public async Task<bool> WriteOnceAsync(string node, CancellationToken stop)
    {
        var reply = await client.SendAsync(HttpMethod.Put, AddressOf(node), $"{Path}/once", """{"v":"x"}""", s_timeout, stop);
        return reply.Kind == ReplyKind.Acknowledged;
    }

    /// <summary>Fails the test unless what was seen is linearizable.</summary>
    public void Judge() => Assert.IsType<Verdict.Good>(LinearizabilityChecker.Check(_history));

    private async Task RunAsync(Uri node, int id, CancellationToken stop)
    {
        var prng = new Prng((ulong)id + 1);
        try
        {
            for (var number = 1; ; number++)
            {
                var key = $"r{prng.Below(Keys)}";
                await (prng.Chance(0.5)
                    ? ReadAsync(node, id, key, s_timeout, stop)
                    : WriteAsync(node, id, key, $"c{id}-{number}", s_timeout, stop));
                await Task.Delay((int)prng.Below(PauseMsMax), stop);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // What was under way stays unknown.
        }
    }

    private async Task ReadAsync(Uri node, int id, string key, TimeSpan timeout, CancellationToken stop)
    {
        var operation = Note(now => _history.Read(id, key, now));
        var reply = await client.SendAsync(HttpMethod.Get, node, $"{Path}/{key}", null, timeout, stop);
        Note(now =>
        {
            if (reply.Kind == ReplyKind.Acknowledged || reply.Status == 404)
            {
                _served++;
                _history.Found(operation, reply.Status == 404 ? null : reply.Json.GetProperty("v").GetString(), now);
            }
            else
            {
                _history.Failed(operation, now);
            }

            return 0;
        });
    }

    private async Task WriteAsync(Uri node, int id, string key, string value, TimeSpan timeout, CancellationToken stop)
    {
        var operation = Note(now => _history.Put(id, key, value, now));
        var reply = await client.SendAsync(HttpMethod.Put, node, $"{Path}/{key}", $$"""{"v":"{{value}}"}""", timeout, stop);
        Note(now =>
        {
            switch (reply.Kind)
            {
                case ReplyKind.Acknowledged:
                    _served++;
                    _history.Done(operation, now);
                    break;
                case ReplyKind.Failed:
                    _history.Failed(operation, now);
                    break;
                default:
                    _history.Unknown(operation, now);
                    break;
            }

            return 0;
        });
    }

    private Uri AddressOf(string node) => stage.Nodes.First(other => other.Name == node).Address;

    private int Note(Func<long, int> note)
    {
        lock (_history)
        {
            return note((long)Stopwatch.GetElapsedTime(_began).TotalMicroseconds);
        }
    }
}
