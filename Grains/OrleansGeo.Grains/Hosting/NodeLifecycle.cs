using Microsoft.Extensions.Logging;
using Orleans.Runtime;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;

namespace OrleansGeo.Grains;

/// <summary>
/// Starts the node once its silo is active, and stops it before anything of the silo does: what it leads is handed over while everybody can
/// still be reached. A node that fails ends its silo.
/// </summary>
public sealed partial class NodeLifecycle(
    GeoNodeOptions options, LocalNode node, NodeMetrics metrics, PeerCarrier carrier, ILocalSiloDetails silo, INodeFailure failure,
    ILogger<NodeLifecycle> log)
    : ILifecycleParticipant<ISiloLifecycle>, INodeEvents
{
    private static readonly TimeSpan s_handOver = TimeSpan.FromSeconds(5);

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

    private async Task StartAsync(CancellationToken cancellation)
    {
        if (options.Node.Name != silo.Name)
        {
            throw new InvalidOperationException($"the node {options.Node.Name} cannot run on the silo {silo.Name}: the names are one");
        }

        var host = await NodeHost.StartAsync(new()
        {
            Node = options.Node,
            Seed = options.Seed,
            OpenStorage = options.OpenStorage,
            Carrier = carrier,
            Limits = options.Limits,
            Metrics = metrics,
            Events = this,
            Unhandled = LogBug,
        });
        node.Begin(host);
        LogStarted(options.Node.Name, options.Node.Region, options.Node.Zone, host.Node.Incarnation.Value);
    }

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

        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(s_handOver);
        try
        {
            await host.HandOverAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            LogNotHandedOver(options.Node.Name);
        }

        node.End();
        await host.StopAsync();
    }

    [LoggerMessage(1, LogLevel.Information, "Node {Name} in {Region}, {Zone} runs; this is its start number {Incarnation}.")]
    private partial void LogStarted(string name, string region, string zone, long incarnation);

    [LoggerMessage(2, LogLevel.Critical, "Node {Name} stopped itself.")]
    private partial void LogFailed(Exception reason, string name);

    [LoggerMessage(3, LogLevel.Error, "Node {Name} stopped its replica of {Range}.")]
    private partial void LogReplicaStopped(Exception reason, string name, RangeId range);

    [LoggerMessage(4, LogLevel.Warning, "Node {Name} could not hand over all it leads in time.")]
    private partial void LogNotHandedOver(string name);

    [LoggerMessage(5, LogLevel.Error, "An error nobody caught, which is a bug.")]
    private partial void LogBug(Exception bug);
}

/// <summary>What becomes of the process when its node stops itself.</summary>
public interface INodeFailure
{
    /// <summary>The node stopped itself; called on its scheduler.</summary>
    void NodeFailed(Exception reason);
}
