using System.Globalization;
using System.Text.Json;
using OrleansGeo.Api.Answers;
using OrleansGeo.Api.Problems;
using OrleansGeo.Api.Requests;
using OrleansGeo.Engine;

namespace OrleansGeo.Api.Demo;

/// <summary>Breaks things, knows what is broken, and mends it. Every call is answered once it is in effect.</summary>
public sealed class FaultBoard(DemoCluster cluster)
{
    /// <summary>The path, on every live port and the front door.</summary>
    public const string Path = "/v1/demo/faults";

    private readonly Lock _lock = new();
    private readonly List<(Fault.Partition Fault, int Rule)> _partitions = [];
    private readonly SortedDictionary<int, TimeSpan> _jumps = [];
    private readonly List<Sleep> _sleeps = [];

    /// <summary>Maps the endpoints. They are no part of the product's interface, so its description leaves them out.</summary>
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost(Path, (Delegate)PostAsync).ExcludeFromDescription();
        routes.MapGet(Path, () => new Board(this)).ExcludeFromDescription();
        routes.MapDelete(Path, (Delegate)DeleteAsync).ExcludeFromDescription();
    }

    /// <summary>Breaks something.</summary>
    public async Task ApplyAsync(Fault fault, string? spared = null)
    {
        switch (fault)
        {
            case Fault.Crash crash:
                Wake(crash.Nodes);
                await cluster.CrashAsync(crash.Nodes, spared);
                break;
            case Fault.Restart restart:
                await cluster.RestartAsync(restart.Nodes);
                break;
            case Fault.Pause pause:
                await PauseAsync(pause);
                break;
            case Fault.Partition partition:
                Cut(partition);
                break;
            case Fault.Clock clock:
                Jump(clock.Node, clock.By);
                break;
        }
    }

    /// <summary>Mends everything: no cuts, all nodes up and awake, clocks right.</summary>
    public async Task HealAsync()
    {
        lock (_lock)
        {
            cluster.ChangeNetwork(static network => network.HealAll());
            _partitions.Clear();
        }

        Wake();
        foreach (var node in cluster.Nodes)
        {
            Jump(node, -JumpOf(node));
        }

        await cluster.RestartAsync(cluster.Nodes);
    }

    /// <summary>Ends every pause.</summary>
    public void Wake() => Wake(cluster.Nodes);

    private void Wake(IReadOnlyList<DemoNode> nodes)
    {
        lock (_lock)
        {
            foreach (var sleep in _sleeps.Where(sleep => nodes.Contains(sleep.Node)))
            {
                sleep.End.Set();
            }

            _sleeps.RemoveAll(sleep => nodes.Contains(sleep.Node));
        }
    }

    // The node's scheduler is held: nothing it does goes on, and its clocks run, as with a process that is stopped.
    private async Task PauseAsync(Fault.Pause pause)
    {
        if (pause.Node.Embedded.Scheduler is not { } scheduler)
        {
            return;
        }

        var sleep = new Sleep(pause.Node, pause.For, new(false), new(TaskCreationOptions.RunContinuationsAsynchronously));
        lock (_lock)
        {
            _sleeps.Add(sleep);
        }

        scheduler.Post(_ => Hold(sleep), null);
        await Task.WhenAny(sleep.Begun.Task, Task.Delay(TimeSpan.FromSeconds(1)));
    }

    private void Hold(Sleep sleep)
    {
        sleep.Begun.TrySetResult();
        sleep.End.Wait(sleep.For);
        lock (_lock)
        {
            _sleeps.Remove(sleep);
        }
    }

    private void Cut(Fault.Partition partition)
    {
        lock (_lock)
        {
            cluster.ChangeNetwork(network =>
                _partitions.Add((partition, network.Partition(WanSide.Regions([.. partition.Regions]), partition.Direction))));
        }
    }

    private void Jump(DemoNode node, TimeSpan by)
    {
        lock (_lock)
        {
            _jumps[node.Record.Id.Value] = JumpOf(node) + by;
            cluster.JumpClock(node, by);
        }
    }

    private TimeSpan JumpOf(DemoNode node)
    {
        lock (_lock)
        {
            return _jumps.GetValueOrDefault(node.Record.Id.Value);
        }
    }

    private async Task<IResult> PostAsync(HttpContext http)
    {
        using var body = await JsonBody.ReadAsync(http, JsonBody.SpecBytesMax);
        if (!body.IsOk)
        {
            return Answer.Unreadable(body);
        }

        if (Fault.Read(body.Root, cluster, out var error) is not { } fault)
        {
            return new GeoProblem(error!);
        }

        // A node that is told to crash on its own port still says that it did; then the connection goes too.
        http.Response.Headers.Connection = fault is Fault.Crash ? "close" : default;
        await ApplyAsync(fault, http.Connection.Id);
        return new Board(this);
    }

    private async Task<IResult> DeleteAsync()
    {
        await HealAsync();
        return new Board(this);
    }

    private void Write(Utf8JsonWriter writer)
    {
        lock (_lock)
        {
            writer.WriteStartObject();
            writer.WriteStartArray("crashed");
            foreach (var node in cluster.Nodes.Where(static node => node.IsCrashed))
            {
                writer.WriteStringValue(node.Record.Name);
            }

            writer.WriteEndArray();
            writer.WriteStartArray("paused");
            foreach (var node in _sleeps.Select(static sleep => sleep.Node.Record.Name).Distinct(StringComparer.Ordinal))
            {
                writer.WriteStringValue(node);
            }

            writer.WriteEndArray();
            WritePartitions(writer);
            writer.WriteStartObject("clocks");
            foreach (var (node, jump) in _jumps.Where(static jump => jump.Value != TimeSpan.Zero))
            {
                writer.WriteNumber(string.Create(CultureInfo.InvariantCulture, $"n{node}"), (long)jump.TotalMilliseconds);
            }

            writer.WriteEndObject();
            writer.WriteEndObject();
        }
    }

    private void WritePartitions(Utf8JsonWriter writer)
    {
        writer.WriteStartArray("partitions");
        foreach (var (fault, _) in _partitions)
        {
            writer.WriteStartObject();
            writer.WriteStartArray("regions");
            foreach (var region in fault.Regions)
            {
                writer.WriteStringValue(region);
            }

            writer.WriteEndArray();
            writer.WriteString("direction", fault.Direction switch { CutDirection.In => "in", CutDirection.Out => "out", _ => "both" });
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private sealed record Sleep(DemoNode Node, TimeSpan For, ManualResetEventSlim End, TaskCompletionSource Begun);

    private sealed class Board(FaultBoard board) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.Headers.CacheControl = "no-store";
            return JsonBuffer.SendAsync(httpContext.Response, "application/json", board, static (writer, board) => board.Write(writer));
        }
    }
}
