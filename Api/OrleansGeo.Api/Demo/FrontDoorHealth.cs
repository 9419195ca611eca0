using System.Collections.Immutable;
using OrleansGeo.Engine;

namespace OrleansGeo.Api.Demo;

/// <summary>A node as the front door sees it.</summary>
public sealed class Backend(DemoNode node, double rttMs) : IDisposable
{
    private CancellationTokenSource _lost = new();
    private volatile bool _ready;

    /// <summary>The node.</summary>
    public DemoNode Node { get; } = node;

    /// <summary>How far it is from the front door, in milliseconds.</summary>
    public double RttMs { get; } = rttMs;

    /// <summary>True while its port takes connections and it said last that every range has a leaseholder it can reach.</summary>
    public bool IsReady => _ready && Node.IsUp;

    /// <summary>Cancelled when the node no longer answers, so that what may be asked elsewhere does not wait for it.</summary>
    public CancellationToken Lost => Volatile.Read(ref _lost).Token;

    /// <summary>Takes note of what it said, or that it said nothing.</summary>
    public void Heard(bool answers, bool ready)
    {
        _ready = ready;
        if (!answers)
        {
            Volatile.Read(ref _lost).Cancel();
        }
        else if (Lost.IsCancellationRequested)
        {
            // The old source stays with the requests that hold its token; it has no timer, so there is nothing to dispose.
            Volatile.Write(ref _lost, new());
        }
    }

    /// <inheritdoc />
    public void Dispose() => _lost.Dispose();
}

/// <summary>Asks every node again and again whether it is ready, and ranks them: ready before not, near before far.</summary>
public sealed class FrontDoorHealth : IAsyncDisposable
{
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _stop = new();
    private readonly Task _running;

    /// <summary>Begins to ask.</summary>
    public FrontDoorHealth(DemoCluster cluster, string region)
    {
        Backends = [.. cluster.Nodes.Select(node => new Backend(node, RttMs(region, node))).OrderBy(backend => backend.RttMs).ThenBy(Id)];
        _running = RunAsync();
    }

    /// <summary>All nodes, near before far.</summary>
    public ImmutableArray<Backend> Backends { get; }

    /// <summary>In which order a request tries nodes: only those whose port is open.</summary>
    public IEnumerable<Backend> Ranked() => Backends.Where(backend => backend.Node.IsUp).OrderBy(backend => backend.IsReady ? 0 : 1);

    /// <summary>Ready when every node is that no fault took down, and there is one.</summary>
    public async Task<Readiness> ReadyAsync()
    {
        var asked = Backends.Where(backend => !backend.Node.IsCrashed).OrderBy(Id).ToArray();
        var answers = await Task.WhenAll(asked.Select(AskAsync));
        ImmutableArray<string> reasons =
        [
            .. asked.Zip(answers).SelectMany(pair => pair.Second.Reasons.Select(reason => $"{pair.First.Node.Record.Name}: {reason}")),
        ];
        return new(asked.Length > 0 && answers.All(answer => answer.Ready), asked.Length > 0 ? reasons : ["every node is down"]);
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _stop.Dispose();
        foreach (var backend in Backends)
        {
            backend.Dispose();
        }
    }

    private static int Id(Backend backend) => backend.Node.Record.Id.Value;

    private static double RttMs(string region, DemoNode node)
    {
        var topology = WanTopology.Demo;
        return node.Record.Region == region
            ? topology.ZoneRttMs
            : topology.LinkBetween(region, node.Record.Region)?.RttMs ?? topology.RegionRttMs;
    }

    private async Task RunAsync()
    {
        using var timer = new PeriodicTimer(s_interval);
        try
        {
            do
            {
                await Task.WhenAll(Backends.Select(AskAsync));
            }
            while (await timer.WaitForNextTickAsync(_stop.Token));
        }
        catch (OperationCanceledException)
        {
            // Stopped.
        }
    }

    private async Task<Readiness> AskAsync(Backend backend)
    {
        if (!backend.Node.IsUp)
        {
            backend.Heard(answers: false, ready: false);
            return new(false, ["its port is closed"]);
        }

        try
        {
            var result = await backend.Node.Store.GetReadinessAsync(new(s_patience), CancellationToken.None)
                .WaitAsync(s_patience, _stop.Token);
            backend.Heard(answers: true, result.IsOk && result.Value.Ready);
            return result.IsOk ? result.Value : new(false, [result.Error.Detail]);
        }
        catch (TimeoutException)
        {
            backend.Heard(answers: false, ready: false);
            return new(false, ["it does not answer"]);
        }
    }
}
