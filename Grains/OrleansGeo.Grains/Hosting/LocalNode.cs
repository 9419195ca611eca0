using Orleans.Concurrency;
using OrleansGeo.Engine;
using OrleansGeo.Wire;

namespace OrleansGeo.Grains;

/// <summary>The node of this silo, from the moment it runs until it stops.</summary>
public sealed class LocalNode
{
    private volatile NodeHost? _host;

    /// <summary>The node, or null while it does not run.</summary>
    public NodeHost? Running => _host;

    /// <summary>The node.</summary>
    /// <exception cref="NodeNotRunningException">It does not run.</exception>
    public NodeHost Host => _host ?? throw new NodeNotRunningException();

    internal void Begin(NodeHost host) => _host = host;

    internal NodeHost? End() => Interlocked.Exchange(ref _host, null);

    internal async Task<Immutable<byte[]>> AnswerAsync(StoreArea area, Immutable<byte[]> request, CancellationToken cancellation) =>
        new(await StoreWire.AnswerAsync(Host.Front, area, request.Value, cancellation));
}

/// <summary>This silo's node does not run yet, or not any more.</summary>
[GenerateSerializer]
[Alias("geo.NodeNotRunningException")]
public sealed class NodeNotRunningException() : Exception("The node of this silo does not run now.");
