using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;

namespace OrleansGeo.Grains;

/// <summary>
/// Starts the node once its silo is active. When the host begins to stop, before any of its services does, the node drains: what it leads
/// is handed over while everybody can still be reached and requests are still answered. It stops before anything of the silo does. A node
/// that fails ends its silo.
/// </summary>
public sealed partial class NodeLifecycle(
    GeoNodeOptions options, LocalNode node, NodeMetrics metrics, PeerCarrier carrier, MemberAsker members, ILocalSiloDetails silo,
    INodeFailure failure, ILogger<NodeLifecycle> log)
    : ILifecycleParticipant<ISiloLifecycle>, IHostedLifecycleService, INodeEvents
{
    private static readonly TimeSpan s_handOver = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_lastAnswers = TimeSpan.FromSeconds(5);

    /// <inheritdoc />
    public void Participate(ISiloLifecycle lifecycle) =>
        lifecycle.Subscribe(nameof(NodeLifecycle), ServiceLifecycleStage.Active + 1, StartAsync, StopAsync);

    void INodeEvents.NodeFailed(Node failed, Exception reason)
    {
        LogFailed(reason, failed.Identity.Name);
        node.End();
        failure.NodeFailed(reason);
    }

    void INodeEvents.ReplicaStopped(Node of, RangeId range, Exception reason) => LogReplicaStopped(reason, of.Identity.Name, range);

    void INodeEvents.ClockRefused(Node of, NodeId peer, TimeSpan ahead) => LogClock(
        of.System.Nodes.TryGetValue(peer, out var record) ? record.Name : peer.ToString(), (long)ahead.TotalSeconds, of.Identity.Name);

    private async Task StartAsync(CancellationToken cancellation)
    {
        if (options.Node.Name != silo.Name)
        {
            throw new InvalidOperationException($"the node {options.Node.Name} cannot run on the silo {silo.Name}: the names are one");
        }

        var host = await NodeHost.StartAsync(
            new()
            {
                Node = options.Node,
                Seed = options.Seed,
                Join = options.Seed is { } seed ? JoinTo(seed) : null,
                OpenStorage = options.OpenStorage,
                Carrier = carrier,
                Limits = options.Limits,
                Metrics = metrics,
                Events = this,
                Unhandled = LogBug,
            },
            cancellation);
        node.Begin(host);
        LogStarted(options.Node.Name, options.Node.Region, options.Node.Zone, host.Node.Incarnation.Value);
    }

    private JoinSettings JoinTo(ClusterSeed seed) => new()
    {
        ClusterId = seed.ClusterId,
        HttpAddress = options.HttpAddress,
        AskAnyone = (request, cancellation) => members.AskAsync(options.Node.Name, request, cancellation),
        Waits = members.Waits,
    };

    /// <summary>Drains the node, and gives those who send requests here the time to notice.</summary>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        if (node.Running is not null && !cancellationToken.IsCancellationRequested)
        {
            LogDrains(options.Node.Name);
            await DrainAsync(cancellationToken);
            await AsFarAsItGoesAsync(Task.Delay(options.DrainGrace, cancellationToken));
        }
    }

    Task IHostedLifecycleService.StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedLifecycleService.StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedLifecycleService.StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedService.StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedService.StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task StopAsync(CancellationToken cancellation)
    {
        if (node.Running is not { } host)
        {
            return;
        }

        // A stop that must not wait is a kill: nobody is told, and the storage keeps what was synced.
        if (cancellation.IsCancellationRequested)
        {
            node.End();
            host.Dispose();
            return;
        }

        await DrainAsync(cancellation);
        node.End();
        await AsFarAsItGoesAsync(host.Front.QuietAsync().WaitAsync(s_lastAnswers, TimeProvider.System, cancellation));
        await host.StopAsync();
    }

    private static async Task AsFarAsItGoesAsync(Task wait)
    {
        try
        {
            await wait;
        }
        catch (Exception over) when (over is OperationCanceledException or TimeoutException)
        {
            // The stop goes on.
        }
    }

    private async Task DrainAsync(CancellationToken cancellation)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(s_handOver);
        try
        {
            await (node.Running?.DrainAsync(patience.Token) ?? Task.CompletedTask);
        }
        catch (OperationCanceledException)
        {
            LogNotHandedOver(options.Node.Name);
        }
    }

    [LoggerMessage(1, LogLevel.Information, "Node {Name} in {Region}, {Zone} runs; this is its start number {Incarnation}.")]
    private partial void LogStarted(string name, string region, string zone, long incarnation);

    [LoggerMessage(2, LogLevel.Critical, "Node {Name} stopped itself.")]
    private partial void LogFailed(Exception reason, string name);

    [LoggerMessage(3, LogLevel.Error, "Node {Name} stopped its replica of {Range}.")]
    private partial void LogReplicaStopped(Exception reason, string name, RangeId range);

    [LoggerMessage(4, LogLevel.Warning, "Node {Name} could not hand over all it leads in time.")]
    private partial void LogNotHandedOver(string name);

    [LoggerMessage(6, LogLevel.Information, "Node {Name} is about to leave and hands over what it leads.")]
    private partial void LogDrains(string name);

    [LoggerMessage(7, LogLevel.Error, "The clock of node {Peer} is {Seconds} s ahead of that of node {Name}: one is wrong. What {Peer} "
        + "says of time is not believed here.")]
    private partial void LogClock(string peer, long seconds, string name);

    [LoggerMessage(5, LogLevel.Error, "An error nobody caught, which is a bug.")]
    private partial void LogBug(Exception bug);
}

/// <summary>What becomes of the process when its node stops itself.</summary>
public interface INodeFailure
{
    /// <summary>The node stopped itself; called on its scheduler.</summary>
    void NodeFailed(Exception reason);
}
